//! [`History`]: what was said recently, and what the penalties take off the logits for it.

use std::collections::{HashMap, VecDeque};

use super::SamplingParams;
use crate::llama::Token;

/// The last tokens of prompt and answer, as far as any sampler looks back, with the counts that the penalties
/// need. Without such a sampler it stays empty and costs nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    recent: VecDeque<Token>,
    capacity: usize,
    /// Counts of the last `penalised` tokens.
    counts: HashMap<Token, u32>,
    penalised: usize,
}

impl History {
    pub(super) fn new(params: &SamplingParams) -> Self {
        let penalised = if params.has_penalties() {
            params.penalty_last_n
        } else {
            0
        };
        let dry = if params.dry.is_on() {
            params.dry.last_n
        } else {
            0
        };
        // Mirostat's chain has neither.
        let off = params.mirostat.is_some();
        Self {
            capacity: if off { 0 } else { penalised.max(dry) },
            penalised: if off { 0 } else { penalised },
            ..Self::default()
        }
    }

    /// Takes note of a token.
    pub(super) fn push(&mut self, token: Token) {
        if self.capacity == 0 {
            return;
        }
        if self.penalised > 0 {
            let oldest = self.recent.len().checked_sub(self.penalised);
            if let Some(leaving) = oldest.and_then(|index| self.recent.get(index)) {
                uncount(&mut self.counts, *leaving);
            }
            *self.counts.entry(token).or_default() += 1;
        }
        if self.recent.len() == self.capacity {
            self.recent.pop_front();
        }
        self.recent.push_back(token);
    }

    /// Takes note of many tokens, at the price of those that anybody will look back on.
    pub(super) fn extend(&mut self, tokens: &[Token]) {
        let skipped = tokens.len().saturating_sub(self.capacity);
        for &token in &tokens[skipped..] {
            self.push(token);
        }
    }

    /// The last `n` tokens, the last one first.
    pub(super) fn latest(&self, n: usize) -> impl Iterator<Item = Token> + '_ {
        self.recent.iter().rev().take(n).copied()
    }

    /// The tokens that the penalties are about, and how often each was seen.
    pub(super) fn seen(&self) -> Vec<(Token, u32)> {
        let counts = self.counts.iter();
        counts.map(|(&token, &count)| (token, count)).collect()
    }

    /// True where the penalties have nothing to take off.
    pub(super) fn penalises_nothing(&self) -> bool {
        self.counts.is_empty()
    }

    /// Changes the logits of the tokens that were seen. Formulas as in llama.cpp's penalties sampler.
    pub(super) fn penalise(&self, params: &SamplingParams, logits: &mut [f32]) {
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

fn uncount(counts: &mut HashMap<Token, u32>, token: Token) {
    if let Some(count) = counts.get_mut(&token) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::Dry;
    use proptest::prelude::*;

    fn params(penalty_last_n: usize, dry_last_n: usize) -> SamplingParams {
        SamplingParams {
            presence_penalty: 1.0,
            penalty_last_n,
            dry: Dry {
                multiplier: 1.0,
                last_n: dry_last_n,
                ..Dry::default()
            },
            ..SamplingParams::default()
        }
    }

    proptest! {
        #[test]
        fn counts_are_those_of_the_last_tokens(
            tokens in prop::collection::vec(0i32..6, 0..60), n_prompt in 0usize..60,
            penalised in 0usize..20, dry in 0usize..20,
        ) {
            let tokens: Vec<Token> = tokens.into_iter().map(Token).collect();
            let (prompt, answer) = tokens.split_at(n_prompt.min(tokens.len()));
            let mut history = History::new(&params(penalised, dry));
            history.extend(prompt);
            for &token in answer {
                history.push(token);
            }
            let mut expected: HashMap<Token, u32> = HashMap::new();
            for &token in tokens.iter().rev().take(penalised) {
                *expected.entry(token).or_default() += 1;
            }
            prop_assert_eq!(&history.counts, &expected);
            let latest: Vec<Token> = history.latest(dry).collect();
            let wanted: Vec<Token> = tokens.iter().rev().take(dry).copied().collect();
            prop_assert_eq!(latest, wanted);
        }
    }
}
