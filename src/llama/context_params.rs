//! [`ContextParams`]: the shape of a context.

use super::KvType;

/// The shape of a context.
#[derive(Debug, Clone)]
pub struct ContextParams {
    /// KV cells in all, divided evenly among the sequences.
    pub n_ctx: u32,
    /// Sequences, 1..=256 (llama.cpp's limit).
    pub n_seq_max: u32,
    /// The most rows of one decode.
    pub n_batch: u32,
    /// The most rows of one decode with logits, of one sequence or of all; at least one a sequence is
    /// possible in any case.
    pub n_outputs: u32,
    /// The threads that compute.
    pub n_threads: u32,
    /// Element type of keys and values.
    pub kv_type: KvType,
    /// Whether attention is computed in one fused operation.
    pub flash_attention: FlashAttention,
    /// Whether logits stay on the device that computes them ([`Context::device_row`](super::Context::device_row)). A batch's outputs have to be
    /// computed at once then: those of sequences that follow each other.
    pub logits_on_device: bool,
}

impl Default for ContextParams {
    fn default() -> Self {
        Self {
            n_ctx: 0,
            n_seq_max: 1,
            n_batch: 512,
            n_outputs: 0,
            n_threads: 1,
            kv_type: KvType::default(),
            flash_attention: FlashAttention::default(),
            logits_on_device: false,
        }
    }
}

/// Whether attention is one fused operation (flash attention), or products with a softmax between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlashAttention {
    /// Where the backend has it.
    #[default]
    Auto,
    /// Always; quantised values need it.
    On,
    /// Never.
    Off,
}
