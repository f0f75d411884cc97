//! [`DecodeThread`]: the loop that owns the context and computes for everybody.
//!
//! It never blocks on a client, never awaits, and parks itself when there is nothing to do.

mod admission;
mod constrained;
mod drafting;
mod drawing;
mod ending;
mod forcing;
mod host_memory;
mod rows;
mod step;
mod warm_up;

pub(super) use drafting::MAX_DRAFT_ROWS;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::copy_cost::CopyCost;
use super::cost::CostModel;
use super::draft_model::DraftModel;
use super::drafts::{DraftKind, NgramTables, RowCosts};
use super::handle::Shared;
use super::metrics::EngineMetrics;
use super::params::EngineParams;
use super::planner::{Chunk, Limits, RunView, plan};
use super::prefix::{HostCache, Sequences};
use super::run::Run;
use crate::constraint::limits::STEP_TIME;
use crate::llama::{Batch, Context, SeqId, SeqState};
use crate::sampling::cuda::{GpuSampling, StepSampler};
use crate::stop::StopCause;

/// Namespaces (API keys) whose texts drafts may come from, 1 MiB each.
const MAX_DRAFT_NAMESPACES: usize = 16;

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
    /// Prefixes that have no sequence any more.
    host: HostCache<SeqState>,
    copy_cost: CopyCost,
    cost: CostModel,
    /// What runs of a namespace wrote, for drafts.
    tables: NgramTables,
    /// What decodes of several rows of one sequence cost.
    row_costs: RowCosts,
    /// Steps with rows of several runs, counted on.
    row_steps: u32,
    drafts: DraftKind,
    draft_model: Option<DraftModel>,
    gpu_sampling: GpuSampling,
    /// Draws where a GPU has the rows; none where they are drawn from on the host.
    step_sampler: Option<StepSampler>,
    limits: Limits,
    slow_client: Duration,
    batch: Batch,
    bytes: Vec<u8>,
    metrics: EngineMetrics,
}

impl DecodeThread {
    pub(super) fn new(
        context: Context,
        draft_model: Option<DraftModel>,
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
            host: HostCache::new(params.host_cache_bytes),
            copy_cost: CopyCost::default(),
            cost: CostModel::new(n_seq_max as usize),
            tables: NgramTables::new(MAX_DRAFT_NAMESPACES),
            row_costs: RowCosts::new(MAX_DRAFT_ROWS),
            row_steps: 0,
            drafts: if context.model().is_recurrent() {
                DraftKind::Off
            } else {
                params.drafts
            },
            draft_model,
            gpu_sampling: params.gpu_sampling,
            step_sampler: None,
            limits: Limits {
                max_step: params.max_step,
                max_chunk: params.max_chunk.clamp(1, context.n_batch()) as usize,
                can_abort: !context.model().is_on_gpu(),
            },
            slow_client: params.slow_client,
            batch: Batch::new(),
            bytes: Vec::new(),
            metrics: EngineMetrics::new(),
            context,
        }
    }

    /// Runs until the engine closes. A panic ends every run with an error and nothing else.
    pub(super) fn run(mut self) {
        let shared = self.shared.clone();
        let ended = shared.closing.run(|| self.turn());
        self.take_commands();
        let all = std::mem::take(&mut self.active)
            .into_iter()
            .chain(std::mem::take(&mut self.waiting));
        for run in all {
            if ended.panicked {
                run.fail("the decode thread failed; load the model again".into());
            } else {
                run.flag.set(ended.cause);
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
        self.draw_held();
        self.finish_complete();
        self.publish();
        let views = self.views();
        let plan = plan(&views, &self.cost, self.limits);
        if plan.is_empty() {
            self.park();
            return;
        }
        let started = Instant::now();
        for run in &mut self.active {
            run.idle_steps = run.idle_steps.saturating_add(1);
        }
        // Runs are removed as they finish, so the later parts are named by id.
        let named = |chunk: &Chunk| (self.active[chunk.run].id, *chunk);
        let chunks: Vec<(u64, Chunk)> = plan.chunks.iter().map(named).collect();
        let alone: Vec<u64> = plan.alone.iter().map(|&i| self.active[i].id).collect();
        self.decode(&plan.rows);
        for id in alone {
            self.decode_alone(id);
        }
        for (id, chunk) in chunks {
            self.prefill(id, chunk);
        }
        self.metrics
            .step_seconds
            .record(started.elapsed().as_secs_f64());
    }

    /// What the planner sees. A prompt pauses where another run waits for exactly so much of it: a sliding
    /// window cannot be copied later than that.
    fn views(&self) -> Vec<RunView> {
        let mut views: Vec<_> = self.active.iter().map(Run::view).collect();
        for awaited in self.active.iter().filter_map(|run| run.awaits) {
            let leader = |run: &Run| run.seq == Some(awaited.leader);
            if let Some(index) = self.active.iter().position(leader) {
                let left = awaited.prefix.saturating_sub(self.active[index].computed);
                if left > 0 {
                    views[index].pause_after = views[index].pause_after.min(left);
                }
            }
        }
        views
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
            // A mask that takes too long is given up by whoever waits for it.
            let held = run.holds_row().then(|| Instant::now() + STEP_TIME);
            [run.deadline, slow, held].into_iter().flatten()
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

    /// Shows the state of the sequences to `/slots` and to the metrics.
    fn publish(&mut self) {
        self.metrics.running.set(self.active.len() as f64);
        self.metrics.waiting.set(self.waiting.len() as f64);
        self.metrics
            .cached_tokens
            .set((self.sequences.cached_tokens() + self.host.tokens()) as f64);
        self.metrics.host_cache_bytes.set(self.host.bytes() as f64);
        self.metrics.prefixes_evicted.absolute(self.host.evicted());
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
