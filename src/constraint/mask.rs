//! [`TokenMask`]: which tokens may come next.

use crate::llama::Token;

/// One bit a token of the vocabulary: bit `i % 32` of word `i / 32` says whether token `i` may come next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenMask {
    words: Vec<u32>,
    n_tokens: usize,
}

impl TokenMask {
    /// Takes over the words of another mask. Bits past `n_tokens` are cleared, missing words are zero.
    pub(super) fn assign(&mut self, words: &[u32], n_tokens: usize) {
        let n_words = n_tokens.div_ceil(32);
        self.words.clear();
        self.words
            .extend_from_slice(&words[..n_words.min(words.len())]);
        self.words.resize(n_words, 0);
        self.n_tokens = n_tokens;
        let rest = n_tokens % 32;
        if rest != 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << rest) - 1;
        }
    }

    /// The words, in order; `n_tokens / 32` of them, rounded up.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// Size of the vocabulary.
    #[must_use]
    pub fn len(&self) -> usize {
        self.n_tokens
    }

    /// True where no token is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Whether a token may come next. False for ids outside the vocabulary.
    #[must_use]
    pub fn allows(&self, token: Token) -> bool {
        self.words
            .get(token.index() / 32)
            .is_some_and(|word| word >> (token.index() % 32) & 1 == 1)
    }

    /// The allowed tokens, in order.
    pub fn tokens(&self) -> impl Iterator<Item = Token> + '_ {
        (0..self.n_tokens as i32)
            .map(Token)
            .filter(|&token| self.allows(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_past_the_vocabulary_are_cleared_and_missing_words_are_zero() {
        let mut mask = TokenMask::default();
        mask.assign(&[u32::MAX, u32::MAX], 35);
        assert_eq!(mask.words(), [u32::MAX, 0b111]);
        assert!(mask.allows(Token(34)) && !mask.allows(Token(35)));
        mask.assign(&[1], 40);
        assert_eq!(mask.tokens().collect::<Vec<_>>(), [Token(0)]);
        assert!(!mask.allows(Token(-1)) && !mask.allows(Token(i32::MAX)));
    }
}
