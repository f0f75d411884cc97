//! Drafts in a step: a run that drafts is computed in a decode of its own, with several rows.

use std::time::Instant;

use super::DecodeThread;
use crate::engine::draft_model::MAX_GUESS;
use crate::engine::drafts::{DraftLimits, verify};
use crate::llama::Token;

/// The most rows of a decode with a draft.
pub(in crate::engine) const MAX_DRAFT_ROWS: usize = 64;

impl DecodeThread {
    /// What a run should compute behind its last token; empty where it does not draft, or where that does not
    /// pay. `runs`: how many decode in this step.
    pub(super) fn propose(&mut self, index: usize, runs: usize) -> Vec<Token> {
        let run = &mut self.active[index];
        let Some(mut drafts) = run.drafts.take() else {
            return Vec::new();
        };
        let mut limits = DraftLimits {
            room: run.room().min(MAX_DRAFT_ROWS - 1),
            runs,
        };
        let vocab = self.context.model().vocab();
        let (cost, row_costs) = (&self.cost, &self.row_costs);
        let seconds = |k: usize| {
            if k == 0 {
                cost.rows(runs).as_secs_f64()
            } else {
                cost.rows(runs - 1).as_secs_f64() + row_costs.seconds(1 + k)
            }
        };
        let ends = |token| vocab.is_end_of_generation(token);
        let drafted = match (&mut self.draft_model, run.seq) {
            (Some(model), Some(seq)) => {
                limits.room = limits.room.min(MAX_GUESS);
                let guessing = model.seconds();
                let cost = |k| seconds(k) + guessing * k as f64;
                let flag = run.flag.clone();
                let should_stop = || flag.is_set() || self.shared.closing.is_set();
                // The compute threads of two models must not wait for work side by side.
                let rest = || self.context.rest();
                if model.is_behind(seq, &run.tokens) {
                    rest();
                    let read = model.read(seq, &run.tokens, &should_stop);
                    read.map(|()| Vec::new())
                } else {
                    let guess = |n| {
                        rest();
                        model.guess(seq, &run.tokens, n, ends, &should_stop)
                    };
                    let guessed = drafts.propose_by(limits, cost, guess);
                    guessed.map(<[Token]>::to_vec)
                }
            }
            _ => Ok(drafts
                .propose(&run.tokens, &mut self.tables, limits, ends, seconds)
                .to_vec()),
        };
        run.drafts = Some(drafts);
        drafted.unwrap_or_else(|error| {
            tracing::warn!(%error, "the draft model failed; this step goes without");
            Vec::new()
        })
    }

    /// Computes a run's last token and a draft behind it, and keeps of the draft what the sampler draws too.
    pub(super) fn decode_draft(&mut self, id: u64, drafted: &[Token]) {
        let Some(index) = self.index_of(id) else {
            return;
        };
        let run = &mut self.active[index];
        let Some(seq) = run.seq else { return };
        if run.flag.is_set() {
            return;
        }
        self.batch.clear();
        let rows = std::iter::once(run.tokens[run.computed]).chain(drafted.iter().copied());
        for (row, token) in rows.enumerate() {
            self.batch.push(token, run.computed + row, seq, true);
        }
        let flag = run.flag.clone();
        let started = Instant::now();
        let shared = &self.shared;
        let nobody_wants_it = || flag.is_set() || shared.closing.is_set();
        let outcome = self.context.decode(&mut self.batch, &nobody_wants_it);
        let ended = Instant::now();
        run.last_decode = Some((started, ended));
        if self.is_done(&[id], outcome) {
            self.row_costs.learn(1 + drafted.len(), ended - started);
            self.keep_verified(index, drafted);
        }
    }

    fn keep_verified(&mut self, index: usize, drafted: &[Token]) {
        let (id, seq) = (self.active[index].id, self.active[index].seq);
        let Some(seq) = seq else { return };
        // A run that was stopped meanwhile draws no more; its next sweep ends it.
        let wanted = !self.active[index].flag.is_set();
        let verified = if wanted {
            verify(drafted, |row| self.draw(index, row)).map(Some)
        } else {
            Ok(None)
        };
        let verified = match verified {
            Ok(verified) => verified,
            Err(error) => return self.fail_all(&[id], &error.to_string()),
        };
        let accepted = verified.as_ref().map_or(0, |verified| verified.accepted);
        let run = &mut self.active[index];
        let last = run.tokens[run.computed];
        run.computed += 1 + accepted;
        run.idle_steps = 0;
        // The cells of the drafts that were not accepted.
        match self.context.truncate(seq, run.computed as u32) {
            Ok(true) => {}
            Ok(false) => return self.fail_all(&[id], "this model's memory cannot be cut back"),
            Err(error) => return self.fail_all(&[id], &error.to_string()),
        }
        self.sequences.extend(seq, &[last]);
        self.sequences.extend(seq, &drafted[..accepted]);
        self.metrics.draft_tokens.increment(drafted.len() as u64);
        self.metrics
            .draft_tokens_accepted
            .increment(accepted as u64);
        match verified {
            Some(verified) => self.emit_all(index, &verified.tokens),
            None => self.metrics.wasted_tokens.increment(1),
        }
    }
}
