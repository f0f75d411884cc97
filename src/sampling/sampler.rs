//! [`Sampler`]: the state of one run's draws.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::penalties::PenaltyWindow;
use super::{SamplingParams, select};
use crate::llama::Token;

/// Draws tokens for one run: logit bias, penalties, top-k, top-p, min-p, temperature, draw, in
/// llama.cpp's order and meaning.
#[derive(Debug)]
pub struct Sampler {
    params: SamplingParams,
    window: PenaltyWindow,
    rng: ChaCha8Rng,
    /// A copy of the row where logits are changed; llama.cpp's own row stays as it is.
    scratch: Vec<f32>,
}

impl Sampler {
    /// A sampler. Without a seed it takes a random one.
    #[must_use]
    pub fn new(params: SamplingParams) -> Self {
        let seed = params.seed.unwrap_or_else(random_seed);
        Self {
            window: PenaltyWindow::new(&params),
            rng: ChaCha8Rng::seed_from_u64(seed),
            scratch: Vec::new(),
            params,
        }
    }

    /// Takes note of a token of the prompt, or of one that was drawn: the penalties look back on both.
    pub fn accept(&mut self, token: Token) {
        self.window.push(token);
    }

    /// Draws a token from a row of logits. The caller decides whether to [`Self::accept`] it.
    pub fn draw(&mut self, logits: &[f32]) -> Token {
        let changes = !self.params.logit_bias.is_empty() || !self.window.is_empty();
        let mut scratch = std::mem::take(&mut self.scratch);
        let row = if changes {
            self.adjust(logits, &mut scratch);
            &scratch[..]
        } else {
            logits
        };
        let token = Token(self.choose(row) as i32);
        self.scratch = scratch;
        token
    }

    fn adjust(&self, logits: &[f32], row: &mut Vec<f32>) {
        row.clear();
        row.extend_from_slice(logits);
        for &(token, bias) in &self.params.logit_bias {
            if let Some(logit) = row.get_mut(token.index()) {
                *logit += bias;
            }
        }
        self.window.apply(&self.params, row);
    }

    fn choose(&mut self, row: &[f32]) -> usize {
        let params = &self.params;
        if params.temperature <= 0.0 {
            return select::argmax(row);
        }
        let mut kept = if params.top_k > 0 {
            let mut kept = select::top_k(row, params.top_k as usize);
            select::top_p(&mut kept, params.top_p);
            kept
        } else {
            select::nucleus(row, params.top_p)
        };
        select::min_p(&mut kept, params.min_p);
        // 53 bits, the precision of an f64 in 0..1.
        let point = (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        select::draw(&kept, self.params.temperature, point)
    }
}

fn random_seed() -> u64 {
    // The first 8 of a version-4 UUID's 16 bytes hold 60 random bits.
    uuid::Uuid::new_v4().as_u64_pair().0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Vec<f32> {
        (0..1000)
            .map(|i| ((i * 7919) % 1000) as f32 / 100.0)
            .collect()
    }

    fn draws(params: SamplingParams, n: usize) -> Vec<Token> {
        let mut sampler = Sampler::new(params);
        (0..n).map(|_| sampler.draw(&row())).collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_tokens() {
        let params = SamplingParams {
            seed: Some(7),
            temperature: 1.5,
            ..SamplingParams::default()
        };
        assert_eq!(draws(params.clone(), 50), draws(params, 50));
    }

    #[test]
    fn greedy_draws_the_largest_logit() {
        let best = select::argmax(&row());
        assert_eq!(draws(SamplingParams::greedy(), 1), [Token(best as i32)]);
    }

    #[test]
    fn a_bias_of_minus_infinity_bans_a_token() {
        let best = Token(select::argmax(&row()) as i32);
        let params = SamplingParams {
            logit_bias: vec![(best, f32::NEG_INFINITY)],
            ..SamplingParams::greedy()
        };
        assert_ne!(draws(params, 1), [best]);
    }

    #[test]
    fn penalties_look_back_no_further_than_their_window() {
        let best = Token(select::argmax(&row()) as i32);
        let params = SamplingParams {
            presence_penalty: 2.0,
            penalty_last_n: 2,
            ..SamplingParams::greedy()
        };
        let mut sampler = Sampler::new(params);
        sampler.accept(best);
        assert_ne!(sampler.draw(&row()), best);
        sampler.accept(Token(1));
        sampler.accept(Token(2));
        assert_eq!(sampler.draw(&row()), best);
    }

    #[test]
    fn draws_follow_the_distribution() {
        // Two tokens at odds of e : 1; with 20,000 draws four standard deviations are 0.0126.
        let mut sampler = Sampler::new(SamplingParams {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            seed: Some(1),
            ..SamplingParams::default()
        });
        let n = 20_000;
        let firsts = (0..n)
            .filter(|_| sampler.draw(&[1.0, 0.0]) == Token(0))
            .count();
        let expected = std::f64::consts::E / (1.0 + std::f64::consts::E);
        assert!((firsts as f64 / f64::from(n) - expected).abs() < 0.0126);
    }
}
