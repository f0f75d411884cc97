//! [`NgramWindow`]: the hash of the last n tokens of a text, kept up to date token by token.

use crate::llama::Token;

/// Odd, and without short patterns in its bits (Knuth's multiplier for 64-bit linear congruences).
const BASE: u64 = 6_364_136_223_846_793_005;

/// A rolling polynomial hash: a token enters, the one that came n before it leaves. O(1) a token.
#[derive(Debug, Clone)]
pub(super) struct NgramWindow {
    n: usize,
    /// `BASE` to the power of n: the weight of the token that leaves.
    leaving: u64,
    hash: u64,
    /// How many tokens have entered.
    end: usize,
}

impl NgramWindow {
    /// An empty window of `n` tokens, n at least 1.
    pub(super) fn new(n: usize) -> Self {
        Self {
            n,
            leaving: (0..n).fold(1, |power: u64, _| power.wrapping_mul(BASE)),
            hash: 0,
            end: 0,
        }
    }

    /// How many tokens of the text have entered.
    pub(super) fn end(&self) -> usize {
        self.end
    }

    /// Lets in the next token of `text`; `text` is longer than [`Self::end`] and begins with what has
    /// entered before.
    pub(super) fn advance(&mut self, text: &[Token]) {
        let left = self.end.checked_sub(self.n).map(|start| text[start]);
        self.slide(left, text[self.end]);
    }

    /// Lets in a token, and out the one that entered `n` tokens before, if there is one.
    pub(super) fn slide(&mut self, left: Option<Token>, entered: Token) {
        self.hash = self.hash.wrapping_mul(BASE).wrapping_add(digit(entered));
        if let Some(left) = left {
            let weight = self.leaving.wrapping_mul(digit(left));
            self.hash = self.hash.wrapping_sub(weight);
        }
        self.end += 1;
    }

    /// The hash of the last n tokens, all 64 bits well mixed; `None` before n tokens have entered.
    pub(super) fn key(&self) -> Option<u64> {
        (self.end >= self.n).then(|| mix(self.hash))
    }
}

/// Never 0, so that leading tokens 0 count.
fn digit(token: Token) -> u64 {
    u64::from(token.0 as u32) + 1
}

/// The finaliser of splitmix64.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key_of(text: &[Token], n: usize) -> Option<u64> {
        let mut window = NgramWindow::new(n);
        (0..text.len()).for_each(|_| window.advance(text));
        window.key()
    }

    proptest! {
        #[test]
        fn the_key_depends_on_the_last_n_tokens_alone(
            before in prop::collection::vec(0..9i32, 0..40),
            ngram in prop::collection::vec(0..9i32, 1..12),
        ) {
            let tokens = |ids: &[i32]| ids.iter().copied().map(Token).collect::<Vec<_>>();
            let n = ngram.len();
            let long = tokens(&[before, ngram.clone()].concat());
            prop_assert_eq!(key_of(&long, n), key_of(&tokens(&ngram), n));
            prop_assert_eq!(key_of(&tokens(&ngram[1..]), n), None);
            let mut other = ngram;
            other[0] += 1;
            prop_assert_ne!(key_of(&long, n), key_of(&tokens(&other), n));
        }
    }
}
