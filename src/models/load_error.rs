//! [`LoadError`]: why a model could not be loaded.

use super::gguf::GgufError;
use super::gpu_fit::GpuMemoryError;
use crate::chat::TemplateError;
use crate::engine::EngineError;
use crate::llama::{LlamaError, PlacementError};

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not what it says it is.
    #[error(transparent)]
    File(GgufError),
    /// llama.cpp refused.
    #[error(transparent)]
    Llama(LlamaError),
    /// The engine could not start.
    #[error(transparent)]
    Engine(EngineError),
    /// The chat template cannot be used.
    #[error("the chat template cannot be used: {0}")]
    Template(#[from] TemplateError),
    /// GPUs were asked for that cannot be had.
    #[error(transparent)]
    Gpus(#[from] PlacementError),
    /// A GPU's memory does not hold it.
    #[error(transparent)]
    GpuMemory(#[from] GpuMemoryError),
    /// Somebody stopped the load.
    #[error("the load was cancelled")]
    Stopped,
    /// Another model is being loaded.
    #[error("{0} is being loaded already; wait for it, or unload it to cancel")]
    Busy(String),
    /// Another model is generating, and the load was not forced.
    #[error(
        "{running} generation(s) of {model} are running; wait for them, stop them, or send force_cancel_active"
    )]
    InUse {
        /// The loaded model.
        model: String,
        /// Runs that compute or wait.
        running: usize,
    },
}

impl From<GgufError> for LoadError {
    fn from(error: GgufError) -> Self {
        match error {
            GgufError::Stopped => Self::Stopped,
            error => Self::File(error),
        }
    }
}

impl From<LlamaError> for LoadError {
    fn from(error: LlamaError) -> Self {
        match error {
            LlamaError::LoadStopped => Self::Stopped,
            error => Self::Llama(error),
        }
    }
}

impl From<EngineError> for LoadError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Stopped => Self::Stopped,
            error => Self::Engine(error),
        }
    }
}
