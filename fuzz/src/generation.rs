//! What is pure of `src/generation`, and a generation that cannot be had without a model.

#[path = "../../src/generation/choices.rs"]
mod choices;
#[path = "../../src/generation/delta.rs"]
mod delta;
#[path = "../../src/generation/request.rs"]
mod request;
#[path = "../../src/generation/tool_use.rs"]
mod tool_use;

pub use crate::engine::{FinishReason, PromptProgress, Summary, Timings, Usage};
pub use choices::{Choice, Choices, MadeCall};
pub use delta::{Delta, ScoredToken, TokenLogprob};
pub use request::{ChatPrompt, GenerateRequest, MAX_STOP_BYTES, MAX_STOP_STRINGS, Prompt};
pub use tool_use::{CallTally, ToolCallDelta, ToolUse};

/// A run on its way through the pipeline: there is none.
#[derive(Debug)]
pub enum Generation {}

impl Generation {
    /// Never called.
    #[expect(clippy::unused_async, reason = "as the real one is called")]
    pub async fn next(&mut self) -> Option<Delta> {
        match *self {}
    }
}
