//! [`ToolCallParser`]: an answer's text → text to show and tool calls, while it comes.

use super::call::{Body, Chain, Context, Frame, MAX_HELD, Missing, Opener, Step};
use super::declared::{Declared, DeclaredTool};
use super::event::{Ending, ToolEvent, ToolParserOptions};
use super::feed::{Feed, Look};
use super::format::ToolFormat;
use super::openers::Openers;
use super::output::{CallOutput, Sink};

/// Reads one answer.
///
/// What comes out does not depend on how the text is cut into pieces, but for how the events are cut. Text that
/// may be the beginning of a marker waits until that is decided. Time is linear in the length of the text.
#[derive(Debug)]
pub struct ToolCallParser {
    formats: Vec<ToolFormat>,
    declared: Declared,
    openers: Openers,
    heal: bool,
    feed: Feed,
    sink: Sink,
    state: State,
    /// How often something was looked at.
    #[cfg(any(test, fuzzing))]
    pub(super) steps: usize,
}

#[derive(Debug)]
enum State {
    /// Text to show. `closers`: of a call that ended without its closer, which may still come.
    Text {
        closers: &'static [&'static str],
        in_thoughts: bool,
    },
    Call(Box<Body>, CallOutput),
    /// Behind a call: blanks and markup are not shown if no text follows.
    After {
        frame: Frame,
        held: String,
        /// The call's own markers are still open.
        inside: bool,
    },
    /// In what is left of a broken call.
    Broken(Frame),
}

const TEXT: State = State::Text {
    closers: &[],
    in_thoughts: false,
};

impl ToolCallParser {
    /// A parser for an answer that may call these tools, in these formats ([`ToolFormat::detect`]).
    #[must_use]
    pub fn new(
        formats: &[ToolFormat],
        declared_tools: &[DeclaredTool],
        options: ToolParserOptions,
    ) -> Self {
        let declared = Declared::new(declared_tools);
        Self {
            formats: formats.to_vec(),
            openers: Openers::new(formats, &declared),
            declared,
            heal: options.auto_heal,
            feed: Feed::default(),
            sink: Sink::default(),
            state: TEXT,
            #[cfg(any(test, fuzzing))]
            steps: 0,
        }
    }

    /// Takes more of the answer's text, and returns what is certain.
    pub fn push(&mut self, text: &str) -> Vec<ToolEvent> {
        self.feed.push(text);
        self.run();
        self.sink.take()
    }

    /// The answer is over: returns what was held back and still counts.
    pub fn finish(&mut self, ending: Ending) -> Vec<ToolEvent> {
        // What is unread here is the beginning of a marker, perhaps.
        let may_be_markup = self.feed.rest().contains(['<', '[', '{', '`']);
        let undecided = match (&self.state, ending) {
            (State::Call(body, _), _) => {
                ending == Ending::Cut || !self.heal || !body.may_close_at_end()
            }
            (State::Text { .. }, Ending::Cut) | (State::After { .. } | State::Broken(_), _) => {
                may_be_markup
            }
            _ => false,
        };
        if undecided {
            self.feed.discard();
        }
        self.feed.end(ending);
        self.run();
        if let State::Call(body, output) = std::mem::replace(&mut self.state, TEXT) {
            let ended = match body.missing() {
                Missing::Markers => self.heal,
                Missing::Brace => self.heal && ending == Ending::Natural,
                Missing::Content => false,
            };
            if ended {
                output.end(&mut self.sink);
            } else {
                output.cut(
                    &mut self.sink,
                    ending == Ending::Natural && body.is_unmarked(),
                );
            }
        }
        self.sink.take()
    }

    fn run(&mut self) {
        loop {
            #[cfg(any(test, fuzzing))]
            {
                self.steps += 1;
            }
            let goes_on = match &mut self.state {
                State::Text { .. } => self.text(),
                State::Call(..) => self.call(),
                State::After { .. } => self.after(),
                State::Broken(frame) => {
                    let frame = *frame;
                    self.broken(frame)
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// A step in shown text. False: more text is needed.
    fn text(&mut self) -> bool {
        let State::Text {
            closers,
            in_thoughts,
        } = &mut self.state
        else {
            return true;
        };
        let Some(c) = self.feed.peek() else {
            return false;
        };
        if self.openers.thoughts && c == '[' {
            let tag = if *in_thoughts { "[/THINK]" } else { "[THINK]" };
            match self.feed.look(tag) {
                Look::Yes(()) => {
                    *in_thoughts = !*in_thoughts;
                    self.feed.skip(tag.len());
                    self.sink.text(tag);
                    return true;
                }
                Look::Maybe => return false,
                Look::No => {}
            }
        }
        let found = if *in_thoughts {
            Look::No
        } else {
            self.openers.look(&self.feed, &self.sink.page)
        };
        match found {
            Look::Yes((text, opener)) => {
                self.feed.skip(text.len());
                self.open(opener, text);
                return true;
            }
            Look::Maybe => return false,
            Look::No => {}
        }
        match self.feed.look_any(closers) {
            Look::Yes(closer) => {
                self.feed.skip(closer.len());
                *closers = &[];
            }
            Look::Maybe => return false,
            Look::No => {
                self.feed.skip_char(c);
                self.sink.text(c.encode_utf8(&mut [0; 4]));
            }
        }
        true
    }

    fn open(&mut self, opener: Opener, raw: String) {
        self.state = State::Call(Box::new(Body::Opened(opener)), CallOutput::new(raw));
    }

    fn call(&mut self) -> bool {
        let State::Call(body, output) = &mut self.state else {
            return true;
        };
        if self.feed.rest().is_empty() {
            return false;
        }
        let before = self.feed.position();
        let mut step = body.step(&mut Context {
            feed: &mut self.feed,
            sink: &mut self.sink,
            output,
            declared: &self.declared,
            formats: &self.formats,
            heal: self.heal,
        });
        if step == Step::Broken {
            // What broke it is read again: it may open a call.
            self.feed.rewind(before);
        }
        output.read(&mut self.sink, self.feed.since(before));
        if output.held() > MAX_HELD {
            step = Step::Broken;
        }
        match step {
            Step::Wait => return false,
            Step::Going => {}
            Step::Done => self.end_call(),
            Step::Broken => self.break_call(),
            Step::Nothing => self.state = TEXT,
        }
        true
    }

    fn end_call(&mut self) {
        if let State::Call(body, output) = std::mem::replace(&mut self.state, TEXT)
            && output.end(&mut self.sink)
        {
            let frame = body.frame();
            self.state = State::After {
                frame,
                held: String::new(),
                inside: true,
            };
        }
    }

    fn break_call(&mut self) {
        if let State::Call(body, output) = std::mem::replace(&mut self.state, TEXT)
            && output.give_up(&mut self.sink)
        {
            self.state = State::Broken(body.frame());
        }
    }

    /// A step behind a call.
    fn after(&mut self) -> bool {
        let State::After {
            frame,
            held,
            inside,
        } = &mut self.state
        else {
            return true;
        };
        let frame = *frame;
        let Some(c) = self.feed.peek() else {
            return false;
        };
        if c.is_whitespace() && held.len() < MAX_HELD {
            self.feed.skip_char(c);
            held.push(c);
            return true;
        }
        match self.feed.look_any(frame.trailers) {
            Look::Yes(trailer) => {
                self.feed.skip(trailer.len());
                held.clear();
                *inside = false;
                return true;
            }
            Look::Maybe => return false,
            Look::No => {}
        }
        if *inside && c == '}' && frame.chain == Chain::Json && self.heal {
            // One brace too many.
            self.feed.skip(1);
            return true;
        }
        if let Some((opener, reads)) = next_call(frame.chain, c).filter(|_| *inside) {
            self.feed.skip(reads);
            let mut raw = std::mem::take(held);
            raw.extend((reads > 0).then_some(c));
            self.open(opener, raw);
            return true;
        }
        match self.openers.look(&self.feed, &self.sink.page) {
            Look::Maybe => return false,
            Look::Yes(_) => self.state = TEXT,
            Look::No => {
                let closers = if *inside { frame.closers } else { &[] };
                self.sink.text(held);
                self.state = State::Text {
                    closers,
                    in_thoughts: false,
                };
            }
        }
        true
    }

    /// A step in the rest of a call that broke: nothing of it is shown.
    fn broken(&mut self, frame: Frame) -> bool {
        let Some(c) = self.feed.peek() else {
            return false;
        };
        match self.openers.marker(&self.feed) {
            Look::Yes(_) => {
                self.state = TEXT;
                return true;
            }
            Look::Maybe => return false,
            Look::No => {}
        }
        match self.feed.look_any(frame.resume) {
            Look::Yes(marker) => {
                self.feed.skip(marker.len());
                self.state = State::After {
                    frame,
                    held: String::new(),
                    inside: false,
                };
            }
            Look::Maybe => return false,
            Look::No => self.feed.skip_char(c),
        }
        true
    }
}

/// What opens the next call of a chain, and how many bytes of it are read.
fn next_call(chain: Chain, c: char) -> Option<(Opener, usize)> {
    Some(match (chain, c) {
        (Chain::Json, '{') => (Opener::HermesNext, 0),
        (Chain::Python, ';') => (Opener::Python, 1),
        (Chain::Bare, ';') => (Opener::BareNext, 1),
        (Chain::Bare, '{') => (Opener::Bare, 0),
        (Chain::Array, ',') => (Opener::MistralNext, 1),
        _ => return None,
    })
}
