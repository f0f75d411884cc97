//! Errors of the binding.

use std::path::PathBuf;

use super::Token;

/// What can go wrong between rein and llama.cpp.
#[derive(Debug, thiserror::Error)]
pub enum LlamaError {
    /// llama.cpp threw; the message is its own.
    #[error("llama.cpp failed in {operation}: {message}")]
    Exception {
        /// The call.
        operation: &'static str,
        /// What was thrown.
        message: String,
    },
    /// llama.cpp refused the file. Its log has the reason, the last lines of which are kept here.
    #[error("llama.cpp cannot load {}: {reason}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// The last error lines of the log.
        reason: String,
    },
    /// Making the model or its context was stopped.
    #[error("the load was stopped")]
    LoadStopped,
    /// No context could be made: most often too little memory for the KV cells.
    #[error(
        "llama.cpp cannot make a context of {n_ctx} cells: {reason}; try a smaller --ctx-size or --parallel"
    )]
    Context {
        /// Cells asked for.
        n_ctx: u32,
        /// The last error lines of the log.
        reason: String,
    },
    /// `llama_decode` failed with a status that is neither "no cells" nor "aborted".
    #[error("llama_decode failed with status {status}")]
    Decode {
        /// llama.cpp's status, negative.
        status: i32,
    },
    /// There are no logits in that row.
    #[error("row {row} of the last batch has no logits")]
    NoLogits {
        /// Index of the row in the batch.
        row: usize,
    },
    /// What a sequence holds could not be moved to host memory or back.
    #[error("a sequence cannot be saved or restored: {0}")]
    State(&'static str),
    /// There is no pooled output of that input.
    #[error("input {input} of the last batch has no embedding")]
    NoEmbedding {
        /// Index of the input in the batch.
        input: usize,
    },
    /// A token id outside the vocabulary.
    #[error("token {token} is not in the vocabulary of {n_vocab} tokens")]
    UnknownToken {
        /// The id.
        token: Token,
        /// Size of the vocabulary.
        n_vocab: usize,
    },
    /// A text or path that cannot be handed to C.
    #[error("{what} {problem}")]
    Unusable {
        /// What it is.
        what: &'static str,
        /// Why not.
        problem: &'static str,
    },
    /// The library could not be initialised.
    #[error("llama.cpp could not be initialised: {0}")]
    Backend(String),
}
