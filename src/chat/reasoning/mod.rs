//! Thoughts in what a model writes: text → reasoning and answer, while it comes; and the budget that ends a
//! thought. Pure: no engine, no HTTP. `docs/reasoning.md` says what is read how and why.
//!
//! ```text
//! prompt's end ─▶ ThoughtStart ─┐
//! text ─▶ Feed ─▶ Tagged or Harmony (which tag counts here?) ─▶ Sink ─▶ Pieces
//! ```

mod budget;
#[cfg(any(test, fuzzing))]
mod corpus;
mod format;
mod harmony;
mod history;
mod inline;
mod late_call;
mod piece;
#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
mod splitter;
mod tagged;
mod tags;
#[cfg(test)]
mod tests;

pub use budget::ThoughtBudget;
pub use format::{ReasoningFormat, ThoughtStart};
pub use history::split_history;
pub use inline::{InlineThoughts, inline};
pub use piece::Piece;
pub use splitter::ReasoningSplitter;
