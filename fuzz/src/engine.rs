//! What is pure of `src/engine`: events and their parts.

#[path = "../../src/engine/cost.rs"]
pub mod cost;
#[path = "../../src/engine/drafts/mod.rs"]
pub mod drafts;
#[path = "../../src/engine/events.rs"]
mod events;

pub use events::{FinishReason, PromptProgress, RunEvent, Summary, Timings, Usage};
