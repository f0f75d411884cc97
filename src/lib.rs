//! rein runs GGUF language models inside its own process, and when you say stop, it stops: queued, loading,
//! in the middle of a prompt or of a token, within milliseconds.
//!
//! As a library, start with [`LocalModel`]; `examples/generate.rs` is a whole program. The map of the
//! modules and the invariants between them are in `docs/architecture.md`.

pub mod api;
pub mod chat;
pub mod cli;
pub mod constraint;
pub mod embedding;
pub mod engine;
#[cfg(any(test, fuzzing))]
mod fuzz_input;
pub mod generation;
mod library;
pub mod llama;
pub mod models;
pub mod sampling;
pub mod server;
pub mod stop;

pub use chat::{ChatMessage, Role};
pub use constraint::Constraint;
pub use embedding::{EmbedInput, EmbedRequest, RerankRequest};
pub use engine::pooled::{EmbeddingError, Normalize};
pub use generation::{
    ChatPrompt, Delta, FinishReason, GenerateError, GenerateRequest, Generation, Prompt,
    ScoredToken, Summary, TokenLogprob,
};
pub use library::{LocalModel, OpenError};
pub use models::LoadOptions;
pub use sampling::SamplingParams;
pub use stop::{StopCause, StopFlag};
