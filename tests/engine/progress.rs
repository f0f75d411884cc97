//! Reports of how much of a prompt is read.

use rein::generation::PromptProgress;
use rein::{Delta, GenerateRequest, LocalModel};

use super::support::{SMOLLM, endless, load, words};

fn reports(model: &LocalModel, request: GenerateRequest) -> Vec<PromptProgress> {
    let request = GenerateRequest {
        report_progress: true,
        ..request
    };
    let mut reports = Vec::new();
    let mut has_text = false;
    for delta in model.generate(request).unwrap() {
        match delta {
            Delta::Progress(progress) => {
                assert!(!has_text, "a report after text");
                reports.push(progress);
            }
            Delta::Text { .. } | Delta::Reasoning { .. } | Delta::ToolCall(_) => has_text = true,
            Delta::Done(_) => return reports,
            Delta::Failed { message } => panic!("{message}"),
        }
    }
    panic!("no end");
}

#[test]
fn reports_begin_at_what_is_cached_and_end_with_the_prompt() {
    let model = load(SMOLLM, 2048);
    // Longer than one chunk of a prompt that has the machine to itself.
    let prompt = words(1, 700);
    let first = reports(&model, endless(&model, prompt.clone(), 4));
    let (begin, end) = (first[0], first[first.len() - 1]);
    assert_eq!((begin.cached, begin.processed), (0, 0));
    assert_eq!(end.processed, end.total);
    assert!(first.len() > 2, "{first:?}");
    let grows = |pair: &[PromptProgress]| {
        pair[0].processed < pair[1].processed && pair[0].elapsed <= pair[1].elapsed
    };
    assert!(first.windows(2).all(grows), "{first:?}");

    let second = reports(&model, endless(&model, prompt + " Go on.", 4));
    let (begin, end) = (second[0], second[second.len() - 1]);
    assert!(begin.cached + 8 > begin.total && begin.processed == begin.cached);
    assert_eq!(end.processed, end.total);
}
