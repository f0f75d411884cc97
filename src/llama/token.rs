//! [`Token`]: an index into a model's vocabulary.

use std::fmt;

/// A token id. Valid ids of a model are `0..vocab.len()`; ids from outside are checked by
/// `Vocab::check` before they reach C++.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Token(pub i32);

impl Token {
    /// The id as an index into a row of logits.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
