//! Filters, tests and functions: the engine's own behind a price, and bounded ones for those that can grow.

use std::fmt::Write;

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, FormatStyle, State, Value, functions};

use super::budget::charge;
use super::ops::{ITEM, invalid, items, keep, padded, plain, scan, shallow_len, written};
use super::text::{formatted, indent, join, replaced, split, tojson};

/// Most items of one `range()`.
const MAX_RANGE: i128 = 100_000;

/// Filter → the name of its priced form.
const PRICED: [(&str, &str); 51] = [
    ("abs", "|abs"),
    ("attr", "|attr"),
    ("batch", "|batch"),
    ("bool", "|bool"),
    ("capitalize", "|capitalize"),
    ("chain", "|chain"),
    ("count", "|count"),
    ("d", "|d"),
    ("default", "|default"),
    ("dictsort", "|dictsort"),
    ("e", "|e"),
    ("escape", "|escape"),
    ("first", "|first"),
    ("float", "|float"),
    ("format", "|format"),
    ("groupby", "|groupby"),
    ("indent", "|indent"),
    ("int", "|int"),
    ("items", "|items"),
    ("join", "|join"),
    ("last", "|last"),
    ("length", "|length"),
    ("lines", "|lines"),
    ("list", "|list"),
    ("lower", "|lower"),
    ("map", "|map"),
    ("max", "|max"),
    ("min", "|min"),
    ("pprint", "|pprint"),
    ("reject", "|reject"),
    ("rejectattr", "|rejectattr"),
    ("replace", "|replace"),
    ("reverse", "|reverse"),
    ("round", "|round"),
    ("safe", "|safe"),
    ("select", "|select"),
    ("selectattr", "|selectattr"),
    ("slice", "|slice"),
    ("sort", "|sort"),
    ("split", "|split"),
    ("string", "|string"),
    ("sum", "|sum"),
    ("title", "|title"),
    ("tojson", "|tojson"),
    ("trim", "|trim"),
    ("unique", "|unique"),
    ("upper", "|upper"),
    ("zip", "|zip"),
    ("center", "|center"),
    ("truncate", "|truncate"),
    ("wordcount", "|wordcount"),
];

/// Filters that look at a list only from outside, or that pay for what they read themselves.
const SHALLOW: [&str; 17] = [
    "attr", "batch", "bool", "count", "d", "default", "first", "items", "join", "last", "length",
    "list", "safe", "slice", "string", "tojson", "reverse",
];

pub(super) fn priced_name(filter: &str) -> Option<&'static str> {
    PRICED
        .iter()
        .find(|(name, _)| *name == filter)
        .map(|(_, priced)| *priced)
}

pub(super) fn register(env: &mut Environment<'static>) {
    for (filter, priced) in PRICED {
        let shallow = SHALLOW.contains(&filter);
        env.add_function(priced, move |state: &State, args: Rest<Value>| {
            for arg in args.iter() {
                if shallow {
                    charge(shallow_len(arg))?;
                } else {
                    scan(arg)?;
                }
            }
            let result = state.apply_filter(filter, &args)?;
            charge(result.as_str().map_or(0, str::len))?;
            // Handing out an item, or what was there before, nests nothing deeper.
            if matches!(filter, "first" | "last" | "default" | "d" | "attr") {
                Ok(result)
            } else {
                keep(result)
            }
        });
    }
    register_filters(env);
    register_functions(env);
    // As in Python, a string is a sequence.
    let is_sequence = |value: &Value| {
        matches!(
            value.kind(),
            ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Iterable
        )
    };
    env.add_test("sequence", is_sequence);
    env.add_test("iterable", move |value: &Value| {
        is_sequence(value) || value.is_undefined()
    });
    env.add_test("callable", |value: &Value| {
        value.as_object().is_some_and(|object| {
            object.repr() == minijinja::value::ObjectRepr::Plain
                || object.type_name().ends_with("::Macro")
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
        Ok::<_, Error>(if text.chars().count() > length {
            Value::from(cut + "...")
        } else {
            Value::from(text)
        })
    });
    env.add_filter("wordcount", |value: &Value| {
        Ok::<_, Error>(plain(value)?.split_whitespace().count())
    });
    env.add_filter(
        "replace",
        |value: &Value, old: &Value, new: &Value, count: Option<i64>| {
            replaced(&plain(value)?, &plain(old)?, &plain(new)?, count)
        },
    );
    env.add_filter("int", |value: &Value, default: Option<i64>| {
        whole(value, default.unwrap_or(0))
    });
    env.add_filter("float", |value: &Value, default: Option<f64>| {
        let parsed = match value.as_str() {
            Some(text) => text.trim().parse().ok(),
            None => f64::try_from(value.clone()).ok(),
        };
        parsed.unwrap_or(default.unwrap_or(0.0))
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
    env.add_filter(
        "batch",
        |value: &Value, size: usize, fill: Option<Value>| {
            let mut batches: Vec<Vec<Value>> = items(value)?
                .chunks(size.max(1))
                .map(<[_]>::to_vec)
                .collect();
            if let (Some(fill), Some(last)) = (fill, batches.last_mut()) {
                charge(size.saturating_mul(ITEM))?;
                last.resize(size.max(last.len()), fill);
            }
            Ok::<_, Error>(Value::from(batches))
        },
    );
    env.add_filter(
        "slice",
        |value: &Value, count: usize, fill: Option<Value>| {
            charge(count.saturating_mul(ITEM * 2))?;
            Ok::<_, Error>(columns(&items(value)?, count.max(1), fill.as_ref()))
        },
    );
    env.add_filter(
        "split",
        |value: &Value, separator: Option<Value>, most: Option<i64>| {
            let separator = separator.filter(|s| !s.is_none());
            split(
                &plain(value)?,
                separator.as_ref().and_then(Value::as_str),
                most,
                false,
            )
        },
    );
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
    env.add_function("dict", |first: Option<Value>, fields: Kwargs| {
        keep(functions::dict(first, fields)?)
    });
    env.add_function(
        "raise_exception",
        |message: &Value| -> Result<Value, Error> {
            let message = plain(message)?;
            Err(invalid("raised").with_source(Raised(message)))
        },
    );
    env.add_function("strftime_now", |format: &str| strftime(format));
}

/// The template called `raise_exception`. Travels as the source of the engine's error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Raised(pub(super) String);

/// `|int`: what does not read as a number gives the default.
fn whole(value: &Value, default: i64) -> Value {
    if value.is_integer() {
        return value.clone();
    }
    if value.kind() == ValueKind::Bool {
        return Value::from(i64::from(value.is_true()));
    }
    let number = match value.as_str() {
        Some(text) => match text.trim().parse::<i64>() {
            Ok(whole) => return Value::from(whole),
            Err(_) => text.trim().parse::<f64>().ok(),
        },
        None => f64::try_from(value.clone()).ok(),
    };
    Value::from(
        number
            .filter(|n| n.is_finite())
            .map_or(default, |n| n as i64),
    )
}

fn pairs(map: &Value) -> Result<Value, Error> {
    let entries = map
        .as_object()
        .filter(|_| map.kind() == ValueKind::Map)
        .and_then(minijinja::value::DynObject::try_iter_pairs);
    let Some(entries) = entries else {
        return Err(invalid(format!(
            "a value of type {} has no items",
            map.kind()
        )));
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
        column
            .iter()
            .chain(fill.filter(|_| short))
            .cloned()
            .collect::<Value>()
    };
    (0..count).map(column).collect()
}

fn range(first: i64, second: Option<i64>, step: Option<i64>) -> Result<Value, Error> {
    let (start, end) = second.map_or((0, first), |end| (first, end));
    let (start, end, step) = (
        i128::from(start),
        i128::from(end),
        i128::from(step.unwrap_or(1)),
    );
    if step == 0 {
        return Err(invalid("range step cannot be zero"));
    }
    let way = if step > 0 { end - start } else { start - end };
    let count = (way.max(0) + step.abs() - 1) / step.abs();
    if count > MAX_RANGE {
        return Err(invalid(format!("range has more than {MAX_RANGE} items")));
    }
    charge(count as usize * ITEM)?;
    Ok((0..count)
        .map(|index| (start + index * step) as i64)
        .collect())
}

fn strftime(format: &str) -> Result<Value, Error> {
    use chrono::format::{Item, StrftimeItems};
    charge(format.len() * 64)?;
    let items: Vec<Item<'_>> = StrftimeItems::new(format).collect();
    if items.contains(&Item::Error) {
        return Err(invalid("strftime_now: invalid format"));
    }
    written(|out| {
        write!(
            out,
            "{}",
            chrono::Local::now().format_with_items(items.iter())
        )
    })
}
