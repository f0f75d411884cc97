//! Drafts on real models: what they may change is the time.

use rein::generation::tokenize;
use rein::models::DraftKind;
use rein::{FinishReason, LoadOptions, LocalModel, Prompt};

use super::replay::replay;
use super::support::{Answer, GEMMA, SMOLLM, endless, ends, finish, load_with};

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
