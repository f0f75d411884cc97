//! The bare decode loop: no HTTP, no queue, no text. What the server's single stream is measured against.
//!
//! Usage: `decode_loop MODEL.gguf PROMPT N_TOKENS THREADS [ROUNDS]`
//!
//! Prints one line a round: the milliseconds between the first and the last of `N_TOKENS` greedy tokens.

use std::path::Path;
use std::time::Instant;

use rein::llama::{
    Backend, Batch, Context, ContextParams, FlashAttention, Model, ModelParams, SeqId,
    TokenizeOptions,
};
use rein::sampling::{Sampler, SamplingParams};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, prompt, n_tokens, threads, rest @ ..] = &args[..] else {
        return Err("usage: decode_loop MODEL.gguf PROMPT N_TOKENS THREADS [ROUNDS]".into());
    };
    let rounds: usize = rest.first().map_or(Ok(1), |rounds| rounds.parse())?;
    let model = Model::load(
        Backend::init()?,
        Path::new(path),
        &ModelParams::default(),
        &mut |_| {},
        &|| false,
    )?;
    // The shape that the server has in the same comparison.
    let params = ContextParams {
        n_ctx: 32_768,
        n_seq_max: 4,
        n_batch: 512,
        n_threads: threads.parse()?,
        flash_attention: FlashAttention::Off,
        ..ContextParams::default()
    };
    let mut context = Context::new(&model, &params, &|| false)?;
    for _ in 0..rounds {
        let milliseconds = round(&model, &mut context, prompt, n_tokens.parse()?)?;
        println!("{milliseconds:.3}");
    }
    Ok(())
}

fn round(
    model: &Model,
    context: &mut Context,
    prompt: &str,
    n_tokens: usize,
) -> Result<f64, Box<dyn std::error::Error>> {
    let options = TokenizeOptions {
        add_special: true,
        parse_special: true,
    };
    let prompt = model.vocab().tokenize(prompt, options)?;
    context.clear()?;
    let mut batch = Batch::new();
    for (position, &token) in prompt.iter().enumerate() {
        batch.push(token, position, SeqId(0), position + 1 == prompt.len());
    }
    context.decode(&mut batch, &|| false)?;
    let mut sampler = Sampler::new(SamplingParams::greedy());
    let mut token = sampler.draw(context.logits(prompt.len() - 1)?, None)?.token;
    let first = Instant::now();
    for position in prompt.len()..prompt.len() + n_tokens - 1 {
        batch.clear();
        batch.push(token, position, SeqId(0), true);
        context.decode(&mut batch, &|| false)?;
        token = sampler.draw(context.logits(0)?, None)?.token;
    }
    Ok(first.elapsed().as_secs_f64() * 1000.0)
}
