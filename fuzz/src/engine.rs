#[path = "../../src/engine/cost.rs"]
pub mod cost;
#[path = "../../src/engine/drafts/mod.rs"]
pub mod drafts;
#[path = "../../src/engine/events.rs"]
mod events;
#[path = "../../src/engine/text.rs"]
pub mod text;
pub use events::{FinishReason, PromptProgress, RunEvent, Summary, Timings, Usage};
