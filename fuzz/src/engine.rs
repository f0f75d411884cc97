//! What is pure of `src/engine`: events and their parts.

#[path = "../../src/engine/cost.rs"]
pub mod cost;
#[path = "../../src/engine/drafts/mod.rs"]
pub mod drafts;
#[path = "../../src/engine/events.rs"]
mod events;
#[path = "../../src/engine/pooled/normalize.rs"]
mod normalize;

/// What is pure of `src/engine/pooled`.
pub mod pooled {
    pub use super::normalize::Normalize;
}

pub use events::{FinishReason, PromptProgress, RunEvent, Summary, Timings, Usage};
