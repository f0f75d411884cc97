//! Random parameters for the sampler.

use rand_chacha::ChaCha8Rng;
use rand_core::RngCore;
use rein::llama::Token;
use rein::sampling::{Dry, DynamicTemperature, SamplingParams, Xtc};

/// Random numbers for parameters.
pub struct Dice(pub ChaCha8Rng);

impl Dice {
    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.0.next_u32() >> 8) as f32 / (1u32 << 24) as f32
    }

    fn one_in(&mut self, n: u32) -> bool {
        self.0.next_u32().is_multiple_of(n)
    }

    fn up_to(&mut self, n: u32) -> u32 {
        self.0.next_u32() % (n + 1)
    }
}

/// A random set, every sampler on or off by itself.
pub fn random_params(dice: &mut Dice, row: &[f32], prompt: &[Token]) -> SamplingParams {
    let mut params = SamplingParams {
        temperature: dice.between(0.2, 2.0),
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        seed: Some(u64::from(dice.up_to(1000))),
        ..SamplingParams::default()
    };
    if !dice.one_in(3) {
        params.top_k = 1 + dice.up_to(150) as i32;
    }
    if dice.one_in(2) {
        params.top_p = dice.between(0.05, 1.0);
    }
    if dice.one_in(2) {
        params.min_p = dice.between(0.0005, 0.3);
    }
    if dice.one_in(4) {
        params.typical_p = dice.between(0.05, 1.0);
    }
    if dice.one_in(4) {
        params.top_n_sigma = dice.between(0.3, 4.0);
    }
    if dice.one_in(4) {
        params.xtc = Xtc {
            probability: 1.0,
            threshold: dice.between(0.005, 0.5),
        };
    }
    if dice.one_in(4) {
        params.dynamic_temperature = DynamicTemperature {
            range: dice.between(0.05, 1.5),
            exponent: dice.between(0.3, 3.0),
        };
    }
    if dice.one_in(2) {
        params.penalty_last_n = dice.up_to(100) as usize;
        params.repetition_penalty = dice.between(0.8, 1.6);
        params.presence_penalty = dice.between(-0.5, 2.0);
        params.frequency_penalty = dice.between(-0.5, 2.0);
    }
    if dice.one_in(3) {
        params.dry = Dry {
            multiplier: dice.between(0.1, 4.0),
            base: dice.between(1.0, 3.0),
            allowed_length: dice.up_to(4) as usize,
            last_n: dice.up_to(120) as usize,
            ..Dry::default()
        };
    }
    if dice.one_in(3) {
        let likely = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        for _ in 0..dice.up_to(10) {
            let id = match dice.up_to(2) {
                0 => likely.unwrap() as i32,
                1 => prompt[dice.up_to(prompt.len() as u32 - 1) as usize].0,
                _ => dice.up_to(row.len() as u32 - 1) as i32,
            };
            let bias = if dice.one_in(4) {
                f32::NEG_INFINITY
            } else {
                dice.between(-8.0, 8.0)
            };
            params.logit_bias.push((Token(id), bias));
        }
    }
    if dice.one_in(12) {
        params.temperature = 0.0;
    }
    // Of tokens without probability llama.cpp's typical sampler makes NaN, and sorts by that.
    let impossible = params.logit_bias.iter().any(|bias| bias.1.is_infinite());
    if params.top_n_sigma > 0.0 || impossible {
        params.typical_p = 1.0;
    }
    params
}
