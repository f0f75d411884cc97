//! The planner on a thousand random workloads: nobody starves, steps keep to their box, nothing is computed
//! twice or not at all.

#[path = "common/simulation.rs"]
mod simulation;

use std::time::Duration;

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use rein::engine::planner::{Limits, MIN_CHUNK};
use simulation::{Arrival, Machine, Step, simulate};

const LIMITS: Limits = Limits {
    max_step: Duration::from_millis(100),
    max_chunk: 512,
    can_abort: true,
};

/// How far the planner may stretch a step where that reads much faster (`planner::STRETCH`).
const STRETCH: f64 = 1.4;
/// How much longer a step may be than its rows (`planner::PROMPTS_SHARE`).
const PROMPTS_SHARE: f64 = 2.0;
/// How many tokens a waiting prompt gains on others with each step (`planner::AGEING_TOKENS`).
const AGEING: usize = 64;

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let prompt = prop_oneof![1usize..50, 50usize..800, 800usize..6000];
    let arrival = (0.0..20.0, prompt, 1usize..120);
    prop::collection::vec(
        arrival.prop_map(|(at, prompt, answer)| Arrival { at, prompt, answer }),
        1..16,
    )
}

/// From a GPU (a token in 20 µs) to a slow CPU.
fn machines() -> impl Strategy<Value = Machine> {
    (0.0005..0.05, 0.00002..0.02, 0.0..0.01, 0.0..0.003, 0.0..0.5).prop_map(
        |(fixed, token, row, depth, jitter)| Machine {
            fixed,
            token,
            row,
            depth,
            jitter,
        },
    )
}

/// What holds of every step.
fn check_step(step: &Step, runs: usize) {
    let decoding = |remaining| remaining == 1;
    for (index, (_, view)) in step.views.iter().enumerate() {
        assert_eq!(step.plan.rows.contains(&index), decoding(view.remaining));
        // Once ageing has caught up, each of the others goes first at most once more.
        let patience = view.remaining / AGEING + runs + 1;
        assert!(
            view.idle_steps as usize <= patience,
            "starved: {view:?} of {runs} runs"
        );
    }
    let prompts = step.views.iter().any(|(_, view)| !decoding(view.remaining));
    assert_eq!(!step.plan.chunks.is_empty(), prompts, "work is left undone");
    if let (false, [first, others @ ..]) = (step.plan.rows.is_empty(), &step.plan.chunks[..]) {
        let limit = LIMITS.max_step.mul_f64(STRETCH);
        let limit = limit.max(step.rows.mul_f64(PROMPTS_SHARE));
        let is_least = first.tokens <= MIN_CHUNK && others.is_empty();
        assert!(
            is_least || step.expected <= limit,
            "{:?} is expected to take {:?}",
            step.plan,
            step.expected
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nobody_starves_and_every_token_is_computed_once(
        arrivals in arrivals(), machine in machines(), seed: u64,
    ) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let chance = || f64::from(rng.next_u32()) / f64::from(u32::MAX);
        let pieces = simulate(&arrivals, machine, LIMITS, chance, |step| {
            check_step(step, arrivals.len());
        });
        for (run, arrival) in arrivals.iter().enumerate() {
            let mine = || pieces.iter().filter(|piece| piece.run == run);
            let prompt: usize = mine().map(|piece| piece.prompt_tokens).sum();
            let rows = mine().filter(|piece| piece.prompt_tokens == 0).count();
            // The last token of a prompt may be a row; it gives the first token of the answer.
            prop_assert_eq!(prompt + rows, arrival.prompt + arrival.answer - 1);
            prop_assert!(mine().all(|piece| piece.from >= arrival.at));
        }
        let in_order = pieces.windows(2).all(|pair| pair[0].from <= pair[1].from && pair[0].from <= pair[0].to);
        prop_assert!(in_order);
    }
}
