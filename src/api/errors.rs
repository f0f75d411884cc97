//! [`ApiError`]: what a client is told when a request cannot be served.

use serde_json::{Value, json};

/// The code of a form that cannot be enforced.
pub const INVALID_CONSTRAINT: &str = "invalid_constraint";

/// Which family of paths a request came in by. It decides the shape of errors and one default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Surface {
    /// Paths under `/v1`.
    OpenAi,
    /// Paths under `/api`.
    Studio,
}

/// An error as the wire shows it. The message says what is wrong and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The `type` string, which follows from the status.
    pub kind: &'static str,
    /// A machine-readable cause, where there is a standard one.
    pub code: Option<&'static str>,
    /// The path of the field that is wrong, as in `messages[3].content`.
    pub param: Option<String>,
    /// For people.
    pub message: String,
    /// Seconds after which trying again makes sense (the `Retry-After` header).
    pub retry_after: Option<u32>,
}

impl ApiError {
    /// An error with the type that belongs to its status.
    #[must_use]
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: kind_of(status),
            code: None,
            param: None,
            message: message.into(),
            retry_after: None,
        }
    }

    /// The same error with a machine-readable cause.
    #[must_use]
    pub fn with_code(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// The same error, pointing at a field.
    #[must_use]
    pub fn with_param(self, param: impl Into<String>) -> Self {
        Self {
            param: Some(param.into()),
            ..self
        }
    }

    /// The same error with a `Retry-After`.
    #[must_use]
    pub fn with_retry_after(self, seconds: u32) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    /// 400: the body is not usable JSON.
    #[must_use]
    pub fn bad_json(message: impl Into<String>) -> Self {
        Self::new(400, message).with_code("invalid_value")
    }

    /// 400: the field has the right type and a wrong value.
    #[must_use]
    pub fn invalid_value(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, message)
            .with_code("invalid_value")
            .with_param(param)
    }

    /// 400: the field has the wrong JSON type.
    #[must_use]
    pub fn invalid_type(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, message)
            .with_code("invalid_type")
            .with_param(param)
    }

    /// 400: the field is known, and this version cannot do what it asks for.
    #[must_use]
    pub fn unsupported_parameter(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(400, message)
            .with_code("unsupported_parameter")
            .with_param(param)
    }

    /// 400: the form that the answer is to have cannot be enforced.
    #[must_use]
    pub fn invalid_constraint(message: impl Into<String>) -> Self {
        Self::new(400, message).with_code(INVALID_CONSTRAINT)
    }

    /// 503: something is taken that is free again in a moment.
    #[must_use]
    pub fn busy(message: impl Into<String>, retry_after: u32) -> Self {
        Self::new(503, message).with_retry_after(retry_after)
    }

    /// 400: the prompt does not fit. Studio's page looks for the words "Message too long", `LangChain` for "prompt is too
    /// long".
    #[must_use]
    pub fn context_length_exceeded(prompt_tokens: u64, context_length: u64) -> Self {
        Self::new(
            400,
            format!(
                "Message too long: {prompt_tokens} tokens exceeds the {context_length}-token context \
                 window. The prompt is too long: shorten it, or load the model with a larger context length."
            ),
        )
        .with_code("context_length_exceeded")
        .with_param("messages")
    }

    /// 404: no model of that name. `param` is `model`; see [`ApiError::with_param`] for other places.
    #[must_use]
    pub fn model_not_found(name: &str) -> Self {
        Self::new(
            404,
            format!(
                "No model is called {}. GET /v1/models lists the models that there are.",
                quoted(name)
            ),
        )
        .with_code("model_not_found")
        .with_param("model")
    }

    /// 400: nothing is loaded that could answer.
    #[must_use]
    pub fn model_not_loaded() -> Self {
        Self::new(
            400,
            "No model loaded. Load one first: POST /api/inference/load with a `model_path`.",
        )
    }

    /// 503: the model is being loaded; try again after `retry_after` seconds.
    #[must_use]
    pub fn model_loading(name: &str, retry_after: u32) -> Self {
        Self::new(
            503,
            format!(
                "The model {} is still loading. Try again in {retry_after} s; \
                 GET /api/inference/load-progress shows how far it is.",
                quoted(name)
            ),
        )
        .with_code("model_loading")
        .with_retry_after(retry_after)
    }

    /// 429: the queue is full; try again after `retry_after` seconds.
    #[must_use]
    pub fn queue_full(retry_after: u32) -> Self {
        Self::new(
            429,
            format!(
                "The server is busy and its queue is full. Try again in {retry_after} s, or start it \
                 with more parallel sequences."
            ),
        )
        .with_code("queue_full")
        .with_retry_after(retry_after)
    }

    /// 503: the request waited in the queue for as long as the server allows.
    #[must_use]
    pub fn queue_timeout(retry_after: u32) -> Self {
        Self::new(
            503,
            format!(
                "The request waited in the queue until its time ran out. Try again in {retry_after} s."
            ),
        )
        .with_code("queue_timeout")
        .with_retry_after(retry_after)
    }

    /// 503: the server is shutting down.
    #[must_use]
    pub fn shutting_down() -> Self {
        Self::new(
            503,
            "The server is shutting down and takes no new requests. Try again once it runs again.",
        )
        .with_code("shutting_down")
    }

    /// 400: the request is wrong in a way that is not one field's fault.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// 401: no credentials, or wrong ones.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(
            401,
            "Invalid or expired API key. Send `Authorization: Bearer KEY` or `x-api-key: KEY` with a \
             key that the server was started with.",
        )
        .with_code("invalid_api_key")
    }

    /// 403: the caller is known, or does not need to be, and may still not do this.
    #[must_use]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, message)
    }

    /// 404: no such thing.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// 404: no such path under `/api` or `/v1`.
    #[must_use]
    pub fn endpoint_not_found() -> Self {
        Self::new(
            404,
            "API endpoint not found. Check the method and the path against the server's documentation.",
        )
    }

    /// 409: it clashes with what is going on.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, message)
    }

    /// 413: the body is larger than `limit_bytes`.
    #[must_use]
    pub fn body_too_large(limit_bytes: u64) -> Self {
        Self::new(
            413,
            format!("The request body is larger than {limit_bytes} bytes. Send a smaller one."),
        )
        .with_code("body_too_large")
    }

    /// 499: the request was stopped before it had an answer.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(
            499,
            "The request was cancelled before it had an answer. Send it again if it was not meant to be.",
        )
        .with_code("cancelled")
    }

    /// 500: the server's fault.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, message)
    }

    /// The JSON body: an `error` object, and under `/api` a `detail` string beside it.
    #[must_use]
    pub fn body(&self, surface: Surface) -> Value {
        let mut body = json!({
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        });
        if surface == Surface::Studio {
            body["detail"] = Value::String(self.message.clone());
        }
        body
    }
}

/// The error `type` that belongs to an HTTP status.
fn kind_of(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        429 => "rate_limit_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// The most characters of a client's own text that an error repeats.
const CLIP: usize = 60;

/// A client's text, quoted, escaped and shortened, fit for an error message.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", clipped(text))
}

/// A client's text, escaped and shortened.
pub(crate) fn clipped(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(CLIP)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(CLIP).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_follows_from_the_status() {
        let kinds = [
            (400, "invalid_request_error"),
            (401, "authentication_error"),
            (403, "permission_error"),
            (404, "not_found_error"),
            (409, "conflict_error"),
            (413, "invalid_request_error"),
            (422, "invalid_request_error"),
            (429, "rate_limit_error"),
            (499, "invalid_request_error"),
            (500, "api_error"),
            (503, "api_error"),
        ];
        for (status, kind) in kinds {
            assert_eq!(ApiError::new(status, "x").kind, kind, "{status}");
        }
    }

    #[test]
    fn the_envelope_names_type_param_and_code() {
        let error = ApiError::invalid_value("top_k", "too large");
        assert_eq!(
            error.body(Surface::OpenAi),
            json!({"error": {
                "message": "too large",
                "type": "invalid_request_error",
                "param": "top_k",
                "code": "invalid_value",
            }})
        );
    }

    #[test]
    fn under_api_the_message_is_mirrored_as_detail() {
        let body = ApiError::model_not_loaded().body(Surface::Studio);
        assert_eq!(body["detail"], body["error"]["message"]);
        assert!(
            body["detail"]
                .as_str()
                .is_some_and(|text| text.starts_with("No model loaded"))
        );
        assert_eq!(body["error"]["param"], Value::Null);
    }

    #[test]
    fn the_overflow_text_has_the_words_that_the_page_looks_for() {
        let error = ApiError::context_length_exceeded(5000, 4096);
        assert!(
            error
                .message
                .starts_with("Message too long: 5000 tokens exceeds the 4096-token context window")
        );
        assert_eq!(error.code, Some("context_length_exceeded"));
        assert_eq!(error.param.as_deref(), Some("messages"));
    }

    #[test]
    fn a_clients_text_is_repeated_shortened_and_escaped() {
        assert_eq!(clipped("a\nb"), "a\\nb");
        assert_eq!(clipped(&"x".repeat(1000)).chars().count(), CLIP + 1);
    }
}
