//! [`EngineParams`]: the shape and the limits of an engine.

use std::time::Duration;

use super::attention::flash_attention;
use super::decode_thread::MAX_DRAFT_ROWS;
use super::drafts::DraftKind;
use super::grid::GRID;
use crate::llama::{ContextParams, Device, KvType, Model};
use crate::sampling::cuda::GpuSampling;

/// How long a step may take on a GPU: a prompt is read fast enough in short pieces there. Nothing asks a GPU to stop
/// in the middle of a decode, so this also bounds how long a stop takes.
const GPU_MAX_STEP: Duration = Duration::from_millis(35);

/// The most prompt tokens of one decode on a GPU, which small ones do not fill.
const GPU_MAX_CHUNK: u32 = 2048;

/// The shape and the limits of an engine.
#[derive(Debug, Clone)]
pub struct EngineParams {
    /// KV cells in all, divided evenly among `parallel` sequences.
    pub n_ctx: u32,
    /// Runs that compute at the same time, 1..=256.
    pub parallel: u32,
    /// Threads that compute.
    pub threads: u32,
    /// Element type of the KV cells.
    pub kv_type: KvType,
    /// Where drafts come from.
    pub drafts: DraftKind,
    /// The model that [`DraftKind::Model`] asks.
    pub draft_model: Option<Model>,
    /// Whether attention is one fused operation; `None` takes what was measured to be best here.
    pub flash_attention: Option<bool>,
    /// What draws from rows that a GPU has computed.
    pub gpu_sampling: GpuSampling,
    /// Runs that may wait for a sequence; more are refused.
    pub max_queue: usize,
    /// How long a step may take while somebody is decoding.
    pub max_step: Duration,
    /// The most prompt tokens of one decode.
    pub max_chunk: u32,
    /// Host memory for prefixes that have no sequence any more, in bytes; 0 keeps none.
    pub host_cache_bytes: usize,
    /// Events that are buffered for a client that reads slowly, before its run is parked.
    pub event_buffer: usize,
    /// How long a parked run is kept before it is given up.
    pub slow_client: Duration,
}

impl Default for EngineParams {
    /// Where the CPU computes.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(4, std::num::NonZero::get);
        Self {
            n_ctx: 0,
            parallel: 4,
            threads: threads as u32,
            kv_type: KvType::default(),
            drafts: DraftKind::Off,
            draft_model: None,
            flash_attention: None,
            gpu_sampling: GpuSampling::default(),
            max_queue: 64,
            max_step: Duration::from_millis(100),
            max_chunk: 512,
            host_cache_bytes: 1 << 30,
            event_buffer: 256,
            slow_client: Duration::from_secs(60),
        }
    }
}

impl EngineParams {
    /// What is best where that computes.
    #[must_use]
    pub fn on(device: Device) -> Self {
        match device {
            Device::Cpu => Self::default(),
            Device::Cuda => Self {
                max_step: GPU_MAX_STEP,
                max_chunk: GPU_MAX_CHUNK,
                ..Self::default()
            },
        }
    }

    /// The context that the engine makes.
    #[must_use]
    pub fn context(&self, model: &Model) -> ContextParams {
        let n_outputs = match self.drafts {
            DraftKind::Off => self.parallel,
            _ => self.parallel.max(MAX_DRAFT_ROWS as u32),
        };
        ContextParams {
            n_ctx: self.n_ctx,
            n_seq_max: self.parallel,
            // A chunk of a deterministic run has to fit, a row of every run, and the longest draft.
            n_batch: self.max_chunk.max(GRID as u32).max(n_outputs),
            n_outputs,
            n_threads: self.threads,
            kv_type: self.kv_type,
            flash_attention: flash_attention(model, self),
            logits_on_device: model.is_on_gpu(),
        }
    }

    /// The context that it makes for a draft model.
    #[must_use]
    pub fn draft_context(&self, draft: &Model) -> ContextParams {
        ContextParams {
            n_ctx: self.n_ctx,
            n_seq_max: self.parallel,
            n_threads: self.threads,
            kv_type: self.kv_type,
            flash_attention: flash_attention(draft, self),
            ..ContextParams::default()
        }
    }
}
