//! The one pipeline from [`GenerateRequest`] to a stream of [`Delta`]s.

mod choices;
mod delta;
mod pipeline;
mod request;

pub use crate::engine::{FinishReason, PromptProgress, Summary, Timings, Usage};
pub use choices::{Choice, Choices};
pub use delta::{Delta, ScoredToken, TokenLogprob};
pub use pipeline::{GenerateError, Generation, start, start_choices, tokenize};
pub use request::{ChatPrompt, GenerateRequest, MAX_STOP_BYTES, MAX_STOP_STRINGS, Prompt};
