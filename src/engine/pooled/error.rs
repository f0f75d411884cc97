//! [`EmbeddingError`]: why there are no embeddings or scores.

use crate::llama::LlamaError;
use crate::stop::StopCause;

/// Why a request for embeddings or scores failed. In all cases but [`Self::Failed`] and [`Self::Stopped`] nothing
/// was computed.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddingError {
    /// llama.cpp refused.
    #[error(transparent)]
    Llama(#[from] LlamaError),
    /// The operating system gave no thread.
    #[error("the embedding thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The model is of a kind that cannot be pooled.
    #[error(
        "this model gives no embeddings (it is an encoder-decoder, a drafter or a diffusion model); load an embedding model or a causal language model"
    )]
    NotPoolable,
    /// The model scores pairs of texts.
    #[error(
        "this model is a reranker: it scores pairs of texts and gives no embeddings; rerank with it, or load an embedding model"
    )]
    IsReranker,
    /// The model has nothing that scores.
    #[error(
        "this model has no classification head (cls.output.weight), so it cannot rerank; load a reranker, such as bge-reranker or Qwen3-Reranker"
    )]
    NoRankHead,
    /// The reranker's tokenizer has nothing to put between query and document.
    #[error(
        "this reranker's file has neither a rerank template nor a separator token; convert it again with llama.cpp's converter"
    )]
    NoPairFormat,
    /// As many requests are accepted as may be.
    #[error("{waiting} requests are waiting already; try again in a moment")]
    QueueFull {
        /// Requests that are accepted and not finished.
        waiting: usize,
    },
    /// There is nothing to compute.
    #[error("the request has no inputs; send at least one")]
    NoInputs,
    /// An input has no tokens.
    #[error("input {index} has no tokens; remove it, or give it text")]
    EmptyInput {
        /// Index of the input in its request.
        index: usize,
    },
    /// An input does not fit. Nothing is cut silently.
    #[error(
        "input {index} has {n_tokens} tokens, and the model takes {limit} at once; send it in shorter pieces"
    )]
    InputTooLong {
        /// Index of the input in its request.
        index: usize,
        /// Its tokens.
        n_tokens: usize,
        /// The most tokens of one input.
        limit: usize,
    },
    /// The engine has ended: the model is being unloaded, or the thread failed.
    #[error("the model is not running any more; load it again")]
    Closed,
    /// The request was stopped.
    #[error("the request was stopped ({})", .0.as_str())]
    Stopped(StopCause),
    /// Computing failed; other requests are not affected.
    #[error("the embeddings could not be computed: {message}")]
    Failed {
        /// The cause.
        message: String,
    },
}
