//! [`ReasoningSplitter`]: an answer's text → reasoning and content, while it comes.

use super::format::{ReasoningFormat, ThoughtStart};
use super::harmony::Messages;
use super::piece::{Kind, Piece, Sink};
use super::tagged::Tagged;
use crate::chat::feed::Feed;
use crate::chat::tools::Ending;

/// Reads one answer.
///
/// What comes out does not depend on how the text is cut into pieces, but for how the pieces are cut. Text that
/// may be the beginning of a tag, and a few blanks that may belong to one, wait until that is decided. Time is
/// linear in the length of the text.
#[derive(Debug)]
pub struct ReasoningSplitter {
    machine: Machine,
    feed: Feed,
    sink: Sink,
    /// How often something was looked at.
    #[cfg(any(test, fuzzing))]
    pub(super) steps: usize,
}

#[derive(Debug)]
enum Machine {
    Tagged(Box<Tagged>),
    Messages(Messages),
}

impl ReasoningSplitter {
    /// A splitter for an answer to a prompt that ends like this ([`ReasoningFormat::opens_thought`]).
    #[must_use]
    pub fn new(format: ReasoningFormat, start: ThoughtStart) -> Self {
        let machine = match format.tags() {
            Some(tags) => Machine::Tagged(Box::new(Tagged::new(tags, start))),
            None => Machine::Messages(Messages::new(start)),
        };
        Self {
            machine,
            feed: Feed::default(),
            sink: Sink::default(),
            #[cfg(any(test, fuzzing))]
            steps: 0,
        }
    }

    /// A splitter for the rest of an answer: `said` is what the prompt holds of it already
    /// (`continue_final_message`), and is not returned again.
    #[must_use]
    pub fn resumed(format: ReasoningFormat, start: ThoughtStart, said: &str) -> Self {
        let mut splitter = Self::new(format, start);
        splitter.push(said);
        splitter
    }

    /// Takes more of the answer's text, and returns what is certain.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        self.feed.push(text);
        loop {
            #[cfg(any(test, fuzzing))]
            {
                self.steps += 1;
            }
            let goes_on = match &mut self.machine {
                Machine::Tagged(tagged) => tagged.step(&mut self.feed, &mut self.sink),
                Machine::Messages(messages) => messages.step(&mut self.feed, &mut self.sink),
            };
            if !goes_on {
                return self.sink.take();
            }
        }
    }

    /// The answer is over: returns what was held back. A thought that was never closed stays a thought, but for a
    /// tool call at its very end.
    pub fn finish(&mut self, ending: Ending) -> Vec<Piece> {
        match &mut self.machine {
            Machine::Tagged(tagged) => tagged.end(&mut self.feed, &mut self.sink, ending),
            Machine::Messages(messages) => messages.end(&mut self.feed, &mut self.sink, ending),
        }
        self.sink.take()
    }

    /// True where what comes next is part of a thought, as far as is known.
    #[must_use]
    pub fn in_thought(&self) -> bool {
        match &self.machine {
            Machine::Tagged(tagged) => tagged.in_thought(),
            Machine::Messages(messages) => messages.in_thought(),
        }
    }

    /// True where what comes next does not belong to the answer yet: in a thought, and (harmony) before the message that
    /// is the answer.
    #[must_use]
    pub fn awaits_answer(&self) -> bool {
        match &self.machine {
            Machine::Tagged(tagged) => tagged.in_thought(),
            Machine::Messages(messages) => messages.awaits_answer(),
        }
    }

    /// What begins the answer, outside of thoughts.
    pub(super) fn answer_opening(&self) -> Option<&'static str> {
        match &self.machine {
            Machine::Tagged(_) => None,
            Machine::Messages(messages) => messages.answer_opening(),
        }
    }

    /// True while there are thoughts and no answer. After a natural ending the thoughts then are the answer that
    /// the client should see; after a cut they are not.
    #[must_use]
    pub fn only_thoughts(&self) -> bool {
        self.sink.has(Kind::Reasoning) && !self.sink.has(Kind::Content)
    }

    /// True where the text ends in what may be the beginning of a tag.
    pub(super) fn in_half_tag(&self) -> bool {
        !self.feed.rest().is_empty()
    }

    /// True where the first tag closed a thought that nothing had opened.
    pub(super) fn is_unopened(&self) -> bool {
        matches!(&self.machine, Machine::Tagged(tagged) if tagged.unopened)
    }

    /// Bytes of which it is decided what they are.
    #[cfg(any(test, fuzzing))]
    pub(super) fn decided(&self) -> usize {
        self.sink.decided
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn fates(&self) -> &[super::piece::Fate] {
        &self.sink.fates
    }
}
