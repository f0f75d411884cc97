//! Filters, tests and functions: the engine's own behind a price, and bounded ones for those that can grow.

use std::fmt::Write;

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, FormatStyle, State, Value, functions};

use super::budget::{self, PaidString, charge};
use super::ops::{ITEM, invalid, items, keep, padded, scan, shallow_len, text_of, written};
use super::python::{self, JsonStyle};

/// Most items of one `range()`.
const MAX_RANGE: i64 = 100_000;

/// Filter → the name of its priced form.
const PRICED: [(&str, &str); 51] = [
    ("abs", "|abs"), ("attr", "|attr"), ("batch", "|batch"), ("bool", "|bool"),
    ("capitalize", "|capitalize"), ("chain", "|chain"), ("count", "|count"), ("d", "|d"),
    ("default", "|default"), ("dictsort", "|dictsort"), ("e", "|e"), ("escape", "|escape"),
    ("first", "|first"), ("float", "|float"), ("format", "|format"), ("groupby", "|groupby"),
    ("indent", "|indent"), ("int", "|int"), ("items", "|items"), ("join", "|join"), ("last", "|last"),
    ("length", "|length"), ("lines", "|lines"), ("list", "|list"), ("lower", "|lower"), ("map", "|map"),
    ("max", "|max"), ("min", "|min"), ("pprint", "|pprint"), ("reject", "|reject"),
    ("rejectattr", "|rejectattr"), ("replace", "|replace"), ("reverse", "|reverse"), ("round", "|round"),
    ("safe", "|safe"), ("select", "|select"), ("selectattr", "|selectattr"), ("slice", "|slice"),
    ("sort", "|sort"), ("split", "|split"), ("string", "|string"), ("sum", "|sum"), ("title", "|title"),
    ("tojson", "|tojson"), ("trim", "|trim"), ("unique", "|unique"), ("upper", "|upper"), ("zip", "|zip"),
    ("center", "|center"), ("truncate", "|truncate"), ("wordcount", "|wordcount"),
];

/// Filters that look at a list only from outside, or that pay for what they read themselves.
const SHALLOW: [&str; 17] = [
    "attr", "batch", "bool", "count", "d", "default", "first", "items", "join", "last", "length", "list",
    "safe", "slice", "string", "tojson", "reverse",
];

pub(super) fn priced_name(filter: &str) -> Option<&'static str> {
    PRICED.iter().find(|(name, _)| *name == filter).map(|(_, priced)| *priced)
}

pub(super) fn register(env: &mut Environment<'static>) {
    for (filter, priced) in PRICED {
        let shallow = SHALLOW.contains(&filter);
        env.add_function(priced, move |state: &State, args: Rest<Value>| {
            for arg in args.iter() {
                if shallow { charge(shallow_len(arg))? } else { scan(arg)? }
            }
            let result = state.apply_filter(filter, &args)?;
            charge(result.as_str().map_or(0, str::len))?;
            // Handing out an item, or what was there before, nests nothing deeper.
            if matches!(filter, "first" | "last" | "default" | "d" | "attr") { Ok(result) } else { keep(result) }
        });
    }
    register_filters(env);
    register_functions(env);
    // As in Python, a string is a sequence.
    let is_sequence = |value: &Value| {
        matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Iterable)
    };
    env.add_test("sequence", is_sequence);
    env.add_test("iterable", move |value: &Value| is_sequence(value) || value.is_undefined());
    env.add_test("callable", |value: &Value| {
        value.as_object().is_some_and(|object| {
            object.repr() == minijinja::value::ObjectRepr::Plain || object.type_name().ends_with("::Macro")
        })
    });
}

fn register_filters(env: &mut Environment<'static>) {
    env.add_filter("tojson", tojson);
    env.add_filter("join", join);
    env.add_filter("indent", indent);
    env.add_filter("center", |value: &Value, width: Option<usize>| {
        let text = plain(value)?;
        let room = width.unwrap_or(80).saturating_sub(text.chars().count());
        padded(&text, room / 2, room - room / 2, ' ')
    });
    env.add_filter("truncate", |value: &Value, length: Option<usize>| {
        let text = plain(value)?;
        let length = length.unwrap_or(255);
        let cut: String = text.chars().take(length.saturating_sub(3)).collect();
        Ok::<_, Error>(if text.chars().count() > length { Value::from(cut + "...") } else { Value::from(text) })
    });
    env.add_filter("wordcount", |value: &Value| Ok::<_, Error>(plain(value)?.split_whitespace().count()));
    env.add_filter("replace", |value: &Value, old: &Value, new: &Value, count: Option<i64>| {
        replaced(&plain(value)?, &plain(old)?, &plain(new)?, count)
    });
    env.add_filter("string", |value: &Value| plain(value).map(Value::from));
    env.add_filter("pprint", |value: &Value| plain(value).map(Value::from));
    env.add_filter("list", |value: &Value| items(value).map(Value::from));
    env.add_filter("items", |value: &Value| pairs(value));
    env.add_filter("reverse", |value: &Value| {
        if let Some(text) = value.as_str() {
            charge(text.len())?;
            return Ok(Value::from(text.chars().rev().collect::<String>()));
        }
        let mut items = items(value)?;
        items.reverse();
        Ok::<_, Error>(Value::from(items))
    });
    env.add_filter("batch", |value: &Value, size: usize, fill: Option<Value>| {
        let mut batches: Vec<Vec<Value>> = items(value)?.chunks(size.max(1)).map(<[_]>::to_vec).collect();
        if let (Some(fill), Some(last)) = (fill, batches.last_mut()) {
            charge(size.saturating_mul(ITEM))?;
            last.resize(size.max(last.len()), fill);
        }
        Ok::<_, Error>(Value::from(batches))
    });
    env.add_filter("slice", |value: &Value, count: usize, fill: Option<Value>| {
        charge(count.saturating_mul(ITEM * 2))?;
        Ok::<_, Error>(columns(&items(value)?, count.max(1), fill.as_ref()))
    });
    env.add_filter("split", |value: &Value, separator: Option<Value>, most: Option<i64>| {
        let separator = separator.filter(|s| !s.is_none());
        split(&plain(value)?, separator.as_ref().and_then(Value::as_str), most, false)
    });
    env.add_filter("format", |format: &Value, args: Rest<Value>| {
        formatted(FormatStyle::Printf, &plain(format)?, &args)
    });
}

fn register_functions(env: &mut Environment<'static>) {
    env.remove_global("debug");
    env.add_function("range", range);
    env.add_function("namespace", |first: Option<Value>, fields: Kwargs| {
        let fields = functions::dict(first, fields)?;
        super::ops::storable(&fields)?;
        functions::namespace(Some(fields))
    });
    env.add_function("dict", |first: Option<Value>, fields: Kwargs| keep(functions::dict(first, fields)?));
    env.add_function("raise_exception", |message: &Value| -> Result<Value, Error> {
        let message = plain(message)?;
        Err(invalid("raised").with_source(Raised(message)))
    });
    env.add_function("strftime_now", |format: &str| strftime(format));
}

/// The template called `raise_exception`. Travels as the source of the engine's error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Raised(pub(super) String);

/// `str(value)`.
pub(super) fn plain(value: &Value) -> Result<String, Error> {
    let mut text = PaidString::default();
    text_of(value, &mut text)?;
    Ok(text.0)
}

fn pairs(map: &Value) -> Result<Value, Error> {
    let entries = map.as_object().filter(|_| map.kind() == ValueKind::Map).and_then(|o| o.try_iter_pairs());
    let Some(entries) = entries else {
        return Err(invalid(format!("a value of type {} has no items", map.kind())));
    };
    let mut pairs = Vec::new();
    for (key, value) in entries {
        charge(ITEM * 3)?;
        pairs.push(Value::from(vec![key, value]));
    }
    Ok(Value::from(pairs))
}

fn columns(items: &[Value], count: usize, fill: Option<&Value>) -> Value {
    let (base, longer) = (items.len() / count, items.len() % count);
    let mut rest = items;
    let column = |index: usize| {
        let (column, after) = rest.split_at(base + usize::from(index < longer));
        rest = after;
        let short = longer > 0 && index >= longer;
        column.iter().chain(fill.filter(|_| short)).cloned().collect::<Value>()
    };
    (0..count).map(column).collect()
}

fn range(first: i64, stop: Option<i64>, step: Option<i64>) -> Result<Value, Error> {
    let (start, stop) = stop.map_or((0, first), |stop| (first, stop));
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(invalid("range step cannot be zero"));
    }
    let way = if step > 0 { i128::from(stop) - i128::from(start) } else { i128::from(start) - i128::from(stop) };
    let stride = i128::from(step).abs();
    let count = (way.max(0) + stride - 1) / stride;
    if count > i128::from(MAX_RANGE) {
        return Err(invalid(format!("range has more than {MAX_RANGE} items")));
    }
    let count = count as i64;
    charge(count as usize * ITEM)?;
    Ok((0..count).map(|index| start + index * step).collect())
}

fn strftime(format: &str) -> Result<Value, Error> {
    use chrono::format::{Item, StrftimeItems};
    charge(format.len() * 64)?;
    let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
    if items.contains(&Item::Error) {
        return Err(invalid("strftime_now: invalid format"));
    }
    written(|out| write!(out, "{}", chrono::Local::now().format_with_items(items.iter())))
}

fn join(value: &Value, separator: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    let separator = match separator {
        Some(separator) => plain(&separator)?,
        None => options.get::<Option<String>>("d")?.unwrap_or_default(),
    };
    let attribute = options.get::<Option<Value>>("attribute")?;
    options.assert_all_used()?;
    let mut text = PaidString::default();
    for (index, item) in value.try_iter()?.enumerate() {
        if index > 0 {
            text.write_str(&separator).map_err(|_| budget::exhausted())?;
        }
        match &attribute {
            Some(attribute) => text_of(&item.get_item(attribute)?, &mut text)?,
            None => text_of(&item, &mut text)?,
        }
    }
    Ok(Value::from(text.0))
}

fn indent(
    value: &Value,
    width: Option<Value>,
    first: Option<bool>,
    blank: Option<bool>,
    options: Kwargs,
) -> Result<Value, Error> {
    let width = width.or(options.get("width")?).unwrap_or_else(|| Value::from(4));
    let first = first.or(options.get("first")?).unwrap_or(false);
    let blank = blank.or(options.get("blank")?).unwrap_or(false);
    options.assert_all_used()?;
    let margin = margin(&width)?;
    let text = plain(value)?;
    written(|out| {
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                out.write_char('\n')?;
            }
            if (index > 0 || first) && (blank || !line.is_empty() || index == 0) {
                out.write_str(&margin)?;
            }
            out.write_str(line)?;
        }
        Ok(())
    })
}

/// An indentation, given as a number of spaces or as the text itself.
fn margin(width: &Value) -> Result<String, Error> {
    match width.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => {
            let width = width.as_i64().ok_or_else(|| invalid("an indentation is a number or a string"))?;
            let width = usize::try_from(width).unwrap_or(0);
            charge(width)?;
            Ok(" ".repeat(width))
        }
    }
}

fn tojson(value: &Value, first: Option<Value>, options: Kwargs) -> Result<Value, Error> {
    // Jinja's first argument is the indentation, that of the Transformers library is `ensure_ascii`.
    let positional_flag = first.as_ref().filter(|v| v.kind() == ValueKind::Bool).map(Value::is_true);
    let positional_indent = first.filter(|v| v.kind() != ValueKind::Bool);
    let given = |value: &Value| !value.is_none() && !value.is_undefined();
    let indent = positional_indent.or(options.get::<Option<Value>>("indent")?).filter(given);
    let separators = options.get::<Option<Value>>("separators")?.filter(given);
    let [item_separator, key_separator] = match separators {
        Some(pair) => [plain(&pair.get_item_by_index(0)?)?, plain(&pair.get_item_by_index(1)?)?],
        None if indent.is_some() => [",".to_owned(), ": ".to_owned()],
        None => [", ".to_owned(), ": ".to_owned()],
    };
    let style = JsonStyle {
        indent: indent.as_ref().map(margin).transpose()?,
        item_separator,
        key_separator,
        ensure_ascii: positional_flag.or(options.get("ensure_ascii")?).unwrap_or(false),
        sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
    };
    options.assert_all_used()?;
    written(|out| python::write_json(out, value, &style))
}

/// `str.replace`.
pub(super) fn replaced(text: &str, old: &str, new: &str, count: Option<i64>) -> Result<Value, Error> {
    let limit = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
    written(|out| {
        let mut done = 0;
        for (at, found) in text.match_indices(old).take(limit) {
            out.write_str(&text[done..at])?;
            out.write_str(new)?;
            done = at + found.len();
        }
        out.write_str(&text[done..])
    })
}

/// `str.split` and `str.rsplit`: `most` splits, all where it is absent or negative.
pub(super) fn split(
    text: &str,
    separator: Option<&str>,
    most: Option<i64>,
    from_right: bool,
) -> Result<Value, Error> {
    charge(text.len())?;
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let mut push = |part: &str| {
        charge(ITEM)?;
        parts.push(Value::from(part));
        Ok::<_, Error>(())
    };
    match separator {
        Some("") => return Err(invalid("empty separator")),
        Some(separator) if from_right => text.rsplitn(most.saturating_add(1), separator).try_for_each(push)?,
        Some(separator) => text.splitn(most.saturating_add(1), separator).try_for_each(push)?,
        None => {
            let mut rest = if from_right { text.trim_end() } else { text.trim_start() };
            for _ in 0..most {
                let cut = if from_right {
                    rest.rsplit_once(char::is_whitespace).map(|(rest, part)| (part, rest.trim_end()))
                } else {
                    rest.split_once(char::is_whitespace).map(|(part, rest)| (part, rest.trim_start()))
                };
                let Some((part, after)) = cut else { break };
                push(part)?;
                rest = after;
            }
            if !rest.is_empty() {
                push(rest)?;
            }
        }
    }
    if from_right {
        parts.reverse();
    }
    Ok(Value::from(parts))
}

/// `%` and `str.format`, with widths and precisions of three digits at most.
pub(super) fn formatted(style: FormatStyle, format: &str, args: &[Value]) -> Result<Value, Error> {
    let mut digits = 0;
    for byte in format.bytes() {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        if digits > 3 || (byte == b'*' && style == FormatStyle::Printf) {
            return Err(invalid("a format's width has three digits at most"));
        }
    }
    // Every directive is two bytes at least, and prints one argument once, or pads to under a thousand.
    let longest = args.iter().map(|arg| Ok(plain(arg)?.len())).collect::<Result<Vec<_>, Error>>()?;
    let longest = longest.into_iter().max().unwrap_or(0).max(1_000);
    charge(format.len().div_ceil(2).saturating_mul(longest))?;
    minijinja::format_filter(style, format, args).map(Value::from)
}
