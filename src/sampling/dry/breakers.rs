//! [`DryBreakers`]: the tokens that repetitions do not reach across.

use std::collections::HashMap;

use crate::llama::Token;

/// Longer breakers are cut to this many bytes, as in llama.cpp.
const MAX_BYTES: usize = 40;

/// And the tokens after the first to this many.
const MAX_TAIL: usize = 20;

/// Sequence breakers as tokens: a first token, and what must follow it. A breaker may begin in the middle of
/// its first token's text, so that one text has many of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DryBreakers {
    tails: HashMap<Token, Vec<Vec<Token>>>,
}

impl DryBreakers {
    /// Finds the tokens of breakers given as texts, as llama.cpp does: every token whose text contains the
    /// breaker, and every token whose text ends with a beginning of it, followed by the tokens of the rest.
    ///
    /// `append_text` appends the text of a token (control tokens included), `tokenize` makes tokens of a text
    /// without adding any. Takes a moment: every text of the vocabulary is searched.
    pub fn find<E>(
        breakers: &[String],
        n_tokens: usize,
        mut append_text: impl FnMut(Token, &mut Vec<u8>) -> Result<(), E>,
        mut tokenize: impl FnMut(&[u8]) -> Result<Vec<Token>, E>,
    ) -> Result<Self, E> {
        let texts: Vec<&[u8]> = breakers
            .iter()
            .map(|text| &text.as_bytes()[..text.len().min(MAX_BYTES)])
            .filter(|text| !text.is_empty())
            .collect();
        let mut found = Self::default();
        let mut word = Vec::new();
        for token in (0..n_tokens as i32).map(Token) {
            word.clear();
            append_text(token, &mut word)?;
            for text in &texts {
                if word.windows(text.len()).any(|window| window == *text) {
                    found.insert(token, Vec::new());
                    continue;
                }
                for covered in overlaps(&word, text) {
                    let mut tail = tokenize(&text[covered..])?;
                    tail.truncate(MAX_TAIL);
                    found.insert(token, tail);
                }
            }
        }
        Ok(found)
    }

    /// Adds a breaker: a first token, and what must follow it.
    pub fn insert(&mut self, first: Token, tail: Vec<Token>) {
        let tails = self.tails.entry(first).or_default();
        if !tails.contains(&tail) {
            tails.push(tail);
        }
    }

    /// True where the token alone is a breaker.
    pub(super) fn is_breaker(&self, token: Token) -> bool {
        let tails = self.tails.get(&token);
        tails.is_some_and(|tails| tails.iter().any(Vec::is_empty))
    }

    /// How many tokens were said since the last breaker; all of them where there is none. `recent` has the last
    /// token first.
    pub(super) fn distance(&self, recent: &[Token]) -> usize {
        if self.tails.is_empty() {
            return recent.len();
        }
        for (age, token) in recent.iter().enumerate() {
            let followed_by = |tail: &&Vec<Token>| {
                tail.len() <= age && tail.iter().eq(recent[age - tail.len()..age].iter().rev())
            };
            let tails = self.tails.get(token).into_iter().flatten();
            if let Some(longest) = tails.filter(followed_by).map(Vec::len).max() {
                return age - longest;
            }
        }
        recent.len()
    }
}

/// The lengths of all ends of `word` that are beginnings of `text`, the longest first.
fn overlaps<'a>(word: &'a [u8], text: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let longest = word.len().min(text.len().saturating_sub(1));
    (1..=longest)
        .rev()
        .filter(|&length| word.ends_with(&text[..length]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 7] = ["a", ".\n", "x\n", "\n\n", "ab", "b", "c.\n\n!"];

    /// Checks the breakers of a text in a vocabulary of [`WORDS`], whose tokenizer makes tokens of bytes.
    fn check(text: &str, expected: &[(i32, &[&[u8]])]) {
        let breakers = DryBreakers::find(
            &[text.to_owned(), String::new()],
            WORDS.len(),
            |token, out| {
                out.extend_from_slice(WORDS[token.index()].as_bytes());
                Ok::<(), ()>(())
            },
            |text| Ok(text.iter().map(|&byte| Token(i32::from(byte))).collect()),
        );
        let mut wanted = DryBreakers::default();
        for &(first, tails) in expected {
            for tail in tails {
                let tail = tail.iter().map(|&byte| Token(i32::from(byte))).collect();
                wanted.insert(Token(first), tail);
            }
        }
        assert_eq!(breakers, Ok(wanted), "{text:?}");
    }

    #[test]
    fn every_token_that_holds_or_begins_a_breaker_is_found() {
        check("\n", &[(1, &[b""]), (2, &[b""]), (3, &[b""]), (6, &[b""])]);
        check(
            "\n\n",
            &[(1, &[b"\n"]), (2, &[b"\n"]), (3, &[b""]), (6, &[b""])],
        );
        check("abc", &[(0, &[b"bc"]), (4, &[b"c"])]);
        check(
            "\n\n\n",
            &[(1, &[b"\n\n"]), (2, &[b"\n\n"]), (3, &[b"\n", b"\n\n"])],
        );
        check("nowhere", &[]);
    }

    #[test]
    fn the_distance_is_counted_from_the_end_of_the_longest_match() {
        let mut breakers = DryBreakers::default();
        breakers.insert(Token(1), vec![]);
        breakers.insert(Token(1), vec![Token(2), Token(3)]);
        let recent = |said: &[i32]| said.iter().rev().map(|&id| Token(id)).collect::<Vec<_>>();
        for (said, distance) in [
            (&[5, 6, 7][..], 3),
            (&[5, 1, 7], 1),
            (&[1, 2, 7], 2),
            (&[1, 2, 3, 7], 1),
            (&[1], 0),
        ] {
            assert_eq!(breakers.distance(&recent(said)), distance, "{said:?}");
        }
    }
}
