//! A small vocabulary for unit tests, and a way to ask what a constraint accepts.

use super::{Constraint, ConstraintCompiler, ConstraintError, Matcher, Vocabulary, Word};
use crate::llama::Token;

/// The token that ends an answer.
pub(super) const END: Token = Token(257);

/// One token a byte that UTF-8 uses, a control token (256), an end (257), and a few longer words.
pub(super) fn words() -> Vec<Word> {
    let mut words: Vec<Word> = (0..=255).map(|byte| Word::Text(vec![byte])).collect();
    words.push(Word::Control("<|tool|>".to_owned()));
    words.push(Word::End("<|end|>".to_owned()));
    words.extend(
        [
            "{\"", "\":", " \"", "true", "null", "abc", "<|tool|>", "}}", "é", "ö\"",
        ]
        .map(|text| Word::Text(text.as_bytes().to_vec())),
    );
    words
}

/// What each of [`words`] adds to an answer; `None` for control tokens.
pub(super) fn texts() -> Vec<Option<Vec<u8>>> {
    let text = |word| match word {
        Word::Text(bytes) => Some(bytes),
        Word::Control(_) | Word::End(_) | Word::Unusable => None,
    };
    words().into_iter().map(text).collect()
}

/// A compiler for [`words`].
pub(super) fn compiler() -> ConstraintCompiler {
    let vocabulary = Vocabulary::new(&words()).expect("a small vocabulary");
    ConstraintCompiler::new(&vocabulary).expect("a small vocabulary")
}

/// Compiles for [`words`].
pub(super) fn compile(constraint: &Constraint) -> Result<Matcher, ConstraintError> {
    compiler().compile(constraint)
}

/// Whether the text, byte by byte, is one that the constraint lets be generated as a whole. Every byte is
/// also looked up in the mask before it is accepted.
pub(super) fn accepts(constraint: &Constraint, text: &str) -> bool {
    let mut matcher = compile(constraint).unwrap_or_else(|error| panic!("{constraint:?}: {error}"));
    for &byte in text.as_bytes() {
        let token = Token(i32::from(byte));
        let Ok(mask) = matcher.mask() else {
            return false;
        };
        let allowed = mask.allows(token);
        assert_eq!(matcher.accepted_by(&[token]), Ok(usize::from(allowed)));
        if !allowed || matcher.accept(token).is_err() {
            return false;
        }
    }
    let may_end = matcher.may_end().unwrap_or(false);
    assert_eq!(matcher.mask().map(|mask| mask.allows(END)), Ok(may_end));
    may_end
}
