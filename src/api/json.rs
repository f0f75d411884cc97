//! Bytes → JSON, with every limit checked before memory is spent on a tree.
//!
//! Stricter than JSON where leniency only hides mistakes: a repeated key, a NUL character, a number
//! that does not fit in a double and half a surrogate pair are errors, and each error names the field.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::errors::{ApiError, clipped};

/// How many arrays and objects may be open at once.
pub const MAX_DEPTH: usize = 64;

/// How many values (members and elements, nested ones included) a body may hold.
pub const MAX_VALUES: usize = 200_000;

/// Parses a request body. Every failure is a 400.
pub fn parse(body: &[u8]) -> Result<Value, ApiError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        ApiError::bad_json(format!(
            "The request body is not valid UTF-8 (at byte {}). Send JSON encoded as UTF-8.",
            error.valid_up_to()
        ))
    })?;
    check_size(text.as_bytes())?;
    build(text)
}

/// Counts depth and values in one pass, without a tree. Broken JSON is left for the parser to report.
pub(crate) fn check_size(body: &[u8]) -> Result<(), ApiError> {
    let (mut depth, mut values) = (0_usize, 1_usize);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in body {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                values += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(ApiError::bad_json(format!(
                "The JSON is nested deeper than {MAX_DEPTH} levels. Flatten it."
            )));
        }
        if values > MAX_VALUES {
            return Err(ApiError::bad_json(format!(
                "The JSON holds more than {MAX_VALUES} values. Send a smaller request."
            )));
        }
    }
    Ok(())
}

fn build(text: &str) -> Result<Value, ApiError> {
    if text.trim_ascii().is_empty() {
        return Err(ApiError::bad_json(
            "The request body is empty. Send a JSON object.",
        ));
    }
    let path = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Node { path: &path }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| {
            let path = display_path(&path.borrow());
            let place = if path.is_empty() {
                String::new()
            } else {
                format!(" in `{path}`")
            };
            let error = ApiError::bad_json(format!(
                "The request body is not acceptable JSON{place}: {error}. Correct it and send it again."
            ));
            if path.is_empty() {
                error
            } else {
                error.with_param(path)
            }
        })
}

/// A step from a container to what it holds.
enum Step {
    Key(String),
    Index(usize),
}

fn display_path(steps: &[Step]) -> String {
    let mut out = String::new();
    for step in steps {
        match step {
            Step::Key(key) if out.is_empty() => out.push_str(&clipped(key)),
            Step::Key(key) => out.extend([".", &clipped(key)]),
            Step::Index(index) => out.extend(["[", &index.to_string(), "]"]),
        }
    }
    out
}

/// Builds one value. On failure the path is left where the parser was.
struct Node<'p> {
    path: &'p RefCell<Vec<Step>>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        if value.contains('\0') {
            return Err(E::custom("a string contains a NUL character"));
        }
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            self.path.borrow_mut().push(Step::Index(items.len()));
            let item = seq.next_element_seed(Node { path: self.path })?;
            self.path.borrow_mut().pop();
            match item {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if key.contains('\0') {
                return Err(A::Error::custom("a key contains a NUL character"));
            }
            self.path.borrow_mut().push(Step::Key(key.clone()));
            if object.contains_key(&key) {
                return Err(A::Error::custom("this key occurs twice"));
            }
            let value = map.next_value_seed(Node { path: self.path })?;
            self.path.borrow_mut().pop();
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refused(body: &[u8], word: &str, param: Option<&str>) {
        let shown = clipped(&String::from_utf8_lossy(body));
        let error = parse(body).expect_err(&shown);
        assert_eq!(error.status, 400, "{shown}");
        assert!(error.message.contains(word), "{shown}: {}", error.message);
        assert_eq!(error.param.as_deref(), param, "{shown}: {}", error.message);
    }

    #[test]
    fn good_json_is_what_serde_json_makes_of_it() {
        let body = r#" {"a":[1,-2,3.5,1e3,true,null,"x\né😀"],"b":{"c":{}}} "#;
        let expected: Value = serde_json::from_str(body).expect("good JSON");
        assert_eq!(parse(body.as_bytes()), Ok(expected));
    }

    #[test]
    fn broken_json_is_refused_with_its_place() {
        refused(b"", "empty", None);
        refused(b" \n", "empty", None);
        refused(b"{", "EOF", None);
        refused(b"{} {}", "trailing", None);
        refused(b"{\"a\":NaN}", "expected value", Some("a"));
        refused(b"{\"a\":[0,Infinity]}", "expected value", Some("a[1]"));
        refused(b"{\"a\":1e400}", "out of range", Some("a"));
        refused(b"{\"a\":{\"b\":\"\\ud800\"}}", "hex escape", Some("a.b"));
        refused(b"{\"a\":\"\\ud800x\"}", "hex escape", Some("a"));
        refused(b"{\"a\":\"\\u0000\"}", "NUL", Some("a"));
        refused(b"{\"a\":\"\0\"}", "control character", Some("a"));
        refused(b"{\"a\\u0000\":1}", "NUL", None);
        refused(b"{\"a\":\"\xff\"}", "UTF-8", None);
        refused(b"{'a':1}", "key", None);
    }

    #[test]
    fn a_repeated_key_is_refused_at_any_depth() {
        refused(br#"{"a":1,"a":2}"#, "twice", Some("a"));
        refused(br#"{"m":[{"a":1,"b":2,"a":3}]}"#, "twice", Some("m[0].a"));
    }

    #[test]
    fn depth_is_limited_and_strings_do_not_count() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        refused(nested(MAX_DEPTH + 1).as_bytes(), "deeper", None);
        refused("[".repeat(10_000).as_bytes(), "deeper", None);
        refused("{\"a\":".repeat(1_000_000).as_bytes(), "deeper", None);
        let in_string = format!("\"\\\"{}\"", "[{,".repeat(MAX_VALUES));
        assert!(parse(in_string.as_bytes()).is_ok());
    }

    #[test]
    fn the_number_of_values_is_limited() {
        let list = |n: usize| format!("[{}0]", "0,".repeat(n));
        assert!(parse(list(MAX_VALUES - 2).as_bytes()).is_ok());
        refused(list(MAX_VALUES - 1).as_bytes(), "values", None);
    }

    #[test]
    fn long_keys_are_shortened_in_errors() {
        let body = format!("{{\"{}\":1e400}}", "k".repeat(100_000));
        let error = parse(body.as_bytes()).expect_err("out of range");
        assert!(error.message.len() < 1000);
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn anything_near_json_is_parsed_or_refused(text in r#"[\[\]{}:,"\\0-9eE+.a-z \-]{0,80}"#) {
            let strict = serde_json::from_str::<Value>(&text).is_ok();
            // Stricter than serde_json, never more lenient.
            prop_assert!(strict || parse(text.as_bytes()).is_err());
        }
    }
}
