//! How a run ends: finished, stopped, failed; and what becomes of its sequence.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::DecodeThread;
use crate::engine::events::FinishReason;
use crate::engine::metrics::EngineMetrics;
use crate::engine::run::Run;
use crate::stop::{StopCause, StopRecord};

impl DecodeThread {
    /// Frees a run's sequence, also in what `/slots` shows, before anybody is told that the run is over:
    /// a client that has its whole answer may load another model at once.
    pub(super) fn vacate(&mut self, run: &Run) {
        let Some(seq) = run.seq else { return };
        self.shared.running.fetch_sub(1, Ordering::AcqRel);
        self.sequences.release(seq);
        let mut slots = self
            .shared
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(seq.0 as usize) {
            slot.run = None;
        }
    }

    pub(super) fn stop_active(&mut self, index: usize) {
        let run = self.active.remove(index);
        self.vacate(&run);
        Self::finish_stopped(run);
    }

    pub(super) fn finish_stopped(run: Run) {
        let cause = run.flag.cause().unwrap_or(StopCause::User);
        StopRecord {
            phase: run.phase().as_str(),
            cause,
            set: run.flag.set_at().unwrap_or_else(Instant::now),
            last_computing: run.last_decode,
        }
        .publish();
        EngineMetrics::finished("stopped");
        run.finish(FinishReason::Stopped(cause));
    }

    pub(super) fn finish(&mut self, index: usize, reason: FinishReason) {
        let run = self.active.remove(index);
        self.vacate(&run);
        EngineMetrics::finished(reason.as_openai());
        run.finish(reason);
    }

    /// After an abort: asks what is left of each sequence, so that it stays cached as far as it goes.
    pub(super) fn resync(&mut self, ids: &[u64]) {
        for run in self.active.iter_mut().filter(|run| ids.contains(&run.id)) {
            let Some(seq) = run.seq else { continue };
            let kept = match self.context.bounds(seq) {
                Ok(bounds) => bounds.map_or(0, |bounds| bounds.end as usize),
                Err(_) => 0,
            };
            // A row may be stored although its logits are lost: cut back to what is known to be computed,
            // or keep less where the abort removed more.
            run.computed = kept.min(run.computed);
            match self.context.truncate(seq, run.computed as u32) {
                Ok(true) => {}
                _ => run.computed = 0,
            }
            self.sequences.set_tokens(seq, &run.tokens[..run.computed]);
        }
    }

    /// Ends the named runs with an error and forgets what their sequences hold.
    pub(super) fn fail_all(&mut self, ids: &[u64], message: &str) {
        tracing::error!(message, runs = ids.len(), "a decode or a draw failed");
        for id in ids {
            let Some(index) = self.index_of(*id) else {
                continue;
            };
            let run = self.active.remove(index);
            if let Some(seq) = run.seq {
                if let Err(error) = self.context.truncate(seq, 0) {
                    tracing::error!(%error, "a sequence could not be cleared");
                }
                self.sequences.set_tokens(seq, &[]);
            }
            self.vacate(&run);
            EngineMetrics::finished("error");
            run.fail(message.to_owned());
        }
    }
}
