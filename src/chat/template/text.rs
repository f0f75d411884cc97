//! Filters and methods that make text of text, paid for as it is written.

use std::fmt::Write;

use minijinja::{Error, FormatStyle, Value};

use super::arguments::{attribute, bind, flag};
use super::budget::{self, PaidString, charge};
use super::ops::{ITEM, invalid, plain, text_of, written};
use super::python::{self, JsonStyle};
use super::strings::is_space;

/// `value | join(d, attribute)`.
pub(super) fn join(value: &Value, args: &[Value]) -> Result<Value, Error> {
    let [separator, by] = bind(args, ["d", "attribute"])?;
    let separator = separator.as_ref().map_or(Ok(String::new()), plain)?;
    let mut text = PaidString::default();
    for (index, item) in value.try_iter()?.enumerate() {
        if index > 0 {
            text.write_str(&separator)
                .map_err(|_| budget::exhausted())?;
        }
        match &by {
            Some(by) => text_of(&attribute(&item, by)?, &mut text)?,
            None => text_of(&item, &mut text)?,
        }
    }
    Ok(Value::from(text.0))
}

/// `separator.join(values)`: the values are strings.
pub(super) fn joined(separator: &str, values: &Value) -> Result<Value, Error> {
    let mut text = PaidString::default();
    for (index, value) in values.try_iter()?.enumerate() {
        let value = value
            .as_str()
            .ok_or_else(|| invalid("str.join takes strings only"))?;
        let separator = if index > 0 { separator } else { "" };
        text.write_str(separator)
            .and_then(|()| text.write_str(value))
            .map_err(|_| budget::exhausted())?;
    }
    Ok(Value::from(text.0))
}

/// `value | indent(width, first, blank)`.
pub(super) fn indent(value: &Value, args: &[Value]) -> Result<Value, Error> {
    let [width, first, blank] = bind(args, ["width", "first", "blank"])?;
    let (first, blank) = (flag(first.as_ref()), flag(blank.as_ref()));
    let margin = margin(&width.unwrap_or_else(|| Value::from(4)))?;
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
    if let Some(text) = width.as_str() {
        return Ok(text.to_owned());
    }
    let width = width
        .as_i64()
        .ok_or_else(|| invalid("an indentation is a number or a string"))?;
    let width = usize::try_from(width).unwrap_or(0);
    charge(width)?;
    Ok(" ".repeat(width))
}

/// `value | tojson(ensure_ascii, indent, separators, sort_keys)`: the signature of the Transformers library,
/// whose first argument is not Jinja's indentation.
pub(super) fn tojson(value: &Value, args: &[Value]) -> Result<Value, Error> {
    let names = ["ensure_ascii", "indent", "separators", "sort_keys"];
    let [ensure_ascii, indent, separators, sort_keys] = bind(args, names)?;
    let [item_separator, key_separator] = match separators {
        Some(pair) => [
            plain(&pair.get_item_by_index(0)?)?,
            plain(&pair.get_item_by_index(1)?)?,
        ],
        None if indent.is_some() => [",".to_owned(), ": ".to_owned()],
        None => [", ".to_owned(), ": ".to_owned()],
    };
    let style = JsonStyle {
        indent: indent.as_ref().map(margin).transpose()?,
        item_separator,
        key_separator,
        ensure_ascii: flag(ensure_ascii.as_ref()),
        sort_keys: flag(sort_keys.as_ref()),
    };
    python::check_json(value, 0)?;
    written(|out| python::write_json(out, value, &style))
}

/// `str.replace`.
pub(super) fn replaced(
    text: &str,
    old: &str,
    new: &str,
    count: Option<i64>,
) -> Result<Value, Error> {
    let limit = count
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(usize::MAX);
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
    let most = most
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let mut push = |part: &str| {
        charge(ITEM)?;
        parts.push(Value::from(part));
        Ok::<_, Error>(())
    };
    match separator {
        Some("") => return Err(invalid("empty separator")),
        Some(separator) if from_right => text
            .rsplitn(most.saturating_add(1), separator)
            .try_for_each(push)?,
        Some(separator) => text
            .splitn(most.saturating_add(1), separator)
            .try_for_each(push)?,
        None => {
            let mut rest = if from_right {
                text.trim_end_matches(is_space)
            } else {
                text.trim_start_matches(is_space)
            };
            for _ in 0..most {
                let cut = if from_right {
                    rest.rsplit_once(is_space)
                        .map(|(rest, part)| (part, rest.trim_end_matches(is_space)))
                } else {
                    rest.split_once(is_space)
                        .map(|(part, rest)| (part, rest.trim_start_matches(is_space)))
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
    let longest = args
        .iter()
        .map(|arg| Ok(plain(arg)?.len()))
        .collect::<Result<Vec<_>, Error>>()?;
    let longest = longest.into_iter().max().unwrap_or(0).max(1_000);
    charge(format.len().div_ceil(2).saturating_mul(longest))?;
    minijinja::format_filter(style, format, args).map(Value::from)
}
