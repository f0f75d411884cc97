//! A field that holds one text, several, a list of token ids, or several of those.

use serde_json::Value;

use crate::api::errors::ApiError;
use crate::api::fields::{Fields, whole, wrong_type};
use crate::llama::Token;

/// What one input may be.
const WANTED: &str = "a string, an array of strings, an array of token ids or an array of those";

/// Reads the inputs of a field, at least one and at most `most`. A list of numbers is one input; in every other list
/// each element is one. Whether the ids exist is for the model to say.
pub(super) fn inputs<T>(
    request: &Fields<'_>,
    name: &str,
    most: usize,
    text: fn(String) -> T,
    tokens: fn(Vec<Token>) -> T,
) -> Result<Vec<T>, ApiError> {
    let path = request.path(name);
    let list = match request.get(name) {
        None => return Err(request.missing(name, WANTED)),
        Some(Value::String(one)) => return Ok(vec![text(one.clone())]),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(wrong_type(&path, WANTED, other)),
    };
    if list.first().is_some_and(Value::is_number) {
        return Ok(vec![tokens(token_ids(&path, list)?)]);
    }
    check_count(&path, list.len(), most)?;
    let read = |(index, item): (usize, &Value)| {
        let path = format!("{path}[{index}]");
        match item {
            Value::String(one) => Ok(text(one.clone())),
            Value::Array(ids) => token_ids(&path, ids).map(tokens),
            other => Err(wrong_type(
                &path,
                "a string or an array of token ids",
                other,
            )),
        }
    };
    list.iter().enumerate().map(read).collect()
}

/// Refuses a list without elements, and one with more than `most`.
pub(super) fn check_count(path: &str, count: usize, most: usize) -> Result<(), ApiError> {
    let message = if count == 0 {
        format!("`{path}` is empty. Send at least one.")
    } else if count > most {
        format!(
            "`{path}` must not hold more than {most}, and holds {count}. Send several requests."
        )
    } else {
        return Ok(());
    };
    Err(ApiError::invalid_value(path, message))
}

/// Token ids, at least one.
fn token_ids(path: &str, list: &[Value]) -> Result<Vec<Token>, ApiError> {
    if list.is_empty() {
        let message = format!("`{path}` holds no token ids. Send at least one.");
        return Err(ApiError::invalid_value(path, message));
    }
    read_token_ids(path, list)
}

/// Token ids.
pub(crate) fn read_token_ids(path: &str, list: &[Value]) -> Result<Vec<Token>, ApiError> {
    let read = |(index, item): (usize, &Value)| {
        let id = whole(item).filter(|&id| id >= 0);
        let id = id.and_then(|id| i32::try_from(id).ok());
        let wrong = || wrong_type(&format!("{path}[{index}]"), "a token id", item);
        id.map(Token).ok_or_else(wrong)
    };
    list.iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Texts as they are, tokens as a list.
    fn read(value: &Value) -> Result<Vec<String>, ApiError> {
        let body = json!({"input": value});
        let request = Fields::root(&body).expect("an object");
        let tokens =
            |ids: Vec<Token>| format!("{:?}", ids.iter().map(|id| id.0).collect::<Vec<_>>());
        inputs(&request, "input", 3, |text| text, tokens)
    }

    #[test]
    fn every_form_is_read() {
        for (value, wanted) in [
            (json!("a"), vec!["a"]),
            (json!(""), vec![""]),
            (json!(["a", "b"]), vec!["a", "b"]),
            (json!([1, 2, 3, 4]), vec!["[1, 2, 3, 4]"]),
            (json!([[1, 2], [3]]), vec!["[1, 2]", "[3]"]),
            // As JSON knows whole numbers.
            (json!([1.0, 2e3]), vec!["[1, 2000]"]),
            (
                json!(["a", [0, 2_147_483_647]]),
                vec!["a", "[0, 2147483647]"],
            ),
        ] {
            let read = read(&value).expect("inputs");
            assert_eq!(read, wanted, "{value}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (value, param) in [
            (Value::Null, "input"),
            (json!(7), "input"),
            (json!({"text": "a"}), "input"),
            (json!([]), "input"),
            (json!(["a", "b", "c", "d"]), "input"),
            (json!([[]]), "input[0]"),
            (json!(["a", 1]), "input[1]"),
            (json!([1, "a"]), "input[1]"),
            (json!([1, 2.5]), "input[1]"),
            (json!([[1], [2, -1]]), "input[1][1]"),
            (json!([[1], [4_294_967_296_u64]]), "input[1][0]"),
            (json!(["a", {"text": "b"}]), "input[1]"),
        ] {
            let error = read(&value).expect_err(param);
            assert_eq!(
                (error.status, error.param.as_deref()),
                (400, Some(param)),
                "{value}"
            );
        }
    }
}
