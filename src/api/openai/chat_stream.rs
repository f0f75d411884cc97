//! [`ChatStreamEncoder`]: [`Delta`]s → the events of a streamed chat answer; and the same answer in one piece.

use bytes::Bytes;
use serde_json::{Value, json};

use super::head::CompletionHead;
use super::logprobs::logprobs_json;
use super::usage::{timings_json, usage_json};
use crate::api::errors::{ApiError, Surface};
use crate::api::sse;
use crate::generation::{Delta, Summary, TokenLogprob};

/// Writes the frames of one streamed answer.
///
/// Order: the first chunk with the role, content chunks, the final chunk with the reason, usage and
/// timings where they are wanted, `[DONE]`. A failure is one error frame and `[DONE]`. After that the encoder
/// writes nothing, whatever it is given. Absent values are left out of chunks instead of being `null`.
#[derive(Debug)]
pub struct ChatStreamEncoder {
    surface: Surface,
    include_usage: bool,
    ended: bool,
    /// `data: {"id":…,"model":…` up to where the chunks begin to differ.
    prefix: Vec<u8>,
}

/// Between [`ChatStreamEncoder::prefix`] and the text of a content chunk.
const BEFORE_TEXT: &[u8] = br#","choices":[{"index":0,"delta":{"content":"#;
/// Between the text and the log-probabilities, where they are wanted.
const BEFORE_LOGPROBS: &[u8] = br#"},"logprobs":"#;
const AFTER_LOGPROBS: &[u8] = b"}]}\n\n";
const AFTER_TEXT: &[u8] = b"}}]}\n\n";

impl ChatStreamEncoder {
    /// An encoder for one answer. `include_usage` is what the request said; where it said nothing, usage is
    /// sent under `/api` and not under `/v1`.
    #[must_use]
    pub fn new(head: &CompletionHead, include_usage: Option<bool>, surface: Surface) -> Self {
        let mut prefix = b"data: {\"id\":".to_vec();
        sse::push_escaped(&mut prefix, &head.id);
        prefix.extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        prefix.extend_from_slice(head.created.to_string().as_bytes());
        prefix.extend_from_slice(b",\"model\":");
        sse::push_escaped(&mut prefix, &head.model);
        Self {
            surface,
            include_usage: include_usage.unwrap_or(surface == Surface::Studio),
            ended: false,
            prefix,
        }
    }

    /// The first chunk. It is sent before anything is computed, so that the client has the answer's id.
    #[must_use]
    pub fn start(&self) -> Bytes {
        let mut out = Vec::new();
        self.push_chunk(
            &mut out,
            br#","choices":[{"index":0,"delta":{"role":"assistant"}}]"#,
        );
        out.into()
    }

    /// The frames of one delta: one for text, all that is left at the end.
    #[must_use]
    pub fn delta(&mut self, delta: &Delta) -> Bytes {
        match delta {
            _ if self.ended => Bytes::new(),
            Delta::Text { text, logprobs, .. } => self.text(text, logprobs),
            Delta::Done(summary) => self.done(summary),
            Delta::Failed { message } => self.fail(&ApiError::internal(message.as_str())),
        }
    }

    /// Ends the stream with an error: for failures that never became a delta.
    #[must_use]
    pub fn fail(&mut self, error: &ApiError) -> Bytes {
        if self.ended {
            return Bytes::new();
        }
        self.ended = true;
        let mut out = Vec::new();
        sse::push_json(&mut out, &error.body(self.surface));
        out.extend_from_slice(sse::DONE);
        out.into()
    }

    /// True once `[DONE]` was written.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Runs once a token, so it copies prepared bytes instead of building a tree.
    fn text(&self, text: &str, logprobs: &[TokenLogprob]) -> Bytes {
        let fixed = self.prefix.len() + BEFORE_TEXT.len() + AFTER_TEXT.len();
        let mut out = Vec::with_capacity(fixed + text.len() + 16);
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(BEFORE_TEXT);
        sse::push_escaped(&mut out, text);
        if logprobs.is_empty() {
            out.extend_from_slice(AFTER_TEXT);
        } else {
            out.extend_from_slice(BEFORE_LOGPROBS);
            out.extend_from_slice(logprobs_json(logprobs).to_string().as_bytes());
            out.extend_from_slice(AFTER_LOGPROBS);
        }
        out.into()
    }

    fn done(&mut self, summary: &Summary) -> Bytes {
        self.ended = true;
        let mut out = Vec::new();
        let reason = summary.reason.as_openai();
        let last = format!(r#","choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]"#);
        self.push_chunk(&mut out, last.as_bytes());
        if self.include_usage {
            let usage = usage_json(&summary.usage);
            let timings = timings_json(summary);
            let rest = format!(r#","choices":[],"usage":{usage},"timings":{timings}"#);
            self.push_chunk(&mut out, rest.as_bytes());
        }
        out.extend_from_slice(sse::DONE);
        out.into()
    }

    fn push_chunk(&self, out: &mut Vec<u8>, rest: &[u8]) {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(rest);
        out.extend_from_slice(b"}\n\n");
    }
}

/// The answer in one piece, for `stream: false`. `logprobs` is `None` where nobody asked for them.
#[must_use]
pub fn chat_response(
    head: &CompletionHead,
    text: &str,
    logprobs: Option<&[TokenLogprob]>,
    summary: &Summary,
) -> Value {
    let mut response = json!({
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": summary.reason.as_openai(),
        }],
        "usage": usage_json(&summary.usage),
        "timings": timings_json(summary),
    });
    if let Some(tokens) = logprobs {
        response["choices"][0]["logprobs"] = logprobs_json(tokens);
    }
    response
}

#[cfg(test)]
#[path = "chat_stream_tests.rs"]
mod tests;
