//! [`Threadpool`]: the threads that compute for one context.

use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use super::LlamaError;

/// ggml worker threads. Without one attached, ggml starts new threads for every single decode.
///
/// Between decodes the workers poll for a while, which makes the next one start sooner, and then sleep on
/// a condition variable.
#[derive(Debug)]
pub(super) struct Threadpool {
    ptr: NonNull<sys::ggml_threadpool>,
}

// SAFETY: the pool may be driven from whichever one thread owns the context it is attached to.
unsafe impl Send for Threadpool {}

impl Threadpool {
    pub(super) fn new(n_threads: u32) -> Result<Self, LlamaError> {
        // SAFETY: the parameters are a plain struct by value, and the call copies what it needs.
        let ptr = unsafe {
            let mut params = sys::ggml_threadpool_params_default(n_threads as i32);
            sys::ggml_threadpool_new(&raw mut params)
        };
        NonNull::new(ptr)
            .map(|ptr| Self { ptr })
            .ok_or_else(|| LlamaError::Backend(format!("cannot start {n_threads} compute threads")))
    }

    /// Lets the workers sleep at once. After a decode they would otherwise poll for more work for a tenth of
    /// a second and more, on a core that nothing is computed on. The next decode wakes them.
    pub(super) fn rest(&self) {
        // SAFETY: the pool is alive; pausing one that is paused does nothing.
        unsafe { sys::ggml_threadpool_pause(self.ptr.as_ptr()) }
    }

    pub(super) fn as_ptr(&self) -> *mut sys::ggml_threadpool {
        self.ptr.as_ptr()
    }
}

impl Drop for Threadpool {
    fn drop(&mut self) {
        // SAFETY: made by `ggml_threadpool_new` and freed once, after the context that used it (field
        // order in `Context`).
        unsafe { sys::ggml_threadpool_free(self.ptr.as_ptr()) }
    }
}
