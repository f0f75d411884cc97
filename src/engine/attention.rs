//! [`flash_attention`]: whether attention is computed in one fused operation.

use super::params::EngineParams;
use crate::llama::{Backend, FlashAttention, Model};

/// Scratch memory that attention without the fused operation may take, in bytes.
const MAX_SCRATCH: u64 = 512 << 20;

/// Fused, unless it is computed by llama.cpp on a CPU.
///
/// There products with a softmax between them take half the time of llama.cpp's fused operation for decode rows and
/// for chunks of fewer than 64 tokens; our own kernel (`kernels/cpu/attention.h`) is faster than both
/// (docs/benchmarks.md, "Attention"). They keep the scores of a whole batch, though, and cannot read quantised
/// values; and where most layers have a sliding window there is little to gain for rows, and the fused operation
/// reads large chunks of a prompt faster.
pub(super) fn flash_attention(model: &Model, params: &EngineParams) -> FlashAttention {
    match params.flash_attention {
        Some(true) => return FlashAttention::On,
        Some(false) => return FlashAttention::Off,
        None => {}
    }
    let n_ctx_seq = u64::from(params.n_ctx / params.parallel.max(1));
    let scratch = 4 * u64::from(model.n_head()) * n_ctx_seq * u64::from(params.max_chunk);
    let is_better_fused = Backend::has_cpu_kernels() || model.n_swa() > 0 || scratch > MAX_SCRATCH;
    if params.kv_type.is_quantised() || model.is_on_gpu() || is_better_fused {
        FlashAttention::Auto
    } else {
        FlashAttention::Off
    }
}
