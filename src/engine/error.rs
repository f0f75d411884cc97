//! Errors of the engine.

use crate::constraint::MatchError;
use crate::llama::LlamaError;
use crate::sampling::SamplingError;

/// Why an engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// llama.cpp refused.
    #[error(transparent)]
    Llama(#[from] LlamaError),
    /// The model cannot generate text.
    #[error(
        "this model does not generate text (it is an encoder or a diffusion model); load a causal language model"
    )]
    NotCausal,
    /// The draft model does not go with the model.
    #[error(
        "the draft model has another vocabulary, or a memory that cannot be cut back; take a smaller model of the same family"
    )]
    DraftModel,
    /// Drafts were to come from a draft model, and there is none.
    #[error(
        "drafts are to come from a draft model, but none is given; name one with --model-draft"
    )]
    NoDraftModel,
    /// The load was stopped.
    #[error("the load was stopped")]
    Stopped,
    /// The operating system gave no thread.
    #[error("the decode thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Why the next token of a run was not drawn.
#[derive(Debug, thiserror::Error)]
pub(super) enum DrawError {
    /// There are no logits, or the token has no text.
    #[error(transparent)]
    Llama(#[from] LlamaError),
    /// The run's constraint cannot be followed any further.
    #[error(transparent)]
    Constraint(#[from] MatchError),
    /// There is nothing to draw.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// The kernels failed.
    #[error("{0}")]
    Gpu(String),
    /// The run has ended meanwhile.
    #[error("the run has ended already")]
    Gone,
}

/// Why a run was not accepted. Nothing was computed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SubmitError {
    /// As many runs are waiting as may wait.
    #[error("{waiting} requests are waiting already; try again in a moment")]
    QueueFull {
        /// The length of the queue.
        waiting: usize,
    },
    /// Prompt and at least one answer token do not fit a sequence.
    #[error(
        "the prompt has {n_prompt} tokens, and the context holds {n_ctx} for prompt and answer together"
    )]
    PromptTooLong {
        /// Tokens of the prompt.
        n_prompt: usize,
        /// Cells of a sequence.
        n_ctx: usize,
    },
    /// There is nothing to continue.
    #[error("the prompt has no tokens")]
    EmptyPrompt,
    /// The model is an encoder.
    #[error(
        "this model does not generate text (it is an encoder); ask it for embeddings, or load a causal language model"
    )]
    NotGenerative,
    /// A token id from outside is not in the vocabulary.
    #[error("{0}")]
    UnknownToken(String),
    /// The sequence breakers of DRY could not be looked up.
    #[error("the DRY sequence breakers cannot be used: {0}")]
    DryBreakers(String),
    /// The decode thread has ended: the model is being unloaded, or the thread failed.
    #[error("the model is not running any more; load it again")]
    Closed,
}
