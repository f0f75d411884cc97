//! [`Delta`]: the one stream that every protocol's encoder reads.

use super::ToolCallDelta;
use crate::engine::{PromptProgress, Summary};
use crate::llama::Token;

/// A piece of an answer, in order. The last one is always [`Delta::Done`] or [`Delta::Failed`].
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// More of the prompt is read; only before the first text, and only where it was asked for.
    Progress(PromptProgress),
    /// More text. Never empty, always whole characters; stop strings are held back.
    Text {
        /// The characters.
        text: String,
        /// The tokens drawn since the previous delta (text may lag behind tokens), without those of thoughts and calls.
        tokens: Vec<Token>,
        /// How likely each of `tokens` was, where the request asked for that
        /// ([`SamplingParams::logprobs`](crate::sampling::SamplingParams::logprobs)); else empty.
        logprobs: Vec<TokenLogprob>,
    },
    /// More of what the model thinks before it answers. Never empty, always whole characters. Only in conversations, and
    /// not where the request wants thoughts within the text ([`super::ThoughtUse::inline`]).
    Reasoning {
        /// The characters.
        text: String,
    },
    /// The model calls a tool; only where the request offers some.
    ToolCall(ToolCallDelta),
    /// The answer is over.
    Done(Summary),
    /// The run failed after it had begun.
    Failed {
        /// The cause, fit to be shown to the client.
        message: String,
    },
}

/// How likely the model thought a drawn token, and the most likely ones in its place. What that means exactly:
/// [`TokenLogprobs`](crate::sampling::TokenLogprobs).
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    /// The drawn token.
    pub drawn: ScoredToken,
    /// As many of the most likely tokens as were asked for, the most likely first.
    pub top: Vec<ScoredToken>,
}

/// A token and how likely it was.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredToken {
    /// Its id.
    pub token: Token,
    /// Its text, control tokens' names included; need not be whole characters.
    pub bytes: Vec<u8>,
    /// The natural logarithm of its probability; minus infinity where that is 0.
    pub logprob: f32,
}
