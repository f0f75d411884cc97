//! [`ChatStreamEncoder`]: [`Delta`]s → the events of a streamed chat answer; and the same answer in one piece.

use bytes::Bytes;
use serde_json::{Value, json};

use super::head::CompletionHead;
use super::logprobs::logprobs_json;
use super::usage::{Total, progress_json, timings_json, usage_json};
use crate::api::errors::{ApiError, Surface};
use crate::api::sse;
use crate::generation::{
    CallTally, Choice, Delta, MadeCall, PromptProgress, Summary, TokenLogprob, ToolCallDelta,
};

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
    /// Answers that are still going on.
    open: usize,
    /// What each answer's calls came to.
    calls: Vec<CallTally>,
    total: Total,
    /// `data: {"id":…,"system_fingerprint":…` up to where the chunks begin to differ.
    prefix: Vec<u8>,
}

/// Between [`ChatStreamEncoder::prefix`] and the number of the answer, and from there to the text of a chunk.
const BEFORE_INDEX: &[u8] = br#","choices":[{"index":"#;
const BEFORE_CONTENT: &[u8] = br#","delta":{"content":"#;
const BEFORE_REASONING: &[u8] = br#","delta":{"reasoning_content":"#;
/// Between the text and the log-probabilities, where they are wanted.
const BEFORE_LOGPROBS: &[u8] = br#"},"logprobs":"#;
const AFTER_LOGPROBS: &[u8] = b"}]}\n\n";
const AFTER_TEXT: &[u8] = b"}}]}\n\n";

impl ChatStreamEncoder {
    /// An encoder for so many answers to one request. `include_usage` is what the request said; where it said nothing, usage is
    /// sent under `/api` and not under `/v1`.
    #[must_use]
    pub fn new(
        head: &CompletionHead,
        choices: usize,
        include_usage: Option<bool>,
        surface: Surface,
    ) -> Self {
        let mut prefix = b"data: {\"id\":".to_vec();
        sse::push_escaped(&mut prefix, &head.id);
        prefix.extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        prefix.extend_from_slice(head.created.to_string().as_bytes());
        prefix.extend_from_slice(b",\"model\":");
        sse::push_escaped(&mut prefix, &head.model);
        prefix.extend_from_slice(b",\"system_fingerprint\":");
        sse::push_escaped(&mut prefix, &head.fingerprint);
        Self {
            surface,
            include_usage: include_usage.unwrap_or(surface == Surface::Studio),
            ended: false,
            open: choices,
            calls: vec![CallTally::default(); choices],
            total: Total::default(),
            prefix,
        }
    }

    /// The first chunk of each answer. It is sent before anything is computed, so that the client has the answer's id.
    #[must_use]
    pub fn start(&self) -> Bytes {
        let mut out = Vec::new();
        for index in 0..self.calls.len() {
            let first =
                format!(r#","choices":[{{"index":{index},"delta":{{"role":"assistant"}}}}]"#);
            self.push_chunk(&mut out, first.as_bytes());
        }
        out.into()
    }

    /// The frames of one delta of an answer: one for text, all that is left at the end.
    #[must_use]
    pub fn delta(&mut self, choice: usize, delta: &Delta) -> Bytes {
        match delta {
            _ if self.ended => Bytes::new(),
            Delta::Progress(progress) => self.progress(choice, progress),
            Delta::Text { text, logprobs, .. } => self.text(choice, BEFORE_CONTENT, text, logprobs),
            Delta::Reasoning { text } => self.text(choice, BEFORE_REASONING, text, &[]),
            Delta::ToolCall(call) => self.tool_call(choice, call),
            Delta::Done(summary) => self.done(choice, summary),
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
    fn text(
        &self,
        choice: usize,
        before_text: &[u8],
        text: &str,
        logprobs: &[TokenLogprob],
    ) -> Bytes {
        let fixed = self.prefix.len() + BEFORE_INDEX.len() + before_text.len() + AFTER_TEXT.len();
        let mut out = Vec::with_capacity(fixed + text.len() + 16);
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(BEFORE_INDEX);
        push_number(&mut out, choice);
        out.extend_from_slice(before_text);
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

    /// llama-server's frame: nothing new of the answer, and how far the prompt is.
    fn progress(&self, choice: usize, progress: &PromptProgress) -> Bytes {
        let mut out = Vec::new();
        let choices = format!(r#""choices":[{{"index":{choice},"delta":{{}}}}]"#);
        let progress = progress_json(progress);
        let rest = format!(r#",{choices},"prompt_progress":{progress}"#);
        self.push_chunk(&mut out, rest.as_bytes());
        out.into()
    }

    /// The name comes first, then the arguments as they come. The end of a call is not written: the next one's number,
    /// or the reason of the answer's end, says it.
    fn tool_call(&mut self, choice: usize, call: &ToolCallDelta) -> Bytes {
        if let Some(tally) = self.calls.get_mut(choice) {
            tally.learn(call);
        }
        let shown = match call {
            ToolCallDelta::Begun { index, id, name } => json!({
                "index": index,
                "id": id,
                "type": "function",
                "function": {"name": name, "arguments": ""},
            }),
            ToolCallDelta::Arguments { index, json } => {
                json!({"index": index, "function": {"arguments": json}})
            }
            ToolCallDelta::Ended { .. } | ToolCallDelta::Abandoned { .. } => return Bytes::new(),
        };
        let mut out = Vec::new();
        let rest =
            format!(r#","choices":[{{"index":{choice},"delta":{{"tool_calls":[{shown}]}}}}]"#);
        self.push_chunk(&mut out, rest.as_bytes());
        out.into()
    }

    fn done(&mut self, choice: usize, summary: &Summary) -> Bytes {
        self.total.add(summary);
        self.open = self.open.saturating_sub(1);
        self.ended = self.open == 0;
        let mut out = Vec::new();
        let calls_tools = self
            .calls
            .get(choice)
            .is_some_and(|calls| calls.calls_tools());
        let reason = finish_reason(summary, calls_tools);
        let last =
            format!(r#","choices":[{{"index":{choice},"delta":{{}},"finish_reason":"{reason}"}}]"#);
        self.push_chunk(&mut out, last.as_bytes());
        if !self.ended {
            return out.into();
        }
        if let Some(summary) = self.total.summary().filter(|_| self.include_usage) {
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

/// `tool_calls` where the client is to execute some, else why the run ended.
fn finish_reason(summary: &Summary, calls_tools: bool) -> &'static str {
    if calls_tools {
        "tool_calls"
    } else {
        summary.reason.as_openai()
    }
}

/// A number without a call to the formatter: nearly always one digit.
fn push_number(out: &mut Vec<u8>, number: usize) {
    match u8::try_from(number) {
        Ok(digit @ 0..=9) => out.push(b'0' + digit),
        _ => out.extend_from_slice(number.to_string().as_bytes()),
    }
}

/// The answers in one piece, for `stream: false`. What was not finished (it cannot happen while the engine lives)
/// counts as stopped.
#[must_use]
pub fn chat_response(head: &CompletionHead, choices: &[Choice], with_logprobs: bool) -> Value {
    let shown = choices.iter().enumerate().map(|(index, choice)| {
        let summary = choice.summary.as_ref();
        let mut shown = json!({
            "index": index,
            "message": {"role": "assistant", "content": choice.text},
            "finish_reason": summary
                .map_or("stop", |summary| finish_reason(summary, choice.calls_tools())),
        });
        if !choice.reasoning.is_empty() {
            shown["message"]["reasoning_content"] = choice.reasoning.as_str().into();
        }
        if !choice.tool_calls.is_empty() {
            let calls: Vec<Value> = choice.tool_calls.iter().map(call_json).collect();
            shown["message"]["tool_calls"] = calls.into();
            if choice.text.is_empty() {
                shown["message"]["content"] = Value::Null;
            }
        }
        if with_logprobs {
            shown["logprobs"] = logprobs_json(&choice.logprobs);
        }
        shown
    });
    let mut response = json!({
        "id": head.id,
        "object": "chat.completion",
        "created": head.created,
        "model": head.model,
        "system_fingerprint": head.fingerprint,
        "choices": shown.collect::<Vec<_>>(),
    });
    let mut total = Total::default();
    choices
        .iter()
        .filter_map(|choice| choice.summary.as_ref())
        .for_each(|summary| total.add(summary));
    if let Some(summary) = total.summary() {
        response["usage"] = usage_json(&summary.usage);
        response["timings"] = timings_json(summary);
    }
    response
}

fn call_json(call: &MadeCall) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    })
}

#[cfg(test)]
#[path = "chat_stream_tests.rs"]
mod tests;
