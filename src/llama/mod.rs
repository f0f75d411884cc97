//! Owning, safe wrappers over llama.cpp: the only `unsafe` of the engine.
//!
//! [`Model`] is shared by everybody; [`Context`] belongs to one decode thread. Whatever can throw goes
//! through the shim in `vendor/llama`; whatever would trip an assertion of ggml (which ends the process)
//! is validated here first. Nothing in this module knows of requests, HTTP or JSON.
#![expect(unsafe_code, reason = "the binding is where rein's unsafe code lives")]

mod backend;
mod batch;
mod context;
mod context_params;
mod cpu_kernels;
#[cfg(feature = "cuda")]
mod cuda;
mod device_row;
mod devices;
mod embedding_context;
mod error;
mod kv_type;
mod logits;
mod logits_tap;
mod memory;
mod model;
mod native;
mod operation;
mod placement;
mod pooling;
mod sampler_chain;
mod seq_state;
mod shim;
mod stop_check;
mod threadpool;
mod token;
mod vocab;

pub use backend::{Backend, LLAMA_BUILD};
pub use batch::{Batch, SeqId};
pub use context::{Context, DecodeOutcome, SeqBounds};
pub use context_params::{ContextParams, FlashAttention};
#[cfg(feature = "cuda")]
pub use cuda::{Gpu, GpuError};
pub use device_row::DeviceRow;
pub use devices::{Device, DeviceMemory, GpuDevice};
pub use embedding_context::{EmbeddingContext, EmbeddingContextParams};
pub use error::LlamaError;
pub use kv_type::{KvType, UnknownKvType};
pub use memory::{ContextMemory, MemoryUse};
pub use model::{Model, ModelParams};
pub use placement::{MAX_GPUS, Placement, PlacementError, Shares};
pub(crate) use placement::{check_gpus, check_shares};
pub use pooling::Pooling;
pub use sampler_chain::{ChainSampler, SamplerChain};
pub use seq_state::SeqState;
pub use token::Token;
pub use vocab::{InfillTokens, MAX_TEXT_BYTES, TokenizeOptions, Vocab};

#[cfg(all(feature = "cuda", not(target_os = "linux")))]
compile_error!("feature `cuda` is for Linux: elsewhere build without it");

// What may cross threads is part of the contract: a model goes everywhere; a context and its batch move
// to their decode thread and are used nowhere else; a flag is what reaches into a running decode.
static_assertions::assert_impl_all!(Model: Send, Sync);
static_assertions::assert_impl_all!(Context: Send);
static_assertions::assert_not_impl_any!(Context: Sync);
static_assertions::assert_impl_all!(EmbeddingContext: Send);
static_assertions::assert_not_impl_any!(EmbeddingContext: Sync);
static_assertions::assert_not_impl_any!(Batch: Sync);
static_assertions::assert_impl_all!(crate::stop::StopFlag: Send, Sync);
