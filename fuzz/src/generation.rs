//! What is pure of `src/generation`, and a generation that cannot be had without a model.

#[path = "../../src/generation/answer_properties.rs"]
pub(crate) mod answer_properties;
#[path = "../../src/generation/answer_reader.rs"]
mod answer_reader;
#[path = "../../src/generation/answer_start.rs"]
mod answer_start;
#[path = "../../src/generation/choices.rs"]
mod choices;
#[path = "../../src/generation/delta.rs"]
mod delta;
#[path = "../../src/generation/raw_prompt.rs"]
mod raw_prompt;
#[path = "../../src/generation/request.rs"]
mod request;
#[path = "../../src/generation/thought_use.rs"]
mod thought_use;
#[path = "../../src/generation/tool_reader.rs"]
mod tool_reader;
#[path = "../../src/generation/tool_use.rs"]
mod tool_use;

pub use crate::engine::{FinishReason, PromptProgress, Summary, Timings, Usage};
pub use choices::{Choice, Choices, MadeCall};
pub use delta::{Delta, ScoredToken, TokenLogprob};
pub use raw_prompt::RawPrompt;
pub use request::{ChatPrompt, GenerateRequest, MAX_STOP_BYTES, MAX_STOP_STRINGS, Prompt};
pub use thought_use::ThoughtUse;
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
