//! [`NgramMod`]: drafts from what the runs of a namespace have written.

use super::ngram_table::NgramTable;
use super::params::NgramParams;
use super::window::NgramWindow;
use crate::llama::Token;

/// One run's place in its namespace's [`NgramTable`]: it adds the run's tokens, and drafts by asking for the
/// token that follows the last n, then for the one that follows those, and so on.
///
/// What llama.cpp calls `ngram-mod`, with three differences: tables are kept apart by namespace, entries are
/// checked against most of the n-gram's hash, and a full table forgets its oldest entries instead of all.
#[derive(Debug)]
pub struct NgramMod {
    params: NgramParams,
    window: NgramWindow,
}

impl NgramMod {
    /// A run that has added nothing. `params` are within their ranges.
    #[must_use]
    pub fn new(params: NgramParams) -> Self {
        Self {
            window: NgramWindow::new(params.n_match),
            params,
        }
    }

    /// Adds what is new in `history`, the run's tokens so far, to the table. O(1) a new token.
    ///
    /// A history only grows; one that is shorter than the last is another text, which is added anew.
    pub fn update(&mut self, history: &[Token], table: &mut NgramTable) {
        if history.len() < self.window.end() {
            self.window = NgramWindow::new(self.params.n_match);
        }
        while self.window.end() < history.len() {
            if let Some(key) = self.window.key() {
                table.insert(key, history[self.window.end()]);
            }
            self.window.advance(history);
        }
    }

    /// Appends a chain of at most `max` tokens and [`NgramParams::n_max`] to `draft`. Returns how many
    /// tokens matched, always [`NgramParams::n_match`]; 0 and no draft where the chain ends before
    /// [`NgramParams::n_min`]. `history` is what [`Self::update`] saw last.
    pub fn propose(
        &self,
        history: &[Token],
        table: &NgramTable,
        max: usize,
        draft: &mut Vec<Token>,
    ) -> usize {
        let start = draft.len();
        let mut window = self.window.clone();
        while draft.len() - start < self.params.n_max {
            let Some(next) = window.key().and_then(|key| table.get(key)) else {
                break;
            };
            draft.push(next);
            // The oldest token of the window: one of the history, or by and by one of the draft itself.
            let left = window.end() - self.params.n_match;
            let left = match left.checked_sub(history.len()) {
                None => history[left],
                Some(drafted) => draft[start + drafted],
            };
            window.slide(Some(left), next);
        }
        let known = draft.len() - start;
        let enough = known >= self.params.n_min;
        draft.truncate(start + if enough { known.min(max) } else { 0 });
        if enough { self.params.n_match } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PARAMS: NgramParams = NgramParams {
        n_match: 3,
        n_min: 2,
        n_max: 8,
    };

    fn tokens(ids: impl IntoIterator<Item = i32>) -> Vec<Token> {
        ids.into_iter().map(Token).collect()
    }

    fn draft(params: NgramParams, history: &[Token], table: &mut NgramTable) -> Vec<Token> {
        let mut run = NgramMod::new(params);
        run.update(history, table);
        let mut draft = Vec::new();
        let matched = run.propose(history, table, 64, &mut draft);
        assert_eq!(matched, if draft.is_empty() { 0 } else { params.n_match });
        draft
    }

    /// The draft of a run whose text is `second`, after another run wrote `first`.
    fn check(first: &[i32], second: &[i32], expected: &[i32]) {
        let mut table = NgramTable::new();
        draft(PARAMS, &tokens(first.iter().copied()), &mut table);
        let second = tokens(second.iter().copied());
        let expected = tokens(expected.iter().copied());
        assert_eq!(draft(PARAMS, &second, &mut table), expected);
    }

    #[test]
    fn a_run_is_drafted_from_another_and_from_itself() {
        check(&[1, 2, 3, 4, 5, 6], &[9, 1, 2, 3], &[4, 5, 6]);
        check(&[], &[1, 2, 3, 4, 5, 1, 2, 3], &[4, 5, 1, 2, 3, 4, 5, 1]);
    }

    #[test]
    fn a_chain_shorter_than_the_minimum_is_no_draft() {
        check(&[1, 2, 3, 4], &[9, 1, 2, 3], &[]);
        check(&[1, 2, 3, 4, 5], &[9, 1, 2, 3], &[4, 5]);
        check(&[], &[1, 2], &[]);
    }

    #[test]
    fn what_was_written_last_counts() {
        check(&[1, 2, 3, 4, 5, 8, 1, 2, 3, 6, 7], &[1, 2, 3], &[6, 7]);
    }

    #[test]
    fn a_text_of_10_000_tokens_keeps_its_chains() {
        let mut table = NgramTable::new();
        let text = tokens((0..10_000).map(|i| (i * 7919) % 10_007));
        draft(NgramParams::MOD, &text, &mut table);
        for start in (0..9_800).step_by(7) {
            let again = &text[start..start + 24];
            let expected = &text[start + 24..start + 88];
            assert_eq!(draft(NgramParams::MOD, again, &mut table), expected);
        }
    }

    proptest! {
        #[test]
        fn adding_piece_by_piece_is_adding_at_once(
            text in prop::collection::vec(0..5i32, 0..200), pieces in 1usize..20,
        ) {
            let text = tokens(text);
            let (mut once, mut table) = (NgramTable::new(), NgramTable::new());
            let mut run = NgramMod::new(PARAMS);
            for end in (0..text.len()).step_by(pieces).chain([text.len()]) {
                run.update(&text[..end], &mut table);
            }
            let mut drafted = Vec::new();
            run.propose(&text, &table, 64, &mut drafted);
            prop_assert_eq!(drafted, draft(PARAMS, &text, &mut once));
        }
    }
}
