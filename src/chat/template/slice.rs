//! `value[key]` and `value[start:end:step]`.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use super::budget::charge;
use super::ops::{invalid, items};

/// `value[key]`, with a string's characters counted from either end.
pub(super) fn item(value: &Value, key: &Value) -> Result<Value, Error> {
    let (Some(text), Some(index)) = (value.as_str(), key.as_i64()) else {
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
pub(super) struct Bounds {
    pub(super) start: i64,
    pub(super) end: i64,
    step: i64,
}

impl Bounds {
    pub(super) fn new(len: usize, start: Option<i64>, end: Option<i64>, step: i64) -> Self {
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

pub(super) fn slice(
    value: &Value,
    start: &Value,
    end: &Value,
    step: &Value,
) -> Result<Value, Error> {
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
        _ => Ok(Value::UNDEFINED),
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
