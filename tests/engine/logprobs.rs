//! Log-probabilities: one entry for each token, whatever holds text back and however tokens are drawn.

use rein::models::DraftKind;
use rein::{Delta, GenerateRequest, LoadOptions, LocalModel, Summary, TokenLogprob};

use super::support::{SMOLLM, endless, greedy, load_with};

fn load(drafts: DraftKind) -> LocalModel {
    load_with(
        SMOLLM,
        LoadOptions {
            context: 1024,
            drafts,
            ..LoadOptions::default()
        },
    )
}

/// Reads an answer to its end, and checks that every token came together with its entry.
fn read(model: &LocalModel, request: GenerateRequest) -> (Vec<TokenLogprob>, String, Summary) {
    let (mut all, mut whole) = (Vec::new(), String::new());
    for delta in model.generate(request).unwrap() {
        match delta {
            Delta::Progress(_) | Delta::Reasoning { .. } | Delta::ToolCall(_) => {}
            Delta::Text {
                text,
                tokens,
                logprobs,
            } => {
                let drawn: Vec<_> = logprobs.iter().map(|entry| entry.drawn.token).collect();
                assert_eq!(drawn, tokens);
                whole.push_str(&text);
                all.extend(logprobs);
            }
            Delta::Done(summary) => {
                assert_eq!(all.len(), summary.usage.completion_tokens as usize);
                return (all, whole, summary);
            }
            Delta::Failed { message } => panic!("{message}"),
        }
    }
    panic!("the stream ended without a result");
}

fn asked(mut request: GenerateRequest, top: u8) -> GenerateRequest {
    request.sampling.logprobs = Some(top);
    request
}

fn bytes(entries: &[TokenLogprob]) -> Vec<u8> {
    let bytes = entries.iter().map(|entry| &entry.drawn.bytes[..]);
    bytes.collect::<Vec<_>>().concat()
}

#[test]
fn every_token_has_one_entry_with_drafts_too() {
    let prompt = "The quick brown fox jumps over the lazy dog by the river. ".repeat(6);
    for (drafts, accepts) in [(DraftKind::Off, false), (DraftKind::NgramSimple, true)] {
        let model = load(drafts);
        let (entries, text, summary) = read(&model, asked(endless(&model, &*prompt, 60), 4));
        assert_eq!(summary.timings.drafts.accepted > 0, accepts);
        assert_eq!(String::from_utf8_lossy(&bytes(&entries)), text);
        for entry in &entries {
            assert_eq!(entry.top.len(), 4);
            assert!(entry.top.is_sorted_by(|a, b| a.logprob >= b.logprob));
            let sum: f32 = entry.top.iter().map(|other| other.logprob.exp()).sum();
            assert!(sum <= 1.001, "{sum}");
            // Greedy, so one of the most likely; the bias bans what ends the answer.
            assert!(entry.top.contains(&entry.drawn), "{entry:?}");
        }
    }
}

#[test]
fn text_that_is_held_back_keeps_its_entries() {
    let model = load(DraftKind::Off);
    let (_, text, _) = read(&model, asked(greedy("Once upon a time", 40), 0));
    // Of several tokens: one that comes, and one that only begins to come and is then let go.
    let middle: String = text.chars().skip(40).take(12).collect();
    for stop in [middle.clone(), format!("{middle}never said")] {
        let mut request = asked(greedy("Once upon a time", 40), 2);
        request.stop = vec![stop.clone()];
        let (entries, shown, _) = read(&model, request);
        let said = String::from_utf8(bytes(&entries)).unwrap();
        // The tokens of the stop string were drawn and are told; its text is not.
        assert!(said.starts_with(&shown));
        assert_eq!(
            said.contains(&stop),
            shown.len() < said.len(),
            "{said:?} {shown:?}"
        );
    }
}

#[test]
fn nobody_asks_and_nothing_is_told() {
    let model = load(DraftKind::Off);
    for delta in model.generate(greedy("Once upon a time", 8)).unwrap() {
        if let Delta::Text { logprobs, .. } = delta {
            assert_eq!(logprobs, []);
        }
    }
}
