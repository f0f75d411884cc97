//! What [`plan`] plans.

use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    max_step: Duration::from_millis(100),
    max_chunk: 512,
    can_abort: true,
};

/// A machine that needs 10 ms for a decode, and for a chunk `fixed_us` and so much for each token.
fn machine(fixed_us: u64, token_us: u64) -> CostModel {
    let mut cost = CostModel::new(12);
    for _ in 0..30 {
        for size in CHUNK_SIZES {
            let took = Duration::from_micros(fixed_us + token_us * size as u64);
            cost.learn_chunk(size, 0, took);
        }
        (1..=12).for_each(|n| cost.learn_rows(n, Duration::from_millis(10)));
    }
    cost
}

fn cost() -> CostModel {
    machine(0, 500)
}

fn run(remaining: usize) -> RunView {
    RunView {
        remaining,
        computed: 0,
        idle_steps: 0,
        parked: false,
        pause_after: usize::MAX,
        to_grid: None,
    }
}

fn check(runs: &[RunView], rows: &[usize], chunk: Option<(usize, usize)>) {
    let chunk = chunk.map(|(run, tokens)| Chunk { run, tokens });
    let chunks = chunk.into_iter().collect();
    assert_eq!(
        plan(runs, &cost(), LIMITS),
        Plan {
            rows: rows.to_vec(),
            alone: Vec::new(),
            chunks
        }
    );
}

#[test]
fn a_prompt_alone_goes_in_the_largest_chunks() {
    check(&[run(6000)], &[], Some((0, 512)));
    check(&[run(100)], &[], Some((0, 100)));
}

#[test]
fn a_prompt_alone_goes_in_chunks_that_a_stop_can_wait_for_where_nothing_ends_a_decode() {
    let limits = Limits {
        can_abort: false,
        ..LIMITS
    };
    let chunk = |remaining: usize, cost: &CostModel| {
        let plan = plan(&[run(remaining)], cost, limits);
        plan.chunks.first().map(|chunk| chunk.tokens)
    };
    // 140 / 0.5 = 280 tokens, in steps of the ladder.
    assert_eq!(chunk(6000, &cost()), Some(256));
    assert_eq!(chunk(100, &cost()), Some(100));
    // Nothing fits.
    assert_eq!(chunk(6000, &machine(300_000, 2_500)), Some(MIN_CHUNK));
    assert_eq!(chunk(3, &machine(300_000, 2_500)), Some(3));
}

#[test]
fn beside_a_stream_a_chunk_fits_the_step() {
    // (100 - 10) / 0.5 = 180 tokens, in steps of the ladder.
    check(&[run(1), run(6000)], &[0], Some((1, 128)));
    check(&[run(1), run(20)], &[0], Some((1, 20)));
}

#[test]
fn a_step_is_stretched_only_where_that_reads_much_faster() {
    let chunk = |cost: &CostModel| {
        let plan = plan(&[run(1), run(6000)], cost, LIMITS);
        plan.chunks.first().map(|chunk| chunk.tokens)
    };
    // 8 tokens in 98 ms, or 48 in 138: four times as many a second.
    assert_eq!(chunk(&machine(80_000, 1_000)), Some(48));
    // 32 tokens in 90 ms, or 48 in 130: hardly faster, so not longer.
    assert_eq!(chunk(&machine(0, 2_500)), Some(32));
    // Nothing fits.
    assert_eq!(chunk(&machine(300_000, 2_500)), Some(MIN_CHUNK));
}

#[test]
fn short_prompts_share_a_step() {
    // (140 - 10) / 0.5 = 260 tokens: two whole prompts, and as much of the third as fits.
    let plan = plan(&[run(1), run(40), run(30), run(300)], &cost(), LIMITS);
    let chunks: Vec<_> = plan.chunks.iter().map(|c| (c.run, c.tokens)).collect();
    assert_eq!(chunks, [(2, 30), (1, 40), (3, 128)]);
}

#[test]
fn where_many_decode_prompts_get_as_much_time_as_they_do() {
    let mut cost = machine(0, 500);
    (0..30).for_each(|_| cost.learn_rows(12, Duration::from_millis(140)));
    let mut runs = vec![run(1); 12];
    runs.push(run(6000));
    let plan = plan(&runs, &cost, LIMITS);
    // 280 tokens would take 140 ms.
    assert_eq!(plan.chunks[0].tokens, 256);
}

#[test]
fn a_prompt_pauses_where_another_run_waits_for_it() {
    let leader = RunView {
        pause_after: 70,
        ..run(6000)
    };
    check(&[leader], &[], Some((0, 70)));
}

#[test]
fn a_short_prompt_goes_before_a_long_one_until_the_long_one_has_waited() {
    check(&[run(6000), run(600)], &[], Some((1, 512)));
    let waited = RunView {
        idle_steps: 100,
        ..run(6000)
    };
    check(&[waited, run(600)], &[], Some((0, 512)));
}

#[test]
fn a_deterministic_run_keeps_to_its_grid_and_to_itself() {
    let deterministic = |remaining, to_grid| RunView {
        to_grid: Some(to_grid),
        ..run(remaining)
    };
    let runs = [run(1), deterministic(1, 3), deterministic(900, 7)];
    let expected = Plan {
        rows: vec![0],
        alone: vec![1],
        chunks: vec![Chunk { run: 2, tokens: 7 }],
    };
    assert_eq!(plan(&runs, &cost(), LIMITS), expected);
    // Its last tokens, and the machine to itself.
    check(&[deterministic(5, 7)], &[], Some((0, 5)));
    check(&[deterministic(900, 16)], &[], Some((0, 16)));
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
        prop_oneof![Just(usize::MAX), 1usize..3000],
        prop_oneof![3 => Just(None), 1 => (1usize..=16).prop_map(Some)],
    );
    prop::collection::vec(
        view.prop_map(
            |(remaining, idle_steps, parked, pause_after, to_grid)| RunView {
                remaining,
                computed: 0,
                idle_steps,
                parked,
                pause_after,
                to_grid,
            },
        ),
        0..12,
    )
}

proptest! {
    #[test]
    fn work_is_conserved_and_bounded(runs in views()) {
        let plan = plan(&runs, &cost(), LIMITS);
        // Every ready decoding run is in, nobody else is.
        for (index, run) in runs.iter().enumerate() {
            let decodes = !run.parked && run.remaining == 1;
            prop_assert_eq!(plan.rows.contains(&index), decodes && run.to_grid.is_none());
            prop_assert_eq!(plan.alone.contains(&index), decodes && run.to_grid.is_some());
        }
        let prompts = runs.iter().any(|run| !run.parked && run.remaining > 1);
        prop_assert_eq!(!plan.chunks.is_empty(), prompts);
        for (nth, chunk) in plan.chunks.iter().enumerate() {
            prop_assert!(plan.chunks[..nth].iter().all(|other| other.run != chunk.run));
            prop_assert!(!runs[chunk.run].parked);
            let run = runs[chunk.run];
            let most = run.remaining.min(run.pause_after).min(LIMITS.max_chunk);
            match run.to_grid {
                Some(to_grid) => prop_assert_eq!(chunk.tokens, run.remaining.min(to_grid)),
                None => prop_assert!((1..=most).contains(&chunk.tokens)),
            }
        }
    }

    #[test]
    fn the_step_stays_within_its_box_while_somebody_decodes(
        runs in views(), fixed_us in 0u64..50_000, token_us in 20u64..20_000,
    ) {
        let cost = machine(fixed_us, token_us);
        let plan = plan(&runs, &cost, LIMITS);
        let decodes = plan.rows.len() + plan.alone.len();
        if let (1.., [first, ..]) = (decodes, &plan.chunks[..]) {
            let rows = cost.rows(plan.rows.len()) + cost.rows(1) * plan.alone.len() as u32;
            let chunks: Duration = plan.chunks.iter().map(|chunk| cost.chunk(chunk.tokens, 0)).sum();
            let limit = LIMITS.max_step.mul_f64(STRETCH).max(rows.mul_f64(PROMPTS_SHARE));
            // The first prompt always advances: by the least there is, or to its grid's next point.
            let is_least = first.tokens <= MIN_CHUNK || runs[first.run].to_grid.is_some();
            prop_assert!((is_least && plan.chunks.len() == 1) || rows + chunks <= limit);
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
                let chunk = plan.chunks.iter().find(|chunk| chunk.run == index);
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
