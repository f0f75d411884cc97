//! Models and prompts for the engine's tests.

use std::path::PathBuf;

use rein::llama::Token;
use rein::models::model_directory;
use rein::{
    Delta, GenerateRequest, Generation, LoadOptions, LocalModel, Prompt, SamplingParams, Summary,
};

pub use super::waiting::wait_until;

/// SmolLM2-135M-Instruct, `Q4_1`.
pub const SMOLLM: &str = "SmolLM2-135M-Instruct-Q4_1.gguf";
/// gemma-3-270m, `Q4_K_M`: sliding window, 262k vocabulary, no chat template.
pub const GEMMA: &str = "gemma-3-270m-Q4_K_M.gguf";

/// A test model's file.
pub fn model_file(name: &str) -> PathBuf {
    let path = model_directory().join(name);
    assert!(
        path.exists(),
        "{} is missing: run scripts/models.sh all",
        path.display()
    );
    path
}

/// Loads a test model with `context` tokens for each of four runs.
pub fn load(name: &str, context: u32) -> LocalModel {
    load_for(name, context, 4)
}

/// Loads a test model with `context` tokens for each of so many runs.
pub fn load_for(name: &str, context: u32, parallel: u32) -> LocalModel {
    load_with(
        name,
        LoadOptions {
            context,
            parallel,
            ..LoadOptions::default()
        },
    )
}

/// Loads a test model.
pub fn load_with(name: &str, options: LoadOptions) -> LocalModel {
    let options = LoadOptions {
        threads: 2,
        ..options
    };
    LocalModel::load(model_file(name), options).unwrap()
}

/// Continues plain text at temperature 0.
pub fn greedy(prompt: impl Into<String>, max_tokens: u32) -> GenerateRequest {
    GenerateRequest {
        sampling: SamplingParams::greedy(),
        max_tokens: Some(max_tokens),
        ..GenerateRequest::new(Prompt::Text(prompt.into()))
    }
}

/// The tokens that end an answer.
pub fn ends(model: &LocalModel) -> Vec<Token> {
    model.loaded().engine.model().vocab().ends().collect()
}

/// A request that goes on until its token limit: the tokens that end an answer are banned.
pub fn endless(model: &LocalModel, prompt: impl Into<String>, max_tokens: u32) -> GenerateRequest {
    let mut request = greedy(prompt, max_tokens);
    let banned = ends(model).into_iter();
    request.sampling.logit_bias = banned.map(|token| (token, f32::NEG_INFINITY)).collect();
    request
}

/// A text of about `words` words that no other seed shares a beginning with.
pub fn words(seed: usize, words: usize) -> String {
    const LIST: [&str; 12] = [
        "river", "stone", "cloud", "lantern", "meadow", "copper", "violin", "harbour", "winter",
        "garden", "engine", "paper",
    ];
    let mut text = format!("Story number {seed}:");
    for i in 0..words {
        text.push(' ');
        text.push_str(LIST[(seed * 7 + i * i + i / 3) % LIST.len()]);
    }
    text
}

/// What a whole generation gave.
pub struct Answer {
    pub text: String,
    pub tokens: Vec<Token>,
    pub summary: Summary,
}

/// Reads a generation to its end.
pub fn finish(generation: Generation) -> Answer {
    let (mut text, mut tokens) = (String::new(), Vec::new());
    for delta in generation {
        match delta {
            Delta::Progress(_) | Delta::Reasoning { .. } | Delta::ToolCall(_) => {}
            Delta::Text {
                text: more,
                tokens: ids,
                ..
            } => {
                text.push_str(&more);
                tokens.extend(ids);
            }
            Delta::Done(summary) => {
                return Answer {
                    text,
                    tokens,
                    summary,
                };
            }
            Delta::Failed { message } => panic!("the run failed: {message}"),
        }
    }
    panic!("the stream ended without a result");
}

/// True when nothing runs or waits on a model.
pub fn is_idle(model: &LocalModel) -> bool {
    let engine = &model.loaded().engine;
    engine.waiting() == 0 && engine.slots().iter().all(|slot| slot.run.is_none())
}
