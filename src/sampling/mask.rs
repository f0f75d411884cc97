//! [`TokenMask`]: which tokens may be drawn.

use crate::llama::Token;

/// Tokens of one word.
const WORD: usize = u32::BITS as usize;

/// A set of tokens: bit `i % 32` of word `i / 32` is token `i`, the layout of toktrie's and llguidance's masks.
///
/// What is outside the mask is forbidden: a mask that is shorter than the row forbids the rest of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenMask {
    words: Vec<u32>,
    n_tokens: usize,
}

impl TokenMask {
    /// A mask over `n_tokens` tokens that allows none of them.
    #[must_use]
    pub fn new(n_tokens: usize) -> Self {
        Self {
            words: vec![0; n_tokens.div_ceil(WORD)],
            n_tokens,
        }
    }

    /// A mask from words in the layout above. Words that are missing forbid; bits beyond `n_tokens` are dropped.
    #[must_use]
    pub fn from_words(words: &[u32], n_tokens: usize) -> Self {
        let mut mask = Self::new(n_tokens);
        mask.copy_from_words(words);
        mask
    }

    /// Takes over all bits, without allocating.
    pub fn copy_from_words(&mut self, words: &[u32]) {
        let shared = words.len().min(self.words.len());
        self.words[..shared].copy_from_slice(&words[..shared]);
        self.words[shared..].fill(0);
        let used = self.n_tokens % WORD;
        if used > 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << used) - 1;
        }
    }

    /// How many tokens the mask covers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.n_tokens
    }

    /// True where no token is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// True where the token may be drawn.
    #[must_use]
    pub fn allows(&self, token: Token) -> bool {
        // A negative id becomes a huge index, which no mask covers.
        let index = token.index();
        self.words
            .get(index / WORD)
            .is_some_and(|word| word >> (index % WORD) & 1 == 1)
    }

    /// True where nothing outside `tokens` is allowed. `tokens` are few and distinct.
    #[must_use]
    pub fn allows_only(&self, tokens: &[Token]) -> bool {
        let among = tokens.iter().filter(|&&token| self.allows(token)).count();
        let mut all = 0;
        self.words.iter().all(|word| {
            all += word.count_ones() as usize;
            all <= among
        })
    }

    /// The allowed tokens, in order.
    pub fn tokens(&self) -> impl Iterator<Item = Token> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            std::iter::successors((word != 0).then_some(word), |&left| {
                let rest = left & (left - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |left| Token((at * WORD) as i32 + left.trailing_zeros() as i32))
        })
    }

    /// Allows a token. One that the mask does not cover stays forbidden.
    pub fn allow(&mut self, token: Token) {
        let index = token.index();
        if index < self.n_tokens {
            self.words[index / WORD] |= 1 << (index % WORD);
        }
    }

    /// Forbids a token.
    pub fn forbid(&mut self, token: Token) {
        let index = token.index();
        if index < self.n_tokens {
            self.words[index / WORD] &= !(1 << (index % WORD));
        }
    }

    /// The words, in the layout above.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// Writes the row into `out`, with minus infinity in place of what is forbidden.
    pub(super) fn copy_allowed(&self, logits: &[f32], out: &mut Vec<f32>) {
        out.resize(logits.len(), f32::NEG_INFINITY);
        let words = self.words.iter().chain(std::iter::repeat(&0));
        let rows = out.chunks_mut(WORD).zip(logits.chunks(WORD));
        for ((out, logits), &word) in rows.zip(words) {
            // Masks are mostly all or nothing.
            match word {
                0 => out.fill(f32::NEG_INFINITY),
                u32::MAX => out.copy_from_slice(logits),
                _ => {
                    for ((out, &logit), bit) in out.iter_mut().zip(logits).zip(BITS) {
                        *out = if word & bit == 0 {
                            f32::NEG_INFINITY
                        } else {
                            logit
                        };
                    }
                }
            }
        }
    }
}

/// The bits of a word: a table, since shifts that are checked for overflow are not done side by side.
const BITS: [u32; WORD] = {
    let mut bits = [0; WORD];
    let mut i = 0;
    while i < WORD {
        bits[i] = 1 << i;
        i += 1;
    }
    bits
};

impl Extend<Token> for TokenMask {
    fn extend<I: IntoIterator<Item = Token>>(&mut self, tokens: I) {
        for token in tokens {
            self.allow(token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_masked_row_keeps_what_is_allowed_and_nothing_else(
            n_row in 1usize..200, n_mask in 0usize..200, allowed in prop::collection::vec(0i32..220, 0..60),
        ) {
            let mut mask = TokenMask::new(n_mask);
            mask.extend(allowed.iter().map(|&id| Token(id)));
            let row: Vec<f32> = (0..n_row).map(|i| i as f32).collect();
            let mut out = vec![7.0; 3];
            mask.copy_allowed(&row, &mut out);
            prop_assert_eq!(out.len(), row.len());
            for (index, &logit) in out.iter().enumerate() {
                let expected = index < n_mask && allowed.contains(&(index as i32));
                prop_assert_eq!(logit > f32::NEG_INFINITY, expected);
                prop_assert_eq!(mask.allows(Token(index as i32)), expected);
            }
            let listed: Vec<Token> = mask.tokens().collect();
            let every = (0..n_mask as i32).map(Token);
            prop_assert_eq!(listed, every.filter(|&token| mask.allows(token)).collect::<Vec<_>>());
            let copy = TokenMask::from_words(mask.words(), n_mask);
            prop_assert_eq!(copy, mask);
        }
    }

    #[test]
    fn ids_outside_the_mask_are_never_allowed() {
        let mut mask = TokenMask::from_words(&[u32::MAX; 4], 33);
        for id in [-1, i32::MIN, 33, 63, 64, i32::MAX] {
            mask.allow(Token(id));
            assert!(!mask.allows(Token(id)), "{id}");
        }
        assert_eq!(mask.words(), [u32::MAX, 1]);
        mask.forbid(Token(32));
        assert_eq!(mask.words(), [u32::MAX, 0]);
    }
}
