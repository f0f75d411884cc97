//! [`HostCache`]: conversations that have no sequence any more, in host memory.
//!
//! Cells that nobody computes with cost every decode, or a sequence that somebody waits for; host memory
//! costs neither. The least recently used go first where the bound is reached.

use super::common_prefix;
use crate::llama::Token;

/// Saved sequences, within a bound of bytes. `S` is the saved state.
#[derive(Debug)]
pub struct HostCache<S> {
    entries: Vec<Entry<S>>,
    max_bytes: usize,
    bytes: usize,
    clock: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Entry<S> {
    tokens: Vec<Token>,
    namespace: u64,
    state: S,
    bytes: usize,
    last_used: u64,
}

/// The entry that helps a prompt most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its place; valid until the cache is changed.
    pub index: usize,
    /// How many tokens of the prompt it has.
    pub shared: usize,
}

impl<S> HostCache<S> {
    /// An empty cache of at most `max_bytes`; 0 keeps nothing.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self {
            entries: Vec::new(),
            max_bytes,
            bytes: 0,
            clock: 0,
            evicted: 0,
        }
    }

    /// The entry with the longest beginning of `prompt`. `max_cut`: how many tokens may be cut off an entry's
    /// end (a sliding window or a recurrent state cannot be rolled back far).
    #[must_use]
    pub fn find(&self, prompt: &[Token], namespace: u64, max_cut: usize) -> Option<Found> {
        let usable = prompt.len().saturating_sub(1);
        let mine = |entry: &&Entry<S>| entry.namespace == namespace;
        self.entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| mine(entry))
            .map(|(index, entry)| {
                let shared = common_prefix(&entry.tokens, prompt).min(usable);
                (index, shared, entry)
            })
            .filter(|(_, shared, entry)| *shared > 0 && entry.tokens.len() - shared <= max_cut)
            .max_by_key(|(_, shared, entry)| (*shared, entry.last_used))
            .map(|(index, shared, _)| Found { index, shared })
    }

    /// The state of an entry, which counts as used now.
    pub fn get(&mut self, found: Found) -> &S {
        self.clock += 1;
        let entry = &mut self.entries[found.index];
        entry.last_used = self.clock;
        &entry.state
    }

    /// True where these tokens are kept already, alone or as the beginning of more.
    #[must_use]
    pub fn covers(&self, tokens: &[Token], namespace: u64, max_cut: usize) -> bool {
        self.entries.iter().any(|entry| {
            entry.namespace == namespace
                && entry.tokens.starts_with(tokens)
                && entry.tokens.len() - tokens.len() <= max_cut
        })
    }

    /// True where a state of that size may be kept at all.
    #[must_use]
    pub fn takes(&self, bytes: usize) -> bool {
        bytes <= self.max_bytes
    }

    /// Keeps a state, and forgets what it makes useless and what there is no room for.
    pub fn insert(
        &mut self,
        tokens: Vec<Token>,
        namespace: u64,
        state: S,
        bytes: usize,
        max_cut: usize,
    ) {
        if !self.takes(bytes) {
            return;
        }
        // A shorter one helps nobody whom this one does not help, if this one can be cut that far.
        self.retain(|entry| {
            let replaced = entry.namespace == namespace
                && tokens.starts_with(&entry.tokens)
                && tokens.len() - entry.tokens.len() <= max_cut;
            !replaced
        });
        while self.bytes + bytes > self.max_bytes {
            let Some(oldest) = (0..self.entries.len()).min_by_key(|&i| self.entries[i].last_used)
            else {
                break;
            };
            self.bytes -= self.entries.swap_remove(oldest).bytes;
            self.evicted += 1;
        }
        self.clock += 1;
        self.bytes += bytes;
        self.entries.push(Entry {
            tokens,
            namespace,
            state,
            bytes,
            last_used: self.clock,
        });
    }

    fn retain(&mut self, keep: impl Fn(&Entry<S>) -> bool) {
        self.entries.retain(keep);
        self.bytes = self.entries.iter().map(|entry| entry.bytes).sum();
    }

    /// Bytes that are kept.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Tokens that are kept.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.entries.iter().map(|entry| entry.tokens.len()).sum()
    }

    /// How many entries had to make room so far.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANY: usize = usize::MAX;

    fn tokens(range: std::ops::Range<i32>) -> Vec<Token> {
        range.map(Token).collect()
    }

    /// A cache of 100 bytes with entries of ten.
    fn cache(held: &[Vec<Token>], max_cut: usize) -> HostCache<usize> {
        let mut cache = HostCache::new(100);
        for (number, tokens) in held.iter().enumerate() {
            cache.insert(tokens.clone(), 0, number, 10, max_cut);
        }
        cache
    }

    fn check(
        cache: &HostCache<usize>,
        prompt: &[Token],
        max_cut: usize,
        expected: Option<(usize, usize)>,
    ) {
        let found = cache.find(prompt, 0, max_cut);
        let state = found.map(|found| (cache.entries[found.index].state, found.shared));
        assert_eq!(state, expected);
    }

    #[test]
    fn the_longest_beginning_is_found() {
        let cache = cache(&[tokens(0..50), tokens(0..20), tokens(90..95)], 0);
        check(&cache, &tokens(0..60), ANY, Some((0, 50)));
        check(&cache, &tokens(0..30), ANY, Some((0, 29)));
        // Where nothing can be cut, only whole entries help.
        check(&cache, &tokens(0..30), 0, Some((1, 20)));
        check(&cache, &tokens(70..80), ANY, None);
    }

    #[test]
    fn a_longer_conversation_replaces_its_own_beginning_where_it_can_be_cut() {
        assert_eq!(cache(&[tokens(0..20), tokens(0..50)], ANY).bytes(), 10);
        assert_eq!(cache(&[tokens(0..20), tokens(0..50)], 5).bytes(), 20);
    }

    #[test]
    fn other_namespaces_share_nothing() {
        let mut cache = cache(&[tokens(0..50)], ANY);
        assert_eq!(cache.find(&tokens(0..60), 7, ANY), None);
        cache.insert(tokens(0..60), 7, 9, 10, ANY);
        assert_eq!(cache.bytes(), 20);
        check(&cache, &tokens(0..60), ANY, Some((0, 50)));
    }

    #[test]
    fn the_least_recently_used_make_room() {
        let held: Vec<_> = (0..10).map(|i| tokens(i * 100..i * 100 + 9)).collect();
        let mut cache = cache(&held, ANY);
        let found = cache.find(&tokens(0..9), 0, ANY).unwrap();
        assert_eq!(*cache.get(found), 0);
        cache.insert(tokens(5000..5009), 0, 10, 15, ANY);
        assert_eq!((cache.bytes(), cache.evicted()), (95, 2));
        check(&cache, &tokens(0..9), ANY, Some((0, 8)));
        check(&cache, &tokens(100..109), ANY, None);
    }

    #[test]
    fn what_is_larger_than_the_cache_is_not_kept() {
        let mut cache = cache(&[tokens(0..5)], ANY);
        cache.insert(tokens(0..50), 0, 1, 101, ANY);
        check(&cache, &tokens(0..5), ANY, Some((0, 4)));
    }

    proptest! {
        #[test]
        fn the_bound_holds_whatever_is_kept(
            sizes in prop::collection::vec((1usize..60, 0i32..20, 1i32..30), 0..60),
        ) {
            let mut cache = HostCache::new(100);
            for (bytes, from, len) in sizes {
                cache.insert(tokens(from..from + len), 0, (), bytes, ANY);
                prop_assert!(cache.bytes() <= 100);
                prop_assert_eq!(cache.bytes(), cache.entries.iter().map(|e| e.bytes).sum::<usize>());
            }
        }
    }
}
