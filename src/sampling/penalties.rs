//! [`PenaltyWindow`]: what was said recently, and what that takes off the logits.

use std::collections::{HashMap, VecDeque};

use super::SamplingParams;
use crate::llama::Token;

/// Counts of the last `penalty_last_n` tokens, kept up to date one token at a time.
#[derive(Debug, Default)]
pub(super) struct PenaltyWindow {
    recent: VecDeque<Token>,
    counts: HashMap<Token, u32>,
    capacity: usize,
}

impl PenaltyWindow {
    /// A window for these parameters; without penalties it stays empty and costs nothing.
    pub(super) fn new(params: &SamplingParams) -> Self {
        #[expect(
            clippy::float_cmp,
            reason = "exactly the neutral values switch a penalty off"
        )]
        let off = params.repetition_penalty == 1.0
            && params.presence_penalty == 0.0
            && params.frequency_penalty == 0.0;
        Self {
            capacity: if off { 0 } else { params.penalty_last_n },
            ..Self::default()
        }
    }

    /// Takes note of a token of prompt or answer.
    pub(super) fn push(&mut self, token: Token) {
        if self.capacity == 0 {
            return;
        }
        if self.recent.len() == self.capacity
            && let Some(oldest) = self.recent.pop_front()
            && let Some(count) = self.counts.get_mut(&oldest)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&oldest);
            }
        }
        self.recent.push_back(token);
        *self.counts.entry(token).or_default() += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Changes the logits of the tokens in the window. Formulas as in llama.cpp's penalties sampler.
    pub(super) fn apply(&self, params: &SamplingParams, logits: &mut [f32]) {
        for (token, &count) in &self.counts {
            let Some(logit) = logits.get_mut(token.index()) else {
                continue;
            };
            // Multiplying a negative logit, not dividing it, is what makes the token less likely.
            if *logit <= 0.0 {
                *logit *= params.repetition_penalty;
            } else {
                *logit /= params.repetition_penalty;
            }
            *logit -= count as f32 * params.frequency_penalty + params.presence_penalty;
        }
    }
}
