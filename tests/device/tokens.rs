//! What is computed on the device is what the processor computes.

use std::path::Path;

use rein::llama::{Backend, Batch, Context, ContextParams, DecodeOutcome, SeqId, Token};
use rein::models::{GpuChoice, Split};
use rein::{LoadOptions, LocalModel};

use super::models::{gemma, smollm2};
use super::stand_in::on_device;
use super::support::{answer, load, options, words};

/// Greedy tokens of a model on the device and of the same model off it. Both see the same settings, attention included, and
/// the device's arithmetic is the processor's, so they are the same token for token.
fn check(file: &Path) {
    Backend::init().expect("llama.cpp starts");
    // On all devices there are, however few would do.
    let all = (0..Backend::gpus().len()).collect();
    let gpus = GpuChoice::new(all, Split::default()).expect("each once");
    let load = |n_gpu_layers| {
        let options = LoadOptions {
            n_gpu_layers,
            gpus: gpus.clone(),
            ..options()
        };
        LocalModel::load(file, options).expect("the model loads")
    };
    let (on, off) = (load(-1), load(0));
    // The last is read in two chunks.
    for prompt in ["Once upon a time", "The capital of France is", &words(320)] {
        let expected = answer(&off, prompt, 24);
        assert_eq!(answer(&on, prompt, 24), expected, "{prompt}");
        // Once more, on what the first left in the sequence.
        assert_eq!(answer(&on, prompt, 24), expected, "{prompt}");
    }
}

#[test]
fn greedy_tokens_are_those_of_the_processor() {
    on_device(&[], || {
        check(&smollm2());
    });
}

/// How far below the processor's best logit a token of the device may be. Off the device llama.cpp puts the weights of this
/// model in another order, and computes with other instructions.
const TOLERANCE: f32 = 1.0;

#[test]
fn greedy_tokens_of_a_model_with_a_sliding_window_are_likely_to_the_processor() {
    on_device(&[], || {
        let load = |n_gpu_layers| {
            let options = LoadOptions {
                n_gpu_layers,
                ..options()
            };
            LocalModel::load(gemma(), options).expect("the model loads")
        };
        let (on, off) = (load(-1), load(0));
        // The last is longer than the window, and read in two chunks.
        for prompt in ["Once upon a time", "The capital of France is", &words(320)] {
            let drawn = answer(&on, prompt, 24);
            // Once more, on what the first left in the sequence.
            assert_eq!(answer(&on, prompt, 24), drawn, "{prompt}");
            let mut tokens = off.loaded().tokenize_text(prompt).expect("tokens");
            let n_prompt = tokens.len();
            tokens.extend(drawn);
            for (i, below) in below_best(&off, &tokens, n_prompt).into_iter().enumerate() {
                assert!(below < TOLERANCE, "{prompt}: token {i} is {below} below");
            }
        }
    });
}

/// How far the logit of each token from `first` on is below the best one of its row.
fn below_best(model: &LocalModel, tokens: &[Token], first: usize) -> Vec<f32> {
    let native = model.loaded().engine.model();
    let params = ContextParams {
        n_ctx: 1024,
        ..ContextParams::default()
    };
    let mut context = Context::new(native, &params, &|| false).expect("a context");
    let mut batch = Batch::new();
    let mut below = Vec::new();
    for (position, next) in tokens[1..].iter().enumerate() {
        batch.clear();
        let wanted = position + 1 >= first;
        let row = batch.push(tokens[position], position, SeqId(0), wanted);
        context.decode(&mut batch, &|| false).expect("a decode");
        if wanted {
            let logits = context.logits(row).expect("logits");
            let best = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            below.push(best - logits[next.index()]);
        }
    }
    below
}

#[test]
fn greedy_tokens_of_two_devices_are_those_of_the_processor() {
    on_device(&[("GPUS", "2")], || {
        check(&smollm2());
    });
}

#[test]
fn greedy_tokens_of_a_slow_device_are_those_of_the_processor() {
    // Whoever reads logits without waiting reads old ones.
    on_device(&[("GRAPH_MS", "20")], || {
        let model = load();
        let native = model.loaded().engine.model().clone();
        let params = ContextParams {
            n_ctx: 256,
            ..ContextParams::default()
        };
        let mut context = Context::new(&native, &params, &|| false).expect("a context");
        let prompt = "One, two, three, four";
        let mut tokens = model.loaded().tokenize_text(prompt).expect("tokens");
        let n_prompt = tokens.len();
        let mut batch = Batch::new();
        for position in 0..n_prompt + 8 {
            batch.clear();
            let row = batch.push(tokens[position], position, SeqId(0), true);
            let outcome = context.decode(&mut batch, &|| false).expect("a decode");
            assert_eq!(outcome, DecodeOutcome::Done);
            let logits = context.logits(row).expect("logits");
            if position + 1 >= n_prompt {
                let best = |a: &(usize, &f32), b: &(usize, &f32)| a.1.total_cmp(b.1);
                let (index, _) = logits.iter().enumerate().max_by(best).expect("a row");
                tokens.push(Token(index as i32));
            }
        }
        assert_eq!(tokens[n_prompt..][..8], answer(&model, prompt, 8));
    });
}
