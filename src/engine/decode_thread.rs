//! [`DecodeThread`]: the loop that owns the context and computes for everybody.
//!
//! It never blocks on a client, never awaits, and parks itself when there is nothing to do.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::cost::CostModel;
use super::error::EngineError;
use super::events::FinishReason;
use super::handle::{EngineParams, Shared};
use super::metrics::EngineMetrics;
use super::planner::{Chunk, Limits, plan};
use super::prefix::{Assignment, Sequences};
use super::run::Run;
use crate::llama::{Batch, Context, DecodeOutcome, LlamaError, SeqId, Token};
use crate::stop::{StopCause, StopFlag, StopRecord};

/// The state of a decode thread.
pub(super) struct DecodeThread {
    context: Context,
    commands: Receiver<Run>,
    shared: Arc<Shared>,
    /// Accepted runs without a sequence, in the order they came.
    waiting: VecDeque<Run>,
    /// Runs with a sequence.
    active: Vec<Run>,
    sequences: Sequences,
    cost: CostModel,
    limits: Limits,
    slow_client: Duration,
    batch: Batch,
    bytes: Vec<u8>,
    metrics: EngineMetrics,
}

impl DecodeThread {
    pub(super) fn new(
        context: Context,
        commands: Receiver<Run>,
        shared: Arc<Shared>,
        params: &EngineParams,
    ) -> Self {
        let n_seq_max = context.n_seq_max();
        Self {
            commands,
            shared,
            waiting: VecDeque::new(),
            active: Vec::new(),
            sequences: Sequences::new(n_seq_max),
            cost: CostModel::new(n_seq_max as usize),
            limits: Limits {
                max_step: params.max_step,
                max_chunk: context.n_batch() as usize,
            },
            slow_client: params.slow_client,
            batch: Batch::new(),
            bytes: Vec::new(),
            metrics: EngineMetrics::new(),
            context,
        }
    }

    /// One small decode, so that the first request does not pay for paging the weights in.
    pub(super) fn warm_up(&mut self, flag: &StopFlag) -> Result<(), EngineError> {
        let token = self.context.model().vocab().bos().unwrap_or(Token(0));
        self.batch.clear();
        self.batch.push(token, 0, SeqId(0), true);
        let outcome = self.context.decode(&mut self.batch, &|| flag.is_set())?;
        self.context.rest();
        self.context.clear()?;
        if outcome == DecodeOutcome::Aborted || flag.is_set() {
            return Err(EngineError::Stopped);
        }
        Ok(())
    }

    /// Runs until the engine closes. A panic ends every run with an error and nothing else.
    pub(super) fn run(mut self) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            while self.shared.closing().is_none() {
                self.turn();
            }
        }));
        self.shared.close(StopCause::Unload);
        let closing = self.shared.closing().unwrap_or(StopCause::Unload);
        self.take_commands();
        let all = std::mem::take(&mut self.active)
            .into_iter()
            .chain(std::mem::take(&mut self.waiting));
        for run in all {
            if outcome.is_err() {
                run.fail("the decode thread failed; load the model again".into());
            } else {
                run.flag.set(closing);
                Self::finish_stopped(run);
            }
        }
        self.shared.waiting.store(0, Ordering::Release);
        self.shared.running.store(0, Ordering::Release);
        self.publish();
    }

    /// One turn of the loop: take commands, drop what is stopped, admit, plan, compute.
    fn turn(&mut self) {
        self.take_commands();
        self.sweep();
        self.admit();
        self.publish();
        let views: Vec<_> = self.active.iter().map(Run::view).collect();
        let plan = plan(&views, &self.cost, self.limits);
        if plan.rows.is_empty() && plan.chunk.is_none() {
            self.park();
            return;
        }
        let started = Instant::now();
        for run in &mut self.active {
            run.idle_steps = run.idle_steps.saturating_add(1);
        }
        // Runs are removed as they finish, so both parts are named by id.
        let chunk = plan.chunk.map(|chunk| (self.active[chunk.run].id, chunk));
        if !plan.rows.is_empty() {
            self.decode_rows(&plan.rows);
        }
        if let Some((id, chunk)) = chunk {
            self.prefill(id, chunk);
        }
        self.metrics
            .step_seconds
            .record(started.elapsed().as_secs_f64());
    }

    fn take_commands(&mut self) {
        while let Ok(run) = self.commands.try_recv() {
            self.waiting.push_back(run);
        }
    }

    /// Nothing can be computed: sleep until somebody unparks this thread, or a time limit passes.
    fn park(&self) {
        self.context.rest();
        let limits = self.active.iter().flat_map(|run| {
            let slow = run.parked_since.map(|since| since + self.slow_client);
            [run.deadline, slow].into_iter().flatten()
        });
        match limits.min() {
            Some(next) => std::thread::park_timeout(next.saturating_duration_since(Instant::now())),
            None => std::thread::park(),
        }
    }

    /// Applies time limits and backpressure, and drops every run whose flag is set.
    fn sweep(&mut self) {
        let now = Instant::now();
        for run in self.active.iter_mut().chain(&mut self.waiting) {
            if run.is_abandoned() {
                run.flag.set(StopCause::Disconnect);
            }
            if run.deadline.is_some_and(|deadline| now >= deadline) {
                run.flag.set(StopCause::Deadline);
            }
        }
        for run in &mut self.active {
            run.update_parking(now);
            if run
                .parked_since
                .is_some_and(|since| now - since >= self.slow_client)
            {
                run.flag.set(StopCause::SlowClient);
            }
        }
        while let Some(index) = self.active.iter().position(|run| run.flag.is_set()) {
            self.stop_active(index);
        }
        while let Some(index) = self.waiting.iter().position(|run| run.flag.is_set()) {
            if let Some(run) = self.waiting.remove(index) {
                self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
                Self::finish_stopped(run);
            }
        }
    }

    /// Frees a run's sequence, also in what `/slots` shows, before anybody is told that the run is over:
    /// a client that has its whole answer may load another model at once.
    fn vacate(&mut self, run: &Run) {
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

    fn stop_active(&mut self, index: usize) {
        let run = self.active.remove(index);
        self.vacate(&run);
        Self::finish_stopped(run);
    }

    fn finish_stopped(run: Run) {
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

    /// Gives sequences to waiting runs.
    fn admit(&mut self) {
        while self.sequences.idle() > 0 {
            let Some(mut run) = self.waiting.pop_front() else {
                break;
            };
            if !run.flag.begin() {
                self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
                Self::finish_stopped(run);
                continue;
            }
            self.shared.running.fetch_add(1, Ordering::AcqRel);
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
            let Some(assignment) = self.sequences.assign(&run.tokens, run.namespace) else {
                self.shared.running.fetch_sub(1, Ordering::AcqRel);
                run.fail(
                    "no sequence is free, although one should be; send the request again".into(),
                );
                break;
            };
            match self.restore(assignment) {
                Ok(kept) => {
                    self.sequences
                        .set_tokens(assignment.seq, &run.tokens[..kept]);
                    self.metrics
                        .prompt_tokens
                        .increment(run.tokens.len() as u64);
                    self.metrics.prompt_tokens_cached.increment(kept as u64);
                    run.admit(assignment.seq, kept);
                    self.active.push(run);
                }
                Err(error) => {
                    self.sequences.set_tokens(assignment.seq, &[]);
                    self.sequences.release(assignment.seq);
                    self.shared.running.fetch_sub(1, Ordering::AcqRel);
                    run.fail(error.to_string());
                }
            }
        }
    }

    /// Makes a sequence hold what its assignment says. Returns how many tokens are really there: none,
    /// where the model's memory cannot be cut at that place.
    fn restore(&mut self, assignment: Assignment) -> Result<usize, LlamaError> {
        let Assignment {
            seq,
            keep,
            copy_from,
        } = assignment;
        if let Some(from) = copy_from {
            self.context.truncate(seq, 0)?;
            self.context.copy(from, seq)?;
        }
        if keep > 0 && self.context.truncate(seq, keep as u32)? && self.is_whole(seq, keep)? {
            return Ok(keep);
        }
        self.context.truncate(seq, 0)?;
        Ok(0)
    }

    /// True where a sequence cut to `keep` tokens has all that the next token attends to. A sliding
    /// window may have moved past what is needed.
    fn is_whole(&self, seq: SeqId, keep: usize) -> Result<bool, LlamaError> {
        let Some(bounds) = self.context.bounds(seq)? else {
            return Ok(keep == 0);
        };
        let window = self.context.model().n_swa();
        let needed_from = if window == 0 {
            0
        } else {
            (keep as u32 + 1).saturating_sub(window)
        };
        Ok(bounds.end as usize == keep && bounds.first <= needed_from)
    }

    /// Computes one token of each of these runs, and draws the next.
    fn decode_rows(&mut self, indexes: &[usize]) {
        self.batch.clear();
        for &index in indexes {
            let run = &self.active[index];
            if let Some(seq) = run.seq {
                self.batch
                    .push(run.tokens[run.computed], run.computed, seq, true);
            }
        }
        let flags: Vec<StopFlag> = indexes
            .iter()
            .map(|&i| self.active[i].flag.clone())
            .collect();
        let ids: Vec<u64> = indexes.iter().map(|&i| self.active[i].id).collect();
        let started = Instant::now();
        // Aborting undoes every row of the batch, so only when nobody wants theirs.
        let shared = &self.shared;
        let nobody_wants_it = || flags.iter().all(StopFlag::is_set) || shared.closing().is_some();
        let outcome = self.context.decode(&mut self.batch, &nobody_wants_it);
        let ended = Instant::now();
        for &index in indexes {
            self.active[index].last_decode = Some((started, ended));
        }
        match outcome {
            Ok(DecodeOutcome::Done) => {
                self.cost.learn_rows(indexes.len(), ended - started);
                for (row, id) in ids.into_iter().enumerate() {
                    self.advance(id, 1, Some(row));
                }
            }
            Ok(DecodeOutcome::Aborted) => self.resync(&ids),
            Ok(DecodeOutcome::NoCells) => self.fail_all(&ids, "the KV cache has no free cells"),
            Err(error) => self.fail_all(&ids, &error.to_string()),
        }
    }

    /// Computes a piece of one run's prompt; draws the first token where it is the last piece.
    fn prefill(&mut self, id: u64, chunk: Chunk) {
        let Some(run) = self.active.iter_mut().find(|run| run.id == id) else {
            return;
        };
        let Some(seq) = run.seq else { return };
        if run.flag.is_set() {
            return;
        }
        let end = run.computed + chunk.tokens;
        let is_last = end == run.tokens.len();
        self.batch.clear();
        for position in run.computed..end {
            let output = is_last && position + 1 == end;
            self.batch.push(run.tokens[position], position, seq, output);
        }
        let flag = run.flag.clone();
        let started = Instant::now();
        let shared = &self.shared;
        let nobody_wants_it = || flag.is_set() || shared.closing().is_some();
        let outcome = self.context.decode(&mut self.batch, &nobody_wants_it);
        let ended = Instant::now();
        run.last_decode = Some((started, ended));
        match outcome {
            Ok(DecodeOutcome::Done) => {
                self.cost.learn_chunk(chunk.tokens, ended - started);
                let row = is_last.then(|| chunk.tokens - 1);
                self.advance(id, chunk.tokens, row);
            }
            Ok(DecodeOutcome::Aborted) => self.resync(&[id]),
            Ok(DecodeOutcome::NoCells) => self.fail_all(&[id], "the KV cache has no free cells"),
            Err(error) => self.fail_all(&[id], &error.to_string()),
        }
    }

    /// A run has `n` more tokens computed; with a row of logits, its next token is drawn.
    fn advance(&mut self, id: u64, n: usize, row: Option<usize>) {
        let Some(index) = self.active.iter().position(|run| run.id == id) else {
            return;
        };
        let run = &mut self.active[index];
        if let Some(seq) = run.seq {
            self.sequences
                .extend(seq, &run.tokens[run.computed..run.computed + n]);
        }
        run.computed += n;
        run.idle_steps = 0;
        let Some(row) = row else { return };
        if run.flag.is_set() {
            // Computed in the batch that was in flight; the next sweep ends the run.
            self.metrics.wasted_tokens.increment(1);
            return;
        }
        match self.draw(index, row) {
            Ok(None) => {}
            Ok(Some(reason)) => self.finish(index, reason),
            Err(error) => self.fail_all(&[id], &error.to_string()),
        }
    }

    fn draw(&mut self, index: usize, row: usize) -> Result<Option<FinishReason>, LlamaError> {
        let run = &mut self.active[index];
        let token = run.sampler.draw(self.context.logits(row)?);
        let vocab = self.context.model().vocab();
        self.bytes.clear();
        let bytes = if vocab.is_end_of_generation(token) {
            None
        } else {
            vocab.append_bytes(token, false, &mut self.bytes)?;
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

    fn finish(&mut self, index: usize, reason: FinishReason) {
        let run = self.active.remove(index);
        self.vacate(&run);
        EngineMetrics::finished(reason.as_openai());
        run.finish(reason);
    }

    /// After an abort: asks what is left of each sequence, so that it stays cached as far as it goes.
    fn resync(&mut self, ids: &[u64]) {
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
    fn fail_all(&mut self, ids: &[u64], message: &str) {
        tracing::error!(message, runs = ids.len(), "a decode failed");
        for id in ids {
            let Some(index) = self.active.iter().position(|run| run.id == *id) else {
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

    /// Shows the state of the sequences to `/slots` and to the metrics.
    fn publish(&mut self) {
        self.metrics.running.set(self.active.len() as f64);
        self.metrics.waiting.set(self.waiting.len() as f64);
        self.metrics
            .cached_tokens
            .set(self.sequences.cached_tokens() as f64);
        let mut slots = self
            .shared
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (index, slot) in slots.iter_mut().enumerate() {
            let seq = SeqId(index as u32);
            let run = self.active.iter().find(|run| run.seq == Some(seq));
            slot.run = run.map(Run::public_view);
            slot.n_held = self.sequences.len_of(seq);
        }
    }
}
