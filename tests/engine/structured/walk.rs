//! Random walks over masks: what a model without any sense would write under a constraint.

use rein::constraint::{MatchError, Matcher};
use rein::llama::{Token, Vocab};

/// A small generator of random numbers, the same in every run.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

/// Where a walk ended.
#[derive(Debug)]
pub enum Walk {
    /// The constraint was fulfilled, and the walk stopped there.
    Whole(String),
    /// It went on for too long.
    Cut,
    /// The matcher gave up.
    Failed(MatchError, String),
}

/// Tokens that bring a JSON text to its end.
const CLOSERS: &[&str] = &["}", "]", "\"", ",", ":", "0", "1", "null", "true", " "];

/// Walks for at most `limit` tokens, ends where it may with a chance of one half, and tries to come to an
/// end in the second half of its way.
pub fn walk(matcher: &mut Matcher, vocab: &Vocab, random: &mut Random, limit: usize) -> Walk {
    let closers: Vec<Token> = CLOSERS
        .iter()
        .flat_map(|text| {
            let options = rein::llama::TokenizeOptions {
                add_special: false,
                parse_special: false,
            };
            vocab.tokenize(text, options).unwrap()
        })
        .collect();
    let mut text = Vec::new();
    let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    for step in 0..limit {
        let (may_end, mask) = match matcher.may_end().and_then(|end| Ok((end, matcher.mask()?))) {
            Ok(next) => next,
            Err(error) => return Walk::Failed(error, shown(&text)),
        };
        if may_end && (matcher.is_complete() || step > limit / 2 || random.below(2) == 0) {
            return Walk::Whole(String::from_utf8(text).unwrap());
        }
        let mut allowed: Vec<Token> = mask
            .tokens()
            .filter(|&token| !vocab.is_end_of_generation(token))
            .collect();
        if step > limit / 2 {
            let closing: Vec<Token> = closers
                .iter()
                .copied()
                .filter(|&token| mask.allows(token))
                .collect();
            if !closing.is_empty() && random.below(8) != 0 {
                allowed = closing;
            }
        }
        let token = allowed[random.below(allowed.len())];
        vocab.append_bytes(token, false, &mut text).unwrap();
        if let Err(error) = matcher.accept(token) {
            return Walk::Failed(error, shown(&text));
        }
    }
    Walk::Cut
}
