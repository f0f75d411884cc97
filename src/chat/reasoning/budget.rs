//! [`ThoughtBudget`]: how long a model may think.

use super::format::{ReasoningFormat, ThoughtStart};
use super::harmony;
use super::splitter::ReasoningSplitter;

/// Tokens that a thought may go on beyond its budget while each of them ends within a character, or in what may be
/// the beginning of a tag. Then it is ended all the same.
const GRACE_TOKENS: usize = 16;

/// Counts the tokens of thoughts, and says what must be written to end a thought that has grown too long.
///
/// Made for the loop that draws tokens, one for each run:
///
/// 1. [`at_start`](Self::at_start) before the first token, [`after_token`](Self::after_token) with each token
///    that became part of the answer (a draft only once it is accepted).
/// 2. A text that is returned must come next: its tokens, control tokens included, are taken instead of drawn
///    ones, and passed to `after_token` like all others. They need not be sampled, so they are not constrained.
/// 3. It closes the thought in the model's own way, and the model goes on with the answer. A thought that it opens
///    again is closed at once.
///
/// The budget is for all thoughts of an answer together. Tags do not count; forced tokens do not either.
#[derive(Debug)]
pub struct ThoughtBudget {
    limit: Option<usize>,
    closing: &'static str,
    /// What is forced from the second time on.
    closing_again: &'static str,
    message: String,
    forced: String,
    splitter: ReasoningSplitter,
    /// The beginning of a character.
    half_char: Vec<u8>,
    used: usize,
    is_forcing: bool,
    times_forced: usize,
}

impl ThoughtBudget {
    /// A budget in tokens; `None` (-1 on the wire) has no end, 0 ends thoughts as soon as they begin.
    #[must_use]
    pub fn new(limit: Option<usize>, format: ReasoningFormat, start: ThoughtStart) -> Self {
        let tags = format.tags();
        Self {
            limit,
            closing: tags.map_or(harmony::CLOSING, |tags| tags.closing),
            closing_again: tags.map_or(harmony::CLOSING_FINAL, |tags| tags.closing),
            message: String::new(),
            forced: String::new(),
            splitter: ReasoningSplitter::new(format, start),
            half_char: Vec::new(),
            used: 0,
            is_forcing: false,
            times_forced: 0,
        }
    }

    /// As [`Self::new`], for the rest of an answer of which the prompt holds `said`.
    #[must_use]
    pub fn resumed(
        limit: Option<usize>,
        format: ReasoningFormat,
        start: ThoughtStart,
        said: &str,
    ) -> Self {
        Self {
            splitter: ReasoningSplitter::resumed(format, start, said),
            ..Self::new(limit, format, start)
        }
    }

    /// With a text that is forced before the closing tag, such as `Time to answer.` Becomes part of the thought.
    #[must_use]
    pub fn with_message(mut self, message: &str) -> Self {
        message.clone_into(&mut self.message);
        self
    }

    /// The text that must come before anything is drawn: where the prompt opened a thought, and the budget is 0.
    pub fn at_start(&mut self) -> Option<&str> {
        self.forced_now()
    }

    /// Takes the bytes of the next token of the answer, control tokens by their names, and returns the text that
    /// must follow it. Never within a character, or what may be the beginning of a tag.
    pub fn after_token(&mut self, bytes: &[u8]) -> Option<&str> {
        let was_inside = self.splitter.in_thought();
        let text = self.whole_chars(bytes);
        // Pieces are the answer's business: here only the place matters.
        self.splitter.push(&text);
        if !self.splitter.in_thought() {
            self.is_forcing = false;
        } else if was_inside && !self.is_forcing {
            self.used += 1;
        }
        self.forced_now()
    }

    /// Ends the thought after the next token, whatever the budget (the client's wish); later thoughts too.
    pub fn end_thought(&mut self) {
        self.limit = Some(0);
    }

    /// True where what comes next does not belong to the answer yet
    /// ([`ReasoningSplitter::awaits_answer`]).
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        self.splitter.awaits_answer()
    }

    /// The text that must come next for the answer to begin: where the model wants to end without one, and one has to come.
    /// Later thoughts are ended at once.
    pub fn answer_instead(&mut self) -> Option<&str> {
        self.end_thought();
        if self.splitter.in_thought() {
            return self.forced_now();
        }
        self.splitter.answer_opening()
    }

    /// True where a text may have to come next that nobody drew, at a place that is not known beforehand.
    #[must_use]
    pub fn may_force(&self) -> bool {
        self.limit.is_some()
    }

    /// Tokens of thoughts so far (`reasoning_tokens` of the usage).
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    fn forced_now(&mut self) -> Option<&str> {
        let over = self.used.checked_sub(self.limit?)?;
        if self.is_forcing || !self.splitter.in_thought() {
            return None;
        }
        let is_half = self.splitter.in_half_tag() || !self.half_char.is_empty();
        if is_half && over < GRACE_TOKENS {
            return None;
        }
        self.is_forcing = true;
        self.times_forced += 1;
        let closing = if self.times_forced == 1 {
            self.closing
        } else {
            self.closing_again
        };
        self.forced.clone_from(&self.message);
        self.forced.push_str(closing);
        Some(&self.forced)
    }

    /// The characters that these bytes complete.
    fn whole_chars(&mut self, bytes: &[u8]) -> String {
        self.half_char.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.half_char);
        let (mut text, mut end) = (String::new(), 0);
        for chunk in bytes.utf8_chunks() {
            let invalid = chunk.invalid();
            text.push_str(chunk.valid());
            end += chunk.valid().len() + invalid.len();
            let may_go_on = |error: std::str::Utf8Error| error.error_len().is_none();
            if end == bytes.len() && std::str::from_utf8(invalid).is_err_and(may_go_on) {
                self.half_char = invalid.to_vec();
            } else if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        text
    }
}
