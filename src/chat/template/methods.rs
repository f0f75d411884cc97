//! Python's methods on strings, maps and lists, where `minijinja_contrib` lacks them or has them unbounded.

use std::fmt::Write;

use minijinja::value::{Kwargs, ValueKind, from_args};
use minijinja::{Error, ErrorKind, FormatStyle, State, Value};
use minijinja_contrib::pycompat;

use super::budget::{self, PaidString, charge};
use super::ops::{ITEM, invalid, items, keep, padded, scan, shallow_len, text_of};
use super::text::{formatted, replaced, split};

/// The engine's callback for methods that a value does not have itself.
pub(super) fn call(
    state: &State<'_, '_>,
    value: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    for arg in args {
        charge(shallow_len(arg))?;
    }
    if let Some(text) = value.as_str() {
        charge(text.len() / 8)?;
        let result = match string_method(text, name, args)? {
            Some(result) => result,
            None => pycompat::unknown_method_callback(state, value, name, args)?,
        };
        charge(result.as_str().map_or(0, str::len))?;
        return Ok(result);
    }
    let result = match value.kind() {
        ValueKind::Map => map_method(value, name, args)?,
        ValueKind::Seq | ValueKind::Iterable => list_method(value, name, args)?,
        _ => None,
    };
    match result {
        Some(result) => Ok(result),
        None => pycompat::unknown_method_callback(state, value, name, args),
    }
}

/// `name` as a method of `str`; `None` leaves it to `pycompat`.
fn string_method(text: &str, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match name {
        "split" | "rsplit" => {
            let (separator, most, options): (Option<Value>, Option<i64>, Kwargs) = from_args(args)?;
            let separator = separator
                .or(options.get("sep")?)
                .filter(|sep| !sep.is_none());
            let most = most.or(options.get("maxsplit")?);
            options.assert_all_used()?;
            split(
                text,
                separator.as_ref().and_then(Value::as_str),
                most,
                name == "rsplit",
            )?
        }
        "splitlines" => {
            charge((text.matches(['\n', '\r']).count() + 1) * ITEM)?;
            return Ok(None);
        }
        "replace" => {
            let (old, new, count): (&str, &str, Option<i64>) = from_args(args)?;
            replaced(text, old, new, count)?
        }
        "join" => {
            let (values,): (&Value,) = from_args(args)?;
            let mut joined = PaidString::default();
            for (index, value) in values.try_iter()?.enumerate() {
                if index > 0 {
                    joined.write_str(text).map_err(|_| budget::exhausted())?;
                }
                text_of(&value, &mut joined)?;
            }
            Value::from(joined.0)
        }
        "format" => formatted(FormatStyle::StrFormat, text, args)?,
        "find" | "rfind" | "index" | "rindex" => find(text, name, args)?,
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Value::from(text.strip_prefix(prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Value::from(text.strip_suffix(suffix).unwrap_or(text))
        }
        "partition" | "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            let (found, missing) = if name == "partition" {
                (text.split_once(separator), [text, "", ""])
            } else {
                (text.rsplit_once(separator), ["", "", text])
            };
            charge(text.len())?;
            let parts = found.map_or(missing, |(before, after)| [before, separator, after]);
            parts.into_iter().map(Value::from).collect()
        }
        "casefold" => Value::from(text.to_lowercase()),
        "ljust" | "rjust" | "center" | "zfill" => justify(text, name, args)?,
        "count" => {
            let (what,): (&str,) = from_args(args)?;
            Value::from(text.matches(what).count())
        }
        _ => return Ok(None),
    }))
}

/// Positions count characters, as slices do.
fn find(text: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let (what,): (&str,) = from_args(args)?;
    let found = if name.starts_with('r') {
        text.rfind(what)
    } else {
        text.find(what)
    };
    match found {
        Some(at) => Ok(Value::from(text[..at].chars().count())),
        None if name.ends_with("find") => Ok(Value::from(-1)),
        None => Err(invalid("substring not found")),
    }
}

fn justify(text: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let (width, fill): (usize, Option<char>) = from_args(args)?;
    let fill = fill.unwrap_or(if name == "zfill" { '0' } else { ' ' });
    let room = width.saturating_sub(text.chars().count());
    match name {
        "ljust" => padded(text, 0, room, fill),
        "center" => padded(text, room / 2, room - room / 2, fill),
        _ => padded(text, room, 0, fill),
    }
}

fn map_method(map: &Value, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let Some(object) = map.as_object() else {
        return Ok(None);
    };
    if !matches!(name, "items" | "keys" | "values" | "copy") {
        return Ok(None);
    }
    let () = from_args(args)?;
    let mut found = Vec::new();
    for (key, value) in object.try_iter_pairs().into_iter().flatten() {
        charge(ITEM * 3)?;
        found.push((key, value));
    }
    let listed: Value = match name {
        "items" => found
            .into_iter()
            .map(|(key, value)| Value::from(vec![key, value]))
            .collect(),
        "keys" => found.into_iter().map(|(key, _)| key).collect(),
        "values" => found.into_iter().map(|(_, value)| value).collect(),
        _ => found.into_iter().collect(),
    };
    keep(listed).map(Some)
}

fn list_method(list: &Value, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    Ok(Some(match name {
        "count" | "index" => {
            let (what,): (&Value,) = from_args(args)?;
            scan(list)?;
            let mut places = list
                .try_iter()?
                .enumerate()
                .filter(|(_, item)| item == what);
            if name == "count" {
                Value::from(places.count())
            } else {
                let (at, _) = places
                    .next()
                    .ok_or_else(|| invalid("value is not in the list"))?;
                Value::from(at)
            }
        }
        "copy" => Value::from(items(list)?),
        "append" | "extend" | "insert" | "pop" | "remove" => {
            return Err(Error::new(
                ErrorKind::UnknownMethod,
                format!("lists do not change: write `list + [item]` instead of `list.{name}(…)`"),
            ));
        }
        _ => return Ok(None),
    }))
}
