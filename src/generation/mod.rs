//! The one pipeline from [`GenerateRequest`] to a stream of [`Delta`]s.

#[cfg(any(test, fuzzing))]
pub(crate) mod answer_properties;
mod answer_reader;
mod answer_start;
mod choices;
mod delta;
mod pipeline;
mod prompt;
mod raw_prompt;
mod raw_tokens;
mod request;
mod thought_use;
mod tool_grammar;
mod tool_reader;
mod tool_use;

pub use crate::engine::{FinishReason, PromptProgress, Summary, Timings, Usage};
pub use choices::{Choice, Choices, MadeCall};
pub use delta::{Delta, ScoredToken, TokenLogprob};
pub use pipeline::{GenerateError, Generation, start, start_choices, start_prompts};
pub use prompt::{render, tokenize};
pub use raw_prompt::RawPrompt;
pub use request::{ChatPrompt, GenerateRequest, MAX_STOP_BYTES, MAX_STOP_STRINGS, Prompt};
pub use thought_use::ThoughtUse;
pub use tool_grammar::ToolError;
pub use tool_use::{CallTally, ToolCallDelta, ToolUse};
