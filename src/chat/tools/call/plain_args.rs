//! [`PlainArgs`]: a name was read, JSON arguments follow (Mistral, `DeepSeek`, Kimi).

use super::super::feed::Look;
use super::args_value::ArgsValue;
use super::{Context, Frame, Missing, Step};

/// Reads the arguments of a call whose name is known.
#[derive(Debug)]
pub(in super::super) struct PlainArgs {
    frame: Frame,
    /// They have begun: blanks and the opening of a fence are behind.
    begun: bool,
    value: ArgsValue,
}

impl PlainArgs {
    pub(super) fn new(frame: Frame) -> Self {
        Self {
            frame,
            begun: false,
            value: ArgsValue::new(),
        }
    }

    pub(super) fn frame(&self) -> Frame {
        self.frame
    }

    pub(super) fn missing(&self) -> Missing {
        self.value.missing()
    }

    pub(super) fn step(&mut self, cx: &mut Context<'_>) -> Step {
        if self.begun {
            return self.value.step(cx, self.frame.closers);
        }
        if cx.skip_blank() {
            return Step::Going;
        }
        if self.frame.fenced {
            match cx.feed.look_any(&["```json", "```"]) {
                Look::Yes(fence) => {
                    cx.feed.skip(fence.len());
                    return Step::Going;
                }
                Look::Maybe => return Step::Wait,
                Look::No => {}
            }
        }
        if cx.feed.peek().is_none() {
            return Step::Wait;
        }
        self.begun = true;
        Step::Going
    }
}
