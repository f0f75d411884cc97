//! The operators of the template language, with bounds. `compile` puts them in the engine's place.

use minijinja::value::{DynObject, ObjectRepr, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::budget::{self, PaidString, charge};
use super::python;

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
}

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_function(names::ADD, |a: &Value, b: &Value| add(a, b));
    env.add_function(names::MUL, |a: &Value, b: &Value| multiply(a, b));
    env.add_function(names::CONCAT, |a: &Value, b: &Value| concat(a, b));
    env.add_function(
        names::SLICE,
        |value: &Value, start: &Value, end: &Value, step: &Value| slice(value, start, end, step),
    );
    env.add_function(names::ITEM, |value: &Value, key: &Value| item(value, key));
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

fn unsupported(operator: &str, a: &Value, b: &Value) -> Error {
    invalid(format!(
        "unsupported operand types for {operator}: {} and {}",
        a.kind(),
        b.kind()
    ))
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

fn is_list(value: &Value) -> bool {
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

enum Numbers {
    Integers(i128, i128),
    Floats(f64, f64),
}

fn numbers(a: &Value, b: &Value) -> Option<Numbers> {
    let integer = |value: &Value| {
        (value.is_integer() || value.kind() == ValueKind::Bool)
            .then(|| i128::try_from(value.clone()).ok())
            .flatten()
    };
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return Some(Numbers::Integers(a, b));
    }
    let float = |value: &Value| match integer(value) {
        Some(whole) => Some(whole as f64),
        None if value.is_number() => f64::try_from(value.clone()).ok(),
        None => None,
    };
    Some(Numbers::Floats(float(a)?, float(b)?))
}

fn number_value(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

fn add(a: &Value, b: &Value) -> Result<Value, Error> {
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        charge(a.len() + b.len() + ITEM)?;
        return Ok(Value::from([a, b].concat()));
    }
    if is_list(a) && is_list(b) {
        let mut both = items(a)?;
        both.append(&mut items(b)?);
        return Ok(Value::from(both));
    }
    match numbers(a, b) {
        Some(Numbers::Integers(a, b)) => a
            .checked_add(b)
            .map(number_value)
            .ok_or_else(|| invalid("integer overflow in +")),
        Some(Numbers::Floats(a, b)) => Ok(Value::from(a + b)),
        None => Err(unsupported("+", a, b)),
    }
}

fn multiply(a: &Value, b: &Value) -> Result<Value, Error> {
    match numbers(a, b) {
        Some(Numbers::Integers(a, b)) => {
            return a
                .checked_mul(b)
                .map(number_value)
                .ok_or_else(|| invalid("integer overflow in *"));
        }
        Some(Numbers::Floats(a, b)) => return Ok(Value::from(a * b)),
        None => {}
    }
    let repeatable = |value: &Value| value.as_str().is_some() || is_list(value);
    let (body, count) = match (a, b) {
        (body, count) | (count, body) if repeatable(body) && count.is_integer() => (body, count),
        _ => return Err(unsupported("*", a, b)),
    };
    // As in Python, a negative count gives nothing.
    let count =
        usize::try_from(i128::try_from(count.clone())?.max(0)).map_err(|_| budget::exhausted())?;
    let pay = |bytes: usize| charge(bytes.checked_mul(count).ok_or_else(budget::exhausted)?);
    if let Some(text) = body.as_str() {
        pay(text.len())?;
        return Ok(Value::from(text.repeat(count)));
    }
    let items = items(body)?;
    pay(items.len() * ITEM)?;
    let repeated = std::iter::repeat_n(items, count).flatten();
    Ok(repeated.collect())
}

fn item(value: &Value, key: &Value) -> Result<Value, Error> {
    let (Some(text), Some(index)) = (value.as_str(), key.as_i64()) else {
        charge(shallow_len(key))?;
        return value.get_item(key);
    };
    charge(text.len() / 8)?;
    let found = if index >= 0 {
        text.chars().nth(index as usize)
    } else {
        text.chars().rev().nth((index.unsigned_abs() - 1) as usize)
    };
    Ok(found.map_or(Value::UNDEFINED, Value::from))
}

/// Python's slice bounds: `len` items, of which `start` and `end` name the ends.
struct Bounds {
    start: i64,
    end: i64,
    step: i64,
}

impl Bounds {
    fn new(len: usize, start: Option<i64>, end: Option<i64>, step: i64) -> Self {
        let len = len as i64;
        // Backwards, the ends are one before: the last item and the place before the first.
        let (lowest, highest) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let bound = |at: i64| {
            let at = if at < 0 { at.saturating_add(len) } else { at };
            at.clamp(lowest, highest)
        };
        let (first, last) = if step > 0 {
            (lowest, highest)
        } else {
            (highest, lowest)
        };
        Self {
            start: start.map_or(first, bound),
            end: end.map_or(last, bound),
            step,
        }
    }

    fn indices(&self) -> impl Iterator<Item = usize> {
        let Self { start, end, step } = *self;
        std::iter::successors(Some(start), move |at| at.checked_add(step))
            .take_while(move |at| if step > 0 { *at < end } else { *at > end })
            .map(|at| at as usize)
    }
}

fn slice(value: &Value, start: &Value, end: &Value, step: &Value) -> Result<Value, Error> {
    let bound = |value: &Value| -> Result<Option<i64>, Error> {
        if value.is_none() || value.is_undefined() {
            Ok(None)
        } else {
            Ok(Some(value.clone().try_into()?))
        }
    };
    let (start, end) = (bound(start)?, bound(end)?);
    let step = bound(step)?.unwrap_or(1);
    if step == 0 {
        return Err(invalid("slice step cannot be zero"));
    }
    if let Some(text) = value.as_str() {
        return slice_text(text, start, end, step);
    }
    match value.kind() {
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = items(value)?;
            let bounds = Bounds::new(items.len(), start, end, step);
            Ok(bounds
                .indices()
                .filter_map(|at| items.get(at))
                .cloned()
                .collect())
        }
        kind => Err(invalid(format!("cannot slice a value of type {kind}"))),
    }
}

fn slice_text(text: &str, start: Option<i64>, end: Option<i64>, step: i64) -> Result<Value, Error> {
    charge(text.len())?;
    let bounds = Bounds::new(text.chars().count(), start, end, step);
    if step == 1 {
        let offset = |at: i64| {
            text.char_indices()
                .nth(at as usize)
                .map_or(text.len(), |(offset, _)| offset)
        };
        let (from, to) = (offset(bounds.start), offset(bounds.end));
        return Ok(Value::from(text.get(from..to).unwrap_or_default()));
    }
    charge(text.len() * 4)?;
    let characters: Vec<char> = text.chars().collect();
    let picked: String = bounds
        .indices()
        .filter_map(|at| characters.get(at))
        .collect();
    Ok(Value::from(picked))
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
