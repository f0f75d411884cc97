//! Embeddings and reranking: from texts to tokens, and from the engine's rows to embeddings and scores.
//!
//! What `generation` is for answers: every protocol becomes an [`EmbedRequest`] or a [`RerankRequest`] and goes
//! through [`embed`] or [`rerank`].

mod embed;
mod pair;
mod rerank;

pub use embed::{EmbedInput, EmbedRequest, EmbeddingJob, embed};
pub use rerank::{RerankJob, RerankRequest, Scores, rerank};
