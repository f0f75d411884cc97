//! `POST /tokenize` and `/detokenize`: requests and responses in llama-server's shape.

use serde_json::{Value, json};

use super::errors::ApiError;
use super::fields::Fields;
use super::openai::read_token_ids;
use crate::llama::{Token, TokenizeOptions};

/// The longest text that is made into tokens, in bytes. Far beyond every context: tokenising cannot be stopped, and takes
/// up to a second for that much.
pub const MAX_CONTENT_BYTES: usize = 4 << 20;

/// A validated request for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizeRequest {
    /// The text; at most [`MAX_CONTENT_BYTES`].
    pub content: String,
    /// `add_special` (no, unless it is sent) and `parse_special` (yes, unless it is sent).
    pub options: TokenizeOptions,
    /// Whether each token comes with its text.
    pub with_pieces: bool,
}

impl TokenizeRequest {
    /// Validates a request body. Every error is a 400 that names the field.
    pub fn parse(body: &Value) -> Result<Self, ApiError> {
        let request = Fields::root(body)?;
        let content = request.string("content")?;
        let content = content.ok_or_else(|| request.missing("content", "a string"))?;
        if content.len() > MAX_CONTENT_BYTES {
            let message = format!(
                "`content` has {} bytes, and may have {MAX_CONTENT_BYTES}. Send it in pieces.",
                content.len()
            );
            return Err(ApiError::invalid_value("content", message));
        }
        Ok(Self {
            content: content.to_owned(),
            options: TokenizeOptions {
                add_special: request.boolean("add_special")?.unwrap_or(false),
                parse_special: request.boolean("parse_special")?.unwrap_or(true),
            },
            with_pieces: request.boolean("with_pieces")?.unwrap_or(false),
        })
    }
}

/// `{"tokens": [1, 2]}`.
#[must_use]
pub fn tokens_response(tokens: &[Token]) -> Value {
    json!({ "tokens": tokens.iter().map(|token| token.0).collect::<Vec<_>>() })
}

/// `{"tokens": [{"id": 1, "piece": "a"}]}`; a piece that is no whole characters is a list of its bytes.
#[must_use]
pub fn pieces_response(tokens: &[(Token, Vec<u8>)]) -> Value {
    let shown = tokens.iter().map(|(token, bytes)| {
        let piece = match std::str::from_utf8(bytes) {
            Ok(text) => json!(text),
            Err(_) => json!(bytes),
        };
        json!({"id": token.0, "piece": piece})
    });
    json!({ "tokens": shown.collect::<Vec<_>>() })
}

/// The `tokens` of a request for their text. Whether they exist is for the model to say.
pub fn parse_detokenize(body: &Value) -> Result<Vec<Token>, ApiError> {
    let request = Fields::root(body)?;
    let list = request.list("tokens")?;
    let list = list.ok_or_else(|| request.missing("tokens", "a list of token ids"))?;
    read_token_ids(&request.path("tokens"), list)
}

/// `{"content": "a"}`.
#[must_use]
pub fn detokenize_response(content: &str) -> Value {
    json!({ "content": content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_llama_servers_defaults() {
        let request = TokenizeRequest::parse(&json!({"content": "a"})).expect("good");
        let (options, with_pieces) = (request.options, request.with_pieces);
        assert_eq!(
            (options.add_special, options.parse_special, with_pieces),
            (false, true, false)
        );
        let body = json!({"content": "", "add_special": true, "parse_special": false, "with_pieces": true});
        let request = TokenizeRequest::parse(&body).expect("good");
        assert!(
            request.options.add_special && request.with_pieces && !request.options.parse_special
        );
        let body = json!({"tokens": [1, 0]});
        assert_eq!(parse_detokenize(&body), Ok(vec![Token(1), Token(0)]));
        assert_eq!(parse_detokenize(&json!({"tokens": []})), Ok(Vec::new()));
    }

    #[test]
    fn wrong_values_are_named() {
        let tokenize = |body: &Value| TokenizeRequest::parse(body).map(|_| ());
        let detokenize = |body: &Value| parse_detokenize(body).map(|_| ());
        let large = "x".repeat(MAX_CONTENT_BYTES + 1);
        for (result, code, param) in [
            (tokenize(&json!({})), "invalid_value", "content"),
            (
                tokenize(&json!({"content": ["a"]})),
                "invalid_type",
                "content",
            ),
            (
                tokenize(&json!({"content": large})),
                "invalid_value",
                "content",
            ),
            (
                tokenize(&json!({"content": "a", "with_pieces": 1})),
                "invalid_type",
                "with_pieces",
            ),
            (detokenize(&json!({})), "invalid_value", "tokens"),
            (
                detokenize(&json!({"tokens": "a"})),
                "invalid_type",
                "tokens",
            ),
            (
                detokenize(&json!({"tokens": [1, "a"]})),
                "invalid_type",
                "tokens[1]",
            ),
            (
                detokenize(&json!({"tokens": [-1]})),
                "invalid_type",
                "tokens[0]",
            ),
        ] {
            let error = result.expect_err(param);
            assert_eq!(
                (error.status, error.code, error.param.as_deref()),
                (400, Some(code), Some(param))
            );
        }
    }

    #[test]
    fn responses_have_llama_servers_shape() {
        assert_eq!(
            tokens_response(&[Token(3), Token(7)]).to_string(),
            r#"{"tokens":[3,7]}"#
        );
        let pieces = [(Token(3), b"a".to_vec()), (Token(7), vec![0xc3])];
        let wanted = r#"{"tokens":[{"id":3,"piece":"a"},{"id":7,"piece":[195]}]}"#;
        assert_eq!(pieces_response(&pieces).to_string(), wanted);
        assert_eq!(detokenize_response("a").to_string(), r#"{"content":"a"}"#);
    }
}
