//! DRY: penalties for what would go on repeating a sequence.

mod breakers;

pub use breakers::DryBreakers;

use std::collections::HashMap;
use std::sync::Arc;

use super::Dry;
use super::history::History;
use crate::llama::Token;

/// Exponents of the penalty are bounded so that it stays a number: the natural logarithm of the largest f32.
const LARGEST_LOG: f32 = 88.722_84;

/// The state of the DRY sampler of one run: breakers, and memory that is kept between draws.
#[derive(Debug, Clone, Default)]
pub(super) struct DryState {
    pub(super) breakers: Arc<DryBreakers>,
    /// The last tokens, the last one first.
    recent: Vec<Token>,
    /// For every position of `recent`, how far the tokens from there on are those from the start on.
    repeats: Vec<usize>,
    /// The longest repetition that a token would continue.
    longest: HashMap<Token, usize>,
}

impl DryState {
    /// Finds the tokens that would go on repeating a sequence. False where there are none.
    pub(super) fn search(&mut self, params: &Dry, history: &History) -> bool {
        self.longest.clear();
        self.recent.clear();
        self.recent.extend(history.latest(params.last_n));
        if self.recent.len() <= params.allowed_length {
            return false;
        }
        let limit = self.breakers.distance(&self.recent);
        if limit < params.allowed_length {
            return false;
        }
        measure_repeats(&self.recent, &mut self.repeats);
        for (position, &length) in self.repeats.iter().enumerate().skip(1) {
            let length = length.min(limit);
            if length >= params.allowed_length {
                // What came after the earlier occurrence would come again.
                let longest = self.longest.entry(self.recent[position - 1]).or_default();
                *longest = length.max(*longest);
            }
        }
        !self.longest.is_empty()
    }

    /// Takes the penalties off the logits of what [`Self::search`] found.
    pub(super) fn penalise(&self, params: &Dry, logits: &mut [f32]) {
        for (&token, &length) in &self.longest {
            if let Some(logit) = logits.get_mut(token.index())
                && !self.breakers.is_breaker(token)
            {
                *logit -= penalty(params, length);
            }
        }
    }
}

fn penalty(params: &Dry, length: usize) -> f32 {
    let mut exponent = (length - params.allowed_length) as i32;
    if params.base > 1.000_001 {
        let largest = (LARGEST_LOG / params.base.ln()) as i32;
        if largest > 0 {
            exponent = exponent.min(largest);
        }
    }
    (f64::from(params.multiplier) * f64::from(params.base).powi(exponent)) as f32
}

/// For every position, the length of the longest sequence that begins both there and at the start: the
/// Z-algorithm, in linear time. Entry 0 means nothing.
fn measure_repeats(tokens: &[Token], lengths: &mut Vec<usize>) {
    lengths.clear();
    lengths.resize(tokens.len(), 0);
    // The known repetition that reaches furthest covers start..end.
    let (mut start, mut end) = (0, 0);
    for position in 1..tokens.len() {
        let mut length = 0;
        if position < end {
            length = lengths[position - start].min(end - position);
        }
        while tokens.get(position + length) == Some(&tokens[length]) {
            length += 1;
        }
        if position + length > end {
            (start, end) = (position, position + length);
        }
        lengths[position] = length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::SamplingParams;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn repeats_are_the_longest_common_beginnings(tokens in prop::collection::vec(0i32..3, 1..60)) {
            let tokens: Vec<Token> = tokens.into_iter().map(Token).collect();
            let mut lengths = Vec::new();
            measure_repeats(&tokens, &mut lengths);
            for position in 1..tokens.len() {
                let pairs = tokens.iter().zip(&tokens[position..]);
                let expected = pairs.take_while(|(a, b)| a == b).count();
                prop_assert_eq!(lengths[position], expected);
            }
        }
    }

    /// Checks what is taken off the logits of tokens 0..10 after `said`, token 9 being a breaker.
    fn check(said: &[i32], penalised: &[(i32, f32)]) {
        let dry = Dry {
            multiplier: 1.0,
            base: 2.0,
            ..Dry::default()
        };
        let params = SamplingParams {
            dry: dry.clone(),
            ..SamplingParams::default()
        };
        let mut history = History::new(&params);
        for &id in said {
            history.push(Token(id));
        }
        let mut breakers = DryBreakers::default();
        breakers.insert(Token(9), vec![]);
        breakers.insert(Token(7), vec![Token(8)]);
        let mut state = DryState {
            breakers: Arc::new(breakers),
            ..DryState::default()
        };
        let mut logits = [0.0f32; 10];
        if state.search(&dry, &history) {
            state.penalise(&dry, &mut logits);
        }
        let mut expected = [0.0f32; 10];
        for &(id, penalty) in penalised {
            expected[id as usize] = -penalty;
        }
        assert_eq!(
            logits.map(f32::to_bits),
            expected.map(f32::to_bits),
            "after {said:?}: {logits:?}"
        );
    }

    #[test]
    fn what_would_repeat_is_penalised_by_length() {
        check(&[1, 2], &[]);
        check(&[1, 2, 3, 1], &[]);
        check(&[1, 2, 3, 1, 2], &[(3, 1.0)]);
        check(&[0, 1, 2, 3, 0, 1, 2], &[(3, 2.0)]);
        // The longest of several repetitions counts.
        check(&[0, 1, 2, 3, 1, 2, 3, 0, 1, 2], &[(3, 2.0)]);
    }

    #[test]
    fn repetitions_do_not_reach_across_a_breaker() {
        check(&[0, 1, 9, 2, 3, 0, 1, 9, 2], &[]);
        check(&[0, 1, 7, 8, 2, 3, 0, 1, 7, 8, 2], &[]);
        // Half of a breaker of two tokens is none.
        check(&[1, 7, 2, 3, 1, 7, 2], &[(3, 2.0)]);
    }

    #[test]
    fn a_breaker_itself_is_never_penalised() {
        check(&[1, 2, 9, 1, 2], &[]);
    }

    #[test]
    fn a_penalty_is_always_a_number() {
        let dry = Dry {
            multiplier: 1.0,
            base: 1e3,
            ..Dry::default()
        };
        assert!(penalty(&dry, 1000).is_finite());
    }
}
