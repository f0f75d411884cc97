//! [`StopFlag`]: one atomic cause, and wake-ups for everyone who waits on it.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

/// Why a run was told to stop. The first cause wins and is never overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum StopCause {
    /// Somebody asked: the cancel route, Ctrl-C in the terminal, a library call.
    User = 1,
    /// The client closed its connection, or dropped the stream.
    Disconnect = 2,
    /// The wall clock of `--max-generation-seconds` ran out.
    Deadline = 3,
    /// The model is being unloaded.
    Unload = 4,
    /// The server is shutting down.
    Shutdown = 5,
    /// The client read so slowly that its run was given up.
    SlowClient = 6,
    /// The answer has all that was asked for, and what would follow is not wanted.
    Satisfied = 7,
}

impl StopCause {
    /// The cause as a metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Disconnect => "disconnect",
            Self::Deadline => "deadline",
            Self::Unload => "unload",
            Self::Shutdown => "shutdown",
            Self::SlowClient => "slow_client",
            Self::Satisfied => "satisfied",
        }
    }

    fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::User,
            2 => Self::Disconnect,
            3 => Self::Deadline,
            4 => Self::Unload,
            5 => Self::Shutdown,
            6 => Self::SlowClient,
            7 => Self::Satisfied,
            _ => return None,
        })
    }
}

/// A stop that can be set once and seen by everybody: polled by the decode thread, read by the abort
/// callback in the middle of a decode, awaited by async code.
///
/// The second half is the answer. Whoever computes claims the flag with [`StopFlag::begin`] and calls
/// [`StopFlag::release`] once it has let go for good; [`StopFlag::released`] waits for that, and nothing
/// is reported as stopped before. A flag that is set before anybody began is released at once: what
/// still waits in a queue needs nobody's help to be stopped.
#[derive(Clone)]
pub struct StopFlag {
    inner: Arc<Inner>,
}

struct Inner {
    /// 0 while running, else a [`StopCause`].
    cause: AtomicU8,
    /// [`WAITING`], [`BEGUN`] or [`WITHDRAWN`].
    progress: AtomicU8,
    set_at: OnceLock<Instant>,
    set: CancellationToken,
    released: CancellationToken,
    /// The thread that computes for this flag; it may be parked.
    worker: OnceLock<Thread>,
}

/// Nobody computes for the flag yet.
const WAITING: u8 = 0;
/// Somebody does, or did.
const BEGUN: u8 = 1;
/// Stopped before anybody began; nobody may begin any more.
const WITHDRAWN: u8 = 2;

impl StopFlag {
    /// A flag that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                cause: AtomicU8::new(0),
                progress: AtomicU8::new(WAITING),
                set_at: OnceLock::new(),
                set: CancellationToken::new(),
                released: CancellationToken::new(),
                worker: OnceLock::new(),
            }),
        }
    }

    /// Sets the flag. Returns true if this call was the first; later causes are ignored.
    #[expect(
        clippy::must_use_candidate,
        reason = "whether it was the first is rarely of interest"
    )]
    pub fn set(&self, cause: StopCause) -> bool {
        let now = Instant::now();
        let first = self
            .inner
            .cause
            .compare_exchange(0, cause as u8, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if first {
            // Only the first caller gets here, so the cell is empty.
            let _ = self.inner.set_at.set(now);
            if self.advance(WITHDRAWN) {
                self.release();
            }
            self.inner.set.cancel();
            if let Some(worker) = self.inner.worker.get() {
                worker.unpark();
            }
        }
        first
    }

    fn advance(&self, to: u8) -> bool {
        self.inner
            .progress
            .compare_exchange(WAITING, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Claims the flag for computing. False where it was stopped before: then nothing may be computed.
    /// Only the first call can succeed.
    #[must_use]
    pub fn begin(&self) -> bool {
        self.advance(BEGUN)
    }

    /// True where the flag was set before anybody began to compute.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.inner.progress.load(Ordering::Acquire) == WITHDRAWN
    }

    /// When the flag was set.
    #[must_use]
    pub fn set_at(&self) -> Option<Instant> {
        self.inner.set_at.get().copied()
    }

    /// True once somebody asked to stop. One atomic load: cheap enough for every graph node.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.inner.cause.load(Ordering::Acquire) != 0
    }

    /// The first cause, if the flag is set.
    #[must_use]
    pub fn cause(&self) -> Option<StopCause> {
        StopCause::from_u8(self.inner.cause.load(Ordering::Acquire))
    }

    /// Waits until the flag is set. Cancel-safe.
    pub async fn stopped(&self) {
        self.inner.set.cancelled().await;
    }

    /// Says that nothing computes for this flag any more, stopped or finished. Idempotent.
    pub fn release(&self) {
        self.inner.released.cancel();
    }

    /// True once [`Self::release`] was called.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.inner.released.is_cancelled()
    }

    /// Waits until the run has been let go of. Cancel-safe.
    pub async fn released(&self) {
        self.inner.released.cancelled().await;
    }

    /// Names the thread to unpark when the flag is set. The first caller wins.
    pub fn wake_thread(&self, worker: Thread) {
        // A flag belongs to one run and a run to one decode thread, so a second call has nothing to add.
        let _ = self.inner.worker.set(worker);
        if self.is_set() {
            // The flag may have been set before the thread was known.
            if let Some(worker) = self.inner.worker.get() {
                worker.unpark();
            }
        }
    }

    /// True if both are the same flag, not merely in the same state.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Default for StopFlag {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StopFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopFlag")
            .field("cause", &self.cause())
            .field("released", &self.is_released())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cause_wins() {
        let flag = StopFlag::new();
        assert_eq!(flag.cause(), None);
        assert!(flag.set(StopCause::User));
        assert!(!flag.set(StopCause::Disconnect));
        assert_eq!(flag.cause(), Some(StopCause::User));
    }

    #[test]
    fn setting_wakes_a_parked_worker() {
        let flag = StopFlag::new();
        let theirs = flag.clone();
        assert!(flag.begin());
        let worker = std::thread::spawn(move || {
            theirs.wake_thread(std::thread::current());
            while !theirs.is_set() {
                std::thread::park();
            }
            theirs.release();
        });
        flag.set(StopCause::Unload);
        worker.join().unwrap();
        assert!(flag.is_released());
    }

    #[test]
    fn a_flag_set_before_anybody_began_is_released_at_once() {
        let flag = StopFlag::new();
        flag.set(StopCause::User);
        assert!(flag.is_released() && flag.is_withdrawn());
        assert!(!flag.begin());
    }

    #[test]
    fn a_flag_set_while_somebody_computes_waits_for_the_release() {
        let flag = StopFlag::new();
        assert!(flag.begin());
        flag.set(StopCause::User);
        assert!(!flag.is_released());
        flag.release();
        assert!(flag.is_released() && !flag.is_withdrawn());
    }

    #[tokio::test]
    async fn waiting_ends_when_the_flag_is_set_and_when_the_run_is_released() {
        let flag = StopFlag::new();
        assert!(flag.begin());
        let theirs = flag.clone();
        let waiter = tokio::spawn(async move {
            theirs.stopped().await;
            theirs.release();
        });
        flag.set(StopCause::User);
        flag.released().await;
        waiter.await.unwrap();
    }
}
