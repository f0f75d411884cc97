//! [`PairArgs`]: arguments as `key=value` in parentheses (Llama) or `key:value` in braces (Gemma 4).

use super::super::declared::Parameters;
use super::super::feed::Look;
use super::super::format::GEMMA_QUOTE;
use super::super::text::quoted;
use super::literal::{Dialect, Literal};
use super::{Context, Frame, MAX_NAME, Missing, Step};

/// Reads the arguments of a call whose name is known and whose bracket is open.
#[derive(Debug)]
pub(in super::super) struct PairArgs {
    frame: Frame,
    dialect: Dialect,
    parameters: Parameters,
    any: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// A key, or the closing bracket.
    Start,
    Key {
        text: String,
        quoted: bool,
    },
    Assign(String),
    Value(Literal),
    AfterValue,
}

impl PairArgs {
    pub(super) fn python(parameters: Parameters, frame: Frame) -> Self {
        Self::new(Dialect::Python, parameters, frame)
    }

    pub(super) fn gemma(parameters: Parameters, frame: Frame) -> Self {
        Self::new(Dialect::Gemma, parameters, frame)
    }

    fn new(dialect: Dialect, parameters: Parameters, frame: Frame) -> Self {
        Self {
            frame,
            dialect,
            parameters,
            any: false,
            state: State::Start,
        }
    }

    pub(super) fn frame(&self) -> Frame {
        self.frame
    }

    pub(super) fn missing(&self) -> Missing {
        match self.state {
            State::AfterValue => Missing::Brace,
            _ => Missing::Content,
        }
    }

    fn signs(&self) -> (char, char) {
        match self.dialect {
            Dialect::Python => ('=', ')'),
            Dialect::Gemma => (':', '}'),
        }
    }

    pub(super) fn step(&mut self, cx: &mut Context<'_>) -> Step {
        match &mut self.state {
            State::Value(literal) => match literal.step(cx) {
                Step::Done => {
                    self.state = State::AfterValue;
                    Step::Going
                }
                step => step,
            },
            State::Key { .. } => self.key(cx),
            _ if cx.skip_blank() => Step::Going,
            State::Start => self.start(cx),
            State::Assign(_) => self.assign(cx),
            State::AfterValue => self.after_value(cx),
        }
    }

    fn start(&mut self, cx: &mut Context<'_>) -> Step {
        let (_, close) = self.signs();
        match (cx.feed.peek(), cx.feed.look(GEMMA_QUOTE)) {
            (None, _) => return Step::Wait,
            (Some(c), _) if c == close && (!self.any || cx.heal) => {
                cx.feed.skip(1);
                return Step::Done;
            }
            (_, Look::Maybe) if self.dialect == Dialect::Gemma => return Step::Wait,
            (_, Look::Yes(())) if self.dialect == Dialect::Gemma => {
                cx.feed.skip(GEMMA_QUOTE.len());
            }
            _ => {
                self.state = State::Key {
                    text: String::new(),
                    quoted: false,
                };
                return Step::Going;
            }
        }
        self.state = State::Key {
            text: String::new(),
            quoted: true,
        };
        Step::Going
    }

    fn key(&mut self, cx: &mut Context<'_>) -> Step {
        let (assign, _) = self.signs();
        let State::Key { text, quoted } = &mut self.state else {
            return Step::Broken;
        };
        if *quoted {
            match cx.feed.look(GEMMA_QUOTE) {
                Look::Yes(()) => {
                    cx.feed.skip(GEMMA_QUOTE.len());
                    self.state = State::Assign(std::mem::take(text));
                    return Step::Going;
                }
                Look::Maybe => return Step::Wait,
                Look::No => {}
            }
        }
        let Some(c) = cx.feed.peek() else {
            return Step::Wait;
        };
        if c == assign && !*quoted {
            self.state = State::Assign(std::mem::take(text));
            return Step::Going;
        }
        let second_word = c != ' ' && text.ends_with(' ');
        let delimits = second_word || c.is_control() || "<>{}[]()=,;'`".contains(c);
        if text.len() > MAX_NAME || (delimits && !*quoted) {
            return Step::Broken;
        }
        cx.feed.skip_char(c);
        text.push(c);
        Step::Going
    }

    fn assign(&mut self, cx: &mut Context<'_>) -> Step {
        let (assign, _) = self.signs();
        let State::Assign(key) = &mut self.state else {
            return Step::Broken;
        };
        let key = key.trim_matches(['"', ' ']).to_owned();
        match cx.feed.peek() {
            None => return Step::Wait,
            Some(c) if c == assign && !key.is_empty() => cx.feed.skip(1),
            Some(_) => return Step::Broken,
        }
        let opening = if self.any { ", " } else { "{" };
        cx.arguments(&format!("{opening}{}: ", quoted(&key)));
        self.any = true;
        self.state = State::Value(Literal::new(self.dialect, self.parameters.kinds(&key)));
        Step::Going
    }

    fn after_value(&mut self, cx: &mut Context<'_>) -> Step {
        let (_, close) = self.signs();
        match cx.feed.peek() {
            None => return Step::Wait,
            Some(',') => {
                self.state = State::Start;
                cx.feed.skip(1);
                return Step::Going;
            }
            Some(c) if c == close => {
                cx.feed.skip(1);
                return Step::Done;
            }
            Some(_) => {}
        }
        // The bracket is missing before a marker that ends the call.
        match cx.feed.look_any(self.frame.closers) {
            Look::Yes(_) if cx.heal => Step::Done,
            Look::Maybe if cx.heal => Step::Wait,
            _ => Step::Broken,
        }
    }
}
