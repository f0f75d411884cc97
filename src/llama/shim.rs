//! The declarations of `vendor/llama/shim.h` and of our kernels, and the one place that turns its statuses into errors.

use std::ffi::{CStr, c_char, c_void};

use llama_cpp_sys_2 as sys;

use super::LlamaError;
use super::operation::Operation;

/// Status of a wrapped call that threw.
const EXCEPTION: i32 = -1000;

/// Mirrors `rein_error`.
#[repr(C)]
pub(super) struct ShimError {
    message: [c_char; 512],
}

/// Mirrors `rein_should_stop`.
pub(super) type ShouldStop = extern "C" fn(data: *mut c_void) -> bool;

unsafe extern "C" {
    pub(super) fn rein_install_cpu_kernels() -> bool;
    /// May be the `cb_eval` of any context.
    pub(super) fn rein_leave_attention(
        op: *mut sys::ggml_tensor,
        ask: bool,
        data: *mut c_void,
    ) -> bool;
    #[cfg(test)]
    pub(super) fn rein_quant_gemm(
        gguf_type: i32,
        depth: i64,
        rows: i64,
        columns: i64,
        weights: *const c_void,
        row_bytes: usize,
        activations: *const f32,
        out: *mut f32,
    ) -> bool;
    #[cfg(test)]
    pub(super) fn rein_attention(
        size: i64,
        tokens: i64,
        heads: i64,
        kv_heads: i64,
        cells: i64,
        sequences: i64,
        queries: *const f32,
        keys: *const u16,
        values: *const u16,
        mask: *const u16,
        max_shared: usize,
        out: *mut f32,
    ) -> bool;
    pub(super) fn rein_model_load(
        path: *const c_char,
        params: *const sys::llama_model_params,
        should_stop: ShouldStop,
        data: *mut c_void,
        out: *mut *mut sys::llama_model,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_context_new(
        model: *mut sys::llama_model,
        params: *const sys::llama_context_params,
        should_stop: ShouldStop,
        data: *mut c_void,
        out: *mut *mut sys::llama_context,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_context_memory(
        ctx: *const sys::llama_context,
        devices: *const sys::ggml_backend_dev_t,
        n_devices: usize,
        sizes: *mut u64,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_decode(
        ctx: *mut sys::llama_context,
        batch: *const sys::llama_batch,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_logits(
        ctx: *mut sys::llama_context,
        i: i32,
        out: *mut *mut f32,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_embeddings_seq(
        ctx: *mut sys::llama_context,
        seq: i32,
        out: *mut *mut f32,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_tokenize(
        vocab: *const sys::llama_vocab,
        text: *const c_char,
        len: i32,
        tokens: *mut sys::llama_token,
        capacity: i32,
        add_special: bool,
        parse_special: bool,
        n_out: *mut i32,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_token_to_piece(
        vocab: *const sys::llama_vocab,
        token: sys::llama_token,
        buf: *mut c_char,
        capacity: i32,
        special: bool,
        n_out: *mut i32,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_detokenize(
        vocab: *const sys::llama_vocab,
        tokens: *const sys::llama_token,
        n_tokens: i32,
        buf: *mut c_char,
        capacity: i32,
        remove_special: bool,
        unparse_special: bool,
        n_out: *mut i32,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_sampler_new_dry(
        vocab: *const sys::llama_vocab,
        multiplier: f32,
        base: f32,
        allowed_length: i32,
        last_n: i32,
        breakers: *mut *const c_char,
        n_breakers: usize,
        out: *mut *mut sys::llama_sampler,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_sampler_accept(
        sampler: *mut sys::llama_sampler,
        token: sys::llama_token,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_sampler_apply(
        sampler: *mut sys::llama_sampler,
        candidates: *mut sys::llama_token_data_array,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_memory_clear(ctx: *mut sys::llama_context, err: *mut ShimError) -> i32;
    pub(super) fn rein_memory_seq_rm(
        ctx: *mut sys::llama_context,
        seq: i32,
        p0: i32,
        p1: i32,
        removed: *mut bool,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_memory_seq_cp(
        ctx: *mut sys::llama_context,
        src: i32,
        dst: i32,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_memory_seq_bounds(
        ctx: *mut sys::llama_context,
        seq: i32,
        pos_min: *mut i32,
        pos_max: *mut i32,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_state_size(
        ctx: *mut sys::llama_context,
        seq: i32,
        size: *mut usize,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_state_get(
        ctx: *mut sys::llama_context,
        seq: i32,
        data: *mut u8,
        capacity: usize,
        size: *mut usize,
        err: *mut ShimError,
    ) -> i32;
    pub(super) fn rein_state_set(
        ctx: *mut sys::llama_context,
        seq: i32,
        data: *const u8,
        len: usize,
        size: *mut usize,
        err: *mut ShimError,
    ) -> i32;
}

/// Runs one wrapped call: names it for the abort hook, and returns its status or what it threw.
pub(super) fn call(
    operation: Operation,
    body: impl FnOnce(*mut ShimError) -> i32,
) -> Result<i32, LlamaError> {
    operation.note();
    let mut error = ShimError { message: [0; 512] };
    let status = body(&raw mut error);
    if status == EXCEPTION {
        // SAFETY: the shim NUL-terminates the message within its 512 bytes before it returns EXCEPTION,
        // and the buffer lives until the end of this function.
        let message = unsafe { CStr::from_ptr(error.message.as_ptr()) };
        return Err(LlamaError::Exception {
            operation: operation.as_str(),
            message: message.to_string_lossy().into_owned(),
        });
    }
    Ok(status)
}
