//! Drafts on real models: what they may change is the time.

use std::collections::HashMap;

use rein::engine::drafts::DraftCounters;
use rein::generation::tokenize;
use rein::llama::Token;
use rein::models::DraftKind;
use rein::{FinishReason, LoadOptions, LocalModel, Prompt, SamplingParams};

use super::replay::replay;
use super::support::{Answer, GEMMA, SMOLLM, endless, ends, finish, load_with, model_file};

fn load(name: &str, drafts: DraftKind) -> LocalModel {
    let options = LoadOptions {
        context: 2048,
        drafts,
        ..LoadOptions::default()
    };
    load_with(name, options)
}

/// A text that goes on by repeating itself: it ends within a sentence that it has had before.
fn repetitive(number: usize) -> String {
    let sentence =
        format!("The quick brown fox number {number} jumps over the lazy dog by the river. ");
    sentence.repeat(8) + "The quick brown"
}

/// Checks that an answer is the model's own, and returns how many of its tokens took no step of their own.
fn assert_right(model: &LocalModel, prompt: &str, answer: &Answer) -> u64 {
    let prompt = tokenize(model.loaded(), &Prompt::Text(prompt.into())).unwrap();
    replay(model, &prompt, &answer.tokens, &ends(model)).assert_of_the_right_cells();
    let drafts = answer.summary.timings.drafts;
    assert!(drafts.accepted <= drafts.drafted, "{drafts:?}");
    drafts.accepted
}

#[test]
fn an_answer_with_drafts_is_the_models_own_argmax() {
    for name in [SMOLLM, GEMMA] {
        for kind in [DraftKind::NgramSimple, DraftKind::Default] {
            let model = load(name, kind);
            let prompt = repetitive(1);
            let answer = finish(
                model
                    .generate(endless(&model, prompt.clone(), 100))
                    .unwrap(),
            );
            assert_eq!(answer.tokens.len(), 100);
            assert_eq!(answer.summary.reason, FinishReason::Length);
            let accepted = assert_right(&model, &prompt, &answer);
            assert!(accepted > 0, "{name} {kind}: {accepted}");
        }
    }
}

#[test]
fn a_draft_model_guesses_and_the_model_decides() {
    // Its own draft model: at temperature 0 nearly every guess is right. It costs as much as it saves, so it is only asked
    // now and then.
    let options = LoadOptions {
        context: 512,
        parallel: 2,
        drafts: DraftKind::Model,
        draft_model: Some(model_file(SMOLLM)),
        ..LoadOptions::default()
    };
    let model = load_with(SMOLLM, options);
    let prompts = [repetitive(1), repetitive(2)];
    let runs = prompts
        .each_ref()
        .map(|prompt| model.generate(endless(&model, prompt.clone(), 60)).unwrap());
    let mut drafts = DraftCounters::default();
    for (prompt, run) in prompts.iter().zip(runs) {
        let answer = finish(run);
        assert_eq!(answer.tokens.len(), 60);
        assert_right(&model, prompt, &answer);
        drafts += answer.summary.timings.drafts;
    }
    let long = finish(
        model
            .generate(endless(&model, prompts[0].clone(), 200))
            .unwrap(),
    );
    drafts += long.summary.timings.drafts;
    assert!(
        drafts.drafted > 0 && drafts.accepted * 2 > drafts.drafted,
        "{drafts:?}"
    );
}

#[test]
fn a_draft_model_of_another_vocabulary_is_refused() {
    let options = |draft_model| LoadOptions {
        context: 256,
        threads: 2,
        drafts: DraftKind::Model,
        draft_model,
        ..LoadOptions::default()
    };
    let check = |draft_model, says: &str| {
        let error = LocalModel::load(model_file(SMOLLM), options(draft_model)).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    };
    check(Some(model_file(GEMMA)), "another vocabulary");
    check(None, "--model-draft");
}

#[test]
fn runs_that_draft_beside_each_other_keep_to_their_own_text() {
    let model = load(SMOLLM, DraftKind::NgramSimple);
    let prompts = [1, 2, 3].map(repetitive);
    let runs = prompts
        .each_ref()
        .map(|prompt| model.generate(endless(&model, prompt.clone(), 80)).unwrap());
    for (prompt, run) in prompts.iter().zip(runs) {
        let answer = finish(run);
        assert_eq!(answer.tokens.len(), 80);
        assert_right(&model, prompt, &answer);
    }
}

#[test]
fn a_stop_string_inside_a_draft_ends_the_answer_there() {
    let model = load(SMOLLM, DraftKind::NgramSimple);
    let whole = finish(model.generate(endless(&model, repetitive(4), 60)).unwrap());
    let at = whole.text.find("lazy").unwrap();
    let mut request = endless(&model, repetitive(4), 60);
    request.stop = vec!["lazy".into()];
    let stopped = finish(model.generate(request).unwrap());
    assert_eq!(stopped.summary.reason, FinishReason::StopString);
    assert_eq!(stopped.text, whole.text[..at]);
    // The next turn goes on from cells that are right.
    let next = repetitive(4) + &stopped.text + "lazy dog by the";
    let second = finish(model.generate(endless(&model, next.clone(), 60)).unwrap());
    assert_right(&model, &next, &second);
}

/// How often each beginning of an answer came, of one model and of another.
type Counts = HashMap<Vec<Token>, [f64; 2]>;

/// Pearson's statistic that two samples of the same size come from one distribution, and its degrees of freedom.
/// What is too rare for it is put together.
fn chi_square(counts: &Counts) -> (f64, usize) {
    let (mut classes, rare): (Vec<[f64; 2]>, Vec<[f64; 2]>) =
        counts.values().partition(|[a, b]| a + b >= 20.0);
    if !rare.is_empty() {
        let sum = |which: usize| rare.iter().map(|counts| counts[which]).sum();
        classes.push([sum(0), sum(1)]);
    }
    let terms = classes.iter().map(|[a, b]| (a - b).powi(2) / (a + b));
    (terms.sum(), classes.len() - 1)
}

#[test]
fn drafts_do_not_change_what_a_model_draws() {
    const RUNS: usize = 150;
    let models = [DraftKind::NgramSimple, DraftKind::Off].map(|kind| load(SMOLLM, kind));
    let request = |seed| {
        let mut request = endless(&models[0], repetitive(1), 5);
        // Two tokens, of which the second is likely enough to come.
        request.sampling = SamplingParams {
            temperature: 4.0,
            top_k: 2,
            top_p: 1.0,
            min_p: 0.0,
            seed: Some(seed),
            ..request.sampling
        };
        request
    };
    let mut counts = Counts::new();
    let (mut drafted, mut accepted) = (0, 0);
    for (which, model) in models.iter().enumerate() {
        for run in 0..RUNS {
            let seed = (which * RUNS + run) as u64;
            let answer = finish(model.generate(request(seed)).unwrap());
            drafted += answer.summary.timings.drafts.drafted;
            accepted += answer.summary.timings.drafts.accepted;
            counts.entry(answer.tokens[..3].to_vec()).or_default()[which] += 1.0;
        }
    }
    let (statistic, freedom) = chi_square(&counts);
    println!("{accepted} of {drafted} accepted; {statistic:.1} with {freedom} degrees of freedom");
    // How many depends on what rows cost on this machine now.
    assert!(drafted > 0);
    assert!(freedom >= 2);
    // Exceeded once in a million: the mean and five of its standard deviations, and a little for the tail.
    let unlikely = freedom as f64 + 5.0 * (2.0 * freedom as f64).sqrt() + 12.0;
    assert!(statistic < unlikely, "{statistic} with {freedom}");
}
