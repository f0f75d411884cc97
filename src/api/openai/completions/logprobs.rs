//! [`LegacyLogprobs`]: how likely tokens were, in the shape of Completions: one list for each property.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::api::openai::logprobs::NEVER;
use crate::generation::{ScoredToken, TokenLogprob};

/// Writes the log-probabilities of one answer, piece by piece, and knows how far its text is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LegacyLogprobs {
    /// Characters that have begun.
    chars: usize,
}

impl LegacyLogprobs {
    /// `{"tokens", "token_logprobs", "top_logprobs", "text_offset"}` of the next tokens; an offset is the number of the
    /// character of the answer, from 0, that the token begins with or goes on with.
    pub(super) fn next(&mut self, tokens: &[TokenLogprob]) -> Value {
        let drawn = tokens.iter().map(|token| &token.drawn);
        json!({
            "tokens": drawn.clone().map(text).collect::<Vec<_>>(),
            "token_logprobs": drawn.clone().map(logprob).collect::<Vec<_>>(),
            "top_logprobs": tokens.iter().map(top).collect::<Vec<_>>(),
            "text_offset": drawn.map(|token| self.offset(token)).collect::<Vec<_>>(),
        })
    }

    fn offset(&mut self, token: &ScoredToken) -> usize {
        let goes_on = token.bytes.first().is_some_and(|&byte| !begins(byte));
        let offset = self.chars.saturating_sub(usize::from(goes_on));
        self.chars += token.bytes.iter().filter(|&&byte| begins(byte)).count();
        offset
    }
}

/// True for the first byte of a character in UTF-8.
fn begins(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// The most likely tokens by their texts, and the drawn one among them. Of two with the same text the likelier counts.
fn top(token: &TokenLogprob) -> Value {
    let mut map = Map::new();
    for scored in token.top.iter().chain([&token.drawn]) {
        map.entry(text(scored))
            .or_insert_with(|| logprob(scored).into());
    }
    map.into()
}

fn logprob(token: &ScoredToken) -> f32 {
    token.logprob.max(NEVER)
}

/// Bytes that are not whole characters are written as `OpenAI` does: `bytes:\xe2\x80`.
fn text(token: &ScoredToken) -> String {
    if let Ok(text) = std::str::from_utf8(&token.bytes) {
        return text.to_owned();
    }
    let mut shown = "bytes:".to_owned();
    for byte in &token.bytes {
        // Writing to a string cannot fail.
        let _ = write!(shown, "\\x{byte:02x}");
    }
    shown
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

    fn alone(bytes: &[u8]) -> TokenLogprob {
        TokenLogprob {
            drawn: scored(bytes, -0.5),
            top: Vec::new(),
        }
    }

    #[test]
    fn the_lists_go_side_by_side() {
        let tokens = [
            TokenLogprob {
                drawn: scored(b"Hi", -1.5),
                top: vec![scored(b"Ho", -0.5), scored(b"Hi", -1.5)],
            },
            TokenLogprob {
                drawn: scored(b"!", -3.0),
                top: vec![
                    scored(b".", -0.25),
                    scored(&[0xe2, 0x80], f32::NEG_INFINITY),
                ],
            },
        ];
        let expected = json!({
            "tokens": ["Hi", "!"],
            "token_logprobs": [-1.5, -3.0],
            "top_logprobs": [
                {"Ho": -0.5, "Hi": -1.5},
                {".": -0.25, "bytes:\\xe2\\x80": -9999.0, "!": -3.0},
            ],
            "text_offset": [0, 2],
        });
        assert_eq!(LegacyLogprobs::default().next(&tokens), expected);
    }

    #[test]
    fn offsets_count_characters_across_pieces() {
        let mut state = LegacyLogprobs::default();
        let mut offsets = |pieces: &[&[u8]]| {
            let tokens: Vec<_> = pieces.iter().map(|bytes| alone(bytes)).collect();
            state.next(&tokens)["text_offset"].clone()
        };
        assert_eq!(offsets(&["é".as_bytes(), b"a"]), json!([0, 1]));
        // A character of two tokens: both are at its place.
        assert_eq!(offsets(&[&[0xf0, 0x9f], &[0x98, 0x80]]), json!([2, 2]));
        assert_eq!(offsets(&[b"b", b"", b"c"]), json!([3, 4, 4]));
        assert_eq!(offsets(&[]), json!([]));
    }
}
