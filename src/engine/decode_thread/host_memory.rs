//! Prefixes in host memory: kept when their sequence is taken, brought back when somebody goes on from them.

use std::time::Instant;

use super::DecodeThread;
use crate::engine::prefix::{Found, Scope};
use crate::engine::run::Run;
use crate::llama::{LlamaError, SeqId, SeqState, Token};

impl DecodeThread {
    /// How many tokens of a run's prompt host memory has.
    pub(super) fn in_host(&self, run: &Run) -> usize {
        self.find_in_host(run).map_or(0, |found| found.shared)
    }

    fn find_in_host(&self, run: &Run) -> Option<Found> {
        let namespace = self.scope(run).in_host()?;
        self.host.find(&run.tokens, namespace, self.max_cut())
    }

    /// Brings back the beginning of a run's prompt. Returns how many tokens the sequence holds then.
    pub(super) fn fetch_from_host(&mut self, run: &Run, seq: SeqId) -> Result<usize, LlamaError> {
        if let Some(found) = self.find_in_host(run)
            && self.restore(seq, found)?
        {
            return Ok(found.shared);
        }
        self.context.truncate(seq, 0)?;
        Ok(0)
    }

    /// False where what was found is to be computed instead.
    fn restore(&mut self, seq: SeqId, found: Found) -> Result<bool, LlamaError> {
        let bytes = self.host.get(found).len();
        if self.would_stall(bytes) {
            return Ok(false);
        }
        let started = Instant::now();
        if let Err(error) = self.context.restore(seq, self.host.get(found)) {
            tracing::warn!(%error, "a cached prefix is computed again");
            return Ok(false);
        }
        self.copy_cost.learn(bytes, started.elapsed());
        Ok(self.context.truncate(seq, found.shared as u32)? && self.is_whole(seq, found.shared)?)
    }

    /// A failure costs no more than the prefix.
    pub(super) fn keep_in_host(&mut self, seq: SeqId, tokens: Vec<Token>, scope: Scope) {
        let Some(namespace) = scope.in_host() else {
            return;
        };
        let max_cut = self.max_cut();
        if self.host.covers(&tokens, namespace, max_cut) {
            return;
        }
        match self.save(seq) {
            Ok(Some(state)) => {
                let bytes = state.len() + std::mem::size_of_val(&tokens[..]);
                self.host.insert(tokens, namespace, state, bytes, max_cut);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a prefix is not kept"),
        }
    }

    /// None where there is no room for it, or no time.
    fn save(&mut self, seq: SeqId) -> Result<Option<SeqState>, LlamaError> {
        let bytes = self.context.state_len(seq)?;
        if !self.host.takes(bytes) || self.would_stall(bytes) {
            return Ok(None);
        }
        let started = Instant::now();
        let state = self.context.save(seq)?;
        self.copy_cost.learn(bytes, started.elapsed());
        Ok(Some(state))
    }

    /// True where copying so many bytes would keep somebody waiting for the next token longer than a step may.
    fn would_stall(&self, bytes: usize) -> bool {
        let is_streaming = self.active.iter().any(Run::is_streaming);
        is_streaming && self.copy_cost.expected(bytes) > self.limits.max_step
    }
}
