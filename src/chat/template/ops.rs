//! The operators of the template language, with bounds. `compile` puts them in the engine's place.

use minijinja::value::{DynObject, ObjectRepr, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::budget::{self, PaidString, charge};
use super::python;
use super::slice::slice;

/// What a value in a list or map costs, in bytes.
pub(super) const ITEM: usize = 32;
/// Deepest nesting of lists and maps. Dropping or comparing a value recurses, so this guards the stack.
const MAX_DEPTH: usize = 200;

/// Names under which `compile` calls these functions. None is an identifier, so no template can call or
/// redefine them.
pub(super) mod names {
    pub(in super::super) const ADD: &str = "+";
    pub(in super::super) const MUL: &str = "*";
    pub(in super::super) const CONCAT: &str = "~";
    pub(in super::super) const SLICE: &str = "[:]";
    pub(in super::super) const ITEM: &str = "[]";
    pub(in super::super) const KEEP: &str = "[...]";
    pub(in super::super) const STORE: &str = "=";
    pub(in super::super) const SCAN: &str = "==";
    pub(in super::super) const ITERATE: &str = "for*";
    pub(in super::super) const MACRO: &str = "macro*";
    pub(in super::super) const REM: &str = "%";
    pub(in super::super) const FLOOR_DIV: &str = "//";
    pub(in super::super) const POW: &str = "**";
    pub(in super::super) const LESS: &str = "<";
    pub(in super::super) const LESS_OR_EQUAL: &str = "<=";
    pub(in super::super) const GREATER: &str = ">";
    pub(in super::super) const GREATER_OR_EQUAL: &str = ">=";
    pub(in super::super) const IN: &str = "in*";
    pub(in super::super) const ATTRIBUTE: &str = ".";
}

pub(super) fn register(env: &mut Environment<'static>) {
    super::arithmetic::register(env);
    super::compare::register(env);
    env.add_function(names::CONCAT, |a: &Value, b: &Value| concat(a, b));
    env.add_function(
        names::SLICE,
        |value: &Value, start: &Value, end: &Value, step: &Value| slice(value, start, end, step),
    );
    env.add_function(names::KEEP, |value: &Value| keep(value.clone()));
    env.add_function(names::STORE, |value: &Value| {
        storable(value)?;
        Ok::<_, Error>(value.clone())
    });
    env.add_function(names::SCAN, |value: &Value| {
        scan(value)?;
        Ok::<_, Error>(value.clone())
    });
    env.add_function(names::ITERATE, |value: &Value| {
        if value.is_none() {
            return Err(invalid("none cannot be iterated"));
        }
        charge(shallow_len(value))?;
        Ok::<_, Error>(value.clone())
    });
    // The engine copies its list of macros when one is defined inside another: dear, so priced.
    env.add_function(names::MACRO, |_: &State, _: Rest<Value>| charge(16 << 10));
}

/// Objects of the engine's own (namespaces, macros, loops), which are not data.
pub(super) fn is_opaque(value: &Value) -> bool {
    value.as_object().is_some_and(is_opaque_object)
}

fn is_opaque_object(object: &DynObject) -> bool {
    let name = object.type_name();
    object.repr() == ObjectRepr::Plain
        || ["::Namespace", "::Macro", "::Loop", "::Closure"]
            .iter()
            .any(|end| name.ends_with(end))
}

#[derive(Clone, Copy)]
struct Weigh {
    /// Count the bytes of strings too.
    text: bool,
    /// Namespaces and macros may not go into namespaces: that is how reference cycles are made.
    refuse_opaque: bool,
}

/// Charges for a walk through the whole value, and refuses what nests too deeply.
fn weigh(value: &Value, how: Weigh) -> Result<(), Error> {
    fn walk(
        value: &Value,
        how: Weigh,
        depth: usize,
        spent: &mut usize,
        left: usize,
    ) -> Result<(), Error> {
        *spent += 8;
        if let Some(text) = value.as_str() {
            *spent += if how.text { text.len() / 8 } else { 0 };
        }
        if *spent > left {
            return Err(budget::exhausted());
        }
        let Some(object) = value.as_object() else {
            return Ok(());
        };
        if is_opaque_object(object) {
            return if how.refuse_opaque {
                Err(invalid(
                    "a namespace can hold data only, no macros, loops or namespaces",
                ))
            } else {
                Ok(())
            };
        }
        if depth > MAX_DEPTH {
            return Err(invalid("lists and maps are nested too deeply"));
        }
        if object.repr() == ObjectRepr::Map {
            for (key, item) in object.try_iter_pairs().into_iter().flatten() {
                walk(&key, how, depth + 1, spent, left)?;
                walk(&item, how, depth + 1, spent, left)?;
            }
        } else {
            for item in object.try_iter().into_iter().flatten() {
                walk(&item, how, depth + 1, spent, left)?;
            }
        }
        Ok(())
    }
    let mut spent = 0;
    walk(value, how, 0, &mut spent, budget::left())?;
    charge(spent)
}

/// Checks the nesting of a value that was just made.
pub(super) fn keep(value: Value) -> Result<Value, Error> {
    weigh(
        &value,
        Weigh {
            text: false,
            refuse_opaque: false,
        },
    )?;
    Ok(value)
}

/// Checks a value that goes into a namespace.
pub(super) fn storable(value: &Value) -> Result<(), Error> {
    weigh(
        value,
        Weigh {
            text: false,
            refuse_opaque: true,
        },
    )
}

/// Charges for an operation that reads the whole value.
pub(super) fn scan(value: &Value) -> Result<(), Error> {
    weigh(
        value,
        Weigh {
            text: true,
            refuse_opaque: false,
        },
    )
}

/// What it costs to look at the value itself, without what is inside.
pub(super) fn shallow_len(value: &Value) -> usize {
    value.as_str().map_or(0, |text| text.len() / 8) + 8
}

pub(super) fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// The text of `~`, `|string` and `|join`: `str(value)`, paid for.
pub(super) fn text_of(value: &Value, out: &mut PaidString) -> Result<(), Error> {
    python::write_str(out, value).map_err(|_| budget::exhausted())
}

/// `str(value)`.
pub(super) fn plain(value: &Value) -> Result<String, Error> {
    let mut text = PaidString::default();
    text_of(value, &mut text)?;
    Ok(text.0)
}

fn concat(a: &Value, b: &Value) -> Result<Value, Error> {
    let mut text = PaidString::default();
    text_of(a, &mut text)?;
    text_of(b, &mut text)?;
    Ok(Value::from(text.0))
}

pub(super) fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

/// The items of anything that can be iterated, paid for.
pub(super) fn items(value: &Value) -> Result<Vec<Value>, Error> {
    charge(shallow_len(value))?;
    let mut items = Vec::new();
    for item in value.try_iter()? {
        charge(ITEM)?;
        items.push(item);
    }
    Ok(items)
}

/// Writes any value for `{{ … }}`; what is printed is paid for.
pub(super) fn print(
    out: &mut minijinja::Output<'_>,
    _state: &State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    let written = if let Some(text) = value.as_str() {
        charge(text.len())?;
        out.write_str(text)
    } else {
        let mut text = PaidString::default();
        text_of(value, &mut text)?;
        out.write_str(&text.0)
    };
    written.map_err(Error::from)
}

/// A string from pieces written by `write`, paid for.
pub(super) fn written(
    write: impl FnOnce(&mut PaidString) -> std::fmt::Result,
) -> Result<Value, Error> {
    let mut text = PaidString::default();
    write(&mut text).map_err(|_| budget::exhausted())?;
    Ok(Value::from(text.0))
}

/// `text` with so many `fill` before and after it.
pub(super) fn padded(text: &str, before: usize, after: usize, fill: char) -> Result<Value, Error> {
    let fills = before.saturating_add(after).saturating_mul(fill.len_utf8());
    charge(text.len().saturating_add(fills))?;
    let fill = |count| std::iter::repeat_n(fill, count);
    Ok(Value::from(
        fill(before)
            .chain(text.chars())
            .chain(fill(after))
            .collect::<String>(),
    ))
}
