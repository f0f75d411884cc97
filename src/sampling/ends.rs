//! [`Ends`]: when an answer may end.

use std::sync::Arc;

use super::TokenMask;
use crate::llama::Token;

/// The tokens that end an answer, and how many must come before one of them may.
#[derive(Debug, Clone, Default)]
pub(super) struct Ends {
    tokens: Arc<[Token]>,
    at_least: usize,
    accepted: usize,
}

impl Ends {
    pub(super) fn new(tokens: Arc<[Token]>, at_least: usize) -> Self {
        Self {
            tokens,
            at_least,
            accepted: 0,
        }
    }

    /// Takes note of a token of the answer.
    pub(super) fn count(&mut self) {
        self.accepted = self.accepted.saturating_add(1);
    }

    /// What may not be drawn now. Where a mask allows nothing but an end, the text is complete and
    /// nothing is banned: the form that was asked for counts more than the length.
    pub(super) fn banned(&self, allowed: Option<&TokenMask>) -> &[Token] {
        let is_early = self.accepted < self.at_least;
        let is_complete = || allowed.is_some_and(|mask| mask.allows_only(&self.tokens));
        if is_early && !is_complete() {
            &self.tokens
        } else {
            &[]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(at_least: usize, accepted: usize) -> Ends {
        let mut ends = Ends::new([Token(3), Token(40)].into(), at_least);
        (0..accepted).for_each(|_| ends.count());
        ends
    }

    fn check(at_least: usize, accepted: usize, allowed: Option<&[i32]>, banned: &[i32]) {
        let mask = allowed.map(|ids| {
            let mut mask = TokenMask::new(100);
            mask.extend(ids.iter().map(|&id| Token(id)));
            mask
        });
        let banned: Vec<Token> = banned.iter().map(|&id| Token(id)).collect();
        assert_eq!(ends(at_least, accepted).banned(mask.as_ref()), banned);
    }

    #[test]
    fn an_answer_may_end_once_it_is_long_enough() {
        check(0, 0, None, &[]);
        check(2, 0, None, &[3, 40]);
        check(2, 1, None, &[3, 40]);
        check(2, 2, None, &[]);
        check(usize::MAX, 1000, None, &[3, 40]);
    }

    #[test]
    fn a_text_that_can_only_end_ends() {
        check(5, 0, Some(&[3]), &[]);
        check(5, 0, Some(&[3, 40]), &[]);
        check(5, 0, Some(&[3, 41]), &[3, 40]);
        check(5, 0, Some(&[]), &[]);
    }
}
