//! [`Piece`]: what the splitter makes of a text; and [`Sink`], which collects pieces.

/// A piece of an answer, in order. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// What the model thinks.
    Reasoning(String),
    /// What it says. May hold tool calls in the model's own form: text for the tool-call parser.
    Content(String),
    /// Part of a tool call; only of [`Harmony`](super::ReasoningFormat::Harmony), whose calls are messages. For the
    /// tool-call parser, in the form that it reads of every model: joined, `<tool_call>{"name": …, "arguments":
    /// …}</tool_call>`. Nothing to show where no tools are declared.
    Call(String),
}

/// Whose text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Reasoning,
    Content,
    Call,
}

/// Of the text of one kind: what is needed to keep its parts apart.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    begun: bool,
    /// Line breaks at its end, at most two.
    breaks: usize,
    /// What comes next is a part of its own.
    is_new_part: bool,
}

/// Where a text of the input went; joined, the texts are the input.
#[cfg(any(test, fuzzing))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Kept(Kind, String),
    Markup(String),
}

/// Collects the pieces of a push.
#[derive(Debug, Default)]
pub(super) struct Sink {
    pieces: Vec<Piece>,
    reasoning: Flow,
    content: Flow,
    #[cfg(any(test, fuzzing))]
    pub(super) fates: Vec<Fate>,
    /// Bytes of all fates.
    #[cfg(any(test, fuzzing))]
    pub(super) decided: usize,
}

impl Sink {
    pub(super) fn take(&mut self) -> Vec<Piece> {
        std::mem::take(&mut self.pieces)
    }

    /// Text of the input that is kept.
    pub(super) fn text(&mut self, kind: Kind, text: &str) {
        if text.is_empty() {
            return;
        }
        #[cfg(any(test, fuzzing))]
        self.note(Fate::Kept(kind, text.to_owned()));
        self.insert(kind, text);
    }

    pub(super) fn char(&mut self, kind: Kind, c: char) {
        self.text(kind, c.encode_utf8(&mut [0; 4]));
    }

    /// Text of the input that is left out.
    pub(super) fn markup(&mut self, text: &str) {
        #[cfg(any(test, fuzzing))]
        self.note(Fate::Markup(text.to_owned()));
        // Only tests ask where it went.
        let _ = (self, text);
    }

    #[cfg(any(test, fuzzing))]
    fn note(&mut self, fate: Fate) {
        let (Fate::Kept(_, text) | Fate::Markup(text)) = &fate;
        self.decided += text.len();
        match (self.fates.last_mut(), &fate) {
            (Some(Fate::Markup(last)), Fate::Markup(text)) => last.push_str(text),
            (Some(Fate::Kept(last_kind, last)), Fate::Kept(kind, text)) if last_kind == kind => {
                last.push_str(text);
            }
            _ => self.fates.push(fate),
        }
    }

    /// What comes next of this kind is separated from what was before, by a blank line.
    pub(super) fn part(&mut self, kind: Kind) {
        if let Some(flow) = self.flow(kind) {
            flow.is_new_part = true;
        }
    }

    /// True once there is text of this kind.
    pub(super) fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Reasoning => self.reasoning.begun,
            Kind::Content => self.content.begun,
            Kind::Call => false,
        }
    }

    /// Text that is not of the input at this place.
    pub(super) fn insert(&mut self, kind: Kind, text: &str) {
        if let Some(flow) = self.flow(kind) {
            let separator = match (flow.begun && flow.is_new_part, flow.breaks) {
                (false, _) | (true, 2..) => "",
                (true, 1) => "\n",
                (true, 0) => "\n\n",
            };
            flow.begun = true;
            flow.is_new_part = false;
            for c in text.chars() {
                flow.breaks = if c == '\n' {
                    (flow.breaks + 1).min(2)
                } else {
                    0
                };
            }
            self.add(kind, separator);
        }
        self.add(kind, text);
    }

    fn flow(&mut self, kind: Kind) -> Option<&mut Flow> {
        match kind {
            Kind::Reasoning => Some(&mut self.reasoning),
            Kind::Content => Some(&mut self.content),
            Kind::Call => None,
        }
    }

    fn add(&mut self, kind: Kind, text: &str) {
        match (self.pieces.last_mut(), kind) {
            _ if text.is_empty() => {}
            (Some(Piece::Reasoning(last)), Kind::Reasoning)
            | (Some(Piece::Content(last)), Kind::Content)
            | (Some(Piece::Call(last)), Kind::Call) => last.push_str(text),
            (_, Kind::Reasoning) => self.pieces.push(Piece::Reasoning(text.to_owned())),
            (_, Kind::Content) => self.pieces.push(Piece::Content(text.to_owned())),
            (_, Kind::Call) => self.pieces.push(Piece::Call(text.to_owned())),
        }
    }
}

/// Blanks that wait: they belong to a tag if one follows. Only the last few do; in a longer run the first ones
/// are text.
#[derive(Debug, Default)]
pub(super) struct Blanks(std::collections::VecDeque<char>);

/// Blanks that may belong to a tag.
pub(super) const MAX_BLANKS: usize = 16;

impl Blanks {
    /// Holds one more. Returns one that waits no longer.
    pub(super) fn push(&mut self, c: char) -> Option<char> {
        self.0.push_back(c);
        (self.0.len() > MAX_BLANKS)
            .then(|| self.0.pop_front())
            .flatten()
    }

    pub(super) fn take(&mut self) -> String {
        self.0.drain(..).collect()
    }

    pub(super) fn are_waiting(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn have_line_break(&self) -> bool {
        self.0.contains(&'\n')
    }
}
