//! What a run tells about itself: [`RunEvent`]s, and the [`Summary`] that the last one carries.

use std::time::Duration;

use super::drafts::DraftCounters;
use crate::llama::Token;
use crate::sampling::TokenLogprobs;
use crate::stop::StopCause;

/// What the decode thread reports of a run, in order. The last event is [`RunEvent::Done`] or
/// [`RunEvent::Failed`]; the channel then closes.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// More of the prompt is read. Only where the run asked for that.
    Progress(PromptProgress),
    /// More of the answer.
    Output {
        /// Whole characters, never empty but in the event before the last; stop strings are held back.
        text: String,
        /// The tokens drawn since the previous event (text may lag behind tokens).
        tokens: Vec<Token>,
        /// How likely each of `tokens` was, where the run asked for that; else empty.
        logprobs: Vec<TokenLogprobs>,
    },
    /// The run is over.
    Done(Summary),
    /// The run failed after it had begun; others are not affected.
    Failed {
        /// The cause, fit to be shown to the client.
        message: String,
    },
}

/// How far the reading of a prompt is, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptProgress {
    /// All of the prompt.
    pub total: u32,
    /// What a cached prefix had.
    pub cached: u32,
    /// What is there by now, cached or computed.
    pub processed: u32,
    /// Since the run was admitted.
    pub elapsed: Duration,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended its turn.
    EndOfTurn,
    /// One of the request's stop strings.
    StopString,
    /// `max_tokens`, or the end of the context.
    Length,
    /// The run was stopped. [`StopCause::Deadline`] counts as a limit, the others as a stop.
    Stopped(StopCause),
}

impl FinishReason {
    /// OpenAI's `finish_reason`: `length` for limits (tokens, context, wall clock), else `stop`.
    #[must_use]
    pub fn as_openai(self) -> &'static str {
        match self {
            Self::Length | Self::Stopped(StopCause::Deadline) => "length",
            Self::EndOfTurn | Self::StopString | Self::Stopped(_) => "stop",
        }
    }
}

/// What a finished run did, as measured by the decode thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Why it ended.
    pub reason: FinishReason,
    /// Token counts.
    pub usage: Usage,
    /// Durations.
    pub timings: Timings,
}

/// Token counts of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All tokens of the prompt.
    pub prompt_tokens: u32,
    /// Those of them that were not computed because a cached prefix had them.
    pub cached_tokens: u32,
    /// Tokens drawn, the end-of-generation token included.
    pub completion_tokens: u32,
    /// Those of them that were thoughts.
    pub reasoning_tokens: u32,
}

/// Durations of a run. `prompt` covers admission to first token, `decode` first to last token.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Timings {
    /// Accepted → admitted to a sequence.
    pub queued: Duration,
    /// Prompt tokens that were computed.
    pub prompt_computed: u32,
    /// Admitted → first token drawn.
    pub prompt: Duration,
    /// First token drawn → last token drawn.
    pub decode: Duration,
    /// What drafts have brought.
    pub drafts: DraftCounters,
}
