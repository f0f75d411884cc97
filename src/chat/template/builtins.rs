//! Jinja2's filters, where the engine's own differ from them or are not bounded.

use std::fmt::Write;

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, FormatStyle, Value};

use super::arguments::{attribute, bind, flag, whole_number};
use super::budget::charge;
use super::ops::{ITEM, invalid, items, padded, plain, written};
use super::strings::{self, stripped};
use super::text::{formatted, indent, join, replaced, split, tojson};

pub(super) fn register(env: &mut Environment<'static>) {
    register_text(env);
    register_numbers(env);
    register_lists(env);
    env.add_filter("tojson", |value: &Value, args: Rest<Value>| {
        tojson(value, &args)
    });
}

/// Arguments of filters that the engine takes by name only, and Jinja2 by position too.
pub(super) fn by_name(filter: &str, args: &[Value]) -> Result<Vec<Value>, Error> {
    let names: [&'static str; 3] = match filter {
        "sort" => ["reverse", "case_sensitive", "attribute"],
        "dictsort" => ["case_sensitive", "by", "reverse"],
        "unique" => ["case_sensitive", "attribute", ""],
        _ => return Ok(args.to_vec()),
    };
    let Some((value, options)) = args.split_first() else {
        return Ok(Vec::new());
    };
    let given = bind(options, names)?;
    let by_name: Kwargs = names
        .into_iter()
        .zip(given)
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    Ok(vec![value.clone(), Value::from(by_name)])
}

fn register_text(env: &mut Environment<'static>) {
    env.add_filter("join", |value: &Value, args: Rest<Value>| {
        join(value, &args)
    });
    env.add_filter("indent", |value: &Value, args: Rest<Value>| {
        indent(value, &args)
    });
    env.add_filter("string", |value: &Value| plain(value).map(Value::from));
    env.add_filter("pprint", |value: &Value| plain(value).map(Value::from));
    env.add_filter("trim", |value: &Value, args: Rest<Value>| {
        let [chars] = bind(&args, ["chars"])?;
        stripped(&plain(value)?, chars.as_ref(), "strip").map(Value::from)
    });
    env.add_filter("capitalize", |value: &Value| {
        strings::call(&plain(value)?, "capitalize", &[])
    });
    env.add_filter("title", |value: &Value| {
        plain(value).map(|text| title(&text))
    });
    env.add_filter("escape", |value: &Value| escape(&plain(value)?));
    env.add_filter("e", |value: &Value| escape(&plain(value)?));
    env.add_filter("center", |value: &Value, width: Option<usize>| {
        strings::call(&plain(value)?, "center", &[width.unwrap_or(80).into()])
    });
    env.add_filter("truncate", |value: &Value, args: Rest<Value>| {
        truncate(&plain(value)?, &args)
    });
    env.add_filter("wordcount", |value: &Value| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let text = plain(value)?;
        Ok::<_, Error>(
            text.split(|c| !is_word(c))
                .filter(|word| !word.is_empty())
                .count(),
        )
    });
    env.add_filter(
        "replace",
        |value: &Value, old: &Value, new: &Value, count: Option<i64>| {
            replaced(&plain(value)?, &plain(old)?, &plain(new)?, count)
        },
    );
    env.add_filter(
        "split",
        |value: &Value, separator: Option<Value>, most: Option<i64>| {
            let separator = separator.filter(|s| !s.is_none());
            let separator = separator.as_ref().and_then(Value::as_str);
            split(&plain(value)?, separator, most, false)
        },
    );
    env.add_filter("format", |format: &Value, args: Rest<Value>| {
        formatted(FormatStyle::Printf, &plain(format)?, &args)
    });
}

/// Capitals after blanks, hyphens and opening brackets; small letters elsewhere.
fn title(text: &str) -> String {
    let mut begins = true;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if begins {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        begins = strings::is_space(c) || matches!(c, '-' | '(' | '{' | '[' | '<');
    }
    out
}

fn escape(text: &str) -> Result<Value, Error> {
    written(|out| {
        text.chars().try_for_each(|c| match c {
            '&' => out.write_str("&amp;"),
            '<' => out.write_str("&lt;"),
            '>' => out.write_str("&gt;"),
            '"' => out.write_str("&#34;"),
            '\'' => out.write_str("&#39;"),
            other => out.write_char(other),
        })
    })
}

/// `truncate(length, killwords, end, leeway)`.
fn truncate(text: &str, args: &[Value]) -> Result<Value, Error> {
    let [length, kill_words, end, leeway] = bind(args, ["length", "killwords", "end", "leeway"])?;
    let size = |value: Option<&Value>, default: usize| {
        Ok::<_, Error>(whole_number(value)?.map_or(default, |n| usize::try_from(n).unwrap_or(0)))
    };
    let (length, leeway) = (size(length.as_ref(), 255)?, size(leeway.as_ref(), 5)?);
    let end = end.as_ref().map_or(Ok("...".to_owned()), plain)?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(Value::from(text));
    }
    let room = length
        .checked_sub(end.chars().count())
        .ok_or_else(|| invalid("truncate: the length is below that of the end"))?;
    let cut: String = text.chars().take(room).collect();
    let kept = if flag(kill_words.as_ref()) {
        cut.as_str()
    } else {
        cut.rsplit_once(' ').map_or(cut.as_str(), |(kept, _)| kept)
    };
    padded(&format!("{kept}{end}"), 0, 0, ' ')
}

fn register_numbers(env: &mut Environment<'static>) {
    env.add_filter("int", |value: &Value, args: Rest<Value>| {
        let [default, base] = bind(&args, ["default", "base"])?;
        let default = default.unwrap_or_else(|| Value::from(0));
        let base = whole_number(base.as_ref())?.unwrap_or(10);
        Ok::<_, Error>(whole(value, base).unwrap_or(default))
    });
    env.add_filter("float", |value: &Value, args: Rest<Value>| {
        let [default] = bind(&args, ["default"])?;
        let parsed = match value.as_str() {
            Some(text) => text.trim().parse().ok(),
            None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
            None => f64::try_from(value.clone()).ok(),
        };
        Ok::<_, Error>(parsed.map_or(default.unwrap_or_else(|| Value::from(0.0)), Value::from))
    });
    env.add_filter("round", |value: &Value, args: Rest<Value>| {
        let [precision, method] = bind(&args, ["precision", "method"])?;
        let precision = whole_number(precision.as_ref())?.unwrap_or(0);
        round(value, precision, method.as_ref().and_then(Value::as_str))
    });
}

/// `|int`; `None` for what does not read as a number.
fn whole(value: &Value, base: i64) -> Option<Value> {
    if value.is_integer() {
        return Some(value.clone());
    }
    if value.kind() == ValueKind::Bool {
        return Some(Value::from(i64::from(value.is_true())));
    }
    let truncated = |number: f64| {
        let fits = number.is_finite() && number.abs() < 1e36;
        fits.then(|| super::arithmetic::number_value(number as i128))
    };
    let Some(text) = value.as_str() else {
        return truncated(f64::try_from(value.clone()).ok()?);
    };
    let radix = u32::try_from(base)
        .ok()
        .filter(|radix| (2..=36).contains(radix))?;
    let digits = text.trim().to_lowercase();
    let prefix = [(16, "0x"), (8, "0o"), (2, "0b")]
        .into_iter()
        .find(|(of, _)| *of == radix);
    let digits = prefix.map_or(digits.as_str(), |(_, prefix)| {
        digits.trim_start_matches(prefix)
    });
    match i128::from_str_radix(digits, radix) {
        Ok(number) => Some(super::arithmetic::number_value(number)),
        Err(_) => truncated(text.trim().parse().ok()?),
    }
}

/// Python's `round`, which goes to the even neighbour from halfway; or `ceil` or `floor`.
fn round(value: &Value, precision: i64, method: Option<&str>) -> Result<Value, Error> {
    if value.is_integer() && method.is_none_or(|method| method == "common") {
        return Ok(value.clone());
    }
    let number = f64::try_from(value.clone())?;
    let places = i32::try_from(precision.clamp(-300, 300)).unwrap_or(0);
    let scale = 10_f64.powi(places);
    let rounded = match method {
        Some("ceil") => (number * scale).ceil() / scale,
        Some("floor") => (number * scale).floor() / scale,
        // The decimal form is rounded exactly, as Python does it.
        _ if places >= 0 => format!("{number:.*}", places.unsigned_abs() as usize)
            .parse()
            .unwrap_or(number),
        _ => (number * scale).round_ties_even() / scale,
    };
    Ok(Value::from(rounded))
}

fn register_lists(env: &mut Environment<'static>) {
    env.add_filter("length", length);
    env.add_filter("count", length);
    env.add_filter("list", |value: &Value| items(value).map(Value::from));
    env.add_filter("items", pairs);
    env.add_filter("last", |value: &Value| {
        Ok::<_, Error>(items(value)?.pop().unwrap_or(Value::UNDEFINED))
    });
    env.add_filter("reverse", |value: &Value| {
        if let Some(text) = value.as_str() {
            charge(text.len())?;
            return Ok(Value::from(text.chars().rev().collect::<String>()));
        }
        let mut items = items(value)?;
        items.reverse();
        Ok::<_, Error>(Value::from(items))
    });
    env.add_filter("sum", |value: &Value, args: Rest<Value>| {
        let [by, start] = bind(&args, ["attribute", "start"])?;
        let start = start.unwrap_or_else(|| Value::from(0));
        items(value)?.iter().try_fold(start, |sum, item| {
            let item = by
                .as_ref()
                .map_or(Ok(item.clone()), |by| attribute(item, by))?;
            super::arithmetic::add(&sum, &item)
        })
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
}

fn length(value: &Value) -> Result<usize, Error> {
    match value.as_str() {
        Some(text) => Ok(text.chars().count()),
        None if value.is_undefined() => Ok(0),
        None => value
            .len()
            .ok_or_else(|| invalid(format!("a value of type {} has no length", value.kind()))),
    }
}

fn pairs(map: &Value) -> Result<Value, Error> {
    let entries = map
        .as_object()
        .filter(|_| map.kind() == ValueKind::Map)
        .and_then(minijinja::value::DynObject::try_iter_pairs);
    let Some(entries) = entries else {
        if map.is_undefined() {
            return Ok(Value::from(Vec::<Value>::new()));
        }
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
