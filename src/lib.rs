//! rein runs GGUF language models inside its own process, and stops when you say stop.

pub mod api;
pub mod chat;
pub mod engine;
pub mod generation;
pub mod llama;
pub mod models;
pub mod sampling;
pub mod stop;
