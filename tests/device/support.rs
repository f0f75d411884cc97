//! Models on the device, and what they answer.

use rein::llama::{Backend, Token};
use rein::{
    Delta, GenerateRequest, Generation, LoadOptions, LocalModel, Prompt, SamplingParams, Summary,
};

use super::models;

pub use super::waiting::wait_until;

/// Bytes that nobody has taken of each device.
pub fn free_memory() -> Vec<u64> {
    Backend::init().expect("llama.cpp starts");
    let gpus = Backend::gpus();
    assert!(!gpus.is_empty(), "the device is there");
    gpus.iter().map(|gpu| gpu.memory().free).collect()
}

/// Room for four runs of 1024 tokens each.
pub fn options() -> LoadOptions {
    LoadOptions {
        context: 1024,
        parallel: 4,
        threads: 1,
        // As on the CPU: what a decode gives depends a little on its shape.
        max_chunk: Some(512),
        ..LoadOptions::default()
    }
}

/// `SmolLM2` on the device.
pub fn load() -> LocalModel {
    load_with(options())
}

pub fn load_with(options: LoadOptions) -> LocalModel {
    LocalModel::load(models::smollm2(), options).expect("the model loads")
}

/// A greedy answer of exactly so many tokens: what would end it is banned.
pub fn request(model: &LocalModel, prompt: impl Into<String>, tokens: u32) -> GenerateRequest {
    let ends = model.loaded().engine.model().vocab().ends();
    let sampling = SamplingParams {
        logit_bias: ends.map(|token| (token, f32::NEG_INFINITY)).collect(),
        ..SamplingParams::greedy()
    };
    GenerateRequest {
        sampling,
        max_tokens: Some(tokens),
        ..GenerateRequest::new(Prompt::Text(prompt.into()))
    }
}

/// Reads a generation to its end.
pub fn finish(generation: Generation) -> (Vec<Token>, Summary) {
    let mut tokens = Vec::new();
    for delta in generation {
        match delta {
            Delta::Text { tokens: more, .. } => tokens.extend(more),
            Delta::Done(summary) => return (tokens, summary),
            Delta::Failed { message } => panic!("the run failed: {message}"),
            Delta::Progress(_) | Delta::Reasoning { .. } | Delta::ToolCall(_) => {}
        }
    }
    panic!("the stream ended without a result");
}

/// The tokens of an answer.
pub fn answer(model: &LocalModel, prompt: &str, tokens: u32) -> Vec<Token> {
    let generation = model.generate(request(model, prompt, tokens));
    finish(generation.expect("it is accepted")).0
}

/// About so many words, and the same each time.
pub fn words(n: usize) -> String {
    const LIST: [&str; 7] = [
        "river", "stone", "lantern", "copper", "harbour", "garden", "engine",
    ];
    let chosen: Vec<&str> = (0..n).map(|i| LIST[(i * i + i / 3) % LIST.len()]).collect();
    chosen.join(" ")
}
