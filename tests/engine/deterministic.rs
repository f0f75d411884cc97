//! Deterministic runs: the same text, byte for byte, whatever else is computed.

use rein::models::DraftKind;
use rein::{GenerateRequest, LoadOptions, LocalModel, SamplingParams};

use super::support::{Answer, GEMMA, SMOLLM, endless, finish, load_with, words};

/// Cells of a sequence.
const CONTEXT: u32 = 256;
/// Runs at the same time.
const PARALLEL: u32 = 2;

/// Tokens of an answer.
const ANSWER: u32 = 20;

/// A run that wants much of a sequence's cells, with sampling on.
fn request(model: &LocalModel, number: usize) -> GenerateRequest {
    // Every other one begins like another, at places off the grid.
    let shared = words(number % 2, 15 + 5 * (number % 2));
    let prompt = format!("{shared} Then {}", words(number, 12 + number));
    GenerateRequest {
        sampling: SamplingParams {
            temperature: 0.8,
            top_k: 40,
            seed: Some(number as u64),
            ..SamplingParams::default()
        },
        deterministic: true,
        min_tokens: usize::MAX,
        ..endless(model, prompt, ANSWER)
    }
}

fn check(name: &str, runs: usize) {
    let model = load_with(
        name,
        LoadOptions {
            context: CONTEXT,
            parallel: PARALLEL,
            drafts: DraftKind::Default,
            ..LoadOptions::default()
        },
    );
    let alone: Vec<Answer> = (0..runs)
        .map(|number| finish(model.generate(request(&model, number)).unwrap()))
        .collect();
    // Twice as many as there are sequences, and others between them that are not deterministic.
    let others: Vec<_> = (0..3)
        .map(|number| {
            let request = endless(&model, words(50 + number, 40), 40);
            model.generate(request).unwrap()
        })
        .collect();
    let together: Vec<_> = (0..runs)
        .map(|number| model.generate(request(&model, number)).unwrap())
        .collect();
    for (number, run) in together.into_iter().enumerate() {
        let answer = finish(run);
        let alone = &alone[number];
        assert_eq!(answer.tokens, alone.tokens, "{name}: run {number}");
        assert_eq!(answer.text, alone.text, "{name}: run {number}");
        assert_eq!(answer.tokens.len(), ANSWER as usize);
    }
    let wanted: u32 = alone
        .iter()
        .map(|answer| answer.summary.usage.prompt_tokens + ANSWER)
        .sum();
    let cells = CONTEXT * PARALLEL;
    assert!(runs < 16 || wanted >= 2 * cells, "{wanted} of {cells}");
    for run in others {
        assert_eq!(finish(run).tokens.len(), 40);
    }
}

#[test]
fn sixteen_runs_that_want_twice_the_cells_give_the_texts_they_give_alone() {
    check(SMOLLM, 16);
}

#[test]
fn a_sliding_window_changes_nothing_of_that() {
    check(GEMMA, 4);
}
