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
#[derive(Debug)]
pub enum Generation {}
impl Generation {
    pub async fn next(&mut self) -> Option<Delta> {
        match *self {}
    }
}
