//! Comparisons and lookups as Python does them: what cannot be compared is an error, and a dict's methods
//! can be seen as attributes.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Environment, Error, State, Value};

use super::arithmetic::{Numbers, numbers};
use super::budget::charge;
use super::ops::{invalid, is_list, is_opaque, names, scan, shallow_len};
use super::slice;

/// Names that a dict has as methods, so that `map.items` is never the key's value in Python, and
/// `map['items']` is not undefined where the key is missing.
const DICT_METHODS: [&str; 6] = ["items", "keys", "values", "get", "copy", "fromkeys"];

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_function(names::LESS, |a: &Value, b: &Value| {
        Ok::<_, Error>(order("<", a, b)?.is_some_and(Ordering::is_lt))
    });
    env.add_function(names::LESS_OR_EQUAL, |a: &Value, b: &Value| {
        Ok::<_, Error>(order("<=", a, b)?.is_some_and(Ordering::is_le))
    });
    env.add_function(names::GREATER, |a: &Value, b: &Value| {
        Ok::<_, Error>(order(">", a, b)?.is_some_and(Ordering::is_gt))
    });
    env.add_function(names::GREATER_OR_EQUAL, |a: &Value, b: &Value| {
        Ok::<_, Error>(order(">=", a, b)?.is_some_and(Ordering::is_ge))
    });
    env.add_function(names::IN, |needle: &Value, hay: &Value| {
        contains(needle, hay)
    });
    env.add_function(names::ATTRIBUTE, |value: &Value, name: &str| {
        match method(value, name) {
            Some(method) => Ok(method),
            None => value.get_attr(name),
        }
    });
    env.add_function(names::ITEM, |value: &Value, key: &Value| {
        charge(shallow_len(key))?;
        let found = slice::item(value, key)?;
        let named = key.as_str().filter(|_| found.is_undefined());
        Ok::<_, Error>(named.and_then(|name| method(value, name)).unwrap_or(found))
    });
}

/// Whether a name is a dict's method in Python.
pub(super) fn is_dict_method(name: &str) -> bool {
    DICT_METHODS.contains(&name)
}

/// The order of two values; `None` where there is none (not a number).
fn order(operator: &str, a: &Value, b: &Value) -> Result<Option<Ordering>, Error> {
    let is_number = |value: &Value| value.is_number() || value.kind() == ValueKind::Bool;
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        charge(a.len().min(b.len()) / 8)?;
        return Ok(Some(a.cmp(b)));
    }
    if is_number(a) && is_number(b) {
        return Ok(match numbers(a, b) {
            Some(Numbers::Integers(a, b)) => Some(a.cmp(&b)),
            Some(Numbers::Floats(a, b)) => a.partial_cmp(&b),
            None => None,
        });
    }
    if is_list(a) && is_list(b) {
        scan(a)?;
        scan(b)?;
        return Ok(a.partial_cmp(b));
    }
    Err(invalid(format!(
        "{operator} is not supported between {} and {}",
        a.kind(),
        b.kind()
    )))
}

fn contains(needle: &Value, hay: &Value) -> Result<bool, Error> {
    charge(shallow_len(needle))?;
    if let Some(text) = hay.as_str() {
        let needle = needle
            .as_str()
            .ok_or_else(|| invalid("only a string can be `in` a string"))?;
        charge(text.len() / 8)?;
        return Ok(text.contains(needle));
    }
    match hay.kind() {
        ValueKind::Undefined => Ok(false),
        ValueKind::Map if !is_opaque(hay) => Ok(hay
            .as_object()
            .is_some_and(|map| map.get_value(needle).is_some())),
        ValueKind::Seq | ValueKind::Iterable => {
            scan(hay)?;
            Ok(hay.try_iter()?.any(|item| item == *needle))
        }
        kind => Err(invalid(format!("a value of type {kind} contains nothing"))),
    }
}

/// A method of a dict that is looked at and not called.
#[derive(Debug)]
struct Method {
    map: Value,
    name: String,
}

fn method(value: &Value, name: &str) -> Option<Value> {
    let is_map = value.kind() == ValueKind::Map && !is_opaque(value);
    (is_map && is_dict_method(name)).then(|| {
        Value::from_object(Method {
            map: value.clone(),
            name: name.to_owned(),
        })
    })
}

impl Object for Method {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, state: &State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        super::methods::call(state, &self.map, &self.name, args)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<built-in method {} of dict object>", self.name)
    }
}
