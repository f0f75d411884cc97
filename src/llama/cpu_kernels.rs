//! rein's own CPU kernels (`kernels/cpu`), put in the place of ggml's.

use std::sync::atomic::{AtomicBool, Ordering};

use super::shim;

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Puts the kernels in place, unless `REIN_CPU_KERNELS=0` leaves everything to llama.cpp (for comparisons).
///
/// To be called once, after ggml's backends are initialised and before the first model is loaded.
pub(super) fn install() {
    if std::env::var_os("REIN_CPU_KERNELS").is_some_and(|value| value == "0") {
        return;
    }
    // SAFETY: the only caller holds the `OnceLock` of `Backend::init`: it happens once, when ggml's backends are
    // there and no model can be.
    let installed = unsafe { shim::rein_install_cpu_kernels() };
    INSTALLED.store(installed, Ordering::Release);
    tracing::debug!(installed, "CPU kernels");
}

/// Whether they are in place.
pub(super) fn installed() -> bool {
    INSTALLED.load(Ordering::Acquire)
}

#[cfg(test)]
mod attention_tests;
#[cfg(test)]
mod gemm_tests;
