//! One step: the rows and the prompt chunk that were planned, computed and sampled.

use std::time::Instant;

use super::DecodeThread;
use super::drawing::Computed;
use super::forcing::Forced;
use crate::engine::events::FinishReason;
use crate::engine::planner::Chunk;
use crate::llama::{DecodeOutcome, LlamaError, Token};

impl DecodeThread {
    /// Computes the next token of each of these runs, and of some a draft behind it; draws what follows.
    pub(super) fn decode(&mut self, indexes: &[usize]) {
        // Runs are removed as they finish, so they are named by id.
        let mut rows = Vec::with_capacity(indexes.len());
        let mut drafts = Vec::new();
        // `groups` wants them in this order.
        let mut indexes = indexes.to_vec();
        indexes.sort_by_key(|&index| self.active[index].seq);
        for &index in &indexes {
            let drafted = self.propose(index, indexes.len());
            let id = self.active[index].id;
            if drafted.is_empty() {
                rows.push(id);
            } else {
                drafts.push((id, drafted));
            }
        }
        self.decode_rows(&rows);
        for (id, drafted) in drafts {
            self.decode_draft(id, &drafted);
        }
    }

    /// Computes the next token of a deterministic run, in a decode of its own.
    pub(super) fn decode_alone(&mut self, id: u64) {
        self.decode_rows(&[id]);
    }

    /// Computes a piece of one run's prompt; draws the first token where it is the last piece.
    pub(super) fn prefill(&mut self, id: u64, chunk: Chunk) {
        let Some(run) = self.active.iter_mut().find(|run| run.id == id) else {
            return;
        };
        let Some(seq) = run.seq else { return };
        if run.flag.is_set() {
            return;
        }
        let depth = run.computed;
        let end = depth + chunk.tokens;
        let is_last = end == run.tokens.len();
        self.batch.clear();
        for position in depth..end {
            let output = is_last && position + 1 == end;
            self.batch.push(run.tokens[position], position, seq, output);
        }
        let flag = run.flag.clone();
        let started = Instant::now();
        let shared = &self.shared;
        let nobody_wants_it = || flag.is_set() || shared.closing.is_set();
        let outcome = self.context.decode(&mut self.batch, &nobody_wants_it);
        let ended = Instant::now();
        run.last_decode = Some((started, ended));
        if self.is_done(&[id], outcome) {
            self.cost.learn_chunk(chunk.tokens, depth, ended - started);
            self.advance(&[Computed {
                id,
                tokens: chunk.tokens,
                row: is_last.then(|| chunk.tokens - 1),
            }]);
        }
    }

    /// True where a decode of these runs has come to its end. Where not, what is left of them is settled.
    pub(super) fn is_done(
        &mut self,
        ids: &[u64],
        outcome: Result<DecodeOutcome, LlamaError>,
    ) -> bool {
        match outcome {
            Ok(DecodeOutcome::Done) => return true,
            Ok(DecodeOutcome::Aborted) => self.resync(ids),
            Ok(DecodeOutcome::NoCells) => self.fail_all(ids, "the KV cache has no free cells"),
            Err(error) => self.fail_all(ids, &error.to_string()),
        }
        false
    }

    /// Adds a token to its run's answer. Returns why the run is over, if it is.
    pub(super) fn emit(
        &mut self,
        index: usize,
        token: Token,
    ) -> Result<Option<FinishReason>, LlamaError> {
        let run = &mut self.active[index];
        let vocab = self.context.model().vocab();
        self.bytes.clear();
        let bytes = if vocab.is_end_of_generation(token) {
            if run.refuses_end() {
                return Ok(None);
            }
            None
        } else {
            vocab.append_bytes(token, run.shows(token), &mut self.bytes)?;
            Some(&self.bytes[..])
        };
        let now = Instant::now();
        match run.since_last_token(now) {
            Some(gap) => self.metrics.inter_token_latency.record(gap.as_secs_f64()),
            None => self
                .metrics
                .time_to_first_token
                .record(run.since_submitted(now).as_secs_f64()),
        }
        self.metrics.generated_tokens.increment(1);
        Ok(run.accept(token, bytes, now))
    }

    /// Emits what a step has drawn for a run, and ends the run where that was its last.
    pub(super) fn emit_all(&mut self, index: usize, tokens: &[Token]) {
        let id = self.active[index].id;
        if let Some(drafts) = &mut self.active[index].drafts {
            drafts.learn(tokens);
        }
        for &token in tokens {
            let emitted = match self.emit(index, token) {
                Ok(None) => self.force(index),
                Ok(Some(reason)) => Ok(Forced::End(reason)),
                Err(error) => Err(error),
            };
            match emitted {
                Ok(Forced::Nothing | Forced::More) => {}
                Ok(Forced::End(reason)) => return self.finish(index, reason),
                Err(error) => return self.fail_all(&[id], &error.to_string()),
            }
        }
        self.active[index].flush();
    }
}
