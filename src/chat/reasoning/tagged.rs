//! [`Tagged`]: thoughts between tags.

use super::format::ThoughtStart;
use super::late_call::{self, LateCall};
use super::piece::{Blanks, Kind, Sink};
use super::tags::{Mark, Style, Tags};
use crate::chat::feed::{Feed, Look};
use crate::chat::page::Page;
use crate::chat::tools::Ending;

/// The beginning of a tag at the end of a cut answer is left out from so many characters on. A
/// single one is text.
const HALF_TAG: usize = 2;

/// Reads text with tags.
#[derive(Debug)]
pub(super) struct Tagged {
    tags: &'static Tags,
    inside: bool,
    /// Nothing but blanks since the last tag: they belong to it.
    at_edge: bool,
    /// The answer has begun.
    begun: bool,
    /// There was a thought, or its closing tag, or the prompt settled that.
    settled: bool,
    /// The answer's own tags are open.
    wrapped: bool,
    /// The first tag of all closed a thought that nobody had opened.
    pub(super) unopened: bool,
    blanks: Blanks,
    /// Of the answer.
    page: Page,
    /// The answer's last character, where no tag came after it.
    previous: Option<char>,
    /// It opens a quotation, or code within the line.
    opens_quote: bool,
    late_call: LateCall,
}

/// A text that means something here.
#[derive(Debug, Clone, Copy)]
enum Found {
    Mark(&'static str, Mark),
    /// Opens a tool call within a thought.
    LateCall(&'static str),
}

impl Tagged {
    pub(super) fn new(tags: &'static Tags, start: ThoughtStart) -> Self {
        Self {
            tags,
            inside: start == ThoughtStart::Open,
            at_edge: start != ThoughtStart::Absent,
            begun: false,
            settled: start != ThoughtStart::Absent,
            wrapped: false,
            unopened: false,
            blanks: Blanks::default(),
            page: Page::default(),
            previous: None,
            opens_quote: false,
            late_call: LateCall::default(),
        }
    }

    pub(super) fn in_thought(&self) -> bool {
        self.inside
    }

    /// Reads one tag or character. False: more text is needed.
    pub(super) fn step(&mut self, feed: &mut Feed, sink: &mut Sink) -> bool {
        let Some(c) = feed.peek() else {
            return false;
        };
        match self.look(feed) {
            Look::Yes(Found::Mark(text, mark)) => {
                feed.skip(text.len());
                self.mark(text, mark, sink);
            }
            Look::Yes(Found::LateCall(text)) => {
                feed.skip(text.len());
                self.flush(sink);
                self.late_call.open(text);
                self.at_edge = false;
                sink.text(Kind::Reasoning, text);
            }
            Look::Maybe => return false,
            Look::No => {
                feed.skip_char(c);
                if c.is_whitespace() {
                    self.blank(c, sink);
                } else {
                    self.flush(sink);
                    self.at_edge = false;
                    self.show(c, sink);
                }
            }
        }
        true
    }

    /// The answer is over: what is undecided is decided.
    pub(super) fn end(&mut self, feed: &mut Feed, sink: &mut Sink, ending: Ending) {
        let half = feed.rest();
        let is_tag = self.tags.style != Style::Prose && half.chars().count() >= HALF_TAG;
        if ending == Ending::Cut && is_tag {
            self.flush(sink);
            sink.markup(half);
            feed.discard();
        }
        feed.end(ending);
        while self.step(feed, sink) {}
        self.flush(sink);
        if ending == Ending::Natural
            && self.inside
            && let Some(call) = self.late_call.take()
        {
            sink.part(Kind::Content);
            sink.insert(Kind::Content, &call);
        }
    }

    /// What comes next that counts here: the longest, where one text begins with another.
    fn look(&self, feed: &Feed) -> Look<Found> {
        let mut found = Look::No;
        let mut longest = 0;
        let marks = self.tags.marks.iter();
        let marks = marks.filter(|(_, mark)| self.counts(*mark));
        let marks = marks.map(|&(text, mark)| (text, Found::Mark(text, mark)));
        let calls = late_call::OPENERS.iter().filter(|_| self.may_call());
        let calls = calls.map(|&text| (text, Found::LateCall(text)));
        for (text, meaning) in marks.chain(calls) {
            match feed.look(text) {
                // It may be longer than what was found.
                Look::Maybe => return Look::Maybe,
                Look::Yes(()) if text.len() > longest => {
                    longest = text.len();
                    found = Look::Yes(meaning);
                }
                _ => {}
            }
        }
        found
    }

    /// Whether a tag means anything here, or is just text.
    fn counts(&self, mark: Mark) -> bool {
        let style = self.tags.style;
        let control = style == Style::Control;
        if self.inside {
            return match mark {
                Mark::Close => style != Style::Prose || self.at_thought_line_start(),
                Mark::Open => control || self.at_edge,
                Mark::Call => true,
                Mark::AnswerOpen | Mark::AnswerClose => false,
            };
        }
        if (mark, control) == (Mark::AnswerClose, true) {
            return true;
        }
        if self.opens_quote || self.page.in_code() {
            return false;
        }
        let at_start = !self.begun;
        let at_line_start = self.at_edge || at_start || self.page.at_line_start();
        match (mark, style) {
            (Mark::Call, _) => false,
            (Mark::AnswerClose, _) => self.wrapped,
            (_, Style::Control) => true,
            (Mark::Open, Style::Prose) => at_start && !self.settled,
            (Mark::Close, Style::Prose) => self.at_edge,
            (Mark::AnswerOpen, _) => self.at_edge || at_start,
            (Mark::Open, Style::Written) => at_line_start,
            (Mark::Close, Style::Written) => at_line_start || !self.settled,
        }
    }

    fn at_thought_line_start(&self) -> bool {
        self.at_edge || self.blanks.have_line_break()
    }

    fn may_call(&self) -> bool {
        self.inside && self.at_thought_line_start()
    }

    fn mark(&mut self, text: &str, mark: Mark, sink: &mut Sink) {
        let belong_to_tag = match mark {
            Mark::Open => !self.inside && !self.begun,
            Mark::Close | Mark::Call | Mark::AnswerClose => true,
            Mark::AnswerOpen => !self.begun,
        };
        if belong_to_tag {
            sink.markup(&self.blanks.take());
        } else {
            self.flush(sink);
        }
        if mark == Mark::Call {
            self.inside = false;
            self.at_edge = false;
            self.content_part(sink);
            for c in text.chars() {
                self.show(c, sink);
            }
            return;
        }
        sink.markup(text);
        self.previous = None;
        self.opens_quote = false;
        if mark == Mark::Open && self.inside {
            // A second one in the same thought.
            return;
        }
        if mark == Mark::Close && !self.inside && !self.settled {
            self.unopened = true;
        }
        self.inside = mark == Mark::Open;
        self.settled |= matches!(mark, Mark::Open | Mark::Close);
        self.wrapped = mark == Mark::AnswerOpen || (self.wrapped && mark != Mark::AnswerClose);
        self.at_edge = true;
        self.late_call.clear();
        if self.inside {
            sink.part(Kind::Reasoning);
        } else {
            self.content_part(sink);
        }
    }

    /// More of the answer comes, on a line of its own.
    fn content_part(&mut self, sink: &mut Sink) {
        self.page.note('\n');
        sink.part(Kind::Content);
    }

    fn blank(&mut self, c: char, sink: &mut Sink) {
        if self.at_edge {
            sink.markup(c.encode_utf8(&mut [0; 4]));
        } else if self.inside || self.wrapped || !self.begun || self.blanks.are_waiting() {
            if let Some(c) = self.blanks.push(c) {
                self.show(c, sink);
            }
        } else {
            self.show(c, sink);
        }
    }

    /// What waited is text.
    fn flush(&mut self, sink: &mut Sink) {
        for c in self.blanks.take().chars() {
            self.show(c, sink);
        }
    }

    fn show(&mut self, c: char, sink: &mut Sink) {
        if self.inside {
            self.late_call.push(c);
            sink.char(Kind::Reasoning, c);
        } else {
            self.begun = true;
            self.page.note(c);
            self.opens_quote = match c {
                '“' | '‘' => true,
                '`' | '"' | '\'' => self
                    .previous
                    .is_none_or(|c| c.is_whitespace() || c == '(' || self.opens_quote),
                _ => false,
            };
            self.previous = Some(c);
            sink.char(Kind::Content, c);
        }
    }
}
