//! [`Distinct`]: finds a text that is there twice among very many.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// Texts that must differ. Sorting hashes is several times quicker than a set of a quarter of a
/// million small strings.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    text: Vec<u8>,
    /// Hash and end of each text; it begins where the one before ends.
    ends: Vec<(u64, usize)>,
    hasher: RandomState,
}

impl Distinct {
    /// Adds a text.
    pub(super) fn push(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
        self.ends
            .push((self.hasher.hash_one(text), self.text.len()));
    }

    /// Bytes of all texts together.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Index of a text that was pushed before.
    pub(super) fn duplicate(&self) -> Option<usize> {
        let text = |index: usize| {
            let begin = index.checked_sub(1).map_or(0, |before| self.ends[before].1);
            &self.text[begin..self.ends[index].1]
        };
        let hashes = self.ends.iter().map(|end| end.0);
        let mut order: Vec<_> = hashes.zip(0..self.ends.len()).collect();
        order.sort_unstable();
        // Texts of one hash, nearly always one text, are compared in full.
        order
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|same| same.len() > 1)
            .find_map(|same| {
                let mut seen = HashSet::new();
                let mut indices = same.iter().map(|&(_, index)| index);
                indices.find(|&index| !seen.insert(text(index)))
            })
    }
}
