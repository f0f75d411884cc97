//! [`TokenLogprobs`]: how likely the model thought a token.

use super::candidates::Candidates;
use super::row::Row;
use super::top_k::top_k;
use crate::llama::Token;

/// Log-probabilities of a drawn token and of the most likely ones, in nats, as OpenAI's API means them: of the
/// model's own distribution over the whole vocabulary, before mask, bias, penalties, truncation and
/// temperature. So the drawn token need not be among the most likely; the first of `top` need not be one that
/// could be drawn; and at temperature 0 the drawn token's is not 0.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprobs {
    /// Of the drawn token. Minus infinity where the model excluded what a bias forced.
    pub logprob: f32,
    /// The most likely tokens, the most likely first.
    pub top: Vec<(Token, f32)>,
}

impl TokenLogprobs {
    /// Reads them off an unmodified row. `None` for a row without numbers.
    pub(super) fn of(logits: &[f32], token: Token, top: u8, list: &mut Candidates) -> Option<Self> {
        list.clear();
        if top > 0 {
            top_k(logits, f32::NEG_INFINITY, usize::from(top), list);
        }
        let row = match list.list.first() {
            Some(best) => Row {
                logits,
                floor: f32::NEG_INFINITY,
                max: best.logit,
            },
            None => Row::new(logits)?,
        };
        let logit = logits.get(token.index()).copied();
        let top = list.list.iter();
        let top = top.map(|candidate| (Token(candidate.index as i32), candidate.logit));
        Some(Self::from_logits(
            logit.unwrap_or(f32::NEG_INFINITY),
            top,
            row.max,
            row.total(1.0),
        ))
    }

    /// From logits: of the drawn token, of the most likely ones, the largest, and the sum of e^(logit - largest).
    pub(super) fn from_logits(
        drawn: f32,
        top: impl Iterator<Item = (Token, f32)>,
        max: f32,
        total: f64,
    ) -> Self {
        let normaliser = f64::from(max) + total.ln();
        let logprob = |logit: f32| (f64::from(logit) - normaliser) as f32;
        Self {
            logprob: logprob(drawn),
            top: top.map(|(token, logit)| (token, logprob(logit))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_the_logarithms_of_the_softmax() {
        let logits: Vec<f32> = (0..500).map(|i| ((i * 37) % 500) as f32 / 50.0).collect();
        let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
        let found = TokenLogprobs::of(&logits, Token(3), 20, &mut Candidates::default()).unwrap();
        let expected = |token: Token| f64::from(logits[token.index()]) - sum.ln();
        assert!((f64::from(found.logprob) - expected(Token(3))).abs() < 1e-5);
        assert_eq!(found.top.len(), 20);
        assert!(found.top.is_sorted_by(|a, b| a.1 >= b.1));
        for &(token, logprob) in &found.top {
            assert!((f64::from(logprob) - expected(token)).abs() < 1e-5);
        }
    }

    #[test]
    fn none_of_the_most_likely_is_a_wish_too() {
        let found =
            TokenLogprobs::of(&[1.0, 1.0], Token(1), 0, &mut Candidates::default()).unwrap();
        assert!((found.logprob + std::f32::consts::LN_2).abs() < 1e-6);
        assert_eq!(found.top, []);
    }
}
