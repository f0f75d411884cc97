//! Tool calls in what a model writes: text → calls, while it comes; and the grammars that make a model
//! write valid calls. Pure: no engine, no HTTP. `docs/tool-calls.md` says what is read how and why.
//!
//! ```text
//! text ─▶ Feed ─▶ Openers (what opens a call?) ─▶ call::Body (name, arguments) ─▶ CallOutput ─▶ ToolEvents
//!                     └──────────── everything else is text to show ────────────────┘
//! ```

mod call;
mod coerce;
#[cfg(any(test, fuzzing))]
pub(crate) mod corpus;
mod declared;
mod event;
mod format;
mod grammar;
mod json;
mod openers;
mod output;
mod parser;
#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
#[cfg(test)]
mod tests;
mod text;

use super::{feed, page};

pub use declared::DeclaredTool;
pub use event::{Ending, ToolEvent, ToolParserOptions};
pub use format::ToolFormat;
pub use grammar::{Otherwise, ToolGrammar, ToolGrammarError, tool_grammar};
pub use parser::ToolCallParser;
