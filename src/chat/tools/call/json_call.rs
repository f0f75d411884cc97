//! [`JsonCall`]: a call that is one JSON object with its name and arguments inside.

use super::super::json::{JsonScanner, Scan, is_blank};
use super::super::text::{Decoded, StringDecoder};
use super::args_value::ArgsValue;
use super::{Context, Frame, MAX_NAME, Missing, Step};

/// Reads `{"name": …, "arguments": {…}}`. Other keys are passed over; keys may come in any order.
#[derive(Debug)]
pub(in super::super) struct JsonCall {
    frame: Frame,
    state: State,
    named: bool,
    arguments: Option<ArgsValue>,
}

#[derive(Debug)]
enum State {
    Open,
    /// A key; or `}`, where none came yet.
    Key {
        may_end: bool,
    },
    KeyText(StringDecoder, String),
    Colon(Key),
    Value(Key),
    Name(StringDecoder, String),
    Arguments,
    Other(JsonScanner),
    AfterValue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Name,
    Arguments,
    Other,
}

impl Key {
    fn of(text: &str) -> Self {
        match text {
            "name" => Self::Name,
            "arguments" | "parameters" | "args" => Self::Arguments,
            _ => Self::Other,
        }
    }
}

/// The keys that bare JSON may have before it is known to be a call.
const BARE_KEYS: &[&str] = &["type", "id", "name", "parameters", "arguments"];

impl JsonCall {
    pub(super) fn new(frame: Frame) -> Self {
        Self {
            frame,
            state: State::Open,
            named: false,
            arguments: None,
        }
    }

    pub(super) fn frame(&self) -> Frame {
        self.frame
    }

    pub(super) fn missing(&self) -> Missing {
        match &self.arguments {
            Some(arguments) if self.named => arguments.missing(),
            _ => Missing::Content,
        }
    }

    pub(super) fn step(&mut self, cx: &mut Context<'_>) -> Step {
        let Some(c) = cx.feed.peek() else {
            return Step::Wait;
        };
        // Bare JSON is held while it may be text: not for long.
        if self.frame.is_unmarked() && cx.output.held() > 2 * MAX_NAME {
            return Step::Broken;
        }
        if let State::Arguments = self.state {
            return self.arguments(cx);
        }
        if let State::Value(Key::Arguments) = self.state {
            // A second value could contradict what was sent.
            if self.arguments.is_some() {
                return Step::Broken;
            }
            self.arguments = Some(ArgsValue::new());
            self.state = State::Arguments;
            return Step::Going;
        }
        if matches!(self.state, State::AfterValue) && !is_blank(c) && !",}".contains(c) {
            // The object's own brace is missing.
            let whole = self.missing() == Missing::Markers;
            return if cx.heal && whole && !self.frame.is_unmarked() {
                Step::Done
            } else {
                Step::Broken
            };
        }
        let step = self.push(c, cx);
        if step != Step::Wait {
            cx.feed.skip_char(c);
            return step;
        }
        Step::Going
    }

    fn arguments(&mut self, cx: &mut Context<'_>) -> Step {
        let Some(arguments) = &mut self.arguments else {
            return Step::Broken;
        };
        let step = arguments.step(cx, self.frame.closers);
        if step == Step::Done {
            self.state = State::AfterValue;
            return Step::Going;
        }
        step
    }

    /// Takes a character; [`Step::Wait`] where it belongs to what comes next.
    fn push(&mut self, c: char, cx: &mut Context<'_>) -> Step {
        match &mut self.state {
            State::KeyText(decoder, text) | State::Name(decoder, text) => {
                match decoder.push(c) {
                    Decoded::Nothing => {}
                    Decoded::Char(c) if text.len() < MAX_NAME => text.push(c),
                    Decoded::End => return self.text_ends(cx),
                    _ => return Step::Broken,
                }
                self.check_bare(cx)
            }
            State::Other(scanner) => match scanner.push(c) {
                Scan::Inside => Step::Going,
                Scan::Closed => self.go(State::AfterValue),
                Scan::ClosedBefore => {
                    self.state = State::AfterValue;
                    Step::Wait
                }
                Scan::Invalid => Step::Broken,
            },
            State::Open
            | State::Key { .. }
            | State::Colon(_)
            | State::Value(_)
            | State::AfterValue
                if is_blank(c) =>
            {
                Step::Going
            }
            State::Open if c == '{' => self.go(State::Key { may_end: true }),
            State::Key { .. } if c == '"' => {
                self.go(State::KeyText(StringDecoder::json(), String::new()))
            }
            State::Colon(key) if c == ':' => {
                let key = *key;
                self.go(State::Value(key))
            }
            State::Value(Key::Name) if c == '"' && !self.named => {
                self.go(State::Name(StringDecoder::json(), String::new()))
            }
            State::Value(Key::Other) => {
                self.state = State::Other(JsonScanner::new());
                Step::Wait
            }
            State::AfterValue if c == ',' => self.go(State::Key { may_end: false }),
            State::AfterValue | State::Key { may_end: true } if c == '}' => self.close(),
            _ => Step::Broken,
        }
    }

    fn go(&mut self, state: State) -> Step {
        self.state = state;
        Step::Going
    }

    fn text_ends(&mut self, cx: &mut Context<'_>) -> Step {
        match std::mem::replace(&mut self.state, State::AfterValue) {
            State::KeyText(_, text) => {
                let known = BARE_KEYS.contains(&text.as_str());
                if self.frame.is_unmarked() && self.arguments.is_none() && !known {
                    return Step::Broken;
                }
                self.go(State::Colon(Key::of(&text)))
            }
            State::Name(_, text) => {
                if self.frame.is_unmarked() && cx.declared.get(&text).is_none() {
                    return Step::Broken;
                }
                self.named = true;
                cx.name(&text);
                Step::Going
            }
            _ => Step::Broken,
        }
    }

    /// Bare JSON is let go as soon as it can be no call of a declared tool.
    fn check_bare(&self, cx: &Context<'_>) -> Step {
        let fits = match &self.state {
            State::KeyText(_, text) if self.arguments.is_none() => {
                BARE_KEYS.iter().any(|key| key.starts_with(text.as_str()))
            }
            State::Name(_, text) => cx
                .declared
                .names()
                .any(|name| name.starts_with(text.as_str())),
            _ => true,
        };
        if self.frame.is_unmarked() && !fits {
            Step::Broken
        } else {
            Step::Going
        }
    }

    fn close(&mut self) -> Step {
        let whole = self.arguments.as_ref().is_none_or(ArgsValue::is_whole);
        let called = self.named && whole;
        if called && (self.arguments.is_some() || !self.frame.is_unmarked()) {
            Step::Done
        } else {
            Step::Broken
        }
    }
}
