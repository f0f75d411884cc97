//! Arithmetic with Python's rules, and with bounds.

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, FormatStyle, Value};

use super::budget::{self, charge};
use super::ops::{ITEM, invalid, is_list, items, names};
use super::text::formatted;

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_function(names::ADD, |a: &Value, b: &Value| add(a, b));
    env.add_function(names::MUL, |a: &Value, b: &Value| multiply(a, b));
    env.add_function(names::REM, |a: &Value, b: &Value| remainder(a, b));
    env.add_function(names::FLOOR_DIV, |a: &Value, b: &Value| floor_divide(a, b));
    env.add_function(names::POW, |a: &Value, b: &Value| power(a, b));
}

fn unsupported(operator: &str, a: &Value, b: &Value) -> Error {
    invalid(format!(
        "unsupported operand types for {operator}: {} and {}",
        a.kind(),
        b.kind()
    ))
}

pub(super) enum Numbers {
    Integers(i128, i128),
    Floats(f64, f64),
}

pub(super) fn numbers(a: &Value, b: &Value) -> Option<Numbers> {
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

pub(super) fn number_value(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

pub(super) fn add(a: &Value, b: &Value) -> Result<Value, Error> {
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

/// `%`: the remainder with the divisor's sign, or `printf`.
fn remainder(a: &Value, b: &Value) -> Result<Value, Error> {
    if let Some(format) = a.as_str() {
        let args = if is_list(b) {
            items(b)?
        } else {
            vec![b.clone()]
        };
        return formatted(FormatStyle::Printf, format, &args);
    }
    match numbers(a, b) {
        Some(Numbers::Integers(_, 0) | Numbers::Floats(_, 0.0)) => {
            Err(invalid("division by zero in %"))
        }
        Some(Numbers::Integers(a, b)) => a
            .checked_rem(b)
            .map(|rest| {
                if rest != 0 && (rest < 0) != (b < 0) {
                    rest + b
                } else {
                    rest
                }
            })
            .map(number_value)
            .ok_or_else(|| invalid("integer overflow in %")),
        Some(Numbers::Floats(a, b)) => Ok(Value::from(a - b * (a / b).floor())),
        None => Err(unsupported("%", a, b)),
    }
}

/// `//`: the quotient rounded down.
fn floor_divide(a: &Value, b: &Value) -> Result<Value, Error> {
    match numbers(a, b) {
        Some(Numbers::Integers(_, 0) | Numbers::Floats(_, 0.0)) => {
            Err(invalid("division by zero in //"))
        }
        Some(Numbers::Integers(a, b)) => a
            .checked_div(b)
            .map(|quotient| quotient - i128::from(a % b != 0 && (a < 0) != (b < 0)))
            .map(number_value)
            .ok_or_else(|| invalid("integer overflow in //")),
        Some(Numbers::Floats(a, b)) => Ok(Value::from((a / b).floor())),
        None => Err(unsupported("//", a, b)),
    }
}

fn power(a: &Value, b: &Value) -> Result<Value, Error> {
    match numbers(a, b) {
        Some(Numbers::Integers(a, b)) if b >= 0 => u32::try_from(b)
            .ok()
            .and_then(|b| a.checked_pow(b))
            .map(number_value)
            .ok_or_else(|| invalid("integer overflow in **")),
        Some(Numbers::Integers(a, b)) => Ok(Value::from((a as f64).powf(b as f64))),
        Some(Numbers::Floats(a, b)) => Ok(Value::from(a.powf(b))),
        None => Err(unsupported("**", a, b)),
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
