//! Runs whose answers have a form: their masks come from another thread, and may come late.

use std::time::{Duration, Instant};

use super::DecodeThread;
use crate::engine::events::FinishReason;
use crate::engine::run::Run;
use crate::llama::LlamaError;

/// How long after its decode a step waits for masks. They are computed beside the decode and nearly always there
/// when it ends; one that takes longer delays its own run and not the others: its logits are kept, and the steps go on
/// without it.
const PATIENCE: Duration = Duration::from_millis(2);

impl DecodeThread {
    /// True where the mask of a run's next token does not come in time: its row is kept then, to be drawn from by
    /// [`Self::draw_held`].
    pub(super) fn holds(&mut self, index: usize, row: usize) -> Result<bool, LlamaError> {
        let run = &mut self.active[index];
        if !run.is_constrained() {
            return Ok(false);
        }
        let waits_until = run.last_decode.map(|(_, ended)| ended + PATIENCE);
        let patience = waits_until.map_or(PATIENCE, |end| {
            end.saturating_duration_since(Instant::now())
        });
        let is_late = !run.knows_its_mask(patience);
        if is_late {
            run.hold_row(self.context.logits(row)?);
        }
        Ok(is_late)
    }

    /// Draws for the runs whose masks have come since their rows were computed.
    pub(super) fn draw_held(&mut self) {
        let held = self.active.iter().filter(|run| run.holds_row());
        let ids: Vec<u64> = held.map(|run| run.id).collect();
        for id in ids {
            let Some(index) = self.index_of(id) else {
                continue;
            };
            let run = &mut self.active[index];
            if !run.knows_its_mask(Duration::ZERO) || run.is_complete() {
                continue;
            }
            match run.draw_held() {
                Ok(token) => self.emit_all(index, &[token]),
                Err(error) => self.fail_all(&[id], &error.to_string()),
            }
        }
    }

    /// Ends the runs whose answers have their form and cannot go on, without computing what could only be
    /// their end.
    pub(super) fn finish_complete(&mut self) {
        while let Some(index) = self.active.iter_mut().position(Run::is_complete) {
            self.finish(index, FinishReason::EndOfTurn);
        }
    }
}
