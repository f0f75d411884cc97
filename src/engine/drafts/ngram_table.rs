//! [`NgramTable`]: n-gram → next token, in a fixed amount of memory.

use crate::llama::Token;

/// What one namespace's runs have written: for each n-gram, the token that followed it last.
///
/// Buckets of eight entries, each a cache line, newest first: a full bucket forgets its oldest entry. A flat
/// table without buckets would have to stay nearly empty, as one lost n-gram ends a chain of 48.
#[derive(Debug)]
pub struct NgramTable {
    buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Bucket([Entry; 8]);

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// The half of the key that does not choose the bucket.
    tag: u32,
    /// Negative: an empty entry.
    next: Token,
}

const EMPTY: Bucket = Bucket(
    [Entry {
        tag: 0,
        next: Token(-1),
    }; 8],
);

/// A power of two.
const BUCKETS: usize = 1 << 14;

impl NgramTable {
    /// The most n-grams of a table.
    pub const CAPACITY: usize = BUCKETS * 8;
    /// Bytes of memory of a table.
    pub const BYTES: usize = BUCKETS * size_of::<Bucket>();

    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buckets: vec![EMPTY; BUCKETS],
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.buckets.fill(EMPTY);
    }

    /// Records what follows the n-gram with this key, instead of what followed it before.
    pub(super) fn insert(&mut self, key: u64, next: Token) {
        let (bucket, tag) = place(key);
        let entries = &mut self.buckets[bucket].0;
        let known = entries.iter().position(|entry| is_of(*entry, tag));
        let freed = known.unwrap_or(entries.len() - 1);
        entries[..=freed].rotate_right(1);
        entries[0] = Entry { tag, next };
    }

    /// What followed the n-gram with this key last. Wrong once in about 10^12 look-ups, where another
    /// n-gram has the same 46 bits: a draft is only a guess.
    pub(super) fn get(&self, key: u64) -> Option<Token> {
        let (bucket, tag) = place(key);
        let entries = self.buckets[bucket].0.iter();
        entries
            .copied()
            .find(|entry| is_of(*entry, tag))
            .map(|entry| entry.next)
    }
}

impl Default for NgramTable {
    fn default() -> Self {
        Self::new()
    }
}

fn place(key: u64) -> (usize, u32) {
    (key as usize & (BUCKETS - 1), (key >> 32) as u32)
}

fn is_of(entry: Entry, tag: u32) -> bool {
    entry.tag == tag && entry.next.0 >= 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of bucket `bucket`.
    fn key(tag: u64, bucket: u64) -> u64 {
        tag << 32 | bucket
    }

    #[test]
    fn the_last_token_to_follow_is_the_one_that_is_known() {
        let mut table = NgramTable::new();
        assert_eq!(table.get(key(0, 0)), None);
        table.insert(key(0, 0), Token(7));
        table.insert(key(1, 0), Token(8));
        table.insert(key(0, 0), Token(9));
        assert_eq!(table.get(key(0, 0)), Some(Token(9)));
        assert_eq!(table.get(key(1, 0)), Some(Token(8)));
        assert_eq!(table.get(key(1, 1)), None);
        table.clear();
        assert_eq!(table.get(key(0, 0)), None);
    }

    #[test]
    fn a_full_bucket_forgets_what_was_written_first() {
        let mut table = NgramTable::new();
        (0..8).for_each(|tag| table.insert(key(tag, 3), Token(1)));
        // Written again, so it is not the oldest any more.
        table.insert(key(0, 3), Token(2));
        table.insert(key(8, 3), Token(1));
        let known: Vec<u64> = (0..9)
            .filter(|&tag| table.get(key(tag, 3)).is_some())
            .collect();
        assert_eq!(known, [0, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn memory_is_one_mebibyte() {
        assert_eq!(NgramTable::BYTES, 1 << 20);
        assert_eq!(NgramTable::CAPACITY, 131_072);
    }
}
