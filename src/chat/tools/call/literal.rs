//! [`Literal`]: a value written as Python or Gemma writes it → JSON, a piece at a time.

use super::super::coerce;
use super::super::declared::Kinds;
use super::super::feed::Look;
use super::super::format::GEMMA_QUOTE;
use super::super::json::MAX_DEPTH;
use super::super::text::{Decoded, Notation, StringDecoder, push_escaped, quoted};
use super::{Context, MAX_HELD, MAX_NAME, Step};

/// Who writes the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `'…'` and `"…"` with Python's escapes, `True`, `None`, tuples.
    Python,
    /// `<|"|>…<|"|>` without escapes, keys without quotes; `"…"` as in JSON.
    Gemma,
}

/// Reads one value.
#[derive(Debug)]
pub(super) struct Literal {
    dialect: Dialect,
    /// What the parameter takes; says nothing about values inside brackets.
    kinds: Kinds,
    open: Vec<Bracket>,
    /// A comma was read. It is written once something follows.
    comma: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    List(char),
    Dict,
}

#[derive(Debug)]
enum State {
    /// A value; or the closing bracket.
    Value {
        may_close: bool,
    },
    /// A key; or the closing bracket.
    Key,
    Colon,
    AfterValue,
    Text {
        end: TextEnd,
        is_key: bool,
        /// The text, where it is needed as a whole.
        held: Option<String>,
    },
    Word {
        text: String,
        is_key: bool,
    },
}

#[derive(Debug)]
enum TextEnd {
    Quote(StringDecoder),
    GemmaQuote,
}

impl Literal {
    pub(super) fn new(dialect: Dialect, kinds: Kinds) -> Self {
        Self {
            dialect,
            kinds,
            open: Vec::new(),
            comma: false,
            state: State::Value { may_close: false },
        }
    }

    /// Goes on by a character or a quote; [`Step::Done`] once the value is whole.
    pub(super) fn step(&mut self, cx: &mut Context<'_>) -> Step {
        match &mut self.state {
            State::Text { .. } => self.text(cx),
            State::Word { .. } => self.word(cx),
            _ if cx.skip_blank() => Step::Going,
            State::Value { may_close } => {
                let may_close = *may_close;
                self.value(may_close, cx)
            }
            State::Key => self.key(cx),
            State::Colon => match cx.feed.peek() {
                Some(':') => {
                    cx.feed.skip(1);
                    cx.arguments(": ");
                    self.go(State::Value { may_close: false })
                }
                Some(_) => Step::Broken,
                None => Step::Wait,
            },
            State::AfterValue => self.after_value(cx),
        }
    }

    fn go(&mut self, state: State) -> Step {
        self.state = state;
        Step::Going
    }

    /// Begins a key or value.
    fn write(&mut self, text: &str, cx: &mut Context<'_>) {
        if std::mem::take(&mut self.comma) {
            cx.arguments(", ");
        }
        cx.arguments(text);
    }

    fn value(&mut self, may_close: bool, cx: &mut Context<'_>) -> Step {
        match self.quote(cx, false) {
            Some(step) => return step,
            None if cx.feed.peek().is_none() => return Step::Wait,
            None => {}
        }
        match cx.feed.peek() {
            Some('[') => self.open(Bracket::List(']'), "[", cx),
            Some('(') if self.dialect == Dialect::Python => self.open(Bracket::List(')'), "[", cx),
            Some('{') => self.open(Bracket::Dict, "{", cx),
            Some(']' | ')') if may_close => self.close(cx),
            Some(c) if is_delimiter(c) => Step::Broken,
            _ => self.go(State::Word {
                text: String::new(),
                is_key: false,
            }),
        }
    }

    fn open(&mut self, bracket: Bracket, text: &str, cx: &mut Context<'_>) -> Step {
        if self.open.len() == MAX_DEPTH - 1 {
            return Step::Broken;
        }
        self.open.push(bracket);
        cx.feed.skip(1);
        self.write(text, cx);
        self.go(match bracket {
            Bracket::Dict => State::Key,
            Bracket::List(_) => State::Value { may_close: true },
        })
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Step {
        let closes = match (self.open.pop(), cx.feed.peek()) {
            (Some(Bracket::Dict), Some('}')) => "}",
            (Some(Bracket::List(end)), Some(c)) if c == end => "]",
            _ => return Step::Broken,
        };
        cx.feed.skip(1);
        self.comma = false;
        cx.arguments(closes);
        self.value_ends()
    }

    fn value_ends(&mut self) -> Step {
        self.state = State::AfterValue;
        if self.open.is_empty() {
            Step::Done
        } else {
            Step::Going
        }
    }

    fn after_value(&mut self, cx: &mut Context<'_>) -> Step {
        match (cx.feed.peek(), self.open.last()) {
            (None, _) => Step::Wait,
            (Some(','), Some(bracket)) => {
                let next = match bracket {
                    Bracket::Dict => State::Key,
                    Bracket::List(_) => State::Value { may_close: true },
                };
                cx.feed.skip(1);
                self.comma = true;
                self.go(next)
            }
            _ => self.close(cx),
        }
    }

    fn key(&mut self, cx: &mut Context<'_>) -> Step {
        match self.quote(cx, true) {
            Some(step) => return step,
            None if cx.feed.peek().is_none() => return Step::Wait,
            None => {}
        }
        match cx.feed.peek() {
            Some('}') => self.close(cx),
            Some(c) if is_delimiter(c) => Step::Broken,
            _ => self.go(State::Word {
                text: String::new(),
                is_key: true,
            }),
        }
    }

    /// Begins a string, if one comes.
    fn quote(&mut self, cx: &mut Context<'_>, is_key: bool) -> Option<Step> {
        let end = if self.dialect == Dialect::Gemma {
            match cx.feed.look(GEMMA_QUOTE) {
                Look::Yes(()) => {
                    cx.feed.skip(GEMMA_QUOTE.len());
                    Some(TextEnd::GemmaQuote)
                }
                Look::Maybe if cx.feed.peek().is_some() => return Some(Step::Wait),
                _ => None,
            }
        } else {
            None
        };
        let end = end.or_else(|| {
            let notation = match (self.dialect, cx.feed.peek()?) {
                (Dialect::Python, '"' | '\'') => Notation::Python,
                (Dialect::Gemma, '"') => Notation::Json,
                _ => return None,
            };
            let quote = cx.feed.peek()?;
            cx.feed.skip(1);
            Some(TextEnd::Quote(StringDecoder::new(quote, notation)))
        })?;
        let streams = is_key || !self.open.is_empty() || self.kinds.keeps_text();
        if streams {
            self.write("\"", cx);
        }
        Some(self.go(State::Text {
            end,
            is_key,
            held: (!streams).then(String::new),
        }))
    }

    fn text(&mut self, cx: &mut Context<'_>) -> Step {
        let State::Text { end, held, .. } = &mut self.state else {
            return Step::Broken;
        };
        let Some(c) = cx.feed.peek() else {
            return Step::Wait;
        };
        let decoded = match end {
            TextEnd::GemmaQuote => match cx.feed.look(GEMMA_QUOTE) {
                Look::Yes(()) => {
                    cx.feed.skip(GEMMA_QUOTE.len());
                    return self.text_ends(cx);
                }
                Look::Maybe => return Step::Wait,
                Look::No => Decoded::Char(c),
            },
            TextEnd::Quote(decoder) => decoder.push(c),
        };
        cx.feed.skip_char(c);
        let (first, second) = match decoded {
            Decoded::Nothing => (None, None),
            Decoded::Char(c) => (Some(c), None),
            Decoded::Both(c) => (Some('\\'), Some(c)),
            Decoded::End => return self.text_ends(cx),
            Decoded::Invalid => return Step::Broken,
        };
        let chars = first.into_iter().chain(second);
        match held {
            Some(text) if text.len() < MAX_HELD => text.extend(chars),
            Some(_) => return Step::Broken,
            None => {
                let mut piece = String::new();
                chars.for_each(|c| push_escaped(&mut piece, c));
                cx.arguments(&piece);
            }
        }
        Step::Going
    }

    fn text_ends(&mut self, cx: &mut Context<'_>) -> Step {
        let State::Text { is_key, held, .. } =
            std::mem::replace(&mut self.state, State::AfterValue)
        else {
            return Step::Broken;
        };
        match held {
            Some(text) => cx.arguments(&coerce::from_text(&text, self.kinds)),
            None => cx.arguments("\""),
        }
        if is_key {
            self.go(State::Colon)
        } else {
            self.value_ends()
        }
    }

    /// A word ends before a delimiter: it is not known to be whole before.
    fn word(&mut self, cx: &mut Context<'_>) -> Step {
        let State::Word { text, is_key } = &mut self.state else {
            return Step::Broken;
        };
        let Some(c) = cx.feed.peek() else {
            return Step::Wait;
        };
        let ends = is_delimiter(c) || (*is_key && c == ':');
        if !ends {
            if text.len() > MAX_NAME || "<>\"'`".contains(c) || c.is_control() {
                return Step::Broken;
            }
            cx.feed.skip_char(c);
            text.push(c);
            return Step::Going;
        }
        let word = text.trim().to_owned();
        if *is_key {
            if word.is_empty() {
                return Step::Broken;
            }
            self.write(&quoted(&word), cx);
            return self.go(State::Colon);
        }
        let kinds = if self.open.is_empty() {
            self.kinds
        } else {
            Kinds::default()
        };
        let json = coerce::from_word(&word, kinds).or_else(|| {
            let bare_text = self.dialect == Dialect::Gemma && cx.heal && !word.is_empty();
            bare_text.then(|| quoted(&word))
        });
        match json {
            Some(json) => {
                self.write(&json, cx);
                self.value_ends()
            }
            None => Step::Broken,
        }
    }
}

/// What ends a word.
fn is_delimiter(c: char) -> bool {
    matches!(c, ',' | ')' | ']' | '}')
}
