//! The one pipeline from [`GenerateRequest`] to a stream of [`Delta`]s.

mod delta;
mod request;

pub use delta::{Delta, FinishReason, Summary, Timings, Usage};
pub use request::{ChatPrompt, GenerateRequest, MAX_STOP_BYTES, MAX_STOP_STRINGS, Prompt};
