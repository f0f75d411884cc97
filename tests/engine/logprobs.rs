//! Log-probabilities: one entry for each token, whatever holds text back and however tokens are drawn.

use rein::llama::Token;
use rein::models::DraftKind;
use rein::{Delta, GenerateRequest, LoadOptions, LocalModel, Prompt, Summary, TokenLogprob};

use super::replay::each_row;
use super::support::{GEMMA, SMOLLM, endless, greedy, load, load_with};

fn load_drafting(drafts: DraftKind) -> LocalModel {
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
        let model = load_drafting(drafts);
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
    let model = load_drafting(DraftKind::Off);
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
    let model = load_drafting(DraftKind::Off);
    for delta in model.generate(greedy("Once upon a time", 8)).unwrap() {
        if let Delta::Text { logprobs, .. } = delta {
            assert_eq!(logprobs, []);
        }
    }
}

/// Log-probabilities of a whole row, in double precision.
fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials = logits
        .iter()
        .map(|&x| (f64::from(x) - f64::from(max)).exp());
    let normaliser = f64::from(max) + exponentials.sum::<f64>().ln();
    logits.iter().map(|&x| f64::from(x) - normaliser).collect()
}

/// Asks for an answer, and compares its entries with llama.cpp's own logits of the same tokens. Returns the largest
/// difference.
fn check(model: &LocalModel, prompt: &[Token], mut request: GenerateRequest) -> f64 {
    request.prompt = Prompt::Tokens(prompt.to_vec());
    let (entries, _, _) = read(model, request);
    let output: Vec<Token> = entries.iter().map(|entry| entry.drawn.token).collect();
    let mut worst: f64 = 0.0;
    each_row(model, prompt, &output, |number, logits| {
        let expected = log_softmax(&logits);
        let entry = &entries[number];
        for scored in entry.top.iter().chain([&entry.drawn]) {
            let difference = f64::from(scored.logprob) - expected[scored.token.index()];
            worst = worst.max(difference.abs());
        }
        let mut sorted = expected;
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        for (scored, expected) in entry.top.iter().zip(&sorted) {
            worst = worst.max((f64::from(scored.logprob) - expected).abs());
        }
    });
    worst
}

/// Of the model's own distribution: whatever is cut off, penalised or forced by the request.
#[test]
fn log_probabilities_are_those_of_llama_cpps_logits_over_the_whole_vocabulary() {
    for name in [SMOLLM, GEMMA] {
        let model = load(name, 512);
        let text = "A river runs through the old town, past the mill and the market, and";
        let prompt = model.loaded().tokenize_text(text).unwrap();
        let mut cut = asked(endless(&model, "", 40), 200);
        let sampling = &mut cut.sampling;
        sampling.seed = Some(7);
        (sampling.temperature, sampling.top_k, sampling.top_p) = (1.7, 50, 0.8);
        (sampling.repetition_penalty, sampling.presence_penalty) = (1.4, 0.9);
        let mut worst = check(&model, &prompt, cut);
        // Tokens from all over the vocabulary, however unlikely.
        let n_vocab = model.loaded().engine.model().vocab().len();
        for token in (1..20).map(|i| Token((i * n_vocab / 20) as i32)) {
            let mut forced = asked(endless(&model, "", 2), 20);
            forced.sampling.logit_bias.push((token, 1000.0));
            worst = worst.max(check(&model, &prompt, forced));
        }
        println!("{name}: {worst:.1e}");
        assert!(worst < 1e-4, "{name}: {worst}");
    }
}
