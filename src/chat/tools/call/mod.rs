//! One call being read: [`Body`] goes from the text after an opener to the end of the call, a character or
//! a marker at a time, so that it does not matter how the text was cut into pieces.

mod args_value;
mod frame;
mod head;
mod held;
mod json_call;
mod literal;
mod pairs;
mod plain_args;
mod tagged;
mod tags;

pub(super) use frame::{Chain, Frame};
pub(super) use head::Opener;

use super::declared::{Declared, Parameters};
use super::feed::{Feed, Look};
use super::format::ToolFormat;
use super::json::is_blank;
use super::output::{CallOutput, Sink};
use head::NameHead;
use json_call::JsonCall;
use pairs::PairArgs;
use plain_args::PlainArgs;
use tagged::TaggedArgs;

/// The most bytes that are held back to find out what they are.
pub(super) const MAX_HELD: usize = 64 * 1024;

/// The longest name of a tool or parameter.
const MAX_NAME: usize = 256;

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: more text is needed.
    Wait,
    /// It read something, or found out something.
    Going,
    /// The call is whole; everything that belongs to it was read, but for markers that may follow.
    Done,
    /// Markup that calls nothing, such as an empty list.
    Nothing,
    /// This is no call, or not one any more.
    Broken,
}

/// What is missing at the end of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Markers only: the arguments are whole.
    Markers,
    /// The last brace of the arguments: all arguments so far are whole, others might have followed.
    Brace,
    /// More than that.
    Content,
}

/// What a step works with.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) feed: &'a mut Feed,
    pub(super) sink: &'a mut Sink,
    pub(super) output: &'a mut CallOutput,
    pub(super) declared: &'a Declared,
    pub(super) formats: &'a [ToolFormat],
    pub(super) heal: bool,
}

impl Context<'_> {
    fn arguments(&mut self, text: &str) {
        self.output.arguments(self.sink, text);
    }

    /// The parameters of the called tool; none known where it is not declared, and then nothing of it is a call.
    fn name(&mut self, name: &str) -> Parameters {
        let found = self.output.name(self.sink, self.declared, name);
        found.cloned().unwrap_or_default()
    }

    fn expects(&self, format: ToolFormat) -> bool {
        self.formats.contains(&format)
    }

    /// Reads a blank, if one comes.
    fn skip_blank(&mut self) -> bool {
        let blank = self.feed.peek().filter(|&c| is_blank(c));
        blank.inspect(|&c| self.feed.skip_char(c)).is_some()
    }
}

/// Where a call is read.
#[derive(Debug)]
pub(super) enum Body {
    Opened(Opener),
    Name(NameHead),
    Json(JsonCall),
    Plain(PlainArgs),
    Tagged(TaggedArgs),
    Pairs(PairArgs),
    /// Strict reading only: everything is there, now the closer must come.
    Closing(Frame),
}

impl Body {
    /// Goes on by a character or a marker.
    pub(super) fn step(&mut self, cx: &mut Context<'_>) -> Step {
        match self {
            Self::Opened(opener) => match opener.step(cx) {
                Ok(body) => {
                    *self = body;
                    Step::Going
                }
                Err(step) => step,
            },
            Self::Name(head) => match head.step(cx) {
                Ok(Some(body)) => {
                    *self = body;
                    Step::Going
                }
                Ok(None) => Step::Going,
                Err(step) => step,
            },
            Self::Json(call) => {
                let step = call.step(cx);
                self.closed_after(step, cx)
            }
            Self::Plain(arguments) => {
                let step = arguments.step(cx);
                self.closed_after(step, cx)
            }
            Self::Tagged(arguments) => {
                let step = arguments.step(cx);
                self.closed_after(step, cx)
            }
            Self::Pairs(arguments) => {
                let step = arguments.step(cx);
                self.closed_after(step, cx)
            }
            Self::Closing(frame) => closing(*frame, cx),
        }
    }

    /// What surrounds the call, once that is known.
    pub(super) fn frame(&self) -> Frame {
        match self {
            Self::Opened(opener) => opener.frame(),
            Self::Name(head) => head.frame(),
            Self::Json(call) => call.frame(),
            Self::Plain(arguments) => arguments.frame(),
            Self::Tagged(arguments) => arguments.frame(),
            Self::Pairs(arguments) => arguments.frame(),
            Self::Closing(frame) => *frame,
        }
    }

    /// What is missing if the answer ends here.
    pub(super) fn missing(&self) -> Missing {
        match self {
            Self::Opened(_) | Self::Name(_) => Missing::Content,
            Self::Json(call) => call.missing(),
            Self::Plain(arguments) => arguments.missing(),
            Self::Tagged(arguments) => arguments.missing(),
            Self::Pairs(arguments) => arguments.missing(),
            Self::Closing(_) => Missing::Markers,
        }
    }

    /// Whether what is held would be text if the answer ended here: it had no marker.
    pub(super) fn is_unmarked(&self) -> bool {
        match self {
            Self::Opened(opener) => opener.is_unmarked(),
            Self::Json(call) => call.frame().is_unmarked(),
            _ => false,
        }
    }

    /// A tag at the very end of the answer may close the call, where the model chose to end there.
    pub(super) fn may_close_at_end(&self) -> bool {
        matches!(self, Self::Tagged(arguments) if arguments.is_in_value())
    }

    /// Strict reading waits for the closer of a call whose arguments are whole.
    fn closed_after(&mut self, step: Step, cx: &Context<'_>) -> Step {
        let frame = self.frame();
        if step == Step::Done && !cx.heal && frame.needs_closer() {
            *self = Self::Closing(frame);
            return Step::Going;
        }
        step
    }
}

fn closing(frame: Frame, cx: &mut Context<'_>) -> Step {
    if cx.skip_blank() {
        return Step::Going;
    }
    let Some(c) = cx.feed.peek() else {
        return Step::Wait;
    };
    if frame.chain == Chain::Array {
        // Read by whoever looks for the next call of the list.
        return if matches!(c, ',' | ']') {
            Step::Done
        } else {
            Step::Broken
        };
    }
    match cx.feed.look_any(frame.closers) {
        Look::Yes(closer) => {
            cx.feed.skip(closer.len());
            Step::Done
        }
        Look::Maybe => Step::Wait,
        Look::No => match cx.feed.look("```") {
            Look::Yes(()) if frame.fenced => {
                cx.feed.skip(3);
                Step::Going
            }
            Look::Maybe if frame.fenced => Step::Wait,
            _ => Step::Broken,
        },
    }
}
