//! [`SamplingParams`]: how a token is drawn from logits.

use crate::llama::Token;

/// Parameters of the sampler, in the order and meaning of llama.cpp's chain:
/// logit bias, penalties, top-k, top-p, min-p, temperature, draw.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingParams {
    /// 0 or less draws the most likely token; else logits are divided by it. Range 0..=2 on the wire.
    pub temperature: f32,
    /// Keeps the k most likely tokens; 0 or less keeps all.
    pub top_k: i32,
    /// Keeps the smallest set whose probability reaches this; 1 keeps all. Range 0..=1.
    pub top_p: f32,
    /// Drops tokens less likely than this fraction of the most likely; 0 keeps all. Range 0..=1.
    pub min_p: f32,
    /// Divides (positive) or multiplies (negative) the logits of recent tokens; 1 is off.
    pub repetition_penalty: f32,
    /// Subtracted from the logits of tokens that were seen recently; 0 is off.
    pub presence_penalty: f32,
    /// Subtracted once for each time a token was seen recently; 0 is off.
    pub frequency_penalty: f32,
    /// How many tokens back the penalties look (prompt included).
    pub penalty_last_n: usize,
    /// Added to logits before anything else; `NEG_INFINITY` bans a token.
    pub logit_bias: Vec<(Token, f32)>,
    /// Seed of the draw; `None` takes a random one.
    pub seed: Option<u64>,
}

impl Default for SamplingParams {
    /// The defaults of the chat route (reference 1.5).
    fn default() -> Self {
        Self {
            temperature: 0.6,
            top_k: 20,
            top_p: 0.95,
            min_p: 0.01,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            penalty_last_n: 64,
            logit_bias: Vec::new(),
            seed: None,
        }
    }
}

impl SamplingParams {
    /// Always the most likely token.
    #[must_use]
    pub fn greedy() -> Self {
        Self {
            temperature: 0.0,
            ..Self::default()
        }
    }
}
