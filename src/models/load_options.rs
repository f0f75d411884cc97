//! [`LoadOptions`]: how a model is to be loaded.

use std::path::PathBuf;

use super::gpu_choice::GpuChoice;
use crate::engine::drafts::DraftKind;
use crate::llama::KvType;
use crate::sampling::cuda::GpuSampling;

/// How a model is to be loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadOptions {
    /// Tokens of prompt and answer together; 0 takes what the model was trained for, or less where the
    /// memory of the machine, or of its GPUs, does not hold that.
    pub context: u32,
    /// Runs that compute at the same time.
    pub parallel: u32,
    /// Threads that compute; 0 takes one for each core.
    pub threads: u32,
    /// Runs that may wait.
    pub max_queue: usize,
    /// How long a step may take while somebody is decoding, in milliseconds; `None` leaves it to the engine.
    pub max_step_ms: Option<u32>,
    /// The most prompt tokens of one decode; `None` leaves it to the engine.
    pub max_chunk: Option<u32>,
    /// Layers on GPUs; -1 means all, or as many as fit.
    pub n_gpu_layers: i32,
    /// Which GPUs.
    pub gpus: GpuChoice,
    /// Element type of the KV cells.
    pub kv_type: KvType,
    /// Where drafts come from.
    pub drafts: DraftKind,
    /// The file of the model that [`DraftKind::Model`] asks.
    pub draft_model: Option<PathBuf>,
    /// Whether attention is one fused operation; `None` leaves it to the engine.
    pub flash_attention: Option<bool>,
    /// What draws from rows that a GPU has computed.
    pub gpu_sampling: GpuSampling,
    /// Host memory for conversations that have no sequence any more, in MiB; `None` takes a share of what is
    /// free.
    pub host_cache_mib: Option<u32>,
    /// A Jinja template that replaces the model's own.
    pub chat_template: Option<String>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            context: 0,
            parallel: 4,
            threads: 0,
            max_queue: 64,
            max_step_ms: None,
            max_chunk: None,
            n_gpu_layers: -1,
            gpus: GpuChoice::default(),
            kv_type: KvType::default(),
            drafts: DraftKind::Off,
            draft_model: None,
            flash_attention: None,
            gpu_sampling: GpuSampling::default(),
            host_cache_mib: None,
            chat_template: None,
        }
    }
}
