//! A simulated machine for the planner: virtual time, made-up costs, real plans.

use std::time::Duration;

use rein::engine::cost::CostModel;
use rein::engine::planner::{Chunk, Limits, Plan, RunView, plan};

/// A request: when it comes, and how many tokens it is about.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Seconds from the start.
    pub at: f64,
    /// Tokens of the prompt, at least 1.
    pub prompt: usize,
    /// Tokens of the answer, at least 1.
    pub answer: usize,
}

/// What decodes cost on the simulated machine, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// Every decode.
    pub fixed: f64,
    /// Each prompt token.
    pub token: f64,
    /// Each row beside the first of a decode of several runs.
    pub row: f64,
    /// Each token, for each 1,000 tokens before it.
    pub depth: f64,
    /// How far a duration strays, as a share of it: 0..1.
    pub jitter: f64,
}

/// A part of a step that computed for one run.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    /// The index of the arrival.
    pub run: usize,
    /// Seconds from the start.
    pub from: f64,
    /// The same.
    pub to: f64,
    /// Prompt tokens, or 0 for one of the answer.
    pub prompt_tokens: usize,
}

/// A step, as a property test wants to see it.
#[derive(Debug)]
pub struct Step {
    /// Before it was planned, by run.
    pub views: Vec<(usize, RunView)>,
    /// What was planned; runs are named by their place in `views`.
    pub plan: Plan,
    /// What the model expected of its rows.
    pub rows: Duration,
    /// What the model expected of all of it.
    pub expected: Duration,
}

struct Active {
    run: usize,
    remaining: usize,
    computed: usize,
    left: usize,
    idle_steps: u32,
}

/// Runs a workload to its end. `chance` gives numbers in 0..1; `watch` sees every step before it is computed.
pub fn simulate(
    arrivals: &[Arrival],
    machine: Machine,
    limits: Limits,
    mut chance: impl FnMut() -> f64,
    mut watch: impl FnMut(&Step),
) -> Vec<Piece> {
    let mut cost = CostModel::new(arrivals.len().max(1));
    let mut waiting: Vec<usize> = (0..arrivals.len()).collect();
    waiting.sort_by(|&a, &b| arrivals[a].at.total_cmp(&arrivals[b].at));
    let mut waiting = std::collections::VecDeque::from(waiting);
    let (mut active, mut pieces, mut now) = (Vec::<Active>::new(), Vec::new(), 0.0f64);
    loop {
        while let Some(&run) = waiting.front()
            && (arrivals[run].at <= now || active.is_empty())
        {
            waiting.pop_front();
            now = now.max(arrivals[run].at);
            active.push(Active {
                run,
                remaining: arrivals[run].prompt,
                computed: 0,
                left: arrivals[run].answer,
                idle_steps: 0,
            });
        }
        if active.is_empty() {
            return pieces;
        }
        let step = next_step(&active, &cost, limits);
        watch(&step);
        for run in &mut active {
            run.idle_steps += 1;
        }
        let mut spend = |seconds: f64, now: &mut f64| {
            let took = seconds * (1.0 + machine.jitter * (2.0 * chance() - 1.0));
            *now += took;
            Duration::from_secs_f64(took)
        };
        if !step.plan.rows.is_empty() {
            let from = now;
            let rows = step.plan.rows.len();
            let depth: usize = step.plan.rows.iter().map(|&i| active[i].computed).sum();
            let seconds = machine.fixed
                + machine.row * (rows - 1) as f64
                + machine.depth * depth as f64 / 1000.0;
            cost.learn_rows(rows, spend(seconds, &mut now));
            for &index in &step.plan.rows {
                pieces.push(advance(&mut active[index], 1, from, now));
            }
        }
        for chunk in &step.plan.chunks {
            let from = now;
            let (run, n) = (&mut active[chunk.run], chunk.tokens as f64);
            let seconds =
                machine.fixed + n * (machine.token + machine.depth * run.computed as f64 / 1000.0);
            cost.learn_chunk(chunk.tokens, run.computed, spend(seconds, &mut now));
            pieces.push(advance(run, chunk.tokens, from, now));
        }
        active.retain(|run| run.left > 0);
    }
}

fn next_step(active: &[Active], cost: &CostModel, limits: Limits) -> Step {
    let view = |run: &Active| RunView {
        remaining: run.remaining,
        computed: run.computed,
        idle_steps: run.idle_steps,
        parked: false,
        pause_after: usize::MAX,
        to_grid: None,
    };
    let views: Vec<(usize, RunView)> = active.iter().map(|run| (run.run, view(run))).collect();
    let bare: Vec<RunView> = views.iter().map(|(_, view)| *view).collect();
    let plan = plan(&bare, cost, limits);
    let rows = cost.rows(plan.rows.len());
    let expected_of = |chunk: &Chunk| cost.chunk(chunk.tokens, bare[chunk.run].computed);
    let chunks = plan.chunks.iter().map(expected_of);
    let expected = rows + chunks.sum::<Duration>();
    Step {
        views,
        plan,
        rows,
        expected,
    }
}

/// `n` more tokens are computed; with the last one of the prompt, or one of the answer, the next is drawn.
fn advance(run: &mut Active, n: usize, from: f64, to: f64) -> Piece {
    let is_prompt = run.remaining > 1;
    run.idle_steps = 0;
    run.computed += n;
    run.remaining -= n;
    if run.remaining == 0 {
        run.remaining = 1;
        run.left -= 1;
    }
    Piece {
        run: run.run,
        from,
        to,
        prompt_tokens: if is_prompt { n } else { 0 },
    }
}
