//! [`Threadpool`]: the threads that compute for one context.

use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use super::LlamaError;

/// ggml worker threads. Without one attached, ggml starts new threads for every single decode.
///
/// Between decodes the workers spin briefly and then sleep on a condition variable, so an idle model
/// costs no CPU time.
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
