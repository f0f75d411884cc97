//! Keywords whose values are data: types, bounds, values, patterns.

use serde_json::{Map, Value, json};

use super::{formats, pattern};
use crate::constraint::ConstraintError;
use crate::constraint::limits::{self, MAX_REPETITION, MAX_STRING_LENGTH};

/// Numeric bounds are enforced within this; a wider bound becomes this one. Up to here a double holds
/// every whole number with three decimal places.
const MAX_NUMBER: f64 = 1e12;

/// How far from an exclusive bound numbers stay, at least.
const EXCLUSIVE_DISTANCE: f64 = 1e-9;

const TYPES: &[&str] = &[
    "null", "boolean", "number", "integer", "string", "array", "object",
];

/// Checks the value of a keyword, and writes it in a form that is enforced exactly.
pub(super) fn checked(name: &str, value: &Value, place: &str) -> Result<Value, ConstraintError> {
    match name {
        "type" => check_type(value, place)?,
        "const" => check_instance(value, place)?,
        "enum" => {
            let values = value
                .as_array()
                .ok_or_else(|| wrong(name, value, place, "a list"))?;
            if values.is_empty() {
                return Err(ConstraintError::Empty {
                    what: "JSON schema",
                    problem: format!("`enum` at {place} has no values"),
                });
            }
            values
                .iter()
                .try_for_each(|value| check_instance(value, place))?;
        }
        "required" => {
            let names = value
                .as_array()
                .filter(|names| names.iter().all(Value::is_string));
            names.ok_or_else(|| wrong(name, value, place, "a list of strings"))?;
        }
        "pattern" => {
            let source = value
                .as_str()
                .ok_or_else(|| wrong(name, value, place, "a string"))?;
            return Ok(json!(pattern::translate(source, place)?));
        }
        "format" => formats::check(value, place)?,
        "multipleOf" => {
            let number = value
                .as_f64()
                .filter(|&number| number > 0.0 && number <= MAX_NUMBER);
            number.ok_or_else(|| wrong(name, value, place, "a positive number up to 10^12"))?;
        }
        "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" => {
            return bound(name, value, place);
        }
        _ => return count(name, value, place),
    }
    Ok(value.clone())
}

/// Checks and completes keywords that depend on each other.
pub(super) fn finish(object: &mut Map<String, Value>, place: &str) -> Result<(), ConstraintError> {
    let required = object
        .get("required")
        .and_then(Value::as_array)
        .map_or(0, Vec::len) as u64;
    let least = object
        .get("minProperties")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    // Nothing keeps a key that is not listed from being written twice, and it would be counted twice.
    if least > required + 1 {
        return Err(ConstraintError::Unsupported {
            problem: format!(
                "`minProperties` at {place} asks for {least} properties, but only {required} are required by name"
            ),
            advice: "name the properties in `required`".to_owned(),
        });
    }
    without_exclusive_bounds(object);
    // Far beyond what a double holds exactly, no reader could tell a multiple from its neighbour.
    if object.contains_key("multipleOf") {
        for (name, limit) in [("minimum", -MAX_NUMBER), ("maximum", MAX_NUMBER)] {
            object.entry(name).or_insert(json!(limit as i64));
        }
    }
    formats::replace(object);
    Ok(())
}

/// Turns exclusive bounds into inclusive ones just inside. llguidance lets some exclusive bounds through, and
/// a text of many digits could round to the bound itself.
fn without_exclusive_bounds(object: &mut Map<String, Value>) {
    for (exclusive, inclusive, inwards) in [
        ("exclusiveMinimum", "minimum", 1.0),
        ("exclusiveMaximum", "maximum", -1.0),
    ] {
        let own = object.get(inclusive).and_then(Value::as_f64);
        // In draft 4 it is a flag of the other bound.
        let bound = match object.remove(exclusive) {
            Some(Value::Bool(true)) => own,
            Some(other) => other.as_f64(),
            None => None,
        };
        let Some(bound) = bound else { continue };
        let neighbour = if inwards > 0.0 {
            bound.next_up()
        } else {
            bound.next_down()
        };
        let step = (neighbour - bound).abs().max(EXCLUSIVE_DISTANCE);
        let inside = bound + inwards * step;
        let keeps_own = own.is_some_and(|own| (own - inside) * inwards >= 0.0);
        if !keeps_own {
            object.insert(inclusive.to_owned(), json!(inside));
        }
    }
}

fn check_type(value: &Value, place: &str) -> Result<(), ConstraintError> {
    let is_type = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    let good = match value {
        Value::Array(names) => !names.is_empty() && names.iter().all(is_type),
        other => is_type(other),
    };
    if good {
        return Ok(());
    }
    Err(wrong(
        "type",
        value,
        place,
        "one or several of the types of JSON",
    ))
}

/// A value that is to be generated literally.
fn check_instance(value: &Value, place: &str) -> Result<(), ConstraintError> {
    match value {
        Value::Number(_) if !is_exact(value) => Err(ConstraintError::Unsupported {
            problem: format!("{value} at {place} has more digits than a double holds"),
            advice: "send it as a string".to_owned(),
        }),
        Value::String(text) if text.chars().any(pattern::needs_u) => {
            Err(ConstraintError::Unsupported {
                problem: format!("{} at {place} holds a control character", shown(value)),
                advice: "leave that character out".to_owned(),
            })
        }
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| check_instance(item, place)),
        Value::Object(members) => members
            .values()
            .try_for_each(|value| check_instance(value, place)),
        _ => Ok(()),
    }
}

fn is_exact(value: &Value) -> bool {
    let Some(float) = value.as_f64() else {
        return false;
    };
    let whole = value
        .as_i64()
        .map(i128::from)
        .or(value.as_u64().map(i128::from));
    whole.is_none_or(|whole| float as i128 == whole)
}

/// A bound beyond what is enforced is drawn in; one that leaves nothing is refused.
fn bound(name: &str, value: &Value, place: &str) -> Result<Value, ConstraintError> {
    if value.is_boolean() && name.starts_with("exclusive") {
        return Ok(value.clone());
    }
    let number = value
        .as_f64()
        .ok_or_else(|| wrong(name, value, place, "a number"))?;
    if number.abs() <= MAX_NUMBER {
        return Ok(value.clone());
    }
    let is_lower = name == "minimum" || name == "exclusiveMinimum";
    if (number > 0.0) == is_lower {
        return Err(wrong(name, value, place, "a number within ±10^12"));
    }
    Ok(json!(MAX_NUMBER.copysign(number) as i64))
}

/// A number of items, properties or characters. Upper bounds beyond the limit are drawn in.
fn count(name: &str, value: &Value, place: &str) -> Result<Value, ConstraintError> {
    let number = match (value.as_u64(), value.as_f64()) {
        (Some(number), _) => number,
        // 2.0 is a whole number in JSON Schema.
        (None, Some(float)) if float >= 0.0 && float.fract() == 0.0 && float < 1e15 => float as u64,
        _ => {
            return Err(wrong(
                name,
                value,
                place,
                "a whole number that is not negative",
            ));
        }
    };
    let limit = match name {
        "minLength" | "maxLength" => MAX_STRING_LENGTH,
        _ => MAX_REPETITION,
    };
    if name.starts_with("max") {
        return Ok(json!(number.min(limit)));
    }
    limits::check(
        &format!("`{name}` at {place}"),
        number,
        limit,
        "as it stands",
    )?;
    Ok(json!(number))
}

fn wrong(name: &str, value: &Value, place: &str, wanted: &str) -> ConstraintError {
    invalid(format!(
        "`{name}` at {place} is not {wanted} but {}",
        shown(value)
    ))
}

pub(super) fn invalid(problem: String) -> ConstraintError {
    ConstraintError::Invalid {
        what: "JSON schema",
        problem,
    }
}

/// A value, short enough for a message.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
