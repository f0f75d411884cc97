//! [`LogitsTap`]: keeps a decode's logits where the device has computed them.
//!
//! llama.cpp copies logits to the host unless each output's sequence has a *backend sampler*: something that adds its
//! own operations to the graph. Ours adds none. It takes note of the tensor that it is shown, and asks for no
//! result: so nothing is computed for it, nothing is copied, and the tensor stays until the next decode.
//! (`needs_raw_logits` and `llm_graph_context::build_sampling` in llama.cpp.)

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

/// The samplers of a context's sequences. To be dropped after the context.
#[derive(Debug)]
pub(super) struct LogitsTap {
    /// One a sequence: llama.cpp initialises each once.
    chains: Vec<NonNull<sys::llama_sampler>>,
    /// Boxed, because the samplers point to it.
    seen: Box<Seen>,
}

/// The logits of the graph that was built last; llama.cpp can only use that one again.
#[derive(Debug, Default)]
struct Seen {
    logits: Cell<Option<NonNull<sys::ggml_tensor>>>,
}

impl LogitsTap {
    /// Samplers for so many sequences.
    pub(super) fn new(sequences: u32) -> Self {
        let mut tap = Self {
            chains: Vec::with_capacity(sequences as usize),
            seen: Box::default(),
        };
        for _ in 0..sequences {
            // SAFETY: the interface is static, and `seen` is boxed and outlives the sampler, which the chain owns
            // and `drop` frees.
            let chain = unsafe {
                let chain =
                    sys::llama_sampler_chain_init(sys::llama_sampler_chain_default_params());
                let seen = (&raw const *tap.seen).cast_mut().cast::<c_void>();
                let sampler = sys::llama_sampler_init((&raw const TAP).cast_mut(), seen);
                sys::llama_sampler_chain_add(chain, sampler);
                chain
            };
            tap.chains.extend(NonNull::new(chain));
        }
        tap
    }

    /// What a context is to be made with. Points to the samplers.
    pub(super) fn configs(&self) -> Vec<sys::llama_sampler_seq_config> {
        let chains = self.chains.iter().enumerate();
        chains
            .map(|(seq, chain)| sys::llama_sampler_seq_config {
                seq_id: seq as i32,
                sampler: chain.as_ptr(),
            })
            .collect()
    }

    /// The logits of the last decode that had outputs. The tensor lives as long as its graph: until the next decode.
    pub(super) fn logits(&self) -> Option<NonNull<sys::ggml_tensor>> {
        self.seen.logits.get()
    }
}

impl Drop for LogitsTap {
    fn drop(&mut self) {
        for chain in &self.chains {
            // SAFETY: made in `new` and freed once, with the sampler in it; the context that used it is gone.
            unsafe { sys::llama_sampler_free(chain.as_ptr()) };
        }
    }
}

static TAP: sys::llama_sampler_i = sys::llama_sampler_i {
    name: Some(name),
    accept: None,
    apply: Some(apply),
    reset: None,
    clone: None,
    free: None,
    backend_init: Some(backend_init),
    backend_accept: None,
    backend_apply: Some(backend_apply),
    backend_set_input: None,
    backend_reset: None,
    copy_state: None,
};

extern "C" fn name(_sampler: *const sys::llama_sampler) -> *const std::ffi::c_char {
    c"rein-tap".as_ptr()
}

/// Only for samplers that run on the host.
extern "C" fn apply(
    _sampler: *mut sys::llama_sampler,
    _candidates: *mut sys::llama_token_data_array,
) {
}

/// Any device will do, and any number of outputs.
extern "C" fn backend_init(
    _sampler: *mut sys::llama_sampler,
    _buffers: sys::ggml_backend_buffer_type_t,
    _outputs: u32,
) -> bool {
    true
}

/// Called while a graph is built, for each output of each sequence.
extern "C" fn backend_apply(
    sampler: *mut sys::llama_sampler,
    _context: *mut sys::ggml_context,
    _graph: *mut sys::ggml_cgraph,
    data: *mut sys::llama_sampler_data,
) {
    // SAFETY: llama.cpp passes the sampler that `LogitsTap::new` has made, whose context is a live `Seen`, and data of
    // its own with the tensor it has just made; the tensors that this is a view of are of the same graph.
    unsafe {
        let seen = &*(*sampler).ctx.cast::<Seen>();
        seen.logits.set(logits_of((*data).logits));
        (*data).logits = std::ptr::null_mut();
        (*data).probs = std::ptr::null_mut();
        (*data).sampled = std::ptr::null_mut();
        (*data).candidates = std::ptr::null_mut();
    }
}

/// What samplers are shown is one row of the logits with a row of padding behind them. That copy is computed only
/// if somebody asks for something made of it; the logits themselves always are.
///
/// # Safety
///
/// `row` is null or a tensor of a live graph.
unsafe fn logits_of(row: *mut sys::ggml_tensor) -> Option<NonNull<sys::ggml_tensor>> {
    let row = NonNull::new(row)?;
    // SAFETY: as the caller promises; tensors that one is made of are of the same graph.
    unsafe {
        let padded = NonNull::new((*row.as_ptr()).view_src)?;
        if (*padded.as_ptr()).op != sys::GGML_OP_PAD {
            return None;
        }
        NonNull::new((*padded.as_ptr()).src[0])
    }
}
