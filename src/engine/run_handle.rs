//! [`RunHandle`]: a run, seen from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;

use tokio::sync::mpsc;

use super::events::{FinishReason, RunEvent, Summary, Timings, Usage};
use crate::stop::{StopCause, StopFlag};

/// A run, seen from outside: its events, and its flag. Dropping it stops the run.
#[derive(Debug)]
pub struct RunHandle {
    pub(super) id: u64,
    pub(super) events: mpsc::Receiver<RunEvent>,
    pub(super) flag: StopFlag,
    pub(super) parked: Arc<AtomicBool>,
    pub(super) worker: Thread,
    pub(super) n_prompt: usize,
    pub(super) finished: bool,
}

impl RunHandle {
    /// The run's number on this engine.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The run's flag.
    #[must_use]
    pub fn flag(&self) -> &StopFlag {
        &self.flag
    }

    /// The next event; `None` after the last. Cancel-safe.
    pub async fn next(&mut self) -> Option<RunEvent> {
        if self.finished {
            return None;
        }
        let flag = self.flag.clone();
        let event = tokio::select! {
            biased;
            event = self.events.recv() => event,
            // The decode thread need not be asked about a run that it never began.
            () = flag.released(), if !self.flag.is_released() || self.flag.is_withdrawn() => {
                if self.flag.is_withdrawn() {
                    Some(RunEvent::Done(self.withdrawn()))
                } else {
                    self.events.recv().await
                }
            }
        };
        Some(self.received(event))
    }

    /// The next event; `None` after the last. Blocks, and so must not be called from async code.
    pub fn next_blocking(&mut self) -> Option<RunEvent> {
        if self.finished {
            return None;
        }
        let event = self.events.blocking_recv();
        Some(self.received(event))
    }

    fn received(&mut self, event: Option<RunEvent>) -> RunEvent {
        if self.parked.swap(false, Ordering::SeqCst) {
            self.worker.unpark();
        }
        let event = event.unwrap_or_else(|| {
            if self.flag.is_withdrawn() {
                RunEvent::Done(self.withdrawn())
            } else {
                RunEvent::Failed {
                    message: "the decode thread ended before the answer did; load the model again"
                        .into(),
                }
            }
        });
        self.finished = matches!(event, RunEvent::Done(_) | RunEvent::Failed { .. });
        event
    }

    fn withdrawn(&self) -> Summary {
        Summary {
            reason: FinishReason::Stopped(self.flag.cause().unwrap_or(StopCause::User)),
            usage: Usage {
                prompt_tokens: self.n_prompt as u32,
                ..Usage::default()
            },
            timings: Timings::default(),
        }
    }
}

impl Drop for RunHandle {
    fn drop(&mut self) {
        self.flag.set(StopCause::Disconnect);
    }
}
