//! Python's methods of `str`.

use minijinja::value::from_args;
use minijinja::{Error, FormatStyle, Value};

use super::arguments::{bind, flag, whole_number};
use super::budget::charge;
use super::ops::{ITEM, invalid, padded};
use super::slice::Bounds;
use super::text::{formatted, joined, replaced, split};

/// `name` as a method of `text`; `None` if there is no such method.
pub(super) fn call(text: &str, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    charge(text.len() / 8)?;
    if name.starts_with("is") {
        let () = from_args(args)?;
        return Ok(classify(text, name).map(Value::from));
    }
    Ok(Some(match name {
        "strip" | "lstrip" | "rstrip" => {
            let [chars] = bind(args, ["chars"])?;
            Value::from(stripped(text, chars.as_ref(), name)?)
        }
        "split" | "rsplit" => {
            let [separator, most] = bind(args, ["sep", "maxsplit"])?;
            let separator = separator.as_ref().and_then(Value::as_str);
            split(
                text,
                separator,
                whole_number(most.as_ref())?,
                name == "rsplit",
            )?
        }
        "splitlines" => {
            let [keep_ends] = bind(args, ["keepends"])?;
            lines(text, flag(keep_ends.as_ref()))?
        }
        "replace" => {
            let (old, new, count): (&str, &str, Option<i64>) = from_args(args)?;
            replaced(text, old, new, count)?
        }
        "join" => {
            let (values,): (&Value,) = from_args(args)?;
            joined(text, values)?
        }
        "format" => formatted(FormatStyle::StrFormat, text, args)?,
        "find" | "rfind" | "index" | "rindex" | "count" => find(text, name, args)?,
        "startswith" | "endswith" => Value::from(affix(text, name, args)?),
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        "partition" | "rpartition" => partition(text, name, args)?,
        "ljust" | "rjust" | "center" | "zfill" => justify(text, name, args)?,
        "upper" | "lower" | "casefold" | "title" | "capitalize" | "swapcase" => {
            let () = from_args(args)?;
            charge(text.len())?;
            Value::from(cased(text, name))
        }
        _ => return Ok(None),
    }))
}

/// What Python takes for white space: Unicode's, and four separators that are none to Unicode.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// `strip`, `lstrip` and `rstrip`.
pub(super) fn stripped<'t>(
    text: &'t str,
    chars: Option<&Value>,
    name: &str,
) -> Result<&'t str, Error> {
    let chars = match chars {
        Some(chars) => Some(
            chars
                .as_str()
                .ok_or_else(|| invalid("the characters to strip are a string"))?,
        ),
        None => None,
    };
    charge(text.len() / 8 * chars.map_or(1, str::len).max(1))?;
    let goes = |c: char| chars.map_or_else(|| is_space(c), |chars| chars.contains(c));
    Ok(match name {
        "lstrip" => text.trim_start_matches(goes),
        "rstrip" => text.trim_end_matches(goes),
        _ => text.trim_matches(goes),
    })
}

/// The `is…` methods. All but `isascii` are false for an empty text.
fn classify(text: &str, name: &str) -> Option<bool> {
    let all = |test: fn(char) -> bool| Some(!text.is_empty() && text.chars().all(test));
    match name {
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isdecimal" => all(|c| c.is_ascii_digit()),
        // Superscripts count as digits, fractions and numerals of other kinds as numeric only.
        "isdigit" => all(|c| c.is_ascii_digit() || "²³¹⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉".contains(c)),
        "isnumeric" => all(char::is_numeric),
        "isspace" => all(is_space),
        "isascii" => Some(text.is_ascii()),
        "islower" => {
            Some(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase))
        }
        "isupper" => {
            Some(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase))
        }
        "istitle" => Some(text.chars().any(char::is_alphabetic) && cased(text, "title") == text),
        "isidentifier" => Some(
            text.chars().all(|c| c.is_alphanumeric() || c == '_')
                && text.starts_with(|c: char| c.is_alphabetic() || c == '_'),
        ),
        _ => None,
    }
}

fn cased(text: &str, name: &str) -> String {
    let is_cased = |c: char| c.is_lowercase() || c.is_uppercase();
    match name {
        "upper" => text.to_uppercase(),
        "lower" | "casefold" => text.to_lowercase(),
        "capitalize" => {
            let mut chars = text.chars();
            let first = chars.next().into_iter().flat_map(char::to_uppercase);
            first.collect::<String>() + &chars.as_str().to_lowercase()
        }
        "swapcase" => text
            .chars()
            .flat_map(|c| -> Vec<char> {
                if c.is_uppercase() {
                    c.to_lowercase().collect()
                } else {
                    c.to_uppercase().collect()
                }
            })
            .collect(),
        _ => {
            let mut after_cased = false;
            let mut title = String::with_capacity(text.len());
            for c in text.chars() {
                if after_cased {
                    title.extend(c.to_lowercase());
                } else {
                    title.extend(c.to_uppercase());
                }
                after_cased = is_cased(c);
            }
            title
        }
    }
}

/// `splitlines`: at every line break that Python knows.
fn lines(text: &str, keep_ends: bool) -> Result<Value, Error> {
    const BREAKS: [char; 10] = [
        '\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}',
        '\u{2029}',
    ];
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        charge(ITEM)?;
        let (end, next) = match rest.find(BREAKS) {
            Some(at) if rest[at..].starts_with("\r\n") => (at, at + 2),
            Some(at) => (at, at + rest[at..].chars().next().map_or(1, char::len_utf8)),
            None => (rest.len(), rest.len()),
        };
        lines.push(Value::from(&rest[..if keep_ends { next } else { end }]));
        rest = &rest[next..];
    }
    charge(text.len())?;
    Ok(Value::from(lines))
}

/// The part of `text` that `start` and `end` choose, and the number of characters before it.
fn part(text: &str, start: Option<i64>, end: Option<i64>) -> Result<(&str, usize), Error> {
    if start.is_none() && end.is_none() {
        return Ok((text, 0));
    }
    charge(text.len())?;
    let bounds = Bounds::new(text.chars().count(), start, end, 1);
    let (start, end) = (bounds.start as usize, bounds.end.max(bounds.start) as usize);
    let offset = |at: usize| {
        text.char_indices()
            .nth(at)
            .map_or(text.len(), |(offset, _)| offset)
    };
    Ok((&text[offset(start)..offset(end)], start))
}

/// Positions count characters, as slices do.
fn find(text: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let (what, start, end): (&str, Option<i64>, Option<i64>) = from_args(args)?;
    let (part, before) = part(text, start, end)?;
    if name == "count" {
        return Ok(Value::from(part.matches(what).count()));
    }
    let found = if name.starts_with('r') {
        part.rfind(what)
    } else {
        part.find(what)
    };
    match found {
        Some(at) => Ok(Value::from(before + part[..at].chars().count())),
        None if name.ends_with("find") => Ok(Value::from(-1)),
        None => Err(invalid("substring not found")),
    }
}

/// `startswith` and `endswith`: one affix, or a list of them.
fn affix(text: &str, name: &str, args: &[Value]) -> Result<bool, Error> {
    let (affixes, start, end): (&Value, Option<i64>, Option<i64>) = from_args(args)?;
    let (part, _) = part(text, start, end)?;
    let matches = |affix: &Value| {
        let affix = affix
            .as_str()
            .ok_or_else(|| invalid(format!("{name} takes a string, or a list of strings")))?;
        Ok::<_, Error>(if name == "startswith" {
            part.starts_with(affix)
        } else {
            part.ends_with(affix)
        })
    };
    if affixes.as_str().is_some() || !super::ops::is_list(affixes) {
        return matches(affixes);
    }
    for affix in super::ops::items(affixes)? {
        if matches(&affix)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn partition(text: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let (separator,): (&str,) = from_args(args)?;
    if separator.is_empty() {
        return Err(invalid("empty separator"));
    }
    let (found, missing) = if name == "partition" {
        (text.split_once(separator), [text, "", ""])
    } else {
        (text.rsplit_once(separator), ["", "", text])
    };
    charge(text.len())?;
    let parts = found.map_or(missing, |(before, after)| [before, separator, after]);
    Ok(parts.into_iter().map(Value::from).collect())
}

fn justify(text: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let (width, fill): (usize, Option<char>) = from_args(args)?;
    let length = text.chars().count();
    let room = width.saturating_sub(length);
    let space = fill.unwrap_or(' ');
    match name {
        "ljust" => padded(text, 0, room, space),
        // Of an odd room, the greater half goes to the left if the width is odd.
        "center" => {
            let left = room / 2 + (room & width & 1);
            padded(text, left, room - left, space)
        }
        "zfill" => {
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
            let filled = padded(digits, room, 0, '0')?;
            Ok(Value::from(
                sign.to_owned() + filled.as_str().unwrap_or_default(),
            ))
        }
        _ => padded(text, room, 0, space),
    }
}
