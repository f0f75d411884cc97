//! [`logprobs_json`]: how likely tokens were, in `OpenAI`'s shape.

use serde_json::{Value, json};

use crate::generation::{ScoredToken, TokenLogprob};

/// What stands for the logarithm of 0, which JSON cannot express; `OpenAI` uses the same number.
pub(super) const NEVER: f32 = -9999.0;

/// `{"content": [...]}`, an entry for each token.
#[must_use]
pub fn logprobs_json(tokens: &[TokenLogprob]) -> Value {
    let content: Vec<Value> = tokens.iter().map(entry).collect();
    json!({ "content": content })
}

fn entry(token: &TokenLogprob) -> Value {
    let mut json = scored(&token.drawn);
    json["top_logprobs"] = token.top.iter().map(scored).collect();
    json
}

/// Half a character is U+FFFD in `token` and itself in `bytes`.
fn scored(token: &ScoredToken) -> Value {
    json!({
        "token": String::from_utf8_lossy(&token.bytes),
        "logprob": token.logprob.max(NEVER),
        "bytes": token.bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llama::Token;

    fn scored(bytes: &[u8], logprob: f32) -> ScoredToken {
        ScoredToken {
            token: Token(1),
            bytes: bytes.to_vec(),
            logprob,
        }
    }

    #[test]
    fn entries_have_openais_shape() {
        let token = TokenLogprob {
            drawn: scored("é".as_bytes(), -1.5),
            top: vec![scored(b"a", -0.5), scored(&[0xc3], f32::NEG_INFINITY)],
        };
        let expected = json!({"content": [{
            "token": "é", "logprob": -1.5, "bytes": [195, 169],
            "top_logprobs": [
                {"token": "a", "logprob": -0.5, "bytes": [97]},
                {"token": "\u{fffd}", "logprob": -9999.0, "bytes": [195]},
            ],
        }]});
        assert_eq!(logprobs_json(&[token]), expected);
        assert_eq!(logprobs_json(&[]), json!({"content": []}));
    }
}
