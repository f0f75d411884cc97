//! [`Feed`]: the unread text of an answer, and looking ahead in it without waiting longer than needed.

use super::tools::Ending;

/// Whether the unread text begins with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look<T = ()> {
    /// It does.
    Yes(T),
    /// So far; more text decides. Never after the end of the answer.
    Maybe,
    /// It does not.
    No,
}

impl<T> Look<T> {
    /// The first of two possibilities that holds. Undecided while the first is, so that pieces of text are
    /// judged as the whole is.
    pub(super) fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => other(),
            decided => decided,
        }
    }

    pub(super) fn map<U>(self, with: impl FnOnce(T) -> U) -> Look<U> {
        match self {
            Self::Yes(value) => Look::Yes(with(value)),
            Self::Maybe => Look::Maybe,
            Self::No => Look::No,
        }
    }
}

/// The unread text.
#[derive(Debug, Default)]
pub(super) struct Feed {
    text: String,
    at: usize,
    ending: Option<Ending>,
}

impl Feed {
    /// Adds text. What was read is forgotten here, so that positions stay valid in between.
    pub(super) fn push(&mut self, text: &str) {
        self.text.drain(..self.at);
        self.at = 0;
        self.text.push_str(text);
    }

    pub(super) fn end(&mut self, ending: Ending) {
        self.ending = Some(ending);
    }

    pub(super) fn ending(&self) -> Option<Ending> {
        self.ending
    }

    pub(super) fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// What was read since a position of the same push.
    pub(super) fn since(&self, position: usize) -> &str {
        &self.text[position..self.at]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Reads so many bytes, which must end between characters.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    pub(super) fn skip_char(&mut self, c: char) {
        self.at += c.len_utf8();
    }

    /// Goes back to a position of the same push.
    pub(super) fn rewind(&mut self, position: usize) {
        self.at = position;
    }

    /// Forgets the unread text.
    pub(super) fn discard(&mut self) {
        self.at = self.text.len();
    }

    /// Whether `literal` comes next.
    pub(super) fn look(&self, literal: &str) -> Look {
        self.look_at(0, literal)
    }

    /// Whether `literal` comes after so many bytes of the unread text.
    pub(super) fn look_at(&self, offset: usize, literal: &str) -> Look {
        let rest = self.rest().get(offset..).unwrap_or_default();
        if rest.starts_with(literal) {
            Look::Yes(())
        } else if self.ending.is_none() && literal.starts_with(rest) {
            Look::Maybe
        } else {
            Look::No
        }
    }

    /// Which of several literals comes next.
    pub(super) fn look_any<'a>(&self, literals: &[&'a str]) -> Look<&'a str> {
        self.look_any_at(0, literals)
    }

    /// Which of several literals comes after so many bytes.
    pub(super) fn look_any_at<'a>(&self, offset: usize, literals: &[&'a str]) -> Look<&'a str> {
        literals.iter().fold(Look::No, |found, literal| {
            found.or(|| self.look_at(offset, literal).map(|()| *literal))
        })
    }
}
