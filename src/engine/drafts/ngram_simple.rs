//! [`NgramSimple`]: drafts from the run's own tokens.

use super::params::NgramParams;
use super::position_index::PositionIndex;
use super::window::NgramWindow;
use crate::llama::Token;

/// Finds the latest earlier occurrence of a run's last n tokens, in prompt and answer, and proposes what
/// followed it there.
///
/// Every n-gram is hashed once, when its last token arrives, so a token costs the same however long the text
/// is. An occurrence that is being copied is kept while it matches more tokens than a later one: a table's
/// rows resemble each other, but only one of them is the row that is being rewritten.
///
/// Memory: 11 to 22 bytes a token. The tokens themselves are the caller's.
#[derive(Debug)]
pub struct NgramSimple {
    params: NgramParams,
    window: NgramWindow,
    index: PositionIndex,
    source: Option<Source>,
}

/// An earlier occurrence of what the text ends with.
#[derive(Debug, Clone, Copy)]
struct Source {
    /// The position after it: that of the first token to propose.
    next: usize,
    /// How many tokens before `next` equal the end of the text.
    matched: usize,
}

/// Further back than this two occurrences are not compared: more says nothing more.
const MAX_COMPARED: usize = 64;

impl NgramSimple {
    /// A source that has seen nothing. `params` are within their ranges.
    #[must_use]
    pub fn new(params: NgramParams) -> Self {
        Self {
            window: NgramWindow::new(params.n_match),
            index: PositionIndex::new(),
            source: None,
            params,
        }
    }

    /// Takes in what is new in `history`, the run's tokens so far. O(1) a new token.
    ///
    /// A history only grows; one that is shorter than the last is another text, which is read anew.
    pub fn update(&mut self, history: &[Token]) {
        if history.len() < self.window.end() {
            *self = Self::new(self.params);
        }
        self.index.reserve(history.len() - self.window.end());
        while self.window.end() < history.len() {
            self.follow(history);
            self.window.advance(history);
            self.look_up(history);
        }
    }

    /// Appends to `draft` what followed the occurrence: at most `max` tokens and [`NgramParams::n_max`].
    /// Returns how many tokens matched before it, at least [`NgramParams::n_match`]; 0 and no draft
    /// where nothing did.
    ///
    /// Where the occurrence reaches the end of the text, the text repeats itself, and so does the draft.
    pub fn propose(&self, history: &[Token], max: usize, draft: &mut Vec<Token>) -> usize {
        let Some(source) = self.source else { return 0 };
        let Some(following) = history.get(source.next..) else {
            return 0;
        };
        if following.len() < self.params.n_min || source.matched < self.params.n_match {
            return 0;
        }
        let max = max.min(self.params.n_max);
        draft.extend(following.iter().cycle().take(max));
        source.matched
    }

    /// Bytes of memory in use.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.index.bytes()
    }

    /// Moves the source on where the next token of `history` is the one that it foretells.
    fn follow(&mut self, history: &[Token]) {
        let next = history[self.window.end()];
        self.source = self
            .source
            .filter(|source| history[source.next] == next)
            .map(|source| Source {
                next: source.next + 1,
                matched: source.matched + 1,
            });
    }

    /// Records the n-gram that ends where the window does, and prefers its last occurrence to the source
    /// unless that matches more.
    fn look_up(&mut self, history: &[Token]) {
        let end = self.window.end();
        let Some(key) = self.window.key() else { return };
        let Some(earlier) = self.index.replace(key, end) else {
            return;
        };
        if self.source.is_some_and(|source| source.next == earlier) {
            return;
        }
        let matched = common_suffix(&history[..earlier], &history[..end]);
        let is_ngram = matched >= self.params.n_match.min(MAX_COMPARED);
        if is_ngram && self.source.is_none_or(|source| source.matched <= matched) {
            self.source = Some(Source {
                next: earlier,
                matched: matched.max(self.params.n_match),
            });
        }
    }
}

/// The number of equal last tokens, up to [`MAX_COMPARED`].
fn common_suffix(a: &[Token], b: &[Token]) -> usize {
    let pairs = a.iter().rev().zip(b.iter().rev());
    pairs.take(MAX_COMPARED).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(ids: &[i32]) -> Vec<Token> {
        ids.iter().copied().map(Token).collect()
    }

    fn params(n_match: usize, n_min: usize, n_max: usize) -> NgramParams {
        NgramParams {
            n_match,
            n_min,
            n_max,
        }
    }

    fn proposal(source: &NgramSimple, history: &[Token], max: usize) -> (usize, Vec<Token>) {
        let mut draft = Vec::new();
        let matched = source.propose(history, max, &mut draft);
        (matched, draft)
    }

    /// The draft of a text, and how many tokens matched.
    fn check(params: NgramParams, text: &[i32], matched: usize, draft: &[i32]) {
        let history = tokens(text);
        let mut source = NgramSimple::new(params);
        source.update(&history);
        assert_eq!(
            proposal(&source, &history, 99),
            (matched, tokens(draft)),
            "{text:?}"
        );
    }

    #[test]
    fn what_followed_the_same_tokens_is_proposed() {
        let p = params(2, 1, 3);
        check(p, &[1, 2, 3, 4, 5, 9, 1, 2], 2, &[3, 4, 5]);
        check(p, &[1, 2, 3, 4, 5, 9, 2, 1], 0, &[]);
        check(p, &[1], 0, &[]);
        check(p, &[], 0, &[]);
    }

    #[test]
    fn the_latest_occurrence_is_taken() {
        check(params(2, 1, 2), &[1, 2, 3, 8, 1, 2, 4, 9, 1, 2], 2, &[4, 9]);
    }

    #[test]
    fn the_occurrence_being_copied_is_kept_while_it_matches_more() {
        // Two rows that differ in front: the end of the text is a copy of the first.
        let text = [5, 7, 1, 2, 3, 6, 7, 1, 2, 4, 5, 7, 1, 2];
        check(params(2, 1, 1), &text, 4, &[3]);
    }

    #[test]
    fn a_text_that_repeats_itself_is_drafted_beyond_its_end() {
        check(params(2, 1, 5), &[9, 1, 2, 1, 2], 2, &[1, 2, 1, 2, 1]);
        check(params(2, 3, 5), &[9, 1, 2, 1, 2], 0, &[]);
    }

    #[test]
    fn a_shorter_history_is_another_text() {
        let mut source = NgramSimple::new(params(2, 1, 3));
        source.update(&tokens(&[1, 2, 3, 1, 2]));
        let other = tokens(&[4, 4, 1, 2]);
        source.update(&other);
        assert_eq!(proposal(&source, &other, 9), (0, vec![]));
    }

    #[test]
    fn n_grams_longer_than_what_is_compared_are_found() {
        let text: Vec<i32> = (0..100).chain(0..90).collect();
        check(params(80, 1, 4), &text, 90, &[90, 91, 92, 93]);
    }

    /// What the index is to find, by a scan of the whole text.
    fn latest(history: &[Token], n: usize) -> Option<usize> {
        let last = history.len().checked_sub(n)?;
        (0..last)
            .rev()
            .find(|&at| history[at..at + n] == history[last..])
            .map(|at| at + n)
    }

    proptest! {
        #[test]
        fn a_draft_is_what_followed_an_occurrence_of_the_last_tokens(
            text in prop::collection::vec(0..4i32, 0..300), n in 1usize..6, pieces in 1usize..9,
        ) {
            let text = tokens(&text);
            let mut source = NgramSimple::new(params(n, 1, 64));
            for end in (0..=text.len()).step_by(pieces) {
                let history = &text[..end];
                source.update(history);
                let (matched, draft) = proposal(&source, history, 64);
                let found = latest(history, n);
                prop_assert_eq!(found.is_some(), matched > 0);
                let Some(found) = found else { continue };
                prop_assert!(matched >= n);
                // As far as it was in the text, the draft stands there after a match of that length.
                let stands_there = (1..end).rev().any(|at| {
                    let known = (end - at).min(64);
                    history[at..at + known] == draft[..known]
                        && common_suffix(&history[..at], history) >= matched.min(MAX_COMPARED)
                });
                prop_assert!(stands_there);
                let latest_matches = common_suffix(&history[..found], history);
                prop_assert!(matched >= latest_matches);
            }
        }
    }
}
