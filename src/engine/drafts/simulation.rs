//! Whole runs on a simulated machine: how much faster or slower drafts make them.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::convert::Infallible;

use super::{DraftKind, DraftLimits, NgramTables, RunDrafts, verify};
use crate::llama::Token;

/// Seconds of a decode of this many rows.
type Cost = fn(usize) -> f64;

/// 1 row 20 ms, 2 rows 26, 4 rows 38, 8 rows 62: two CPU cores.
const STEEP: Cost = |rows| 0.014 + 0.006 * rows as f64;
/// 1 row 20 ms, 8 rows 21.4, 64 rows 32.6: a GPU, bound by memory.
const FLAT: Cost = |rows| 0.0198 + 0.0002 * rows as f64;
/// Rows cost what decodes cost: drafts cannot pay.
const LINEAR: Cost = |rows| 0.020 * rows as f64;

/// The speed of a run that answers `answer` to `prompt`, with drafts, over that without.
fn speed(kind: DraftKind, cost: Cost, prompt: &[Token], answer: &[Token]) -> f64 {
    let mut tables = NgramTables::new(1);
    let mut run = RunDrafts::new(kind.into(), 0);
    let mut history = prompt.to_vec();
    let mut seconds = 0.0;
    while history.len() < prompt.len() + answer.len() {
        let rest = &answer[history.len() - prompt.len()..];
        let limits = DraftLimits {
            room: rest.len() - 1,
            runs: 1,
        };
        let drafted = run.propose(&history, &mut tables, limits, |_| false, |k| cost(1 + k));
        seconds += cost(1 + drafted.len());
        let verified = verify(drafted, |row| Ok::<_, Infallible>(rest[row])).unwrap();
        run.learn(&verified.tokens);
        history.extend(verified.tokens);
    }
    cost(1) * answer.len() as f64 / seconds
}

fn random(rng: &mut ChaCha8Rng, n: usize, vocabulary: u32) -> Vec<Token> {
    (0..n)
        .map(|_| Token((rng.next_u32() % vocabulary) as i32))
        .collect()
}

/// A text and a version of it in which pieces of `kept` tokens stay (half to one and a half times as
/// many) and each is followed by new text in place of `replaced` tokens.
fn rewritten(seed: u64, n: usize, kept: usize, replaced: usize) -> (Vec<Token>, Vec<Token>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let text = random(&mut rng, n, 32_000);
    let mut copy = Vec::new();
    while copy.len() < n {
        let piece = kept / 2 + rng.next_u32() as usize % kept;
        let end = (copy.len() + piece).min(n);
        copy.extend_from_slice(&text[copy.len()..end]);
        copy.extend(random(&mut rng, replaced.min(n - end), 32_000));
    }
    (text, copy)
}

/// Tokens of a small vocabulary: short matches everywhere, none of which says what follows.
fn babble(seed: u64, n: usize, vocabulary: u32) -> Vec<Token> {
    random(&mut ChaCha8Rng::seed_from_u64(seed), n, vocabulary)
}

/// Every piece repeats an earlier one just long enough to be noticed, and then goes on differently.
fn stutter(seed: u64, n: usize, repeated: usize) -> Vec<Token> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut text = random(&mut rng, 200, 32_000);
    while text.len() < n {
        let at = rng.next_u32() as usize % (text.len() - repeated);
        text.extend_from_within(at..at + repeated);
        text.extend(random(&mut rng, 1, 32_000));
    }
    text
}

const DRAFTING: [DraftKind; 3] = [
    DraftKind::Default,
    DraftKind::NgramSimple,
    DraftKind::NgramMod,
];

/// Checks the speed of an answer for these kinds and costs.
fn check(
    kinds: &[DraftKind],
    costs: &[Cost],
    prompt: &[Token],
    answer: &[Token],
    least: f64,
) -> Result<(), TestCaseError> {
    for kind in kinds {
        for (index, cost) in costs.iter().enumerate() {
            let speed = speed(*kind, *cost, prompt, answer);
            prop_assert!(speed >= least, "{} costs[{}]: {}", kind, index, speed);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_text_rewritten_with_few_changes_is_at_least_1_8_times_as_fast(seed: u64, n in 400usize..1500) {
        let (text, copy) = rewritten(seed, n, 300, 1);
        check(&DRAFTING, &[STEEP, FLAT], &text, &copy, 1.8)?;
    }

    #[test]
    fn a_text_that_is_nine_tenths_copy_is_at_least_1_8_times_as_fast(seed: u64, n in 600usize..1500) {
        let (text, copy) = rewritten(seed, n, 90, 10);
        let kinds = [DraftKind::Default, DraftKind::NgramSimple];
        check(&kinds, &[STEEP, FLAT], &text, &copy, 1.8)?;
    }

    #[test]
    fn a_text_that_never_repeats_costs_at_most_3_percent(
        seed: u64, n in 50usize..1500, vocabulary in prop_oneof![2u32..40, Just(32_000)],
    ) {
        let text = babble(seed, n + 200, vocabulary);
        let (prompt, answer) = text.split_at(200);
        check(&DRAFTING, &[STEEP, FLAT, LINEAR], prompt, answer, 0.97)?;
    }

    #[test]
    fn a_text_that_misleads_costs_at_most_3_percent(seed: u64, n in 300usize..1500, repeated in 4usize..60) {
        let text = stutter(seed, n, repeated);
        let (prompt, answer) = text.split_at(200);
        check(&DRAFTING, &[STEEP, FLAT, LINEAR], prompt, answer, 0.97)?;
    }

    #[test]
    fn a_text_that_begins_to_repeat_late_is_still_drafted(seed: u64) {
        let (text, copy) = rewritten(seed, 1000, 300, 1);
        let fresh = babble(seed ^ 1, 1000, 20);
        check(&DRAFTING, &[STEEP, FLAT], &text, &[fresh, copy].concat(), 1.25)?;
    }
}

/// Figures for the documentation: `cargo nextest run --release --lib --run-ignored only
/// --no-capture -E 'test(drafts)'`.
#[test]
#[ignore = "prints a table and checks nothing"]
fn speeds_of_typical_texts() {
    let (text, one_change) = rewritten(1, 1000, 300, 1);
    let (_, nine_tenths) = rewritten(1, 1000, 90, 10);
    let (_, half) = rewritten(1, 1000, 20, 20);
    let stutters = stutter(1, 1200, 12);
    let texts = [
        (
            "rewritten, a change in 300 tokens",
            &text[..],
            &one_change[..],
        ),
        ("nine tenths copied", &text, &nine_tenths),
        ("half copied, 20 tokens at a time", &text, &half),
        (
            "copied, 12 tokens at a time",
            &stutters[..200],
            &stutters[200..],
        ),
        ("babble of 10 tokens", &[], &babble(1, 1000, 10)),
        ("random", &[], &babble(1, 1000, 32_000)),
    ];
    for (name, prompt, answer) in texts {
        for kind in DRAFTING {
            let speeds = [STEEP, FLAT, LINEAR].map(|cost| speed(kind, cost, prompt, answer));
            println!("{name:36} {kind:14} {speeds:.3?}");
        }
    }
}
