//! Process-wide state of llama.cpp: initialisation, its log, its abort hook.

use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_void};
use std::sync::{Mutex, OnceLock, PoisonError};

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_sys_2 as sys;

use super::devices::{self, Device, GpuDevice};
use super::operation::Operation;
use super::{LlamaError, cpu_kernels};

/// The build of llama.cpp that is linked. The crate carries no build number: see `vendor/llama/README.md`.
pub const LLAMA_BUILD: &str = "b11434";

/// The GPUs, once they were looked for.
static GPUS: OnceLock<Vec<GpuDevice>> = OnceLock::new();

/// Proof that llama.cpp is initialised. Get it with [`Backend::init`]; it lives as long as the process.
#[derive(Debug, Clone, Copy)]
pub struct Backend(());

impl Backend {
    /// Initialises llama.cpp once for the process: backends (ggml's for NVIDIA GPUs too, where its library is there), the log
    /// (into `tracing`), the abort hook.
    pub fn init() -> Result<Self, LlamaError> {
        static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
        let backend = BACKEND.get_or_init(|| {
            // SAFETY: both hooks are `extern "C"` functions that live for ever, take the arguments ggml
            // passes and do not unwind.
            unsafe {
                sys::llama_log_set(Some(on_log), std::ptr::null_mut());
                sys::ggml_set_abort_callback(Some(on_abort));
            }
            let backend = LlamaBackend::init().map_err(|error| error.to_string())?;
            cpu_kernels::install();
            GPUS.get_or_init(devices::load);
            Ok(backend)
        });
        match backend {
            Ok(_) => Ok(Self(())),
            Err(message) => Err(LlamaError::Backend(message.clone())),
        }
    }

    /// The GPUs that models can be put on, in CUDA's order. None before [`Backend::init`].
    #[must_use]
    pub fn gpus() -> &'static [GpuDevice] {
        GPUS.get().map_or(&[], Vec::as_slice)
    }

    /// What models are put on. The CPU before [`Backend::init`].
    #[must_use]
    pub fn device() -> Device {
        if Self::gpus().is_empty() {
            Device::Cpu
        } else {
            Device::Cuda
        }
    }

    /// Whether rein's own CPU kernels compute where they can: where the CPU has AVX-512 VNNI, unless the environment
    /// says `REIN_CPU_KERNELS=0`. False before [`Backend::init`].
    #[must_use]
    pub fn has_cpu_kernels() -> bool {
        cpu_kernels::installed()
    }
}

/// The last error lines of llama.cpp's log: a failed load says why only there.
static RECENT_ERRORS: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());
const RECENT_ERRORS_KEPT: usize = 4;

/// Takes the error lines that llama.cpp logged since the last call, as one reason.
pub(super) fn take_recent_errors() -> String {
    let mut lines = RECENT_ERRORS.lock().unwrap_or_else(PoisonError::into_inner);
    let reason = lines
        .drain(..)
        .map(|line| line.trim().to_owned())
        .collect::<Vec<_>>()
        .join("; ");
    if reason.is_empty() {
        "no reason was logged".to_owned()
    } else {
        reason
    }
}

extern "C" fn on_log(level: sys::ggml_log_level, text: *const c_char, _data: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: ggml passes a NUL-terminated string that lives for the call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let line = text.trim_end();
    if line.is_empty() || line.chars().all(|c| c == '.') {
        return;
    }
    match level {
        sys::GGML_LOG_LEVEL_ERROR => {
            let mut lines = RECENT_ERRORS.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == RECENT_ERRORS_KEPT {
                lines.pop_front();
            }
            lines.push_back(line.to_owned());
            tracing::debug!(target: "llama.cpp", "{line}");
        }
        sys::GGML_LOG_LEVEL_WARN => tracing::debug!(target: "llama.cpp", "{line}"),
        _ => tracing::trace!(target: "llama.cpp", "{line}"),
    }
}

/// ggml is about to `abort()`, which cannot be prevented: say what was being done.
extern "C" fn on_abort(message: *const c_char) {
    let message = if message.is_null() {
        "".into()
    } else {
        // SAFETY: ggml passes a NUL-terminated string that lives for the call.
        unsafe { CStr::from_ptr(message) }.to_string_lossy()
    };
    let operation = Operation::last().map_or("an unnamed operation", Operation::as_str);
    eprintln!("rein: ggml aborts the process; the last operation was {operation}: {message}");
}
