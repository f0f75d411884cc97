//! The body of `POST /api/inference/cancel`, which is never refused.

use serde_json::Value;

use crate::api::json;
use crate::api::openai::MAX_ID_BYTES;
use crate::stop::CancelIds;

/// The ids that a cancel request names. What cannot be read names nothing, and nothing is never "all".
///
/// Values that are no strings, and empty strings, are ignored. A `cancel_id` longer than any run's matches
/// nothing, and the other ids do not step in for it.
#[must_use]
pub fn parse_cancel(body: &[u8]) -> CancelIds {
    let value = json::check_size(body)
        .ok()
        .and_then(|()| serde_json::from_slice::<Value>(body).ok());
    let Some(Value::Object(object)) = value else {
        return CancelIds::default();
    };
    let text = |name| {
        let text = object.get(name).and_then(Value::as_str);
        text.filter(|id| !id.is_empty())
    };
    let cancel_id = text("cancel_id");
    if cancel_id.is_some_and(|id| id.len() > MAX_ID_BYTES) {
        return CancelIds::default();
    }
    let id = |name| {
        text(name)
            .filter(|id| id.len() <= MAX_ID_BYTES)
            .map(str::to_owned)
    };
    CancelIds {
        cancel_id: cancel_id.map(str::to_owned),
        session_id: id("session_id"),
        completion_id: id("completion_id"),
        message_id: id("message_id"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ids(cancel: &str, session: &str, completion: &str, message: &str) -> CancelIds {
        let id = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        CancelIds {
            cancel_id: id(cancel),
            session_id: id(session),
            completion_id: id(completion),
            message_id: id(message),
        }
    }

    #[test]
    fn any_subset_of_ids_is_read() {
        let cases = [
            (r#"{"cancel_id":"c"}"#, ids("c", "", "", "")),
            (
                r#"{"session_id":"s","completion_id":"x"}"#,
                ids("", "s", "x", ""),
            ),
            (r#"{"message_id":"m","other":1}"#, ids("", "", "", "m")),
            (
                r#"{"cancel_id":"c","session_id":"s","completion_id":"x","message_id":"m"}"#,
                ids("c", "s", "x", "m"),
            ),
            (r#"{"cancel_id":"","session_id":"s"}"#, ids("", "s", "", "")),
            (r#"{"cancel_id":7,"session_id":"s"}"#, ids("", "s", "", "")),
            (
                r#"{"cancel_id":null,"session_id":["s"]}"#,
                CancelIds::default(),
            ),
        ];
        for (body, wanted) in cases {
            assert_eq!(parse_cancel(body.as_bytes()), wanted, "{body}");
        }
    }

    #[test]
    fn what_cannot_be_read_names_nothing() {
        let bomb = "[".repeat(100_000);
        let deep = format!(
            r#"{{"x":{}{},"cancel_id":"c"}}"#,
            "[".repeat(70),
            "]".repeat(70)
        );
        for body in ["", "{", "[]", "null", "\"c\"", "7", "{}", &bomb, &deep] {
            assert_eq!(parse_cancel(body.as_bytes()), CancelIds::default());
        }
        assert_eq!(
            parse_cancel(b"{\"cancel_id\":\"\xff\"}"),
            CancelIds::default()
        );
    }

    #[test]
    fn an_oversized_cancel_id_does_not_fall_back_to_the_session() {
        let long = "x".repeat(MAX_ID_BYTES + 1);
        let body = format!(r#"{{"cancel_id":"{long}","session_id":"s"}}"#);
        assert_eq!(parse_cancel(body.as_bytes()), CancelIds::default());
        let body = format!(r#"{{"completion_id":"{long}","session_id":"s"}}"#);
        assert_eq!(parse_cancel(body.as_bytes()), ids("", "s", "", ""));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse_cancel(&bytes);
        }
    }
}
