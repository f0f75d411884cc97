//! Runs what may hang, panic or recurse deeply on a thread of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::bounded;

use super::limits::{COMPILE_SLOTS, COMPILE_STACK_BYTES};

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GuardError {
    /// All threads are taken.
    Busy,
    /// It took too long; its thread goes on alone.
    TimedOut,
    /// It panicked.
    Panicked,
}

static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// One of the [`COMPILE_SLOTS`], held by a thread until it ends.
struct Slot;

impl Slot {
    fn take() -> Option<Self> {
        TAKEN
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
                (taken < COMPILE_SLOTS).then_some(taken + 1)
            })
            .ok()
            .map(|_| Self)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Calls `work` on a thread with a deep stack and waits for at most `limit`.
pub(super) fn run<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, GuardError> {
    let slot = Slot::take().ok_or(GuardError::Busy)?;
    let (reply, result) = bounded(1);
    std::thread::Builder::new()
        .name("constraint".to_owned())
        .stack_size(COMPILE_STACK_BYTES)
        .spawn(move || {
            let _slot = slot;
            // A panic drops the sender, which the caller sees.
            let _ = reply.send(work());
        })
        .map_err(|_| GuardError::Busy)?;
    result.recv_timeout(limit).map_err(|error| {
        if error.is_timeout() {
            GuardError::TimedOut
        } else {
            GuardError::Panicked
        }
    })
}
