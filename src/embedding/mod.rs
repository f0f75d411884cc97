//! Embeddings and reranking: from texts to tokens, and from the engine's rows to embeddings and scores.
//!
//! What `generation` is for answers: every protocol becomes an [`EmbedRequest`] or a [`RerankRequest`] and goes
//! through [`embed`] or [`rerank`].

mod embed;
mod pair;
mod request;
mod rerank;

pub use embed::{EmbeddingJob, embed};
pub use request::{EmbedInput, EmbedRequest, RerankRequest};
pub use rerank::{RerankJob, Scores, rerank};
