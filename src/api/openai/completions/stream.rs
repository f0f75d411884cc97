//! [`CompletionStreamEncoder`]: [`Delta`]s → the events of streamed completions; and the same in one piece.

use bytes::Bytes;
use serde_json::{Value, json};

use super::echo::Echo;
use super::logprobs::LegacyLogprobs;
use super::totals::Totals;
use crate::api::errors::{ApiError, Surface};
use crate::api::openai::head::CompletionHead;
use crate::api::openai::usage::{progress_json, timings_json, usage_json};
use crate::api::sse;
use crate::generation::{Choice, Delta, PromptProgress, Summary, TokenLogprob};

/// Writes the frames of the streamed answers to one request.
///
/// Order: for each answer a first chunk with what stands before it (nothing, or its prompt), chunks of text, a final chunk
/// with the reason; then usage and timings where they are wanted, and `[DONE]`. A failure is one error frame and
/// `[DONE]`. After that the encoder writes nothing, whatever it is given. As in `OpenAI`'s protocol every chunk has
/// `logprobs` and `finish_reason`, be they `null`.
#[derive(Debug)]
pub struct CompletionStreamEncoder {
    surface: Surface,
    include_usage: bool,
    ended: bool,
    /// Answers that are still going on.
    open: usize,
    echo: Echo,
    /// By answer.
    logprobs: Vec<LegacyLogprobs>,
    totals: Totals,
    /// `data: {"id":…,"model":…` up to where the chunks begin to differ.
    prefix: Vec<u8>,
}

impl CompletionStreamEncoder {
    /// An encoder for the answers to one request. `include_usage` is what the request said; where it said nothing, usage
    /// is sent under `/api` and not under `/v1`.
    #[must_use]
    pub fn new(
        head: &CompletionHead,
        echo: Echo,
        include_usage: Option<bool>,
        surface: Surface,
    ) -> Self {
        let mut prefix = b"data: {\"id\":".to_vec();
        sse::push_escaped(&mut prefix, &head.id);
        prefix.extend_from_slice(b",\"object\":\"text_completion\",\"created\":");
        prefix.extend_from_slice(head.created.to_string().as_bytes());
        prefix.extend_from_slice(b",\"model\":");
        sse::push_escaped(&mut prefix, &head.model);
        prefix.extend_from_slice(b",\"system_fingerprint\":");
        sse::push_escaped(&mut prefix, &head.fingerprint);
        Self {
            surface,
            include_usage: include_usage.unwrap_or(surface == Surface::Studio),
            ended: false,
            open: echo.runs(),
            logprobs: vec![LegacyLogprobs::default(); echo.runs()],
            totals: Totals::new(echo.prompts()),
            echo,
            prefix,
        }
    }

    /// The first chunk of each answer. It is sent before anything is computed, so that the client has the answer's id.
    #[must_use]
    pub fn start(&self) -> Bytes {
        let mut out = Vec::new();
        for run in 0..self.echo.runs() {
            self.push_text(&mut out, run, self.echo.before(run), None, None);
        }
        out.into()
    }

    /// The frames of one delta of an answer: one for text, all that is left at the end.
    #[must_use]
    pub fn delta(&mut self, run: usize, delta: &Delta) -> Bytes {
        match delta {
            _ if self.ended => Bytes::new(),
            Delta::Progress(progress) => self.progress(run, progress),
            Delta::Text { text, logprobs, .. } => self.text(run, text, logprobs),
            // Nobody can offer tools here, and a text has no thoughts apart.
            Delta::ToolCall(_) | Delta::Reasoning { .. } => Bytes::new(),
            Delta::Done(summary) => self.done(run, summary),
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
    fn text(&mut self, run: usize, text: &str, logprobs: &[TokenLogprob]) -> Bytes {
        let state = self.logprobs.get_mut(run).filter(|_| !logprobs.is_empty());
        let logprobs = state.map(|state| state.next(logprobs));
        let mut out = Vec::with_capacity(self.prefix.len() + text.len() + 96);
        self.push_text(&mut out, run, text, logprobs.as_ref(), None);
        out.into()
    }

    /// Nothing new of the answer, and how far the prompt is.
    fn progress(&self, run: usize, progress: &PromptProgress) -> Bytes {
        let mut out = Vec::new();
        let choice = json!({"text": "", "index": run, "logprobs": null, "finish_reason": null});
        let progress = progress_json(progress);
        let rest = format!(r#","choices":[{choice}],"prompt_progress":{progress}"#);
        self.push_chunk(&mut out, rest.as_bytes());
        out.into()
    }

    fn done(&mut self, run: usize, summary: &Summary) -> Bytes {
        self.totals.add(self.echo.prompt_of(run), summary);
        self.open = self.open.saturating_sub(1);
        self.ended = self.open == 0;
        let mut out = Vec::new();
        self.push_text(&mut out, run, "", None, Some(summary.reason.as_openai()));
        if !self.ended {
            return out.into();
        }
        if let Some(summary) = self.totals.summary().filter(|_| self.include_usage) {
            let usage = usage_json(&summary.usage);
            let timings = timings_json(&summary);
            let rest = format!(r#","choices":[],"usage":{usage},"timings":{timings}"#);
            self.push_chunk(&mut out, rest.as_bytes());
        }
        out.extend_from_slice(sse::DONE);
        out.into()
    }

    fn push_text(
        &self,
        out: &mut Vec<u8>,
        run: usize,
        text: &str,
        logprobs: Option<&Value>,
        reason: Option<&str>,
    ) {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(br#","choices":[{"text":"#);
        sse::push_escaped(out, text);
        out.extend_from_slice(br#","index":"#);
        out.extend_from_slice(run.to_string().as_bytes());
        out.extend_from_slice(br#","logprobs":"#);
        match logprobs {
            Some(logprobs) => out.extend_from_slice(logprobs.to_string().as_bytes()),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(br#","finish_reason":"#);
        match reason {
            Some(reason) => sse::push_escaped(out, reason),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}]}\n\n");
    }

    fn push_chunk(&self, out: &mut Vec<u8>, rest: &[u8]) {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(rest);
        out.extend_from_slice(b"}\n\n");
    }
}

/// The answers in one piece, for `stream: false`. What was not finished (it cannot happen while the engine lives)
/// counts as stopped.
#[must_use]
pub fn completion_response(
    head: &CompletionHead,
    echo: &Echo,
    runs: &[Choice],
    with_logprobs: bool,
) -> Value {
    let mut totals = Totals::new(echo.prompts());
    let shown = runs.iter().enumerate().map(|(run, choice)| {
        let summary = choice.summary.as_ref();
        if let Some(summary) = summary {
            totals.add(echo.prompt_of(run), summary);
        }
        let logprobs = with_logprobs.then(|| LegacyLogprobs::default().next(&choice.logprobs));
        json!({
            "text": format!("{}{}", echo.before(run), choice.text),
            "index": run,
            "logprobs": logprobs,
            "finish_reason": summary.map_or("stop", |summary| summary.reason.as_openai()),
        })
    });
    let mut response = json!({
        "id": head.id,
        "object": "text_completion",
        "created": head.created,
        "model": head.model,
        "system_fingerprint": head.fingerprint,
        "choices": shown.collect::<Vec<_>>(),
    });
    if let Some(summary) = totals.summary() {
        response["usage"] = usage_json(&summary.usage);
        response["timings"] = timings_json(&summary);
    }
    response
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
