//! [`Model`]: weights and vocabulary, shared by everybody who needs them.

use std::ffi::{CStr, CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;

use llama_cpp_sys_2 as sys;

use super::operation::Operation;
use super::stop_check::StopCheck;
use super::{Backend, LlamaError, Placement, Vocab, backend, shim};

/// How a model is loaded.
#[derive(Debug, Clone)]
pub struct ModelParams {
    /// Where the layers go. Without a GPU backend this has no effect.
    pub placement: Placement,
    /// Map the file instead of reading it.
    pub use_mmap: bool,
    /// Read everything but the weights: tells whether llama.cpp knows the model, without its memory. Contexts over it
    /// allocate nothing either, and must not compute: they tell [what they would take](super::Context::memory_use).
    pub without_weights: bool,
}

impl Default for ModelParams {
    fn default() -> Self {
        Self {
            placement: Placement::default(),
            use_mmap: true,
            without_weights: false,
        }
    }
}

/// A loaded model. Immutable, so cloning shares it and any thread may use it.
#[derive(Debug, Clone)]
pub struct Model {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    ptr: NonNull<sys::llama_model>,
    vocab: Vocab,
    path: PathBuf,
    is_on_gpu: bool,
    has_weights: bool,
}

// SAFETY: llama.cpp never writes to a loaded model but for creating contexts, which `Context::new`
// serialises under one lock; the vocabulary calls are documented as thread-safe in llama.h.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a successful load and is freed once. Contexts hold an Arc to
        // this, so none is left.
        unsafe { sys::llama_model_free(self.ptr.as_ptr()) }
    }
}

impl Model {
    /// Loads a GGUF file, whose header must have been checked before (`models::gguf`).
    ///
    /// `progress` is called with 0.0..=1.0. `should_stop` is asked all the time, by the calling thread; where
    /// it says true, the load ends with [`LlamaError::LoadStopped`] and leaves nothing behind.
    pub fn load(
        _backend: Backend,
        path: &Path,
        params: &ModelParams,
        progress: &mut dyn FnMut(f32),
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Self, LlamaError> {
        let c_path = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| {
            LlamaError::Unusable {
                what: "the path",
                problem: "contains a NUL byte",
            }
        })?;
        let mut watch = LoadWatch {
            progress,
            should_stop,
        };
        let mut stop = StopCheck::new(should_stop);
        // SAFETY: a plain getter of default values.
        let mut native = unsafe { sys::llama_model_default_params() };
        let mut placement = params.placement.to_native(Backend::gpus())?;
        placement.apply(&mut native);
        native.no_alloc = params.without_weights;
        native.load_mode = if params.use_mmap && !params.without_weights {
            sys::LLAMA_LOAD_MODE_MMAP
        } else {
            sys::LLAMA_LOAD_MODE_NONE
        };
        native.progress_callback = Some(on_progress);
        native.progress_callback_user_data = (&raw mut watch).cast::<c_void>();

        backend::take_recent_errors();
        let mut ptr = std::ptr::null_mut();
        let status = shim::call(Operation::LoadModel, |err| {
            // SAFETY: path, params and what they point to outlive the call; `watch` and `stop` outlive it too and are only used
            // by their callbacks, on this thread, while the call runs.
            unsafe {
                shim::rein_model_load(
                    c_path.as_ptr(),
                    &raw const native,
                    StopCheck::CALLBACK,
                    stop.as_data(),
                    &raw mut ptr,
                    err,
                )
            }
        });
        let model = NonNull::new(ptr).map(|ptr| Self {
            inner: Arc::new(Inner {
                ptr,
                // SAFETY: the pointer is a loaded model, and `Inner` keeps it alive as long as the vocabulary.
                vocab: unsafe { Vocab::of_model(ptr) },
                path: path.to_owned(),
                has_weights: !params.without_weights,
                is_on_gpu: params.placement.n_gpu_layers() != 0 && !Backend::gpus().is_empty(),
            }),
        });
        if should_stop() {
            return Err(LlamaError::LoadStopped);
        }
        status?;
        model.ok_or_else(|| LlamaError::Load {
            path: path.to_owned(),
            reason: backend::take_recent_errors(),
        })
    }

    /// The vocabulary.
    #[must_use]
    pub fn vocab(&self) -> &Vocab {
        &self.inner.vocab
    }

    /// The file it was loaded from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The context length the model was trained for, in tokens.
    #[must_use]
    pub fn n_ctx_train(&self) -> u32 {
        // SAFETY: a getter on a live model.
        unsafe { sys::llama_model_n_ctx_train(self.as_ptr()) }.max(0) as u32
    }

    /// The sliding attention window in tokens; 0 where the model has none.
    #[must_use]
    pub fn n_swa(&self) -> u32 {
        // SAFETY: a getter on a live model.
        unsafe { sys::llama_model_n_swa(self.as_ptr()) }.max(0) as u32
    }

    /// Query heads of a layer.
    #[must_use]
    pub fn n_head(&self) -> u32 {
        // SAFETY: a getter on a live model.
        unsafe { sys::llama_model_n_head(self.as_ptr()) }.max(0) as u32
    }

    /// True where GPUs compute it, or some of its layers.
    #[must_use]
    pub fn is_on_gpu(&self) -> bool {
        self.inner.is_on_gpu
    }

    /// False for a model of which only the shape was read ([`ModelParams::without_weights`]): nothing can be computed.
    #[must_use]
    pub fn has_weights(&self) -> bool {
        self.inner.has_weights
    }

    /// True where the model keeps a recurrent state that cannot be rolled back (Mamba, RWKV, hybrids).
    #[must_use]
    pub fn is_recurrent(&self) -> bool {
        // SAFETY: getters on a live model.
        unsafe {
            sys::llama_model_is_recurrent(self.as_ptr())
                || sys::llama_model_is_hybrid(self.as_ptr())
        }
    }

    /// True where the model can generate text: it has a decoder and no encoder before it.
    #[must_use]
    pub fn is_causal_lm(&self) -> bool {
        // SAFETY: getters on a live model.
        unsafe {
            sys::llama_model_has_decoder(self.as_ptr())
                && !sys::llama_model_has_encoder(self.as_ptr())
                && !sys::llama_model_is_diffusion(self.as_ptr())
        }
    }

    /// Bytes of all weights.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        // SAFETY: a getter on a live model.
        unsafe { sys::llama_model_size(self.as_ptr()) }
    }

    /// Number of parameters.
    #[must_use]
    pub fn n_params(&self) -> u64 {
        // SAFETY: a getter on a live model.
        unsafe { sys::llama_model_n_params(self.as_ptr()) }
    }

    /// The chat template embedded in the file.
    #[must_use]
    pub fn chat_template(&self) -> Option<String> {
        // SAFETY: a getter on a live model; the string belongs to the model and is copied here.
        let text = unsafe {
            let text = sys::llama_model_chat_template(self.as_ptr(), std::ptr::null());
            (!text.is_null()).then(|| CStr::from_ptr(text))
        };
        text.map(|text| text.to_string_lossy().into_owned())
    }

    pub(super) fn as_ptr(&self) -> *mut sys::llama_model {
        self.inner.ptr.as_ptr()
    }
}

struct LoadWatch<'a> {
    progress: &'a mut dyn FnMut(f32),
    should_stop: &'a dyn Fn() -> bool,
}

extern "C" fn on_progress(progress: f32, data: *mut c_void) -> bool {
    // SAFETY: `Model::load` passes a `LoadWatch` that lives until the load returns, and llama.cpp calls
    // back on the loading thread only.
    let watch = unsafe { &mut *data.cast::<LoadWatch<'_>>() };
    // A panic must not unwind into C++; it stops the load instead.
    catch_unwind(AssertUnwindSafe(|| {
        (watch.progress)(progress);
        !(watch.should_stop)()
    }))
    .unwrap_or(false)
}
