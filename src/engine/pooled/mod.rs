//! Embeddings and scores: a second context on a model's weights, with a thread and a queue of its own.
//!
//! [`EmbeddingEngine`] takes requests of several inputs each ([`EmbeddingSpec`]) and answers each with one row
//! an input ([`Pooled`]). Inputs of several requests are computed in one batch ([`plan`]). As in the decode
//! thread, a request owns one `StopFlag`, and there is no async, no text and no JSON in here.

mod error;
mod handle;
mod normalize;
pub mod plan;
mod request;
mod worker;

pub use error::EmbeddingError;
pub use handle::{EmbeddingEngine, EmbeddingEngineParams, EmbeddingRun};
pub use normalize::Normalize;
pub use request::{EmbeddingSpec, Pooled};
