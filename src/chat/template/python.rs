//! Values as Python writes them: `str()`, `repr()` and `json.dumps()`.

use std::fmt::{self, Write};

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::ops::{invalid, is_opaque};

/// Deepest nesting that is written; constructors keep values far below it.
const MAX_DEPTH: usize = 250;

/// `str(value)`: what `{{ value }}` prints.
pub(super) fn write_str(out: &mut impl Write, value: &Value) -> fmt::Result {
    match value.as_str() {
        Some(text) => out.write_str(text),
        None => write_repr(out, value, 0),
    }
}

fn write_repr(out: &mut impl Write, value: &Value, depth: usize) -> fmt::Result {
    if depth > MAX_DEPTH {
        return Err(fmt::Error);
    }
    match value.kind() {
        ValueKind::String => write_quoted(out, value.as_str().unwrap_or_default()),
        ValueKind::Number => write_number(out, value),
        ValueKind::Seq | ValueKind::Iterable => {
            out.write_char('[')?;
            for (index, item) in value.try_iter().into_iter().flatten().enumerate() {
                if index > 0 {
                    out.write_str(", ")?;
                }
                write_repr(out, &item, depth + 1)?;
            }
            out.write_char(']')
        }
        ValueKind::Map if !is_opaque(value) => {
            out.write_char('{')?;
            for (index, (key, item)) in pairs(value).enumerate() {
                if index > 0 {
                    out.write_str(", ")?;
                }
                write_repr(out, &key, depth + 1)?;
                out.write_str(": ")?;
                write_repr(out, &item, depth + 1)?;
            }
            out.write_char('}')
        }
        ValueKind::Map => out.write_str("<object>"),
        _ => write!(out, "{value}"),
    }
}

fn pairs(value: &Value) -> impl Iterator<Item = (Value, Value)> {
    value
        .as_object()
        .and_then(minijinja::value::DynObject::try_iter_pairs)
        .into_iter()
        .flatten()
}

/// A string literal: single quotes unless only those occur inside.
fn write_quoted(out: &mut impl Write, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\\' => out.write_str("\\\\")?,
            c if c == quote => write!(out, "\\{c}")?,
            c if is_printable(c) => out.write_char(c)?,
            c => match u32::from(c) {
                code @ ..=0xff => write!(out, "\\x{code:02x}")?,
                code @ ..=0xffff => write!(out, "\\u{code:04x}")?,
                code => write!(out, "\\U{code:08x}")?,
            },
        }
    }
    out.write_char(quote)
}

/// Whether `repr` prints a character as it is. Marks are printed: they stand for text, see `pieces`.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // Rust's own escaping follows the same Unicode categories, except that it escapes combining characters
    // where nothing precedes them.
    let mut after_letter = [b'a'; 5];
    let end = 1 + c.encode_utf8(&mut after_letter[1..]).len();
    let is_escaped = std::str::from_utf8(&after_letter[..end])
        .is_ok_and(|text| text.escape_debug().nth(1) == Some('\\'));
    !is_escaped || u32::from(c) >= 0x10_0000
}

/// Integers as they are, floats in Python's shortest form: `1.0`, `1e+16`, `1e-05`.
fn write_number(out: &mut impl Write, value: &Value) -> fmt::Result {
    if value.is_integer() {
        return write!(out, "{value}");
    }
    let Ok(number) = f64::try_from(value.clone()) else {
        return write!(out, "{value}");
    };
    if number.is_nan() {
        return out.write_str("nan");
    }
    if number.is_infinite() {
        return out.write_str(if number < 0.0 { "-inf" } else { "inf" });
    }
    // Rust and Python switch to exponents at the same magnitudes but one: Rust stops at 1e-5, Python at 1e-4.
    let plain = format!("{number:?}");
    match plain.split_once('e') {
        None => out.write_str(&plain),
        Some((mantissa, exponent)) => {
            let (sign, digits) = match exponent.strip_prefix('-') {
                Some(digits) => ('-', digits),
                None => ('+', exponent),
            };
            write!(out, "{mantissa}e{sign}{digits:0>2}")
        }
    }
}

/// How `tojson` writes.
#[derive(Debug)]
pub(super) struct JsonStyle {
    /// One level's indentation; `None` writes all on one line.
    pub(super) indent: Option<String>,
    /// Between items; usually `", "`, or `","` before a line break.
    pub(super) item_separator: String,
    /// Between key and value.
    pub(super) key_separator: String,
    /// Escape everything that is not ASCII.
    pub(super) ensure_ascii: bool,
    /// Order objects by key.
    pub(super) sort_keys: bool,
}

/// Refuses what `json.dumps` refuses: values that are not data.
pub(super) fn check_json(value: &Value, depth: usize) -> Result<(), Error> {
    let refuse = |what: &str| Err(invalid(format!("{what} has no JSON form")));
    if depth > MAX_DEPTH {
        return refuse("so deep a list");
    }
    match value.kind() {
        ValueKind::Undefined => refuse("an undefined value"),
        ValueKind::Seq | ValueKind::Iterable => value
            .try_iter()?
            .try_for_each(|item| check_json(&item, depth + 1)),
        ValueKind::Map if !is_opaque(value) => {
            pairs(value).try_for_each(|(_, item)| check_json(&item, depth + 1))
        }
        ValueKind::String | ValueKind::Bool | ValueKind::Number | ValueKind::None => Ok(()),
        _ => refuse("an object"),
    }
}

/// `json.dumps(value)`; `check_json` has seen the value.
pub(super) fn write_json(out: &mut impl Write, value: &Value, style: &JsonStyle) -> fmt::Result {
    write_json_at(out, value, style, 0)
}

fn write_json_at(
    out: &mut impl Write,
    value: &Value,
    style: &JsonStyle,
    depth: usize,
) -> fmt::Result {
    if depth > MAX_DEPTH {
        return Err(fmt::Error);
    }
    match value.kind() {
        ValueKind::String => write_json_string(out, value.as_str().unwrap_or_default(), style),
        ValueKind::Bool => out.write_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => write_json_number(out, value),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().into_iter().flatten();
            write_json_list(out, ['[', ']'], items, style, depth, |out, item| {
                write_json_at(out, &item, style, depth + 1)
            })
        }
        ValueKind::Map if !is_opaque(value) => {
            let mut fields: Vec<_> = pairs(value).collect();
            if style.sort_keys {
                fields.sort_by(|a, b| a.0.cmp(&b.0));
            }
            write_json_list(
                out,
                ['{', '}'],
                fields.into_iter(),
                style,
                depth,
                |out, (key, item)| {
                    if let Some(key) = key.as_str() {
                        write_json_string(out, key, style)?;
                    } else {
                        out.write_char('"')?;
                        write_json_at(out, &key, style, depth)?;
                        out.write_char('"')?;
                    }
                    out.write_str(&style.key_separator)?;
                    write_json_at(out, &item, style, depth + 1)
                },
            )
        }
        _ => out.write_str("null"),
    }
}

fn write_json_list<W: Write, T>(
    out: &mut W,
    [open, close]: [char; 2],
    items: impl Iterator<Item = T>,
    style: &JsonStyle,
    depth: usize,
    mut write_item: impl FnMut(&mut W, T) -> fmt::Result,
) -> fmt::Result {
    out.write_char(open)?;
    let mut empty = true;
    for item in items {
        if !empty {
            out.write_str(&style.item_separator)?;
        }
        empty = false;
        write_line_break(out, style, depth + 1)?;
        write_item(out, item)?;
    }
    if !empty {
        write_line_break(out, style, depth)?;
    }
    out.write_char(close)
}

fn write_line_break(out: &mut impl Write, style: &JsonStyle, depth: usize) -> fmt::Result {
    let Some(indent) = &style.indent else {
        return Ok(());
    };
    out.write_char('\n')?;
    (0..depth).try_for_each(|_| out.write_str(indent))
}

fn write_json_number(out: &mut impl Write, value: &Value) -> fmt::Result {
    match f64::try_from(value.clone()) {
        Ok(number) if number.is_nan() => out.write_str("NaN"),
        Ok(number) if number.is_infinite() => out.write_str(if number < 0.0 {
            "-Infinity"
        } else {
            "Infinity"
        }),
        _ => write_number(out, value),
    }
}

fn write_json_string(out: &mut impl Write, text: &str, style: &JsonStyle) -> fmt::Result {
    out.write_char('"')?;
    let mut plain_from = 0;
    for (at, c) in text.char_indices() {
        // Marks of the last plane stay as they are: they stand for text, see `pieces`.
        let escape_unicode =
            style.ensure_ascii && !(' '..='~').contains(&c) && u32::from(c) < 0x10_0000;
        if !(c == '"' || c == '\\' || c < ' ' || escape_unicode) {
            continue;
        }
        out.write_str(&text[plain_from..at])?;
        plain_from = at + c.len_utf8();
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\u{8}' => out.write_str("\\b")?,
            '\u{c}' => out.write_str("\\f")?,
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
    }
    out.write_str(&text[plain_from..])?;
    out.write_char('"')
}

/// `json.dumps(value, ensure_ascii=False)` of a value from the wire.
pub(super) fn json_line(value: &serde_json::Value) -> String {
    let style = JsonStyle {
        indent: None,
        item_separator: ", ".to_owned(),
        key_separator: ": ".to_owned(),
        ensure_ascii: false,
        sort_keys: false,
    };
    let mut line = String::new();
    // A string takes everything; what is nested too deeply is cut, and the wire allows no such nesting.
    let _ = write_json(&mut line, &Value::from_serialize(value), &style);
    line
}
