//! Messages → prompt. Pure functions: no engine, no HTTP.

mod message;

pub use message::{ChatMessage, Role, ToolCall};
