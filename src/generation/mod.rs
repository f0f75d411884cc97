//! The one pipeline from [`GenerateRequest`] to a stream of [`Delta`]s.

mod delta;
mod pipeline;
mod request;

pub use crate::engine::{FinishReason, Summary, Timings, Usage};
pub use delta::{Delta, ScoredToken, TokenLogprob};
pub use pipeline::{GenerateError, Generation, start, tokenize};
pub use request::{ChatPrompt, GenerateRequest, MAX_STOP_BYTES, MAX_STOP_STRINGS, Prompt};
