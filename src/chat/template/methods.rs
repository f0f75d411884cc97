//! Python's methods of strings, dicts and lists.

use minijinja::value::{ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::budget::charge;
use super::ops::{ITEM, invalid, items, keep, scan, shallow_len};
use super::strings;

/// The engine's callback for methods that a value does not have itself.
pub(super) fn call(
    _state: &State<'_, '_>,
    value: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    for arg in args {
        charge(shallow_len(arg))?;
    }
    let result = match value.as_str() {
        Some(text) => strings::call(text, name, args)?,
        None => match value.kind() {
            ValueKind::Map => map_method(value, name, args)?,
            ValueKind::Seq | ValueKind::Iterable => list_method(value, name, args)?,
            _ => None,
        },
    };
    let result = result.ok_or_else(|| Error::from(ErrorKind::UnknownMethod))?;
    charge(result.as_str().map_or(0, str::len))?;
    Ok(result)
}

fn map_method(map: &Value, name: &str, args: &[Value]) -> Result<Option<Value>, Error> {
    let Some(object) = map.as_object() else {
        return Ok(None);
    };
    if name == "get" {
        let (key, default): (&Value, Option<Value>) = from_args(args)?;
        let found = object.get_value(key).or(default);
        return Ok(Some(found.unwrap_or_else(|| Value::from(()))));
    }
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
