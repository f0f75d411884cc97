//! [`plan`]: which rows the next step computes. A pure function of the runs and the cost model.
//!
//! A step is one decode of all runs that need a single token, then prompt chunks, each of one run and in a decode
//! of its own. Keeping them apart costs nothing where sequences have cells of their own
//! (llama.cpp would split a mixed batch anyway), and it means that aborting a prompt chunk
//! never undoes a neighbour's row.

use std::time::Duration;

use super::cost::{CHUNK_SIZES, CostModel};

/// What the planner knows of an admitted run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunView {
    /// Tokens that are not computed yet; at least 1. Exactly 1 means that the run is decoding.
    pub remaining: usize,
    /// Tokens that are.
    pub computed: usize,
    /// Steps since this run last computed anything.
    pub idle_steps: u32,
    /// The client does not read, or another run computes the prefix: compute nothing.
    pub parked: bool,
    /// The most prompt tokens that may be computed at once; at least 1.
    pub pause_after: usize,
    /// A deterministic run: tokens to the next point of its grid. Its chunks end there, whatever the step's
    /// box, and its rows are computed in decodes of their own.
    pub to_grid: Option<usize>,
}

/// The bounds of a step.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a step may take while somebody is decoding.
    pub max_step: Duration,
    /// The most tokens of a prompt chunk.
    pub max_chunk: usize,
    /// Whether a decode can be ended before it is done. Where not, a stop waits for it, so that a prompt is read in
    /// chunks that fit a step also where nobody is decoding.
    pub can_abort: bool,
}

/// A step. Runs are named by their index in the slice that was planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Runs that compute one token each, in one decode.
    pub rows: Vec<usize>,
    /// Runs that compute one token each, in decodes of their own.
    pub alone: Vec<usize>,
    /// Runs that compute a piece of their prompts, in decodes of their own, in this order.
    pub chunks: Vec<Chunk>,
}

impl Plan {
    /// True where nothing is to be computed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.alone.is_empty() && self.chunks.is_empty()
    }
}

/// A piece of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// The run.
    pub run: usize,
    /// How many of its remaining tokens; at least 1.
    pub tokens: usize,
}

/// The smallest chunk: a prompt advances by it in every step, however slow the machine.
pub const MIN_CHUNK: usize = CHUNK_SIZES[0];

/// A step may be so many times as long as its box, where the box would make a prompt's tokens much dearer: small
/// chunks use the machine badly, and everybody pays for that.
const STRETCH: f64 = 1.4;

/// How many times as many prompt tokens a second a stretched step must read.
const WORTH: f64 = 1.1;

/// Where the step's decodes take long, prompts get as much time as they do: else the box would leave prompts next to
/// nothing while many decode, and everybody would wait for everybody's first token.
const PROMPTS_SHARE: f64 = 2.0;

/// A waiting prompt overtakes one with this many fewer remaining tokens for each step it has waited.
const AGEING_TOKENS: usize = 64;

/// Plans the next step: empty only when no run can compute.
#[must_use]
pub fn plan(runs: &[RunView], cost: &CostModel, limits: Limits) -> Plan {
    let ready = || runs.iter().enumerate().filter(|(_, run)| !run.parked);
    let decoding = |alone: bool| -> Vec<usize> {
        ready()
            .filter(|(_, run)| run.remaining == 1 && run.to_grid.is_some() == alone)
            .map(|(index, _)| index)
            .collect()
    };
    let (rows, alone) = (decoding(false), decoding(true));
    let decodes = (!rows.is_empty() || !alone.is_empty())
        .then(|| cost.rows(rows.len()) + cost.rows(1) * alone.len() as u32);
    let mut prompts: Vec<(usize, &RunView)> =
        ready().filter(|(_, run)| run.remaining > 1).collect();
    prompts.sort_by_key(|(index, run)| (effective_remaining(run), *index));
    let chunks = match decodes {
        // Nobody is kept waiting, and the first token of the next answer should not be either.
        None => prompts
            .first()
            .map(|first| lone_chunk(*first, cost, limits))
            .into_iter()
            .collect(),
        Some(decodes) => boxed_chunks(&prompts, decodes, cost, limits),
    };
    Plan {
        rows,
        alone,
        chunks,
    }
}

/// Shortest remaining first, with ageing so that nobody starves.
fn effective_remaining(run: &RunView) -> i64 {
    run.remaining as i64 - i64::from(run.idle_steps) * AGEING_TOKENS as i64
}

/// The most of a prompt that may be computed at once.
fn whole_chunk((index, run): (usize, &RunView), limits: Limits) -> Chunk {
    Chunk {
        run: index,
        tokens: match run.to_grid {
            Some(to_grid) => run.remaining.min(to_grid),
            None => run.remaining.min(limits.max_chunk).min(run.pause_after),
        },
    }
}

/// The chunk of a prompt that is read while nobody decodes.
fn lone_chunk(prompt: (usize, &RunView), cost: &CostModel, limits: Limits) -> Chunk {
    let whole = whole_chunk(prompt, limits);
    let run = prompt.1;
    if limits.can_abort || run.to_grid.is_some() {
        return whole;
    }
    let chunk_cost = |tokens: usize| cost.chunk(tokens, run.computed);
    let fitting = fitting_size(whole.tokens, limits.max_step.mul_f64(STRETCH), &chunk_cost);
    Chunk {
        tokens: fitting.max(MIN_CHUNK.min(whole.tokens)),
        ..whole
    }
}

/// Chunks beside decoding runs. The first prompt advances in every step; others follow while the box has room.
fn boxed_chunks(
    prompts: &[(usize, &RunView)],
    decodes: Duration,
    cost: &CostModel,
    limits: Limits,
) -> Vec<Chunk> {
    let share = decodes.mul_f64(PROMPTS_SHARE);
    let limit = limits.max_step.mul_f64(STRETCH).max(share);
    let mut spent = decodes;
    let mut chunks: Vec<Chunk> = Vec::new();
    for &(index, run) in prompts {
        let mut chunk = whole_chunk((index, run), limits);
        let chunk_cost = |tokens: usize| cost.chunk(tokens, run.computed);
        if run.to_grid.is_none() {
            let most = chunk.tokens;
            chunk.tokens = if chunks.is_empty() {
                first_size(most, decodes, &chunk_cost, limits)
            } else {
                fitting_size(most, limit.saturating_sub(spent), &chunk_cost)
            };
        }
        let next = spent + chunk_cost(chunk.tokens);
        if !chunks.is_empty() && (chunk.tokens == 0 || next > limit) {
            break;
        }
        spent = next;
        chunks.push(chunk);
    }
    chunks
}

/// The sizes that a chunk of a prompt of so many tokens may have, in ascending order.
fn sizes(most: usize) -> impl Iterator<Item = usize> {
    let smaller = CHUNK_SIZES.into_iter().filter(move |&size| size < most);
    smaller.chain([most])
}

/// The size of a step's first chunk, in tokens.
fn first_size(
    most: usize,
    decodes: Duration,
    chunk_cost: &dyn Fn(usize) -> Duration,
    limits: Limits,
) -> usize {
    let step = |size: usize| decodes + chunk_cost(size);
    let rate = |size: usize| size as f64 / step(size).as_secs_f64();
    let best_within = |limit: Duration| {
        let fitting = sizes(most).filter(|&size| step(size) <= limit);
        fitting.max_by(|&a, &b| rate(a).total_cmp(&rate(b)))
    };
    let share = decodes.mul_f64(PROMPTS_SHARE);
    let in_box = best_within(limits.max_step.max(share));
    let stretched = best_within(limits.max_step.mul_f64(STRETCH).max(share));
    match (in_box, stretched) {
        (Some(small), Some(large)) if rate(large) < WORTH * rate(small) => small,
        (_, Some(large)) => large,
        (small, None) => small.unwrap_or(MIN_CHUNK.min(most)),
    }
}

/// The largest size that takes no longer than that; 0 where none does.
fn fitting_size(most: usize, room: Duration, chunk_cost: &dyn Fn(usize) -> Duration) -> usize {
    let fitting = sizes(most).filter(|&size| chunk_cost(size) <= room);
    fitting.max().unwrap_or(0)
}

#[cfg(test)]
#[path = "planner_tests.rs"]
mod tests;
