//! The server as clients meet it: real requests over TCP, a real model.
//!
//! Nothing here measures time: limits on waiting only tell a hang from a slow machine.

#[path = "../common/mod.rs"]
mod common;
#[path = "../engine/tiny.rs"]
mod tiny;
#[path = "../engine/tiny_bert.rs"]
mod tiny_bert;

mod access;
mod bad_input;
mod bad_models;
mod both_ways;
mod cancel;
mod closed_output;
mod completions;
mod control;
mod embeddings;
mod hostile_templates;
mod openapi;
mod queue;
mod reasoning;
mod rerank;
mod slow_reader;
mod stream;
mod structured;
mod tiny_models;
mod tokens;
mod tools;
mod witness;
