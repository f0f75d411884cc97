//! [`plan`]: which rows the next step computes. A pure function of the runs and the cost model.
//!
//! A step is one decode of all runs that need a single token, then at most one prompt chunk of one run,
//! in a decode of its own. Keeping them apart costs nothing where sequences have cells of their own
//! (llama.cpp would split a mixed batch anyway), and it means that aborting a prompt chunk
//! never undoes a neighbour's row.

use std::time::Duration;

use super::cost::CostModel;

/// What the planner knows of an admitted run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunView {
    /// Tokens that are not computed yet; at least 1. Exactly 1 means that the run is decoding.
    pub remaining: usize,
    /// Steps since this run last computed anything.
    pub idle_steps: u32,
    /// The client does not read: compute nothing.
    pub parked: bool,
}

/// The bounds of a step.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a step may take while somebody is decoding.
    pub max_step: Duration,
    /// The most tokens of a prompt chunk.
    pub max_chunk: usize,
}

/// A step. Runs are named by their index in the slice that was planned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Runs that compute one token each, in one decode.
    pub rows: Vec<usize>,
    /// A run that computes a piece of its prompt, in a decode of its own.
    pub chunk: Option<Chunk>,
}

/// A piece of a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// The run.
    pub run: usize,
    /// How many of its remaining tokens; at least 1.
    pub tokens: usize,
}

/// Chunk sizes beside a running stream: few, so that llama.cpp can reuse its compute graphs.
const SIZES: [usize; 4] = [512, 256, 128, 64];

/// The smallest chunk: a prompt advances by it in every step, however slow the machine. Below 64 rows
/// llama.cpp's attention works row by row: at a depth of 1,000 tokens, 16 tokens take 260 to 480 ms and 32
/// take 650, where 64 take 370.
pub const MIN_CHUNK: usize = SIZES[SIZES.len() - 1];

/// A waiting prompt overtakes one with this many fewer remaining tokens for each step it has waited.
const AGEING_TOKENS: usize = 64;

/// Plans the next step: empty only when no run can compute.
#[must_use]
pub fn plan(runs: &[RunView], cost: &CostModel, limits: Limits) -> Plan {
    let ready = || runs.iter().enumerate().filter(|(_, run)| !run.parked);
    let rows: Vec<usize> = ready()
        .filter(|(_, run)| run.remaining == 1)
        .map(|(index, _)| index)
        .collect();
    let chunk = ready()
        .filter(|(_, run)| run.remaining > 1)
        .min_by_key(|(index, run)| (effective_remaining(run), *index))
        .map(|(index, run)| Chunk {
            run: index,
            tokens: chunk_tokens(run.remaining, &rows, cost, limits),
        });
    Plan { rows, chunk }
}

/// Shortest remaining first, with ageing so that nobody starves.
fn effective_remaining(run: &RunView) -> i64 {
    run.remaining as i64 - i64::from(run.idle_steps) * AGEING_TOKENS as i64
}

fn chunk_tokens(remaining: usize, rows: &[usize], cost: &CostModel, limits: Limits) -> usize {
    let fits = if rows.is_empty() {
        limits.max_chunk
    } else {
        let budget = limits.max_step.saturating_sub(cost.rows(rows.len()));
        let fits = cost.tokens_within(budget);
        SIZES
            .into_iter()
            .find(|&size| size <= fits)
            .unwrap_or(MIN_CHUNK)
    };
    let most = fits.min(limits.max_chunk);
    if remaining <= most {
        return remaining;
    }
    // The odd tokens go first, where attention is cheap: a last chunk of fewer than 64 rows at a depth of
    // 2,000 tokens would take longer than any other.
    let odd = remaining % MIN_CHUNK;
    if odd == 0 || most < MIN_CHUNK {
        most
    } else {
        most - MIN_CHUNK + odd
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        max_step: Duration::from_millis(100),
        max_chunk: 512,
    };

    /// A machine that needs 10 ms for a decode and half a millisecond for a prompt token.
    fn cost() -> CostModel {
        let mut cost = CostModel::new(8);
        for _ in 0..30 {
            cost.learn_chunk(64, Duration::from_millis(32));
            for n in 1..=8 {
                cost.learn_rows(n, Duration::from_millis(10));
            }
        }
        cost
    }

    fn run(remaining: usize) -> RunView {
        RunView {
            remaining,
            idle_steps: 0,
            parked: false,
        }
    }

    fn check(runs: &[RunView], rows: &[usize], chunk: Option<(usize, usize)>) {
        let chunk = chunk.map(|(run, tokens)| Chunk { run, tokens });
        assert_eq!(
            plan(runs, &cost(), LIMITS),
            Plan {
                rows: rows.to_vec(),
                chunk
            }
        );
    }

    #[test]
    fn a_prompt_alone_goes_in_the_largest_chunks() {
        // 6000 = 496 + 86 * 64: the odd tokens go first, where they are cheap.
        check(&[run(6000)], &[], Some((0, 496)));
        check(&[run(5504)], &[], Some((0, 512)));
        check(&[run(100)], &[], Some((0, 100)));
    }

    #[test]
    fn beside_a_stream_a_chunk_fits_the_step() {
        // (100 - 10) / 0.5 = 180 tokens, in steps of the ladder.
        check(&[run(1), run(6000)], &[0], Some((1, 112)));
        check(&[run(1), run(20)], &[0], Some((1, 20)));
    }

    #[test]
    fn a_short_prompt_goes_before_a_long_one_until_the_long_one_has_waited() {
        check(&[run(6000), run(600)], &[], Some((1, 472)));
        let waited = RunView {
            idle_steps: 100,
            ..run(6000)
        };
        check(&[waited, run(600)], &[], Some((0, 496)));
    }

    #[test]
    fn a_parked_run_computes_nothing() {
        let parked = RunView {
            parked: true,
            ..run(1)
        };
        check(
            &[
                parked,
                RunView {
                    parked: true,
                    ..run(50)
                },
            ],
            &[],
            None,
        );
        check(&[parked, run(50)], &[], Some((1, 50)));
    }

    fn views() -> impl Strategy<Value = Vec<RunView>> {
        let view = (
            prop_oneof![Just(1usize), 2usize..9000],
            0u32..50,
            any::<bool>(),
        );
        prop::collection::vec(
            view.prop_map(|(remaining, idle_steps, parked)| RunView {
                remaining,
                idle_steps,
                parked,
            }),
            0..12,
        )
    }

    proptest! {
        #[test]
        fn work_is_conserved_and_bounded(runs in views()) {
            let plan = plan(&runs, &cost(), LIMITS);
            // Every ready decoding run is in, nobody else is.
            for (index, run) in runs.iter().enumerate() {
                prop_assert_eq!(plan.rows.contains(&index), !run.parked && run.remaining == 1);
            }
            let prompts = runs.iter().any(|run| !run.parked && run.remaining > 1);
            prop_assert_eq!(plan.chunk.is_some(), prompts);
            if let Some(chunk) = plan.chunk {
                prop_assert!(!runs[chunk.run].parked);
                prop_assert!((1..=runs[chunk.run].remaining.min(LIMITS.max_chunk)).contains(&chunk.tokens));
            }
        }

        #[test]
        fn the_step_stays_within_its_box_while_somebody_decodes(
            runs in views(), token_us in 20u64..20_000, row_ms in 1u64..80,
        ) {
            let mut cost = CostModel::new(12);
            for _ in 0..60 {
                cost.learn_chunk(100, Duration::from_micros(token_us * 100));
                (1..=12).for_each(|n| cost.learn_rows(n, Duration::from_millis(row_ms)));
            }
            let plan = plan(&runs, &cost, LIMITS);
            if let (false, Some(chunk)) = (plan.rows.is_empty(), plan.chunk) {
                let expected = cost.rows(plan.rows.len()) + cost.chunk(chunk.tokens);
                prop_assert!(chunk.tokens <= MIN_CHUNK || expected <= LIMITS.max_step);
            }
        }

        /// A simulated machine: prompts arrive at random, everybody wants 20 tokens after the prompt.
        #[test]
        fn everybody_finishes(arrivals in prop::collection::vec((0usize..40, 2usize..4000), 1..12)) {
            let cost = cost();
            let mut waiting = arrivals.clone();
            let mut active: Vec<(RunView, usize)> = Vec::new();
            for step in 0.. {
                waiting.retain(|&(at, prompt)| {
                    let arrived = at <= step;
                    if arrived { active.push((run(prompt), 20)); }
                    !arrived
                });
                if waiting.is_empty() && active.is_empty() { break; }
                // All the work there is, in the smallest chunks, bounds the number of steps.
                prop_assert!(step < 40 + arrivals.len() * (4000 / MIN_CHUNK + 21));
                let views: Vec<RunView> = active.iter().map(|(view, _)| *view).collect();
                let plan = plan(&views, &cost, LIMITS);
                for (index, (view, left)) in active.iter_mut().enumerate() {
                    view.idle_steps += 1;
                    let chunk = plan.chunk.filter(|chunk| chunk.run == index);
                    let done = if plan.rows.contains(&index) { 1 } else { chunk.map_or(0, |c| c.tokens) };
                    if done == 0 { continue; }
                    view.idle_steps = 0;
                    view.remaining -= done;
                    if view.remaining == 0 { view.remaining = 1; *left -= 1; }
                }
                active.retain(|(_, left)| *left > 0);
            }
        }
    }
}
