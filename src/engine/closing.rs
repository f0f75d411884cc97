//! [`Closing`]: how an engine's thread is told to end, runs until then, and is waited for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use crate::stop::StopCause;

/// Set once: nothing is accepted any more, whatever is computed is aborted, and the thread ends.
#[derive(Debug, Default)]
pub(super) struct Closing(OnceLock<StopCause>);

/// How a thread's loop ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// Why the engine closes.
    pub(super) cause: StopCause,
    /// True where a turn panicked.
    pub(super) panicked: bool,
}

impl Closing {
    /// Closes. The first cause stays.
    pub(super) fn set(&self, cause: StopCause) {
        let _ = self.0.set(cause);
    }

    pub(super) fn cause(&self) -> Option<StopCause> {
        self.0.get().copied()
    }

    pub(super) fn is_set(&self) -> bool {
        self.cause().is_some()
    }

    /// Takes turns until this is set. A panic in one closes the engine and goes no further.
    pub(super) fn run(&self, mut turn: impl FnMut()) -> Ended {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            while !self.is_set() {
                turn();
            }
        }));
        self.set(StopCause::Unload);
        Ended {
            cause: self.cause().unwrap_or(StopCause::Unload),
            panicked: outcome.is_err(),
        }
    }
}

/// Waits for a thread, if nobody has yet. `name` is what the log calls it.
pub(super) fn join(thread: &Mutex<Option<JoinHandle<()>>>, name: &str) {
    let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(thread) = thread
        && thread.join().is_err()
    {
        tracing::error!("the {name} thread ended with a panic");
    }
}
