//! Loading one model in place of another.

use rein::llama::Token;
use rein::models::{LoadError, LoadOptions, ModelRegistry, identify};
use rein::{
    FinishReason, GenerateRequest, Prompt, SamplingParams, StopCause, StopFlag, generation,
};

use super::support::{SMOLLM, model_file};
use super::tiny;

fn endless() -> GenerateRequest {
    GenerateRequest {
        sampling: SamplingParams::greedy(),
        max_tokens: Some(400),
        ..GenerateRequest::new(Prompt::Tokens(vec![Token(5), Token(6)]))
    }
}

#[test]
fn a_file_that_cannot_be_loaded_costs_nobody_the_loaded_model() {
    let directory = tempfile::tempdir().unwrap();
    let good = directory.path().join("good.gguf");
    tiny::write(&model_file(SMOLLM), &good);
    let bytes = std::fs::read(&good).unwrap();
    // The same file of an architecture that does not exist, and one that ends too early.
    let unknown = directory.path().join("unknown.gguf");
    std::fs::write(&unknown, replaced(&bytes, b"llama", b"llamx")).unwrap();
    let short = directory.path().join("short.gguf");
    std::fs::write(&short, &bytes[..bytes.len() / 2]).unwrap();

    let models = ModelRegistry::new();
    let load = |path: &std::path::Path, force| {
        let file = identify(&path.to_string_lossy(), None).unwrap();
        let options = LoadOptions {
            context: 512,
            threads: 1,
            ..LoadOptions::default()
        };
        models.load(file, options, force, &StopFlag::new())
    };
    let (model, _) = load(&good, false).unwrap();
    for bad in [&unknown, &short] {
        assert!(load(bad, true).is_err());
        assert!(
            models
                .current()
                .is_some_and(|model| model.engine.is_running())
        );
    }

    let run = generation::start(&model, &endless(), &StopFlag::new(), None).unwrap();
    let other = directory.path().join("other.gguf");
    std::fs::copy(&good, &other).unwrap();
    let refused = load(&other, false);
    assert!(
        matches!(refused, Err(LoadError::InUse { running: 1, .. })),
        "{refused:?}"
    );
    assert!(load(&other, true).is_ok());
    let last = run.last();
    assert!(
        matches!(&last, Some(rein::Delta::Done(summary)) if summary.reason == FinishReason::Stopped(StopCause::Unload)),
        "{last:?}"
    );
}

/// Every occurrence of one name replaced by another of the same length, the tokenizer's entries excepted.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let end = bytes
        .windows(10)
        .position(|window| window == b"tokenizer.")
        .unwrap();
    let mut out = bytes.to_vec();
    for at in 0..end - from.len() {
        if &bytes[at..at + from.len()] == from {
            out[at..at + to.len()].copy_from_slice(to);
        }
    }
    out
}
