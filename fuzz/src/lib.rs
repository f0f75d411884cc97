//! The modules of rein that read foreign input, compiled again without the engine, and the fuzz targets over them.
//!
//! What the targets check stands beside the modules (`properties.rs`), where the unit tests ask for the same. llama.cpp is
//! not needed: its build takes minutes, and nothing of it could be instrumented. Where a module names one of the
//! engine's types, `engine`, `generation`, `llama` and `models` in this directory hold the real one if it is pure, and
//! an empty one that cannot be made if it is not. `docs/testing.md` says how all this is run.

#![allow(dead_code, reason = "the main package uses more of these modules")]

#[path = "../../src/api/mod.rs"]
pub mod api;
#[path = "../../src/chat/mod.rs"]
pub mod chat;
#[path = "../../src/constraint/mod.rs"]
pub mod constraint;
pub mod embedding;
pub mod engine;
#[path = "../../src/fuzz_input.rs"]
mod fuzz_input;
pub mod generation;
pub mod llama;
pub mod models;
#[path = "../../src/sampling/mod.rs"]
pub mod sampling;
#[path = "../../src/stop/mod.rs"]
pub mod stop;

pub mod harness;
mod targets;

pub use targets::{
    ANSWERS, CONSTRAINTS, CONVERSATIONS, GGUF, REASONING, REQUESTS, STREAMS, TEMPLATES, TOOL_CALLS,
};
