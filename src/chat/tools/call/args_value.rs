//! [`ArgsValue`]: arguments written as JSON: an object, a string that holds one, or nothing.

use super::super::feed::Look;
use super::super::json::{JsonScanner, Scan, is_blank};
use super::super::text::{Decoded, StringDecoder, push_escaped};
use super::{Context, Missing, Step};

/// Reads the arguments and hands on their JSON text without the last brace.
#[derive(Debug)]
pub(super) struct ArgsValue {
    state: State,
    /// The string around the arguments, where there is one.
    string: Option<StringDecoder>,
    scanner: JsonScanner,
    piece: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Blanks, then the value.
    Before,
    /// In the object.
    Object,
    /// In the string, behind the object.
    Behind,
    /// In `null`; this is left of it.
    Null(&'static str),
    /// Over.
    Whole,
}

impl ArgsValue {
    pub(super) fn new() -> Self {
        Self {
            state: State::Before,
            string: None,
            scanner: JsonScanner::new(),
            piece: String::new(),
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.state == State::Whole
    }

    pub(super) fn missing(&self) -> Missing {
        match self.state {
            State::Whole => Missing::Markers,
            State::Object if self.string.is_none() && self.scanner.lacks_only_brace(false) => {
                Missing::Brace
            }
            _ => Missing::Content,
        }
    }

    /// Reads a character. [`Step::Done`] once the value is whole. `closers`: markers that end the call; with
    /// healing, arguments that lack only their brace end before one.
    pub(super) fn step(&mut self, cx: &mut Context<'_>, closers: &[&str]) -> Step {
        let Some(c) = cx.feed.peek() else {
            return Step::Wait;
        };
        if cx.heal && self.state == State::Object && self.string.is_none() {
            let lacks_brace = !self.scanner.in_text() && self.scanner.lacks_only_brace(true);
            match cx.feed.look_any(closers) {
                Look::Yes(_) if lacks_brace => {
                    self.state = State::Whole;
                    return Step::Done;
                }
                Look::Maybe if lacks_brace => return Step::Wait,
                _ => {}
            }
        }
        cx.feed.skip_char(c);
        if self.state == State::Before && self.string.is_none() && c == '"' {
            self.string = Some(StringDecoder::json());
            return Step::Going;
        }
        let step = match self.string.as_mut().map(|string| string.push(c)) {
            None => self.push(c, cx.heal),
            Some(Decoded::Nothing) => Step::Going,
            Some(Decoded::Char(c)) => self.push(c, cx.heal),
            Some(Decoded::End) => self.string_ends(),
            Some(Decoded::Both(_) | Decoded::Invalid) => Step::Broken,
        };
        if !self.piece.is_empty() {
            cx.arguments(&self.piece);
            self.piece.clear();
        }
        step
    }

    fn string_ends(&mut self) -> Step {
        if matches!(self.state, State::Before | State::Behind) {
            self.state = State::Whole;
            Step::Done
        } else {
            Step::Broken
        }
    }

    fn push(&mut self, c: char, heal: bool) -> Step {
        match self.state {
            State::Before | State::Behind if is_blank(c) => Step::Going,
            State::Before if c == '{' => {
                self.state = State::Object;
                self.object(c, heal)
            }
            State::Before if c == 'n' => {
                self.state = State::Null("ull");
                Step::Going
            }
            State::Null(left) => match left.strip_prefix(c) {
                Some("") => self.closed(),
                Some(left) => {
                    self.state = State::Null(left);
                    Step::Going
                }
                None => Step::Broken,
            },
            State::Object => self.object(c, heal),
            State::Before | State::Behind | State::Whole => Step::Broken,
        }
    }

    fn object(&mut self, c: char, heal: bool) -> Step {
        if heal && c < ' ' && self.scanner.in_text() {
            push_escaped(&mut self.piece, c);
            return Step::Going;
        }
        match self.scanner.push(c) {
            Scan::Inside => {
                self.piece.push(c);
                Step::Going
            }
            // The last brace is sent with the end of the call.
            Scan::Closed => self.closed(),
            Scan::ClosedBefore | Scan::Invalid => Step::Broken,
        }
    }

    fn closed(&mut self) -> Step {
        if self.string.is_some() {
            self.state = State::Behind;
            Step::Going
        } else {
            self.state = State::Whole;
            Step::Done
        }
    }
}
