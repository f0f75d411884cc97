//! Wire types, validation and encoders. Pure: no engine, no HTTP framework, no I/O.
//!
//! A request body goes through [`json::parse`] (limits before the tree is built), then through a typed
//! `parse` that names the field which is wrong, and becomes a
//! [`GenerateRequest`](crate::generation::GenerateRequest). Answers come back as
//! [`Delta`](crate::generation::Delta)s and leave through an encoder.

pub mod errors;
pub mod fields;
pub mod health;
pub mod json;
pub mod openai;
pub mod openapi;
#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
pub mod slots;
pub mod sse;
#[cfg(any(test, fuzzing))]
mod sse_reader;
pub mod studio;
pub mod tokens;

pub use errors::{ApiError, Surface};
