//! [`Fields`]: typed access to a JSON object, with errors that name the path, what was wanted and what
//! was sent. `null` counts as absent everywhere.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::errors::{ApiError, clipped, quoted};

/// A JSON object and where it is in the request.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// Empty for the request itself, else as in `messages[3]`.
    path: String,
}

/// A range in words; an upper end of `unbounded` is left out.
fn shown_range<T: Display + PartialEq + Copy>(low: T, high: T, unbounded: T) -> String {
    if high == unbounded {
        format!("of {low} or more")
    } else {
        format!("from {low} to {high}")
    }
}

impl<'a> Fields<'a> {
    /// The request itself, which must be an object.
    pub fn root(value: &'a Value) -> Result<Self, ApiError> {
        match value {
            Value::Object(object) => Ok(Self {
                object,
                path: String::new(),
            }),
            other => Err(ApiError::new(
                400,
                format!(
                    "The request must be a JSON object, and is {}. Send an object.",
                    described(other)
                ),
            )
            .with_code("invalid_type")),
        }
    }

    /// An object somewhere inside the request.
    pub fn at(value: &'a Value, path: String) -> Result<Self, ApiError> {
        match value {
            Value::Object(object) => Ok(Self { object, path }),
            other => Err(wrong_type(&path, "an object", other)),
        }
    }

    /// The path of a field of this object.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// The raw value; `null` is absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        #[cfg(test)]
        recorder::saw(&self.path(name));
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// Whether the key is there at all, be it with `null`.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// The object itself.
    #[must_use]
    pub fn object(&self) -> &'a Map<String, Value> {
        self.object
    }

    /// `true` or `false`.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        self.read(name, "true or false", Value::as_bool)
    }

    /// Any text, the empty one included.
    pub fn string(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        self.read(name, "a string", Value::as_str)
    }

    /// A text that must be there and must not be empty.
    pub fn required_string(&self, name: &str) -> Result<&'a str, ApiError> {
        match self.string(name)? {
            Some("") => Err(ApiError::invalid_value(
                self.path(name),
                format!("`{}` must not be empty.", self.path(name)),
            )),
            Some(text) => Ok(text),
            None => Err(self.missing(name, "a string")),
        }
    }

    /// A text of at most `max_bytes`; the empty one counts as absent.
    pub fn id(&self, name: &str, max_bytes: usize) -> Result<Option<String>, ApiError> {
        let text = self.string(name)?.filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.len() > max_bytes) {
            let path = self.path(name);
            let message = format!("`{path}` must not be longer than {max_bytes} bytes.");
            return Err(ApiError::invalid_value(path, message));
        }
        Ok(text.map(str::to_owned))
    }

    /// A list.
    pub fn list(&self, name: &str) -> Result<Option<&'a [Value]>, ApiError> {
        self.read(name, "an array", |value| {
            value.as_array().map(Vec::as_slice)
        })
    }

    /// A list of texts.
    pub fn strings(&self, name: &str) -> Result<Option<Vec<String>>, ApiError> {
        let Some(list) = self.list(name)? else {
            return Ok(None);
        };
        let texts = list.iter().enumerate().map(|(index, item)| {
            item.as_str().map(str::to_owned).ok_or_else(|| {
                wrong_type(&format!("{}[{index}]", self.path(name)), "a string", item)
            })
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// An object.
    pub fn fields(&self, name: &str) -> Result<Option<Fields<'a>>, ApiError> {
        self.get(name)
            .map(|value| Fields::at(value, self.path(name)))
            .transpose()
    }

    /// A number within a range, both ends included.
    pub fn number(&self, name: &str, range: RangeInclusive<f32>) -> Result<Option<f32>, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        read_number(&self.path(name), value, range).map(Some)
    }

    /// A whole number within a range, both ends included. `i128::MAX` as the upper end means "no bound".
    /// `40.0` is a whole number.
    pub fn integer(
        &self,
        name: &str,
        range: RangeInclusive<i128>,
    ) -> Result<Option<i128>, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let path = self.path(name);
        let wanted = format!(
            "a whole number {}",
            shown_range(*range.start(), *range.end(), i128::MAX)
        );
        let number = whole(value).ok_or_else(|| wrong_type(&path, &wanted, value))?;
        if range.contains(&number) {
            Ok(Some(number))
        } else {
            Err(wrong_value(&path, &wanted, value))
        }
    }

    /// One of a few words.
    pub fn choice<T: Copy>(
        &self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let words: Vec<String> = choices
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let wanted = words.join(" or ");
        let text = value
            .as_str()
            .ok_or_else(|| wrong_type(&self.path(name), &wanted, value))?;
        let found = choices.iter().find(|(word, _)| *word == text);
        found
            .map(|(_, choice)| Some(*choice))
            .ok_or_else(|| wrong_value(&self.path(name), &wanted, value))
    }

    /// The error for a field that must be there.
    #[must_use]
    pub fn missing(&self, name: &str, wanted: &str) -> ApiError {
        let path = self.path(name);
        let message = format!("`{path}` is required and is missing: send {wanted}.");
        ApiError::invalid_value(path, message)
    }

    fn read<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        read(value)
            .map(Some)
            .ok_or_else(|| wrong_type(&self.path(name), wanted, value))
    }
}

/// A number within a range, both ends included.
pub fn read_number(path: &str, value: &Value, range: RangeInclusive<f32>) -> Result<f32, ApiError> {
    let wanted = format!(
        "a number {}",
        shown_range(*range.start(), *range.end(), f32::INFINITY)
    );
    let number = value
        .as_f64()
        .ok_or_else(|| wrong_type(path, &wanted, value))?;
    // Before it is rounded: 2.00000001 is more than 2.
    if (f64::from(*range.start())..=f64::from(*range.end())).contains(&number) {
        Ok(number as f32)
    } else {
        Err(wrong_value(path, &wanted, value))
    }
}

/// The value as a whole number, be it written as `40.0`; huge ones saturate. `None` for anything else.
pub(crate) fn whole(value: &Value) -> Option<i128> {
    value
        .as_i64()
        .map(i128::from)
        .or_else(|| value.as_u64().map(i128::from))
        .or_else(|| {
            let number = value.as_f64()?;
            (number.fract() == 0.0).then_some(number as i128)
        })
}

/// 400 `invalid_type`.
#[must_use]
pub fn wrong_type(path: &str, wanted: &str, got: &Value) -> ApiError {
    ApiError::invalid_type(
        path,
        format!("`{path}` must be {wanted}, and is {}.", described(got)),
    )
}

/// 400 `invalid_value`.
#[must_use]
pub fn wrong_value(path: &str, wanted: &str, got: &Value) -> ApiError {
    ApiError::invalid_value(
        path,
        format!("`{path}` must be {wanted}, and is {}.", described(got)),
    )
}

/// A value in a few words, for error messages.
#[must_use]
pub fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {}", clipped(&number.to_string())),
        Value::String(text) => format!("the string {}", quoted(text)),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
#[path = "fields_recorder.rs"]
pub(crate) mod recorder;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
        let error = result.expect_err("refused");
        let code = error.code.unwrap_or("-");
        format!("{code}: {}", error.message)
    }

    #[test]
    fn null_and_absent_are_the_same() {
        let value = json!({"a": null});
        let fields = Fields::root(&value).expect("an object");
        for name in ["a", "b"] {
            assert_eq!(fields.boolean(name), Ok(None));
            assert_eq!(fields.string(name), Ok(None));
            assert_eq!(fields.list(name), Ok(None));
            assert_eq!(fields.number(name, 0.0..=1.0), Ok(None));
            assert_eq!(fields.integer(name, 0..=1), Ok(None));
            assert_eq!(fields.choice(name, &[("x", 1)]), Ok(None));
        }
    }

    #[test]
    fn errors_name_the_path_what_was_wanted_and_what_was_sent() {
        let value = json!({"n": 3.5, "s": "abc", "l": [1], "o": {"x": true}});
        let fields = Fields::at(&value, "messages[3]".into()).expect("an object");
        let cases = [
            (
                message(fields.integer("n", 0..=5)),
                "invalid_type: `messages[3].n` must be a whole number from 0 to 5, and is the number 3.5.",
            ),
            (
                message(fields.number("n", 0.0..=2.0)),
                "invalid_value: `messages[3].n` must be a number from 0 to 2, and is the number 3.5.",
            ),
            (
                message(fields.integer("s", 1..=i128::MAX)),
                "invalid_type: `messages[3].s` must be a whole number of 1 or more, and is the string \"abc\".",
            ),
            (
                message(fields.strings("l")),
                "invalid_type: `messages[3].l[0]` must be a string, and is the number 1.",
            ),
            (
                message(fields.choice("s", &[("low", 1), ("high", 2)])),
                "invalid_value: `messages[3].s` must be \"low\" or \"high\", and is the string \"abc\".",
            ),
            (
                message(fields.boolean("o")),
                "invalid_type: `messages[3].o` must be true or false, and is an object.",
            ),
            (
                message(fields.required_string("none")),
                "invalid_value: `messages[3].none` is required and is missing: send a string.",
            ),
        ];
        for (got, wanted) in cases {
            assert_eq!(got, wanted);
        }
    }

    #[test]
    fn ranges_are_kept_before_numbers_are_rounded() {
        for (number, is_good) in [
            (json!(2.0), true),
            (json!(1.999_999_999), true),
            (json!(2.000_000_001), false),
            (json!(-0.000_000_001), false),
        ] {
            let value = json!({"n": number});
            let fields = Fields::root(&value).expect("an object");
            assert_eq!(fields.number("n", 0.0..=2.0).is_ok(), is_good, "{value}");
        }
    }

    #[test]
    fn whole_numbers_may_be_written_as_floats_and_saturate() {
        let value = json!({"a": 40.0, "b": 1e300, "c": -1e300, "d": u64::MAX});
        let fields = Fields::root(&value).expect("an object");
        let any = i128::MIN..=i128::MAX;
        assert_eq!(fields.integer("a", any.clone()), Ok(Some(40)));
        assert_eq!(fields.integer("b", any.clone()), Ok(Some(i128::MAX)));
        assert_eq!(fields.integer("c", any.clone()), Ok(Some(i128::MIN)));
        assert_eq!(fields.integer("d", any), Ok(Some(u64::MAX.into())));
    }

    #[test]
    fn the_request_must_be_an_object() {
        for value in [json!(null), json!([]), json!("x"), json!(1)] {
            assert!(message(Fields::root(&value)).starts_with("invalid_type"));
        }
    }
}
