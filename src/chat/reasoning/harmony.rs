//! [`Messages`]: gpt-oss writes messages, each with a header that says to whom it is and in which channel.
//!
//! ```text
//! <|start|>assistant to=functions.f<|channel|>commentary <|constrain|>json<|message|>{…}<|call|>
//! ```
//! `analysis` is thoughts; `final`, and `commentary` to nobody, are for the user; what has a recipient is a call.
//! The prompt ends with `<|start|>assistant`.

use super::format::ThoughtStart;
use super::piece::{Blanks, Kind, Sink};
use crate::chat::feed::{Feed, Look};
use crate::chat::tools::Ending;

const START: &str = "<|start|>";
const CHANNEL: &str = "<|channel|>";
const MESSAGE: &str = "<|message|>";
const CONSTRAIN: &str = "<|constrain|>";
const END: &str = "<|end|>";
const RETURN: &str = "<|return|>";
const CALL: &str = "<|call|>";
pub(super) const TOKENS: &[&str] = &[START, CHANNEL, MESSAGE, CONSTRAIN, END, RETURN, CALL];
const RECIPIENT: &str = "to=";

/// The end of a call in the form that the tool-call parser reads of every model.
const CALL_END: &str = "}</tool_call>";

/// Bytes of a header. Behind them, and behind a line break, the message begins, whatever is missing.
const MAX_HEADER: usize = 256;

/// What ends a thought from outside: the model may answer or call. The second time it is made to answer.
pub(super) const CLOSING: &str = "<|end|><|start|>assistant";
pub(super) const CLOSING_FINAL: &str = "<|end|><|start|>assistant<|channel|>final<|message|>";

/// Reads messages.
#[derive(Debug)]
pub(super) struct Messages {
    state: State,
    /// Nothing but blanks since the header.
    at_edge: bool,
    blanks: Blanks,
}

#[derive(Debug)]
enum State {
    /// Behind `<|start|>assistant` of the prompt: the rest of a header, or text.
    Lead,
    Header(String),
    Body(Kind),
    /// In a call, and whether its arguments have begun.
    Call {
        has_arguments: bool,
    },
    /// Behind a message.
    Between,
}

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
enum Addressed<'a> {
    Message(Kind),
    Call(&'a str),
}

impl Messages {
    pub(super) fn new(start: ThoughtStart) -> Self {
        Self {
            state: match start {
                ThoughtStart::Open => State::Body(Kind::Reasoning),
                ThoughtStart::Closed => State::Body(Kind::Content),
                ThoughtStart::Absent => State::Lead,
            },
            at_edge: start != ThoughtStart::Absent,
            blanks: Blanks::default(),
        }
    }

    pub(super) fn in_thought(&self) -> bool {
        matches!(self.state, State::Body(Kind::Reasoning))
    }

    /// True until a message for the user begins.
    pub(super) fn awaits_answer(&self) -> bool {
        !matches!(self.state, State::Body(Kind::Content))
    }

    /// What begins a message for the user, where none is being written.
    pub(super) fn answer_opening(&self) -> Option<&'static str> {
        match self.state {
            State::Lead => Some("<|channel|>final<|message|>"),
            State::Between => Some("<|start|>assistant<|channel|>final<|message|>"),
            State::Header(_) | State::Body(_) | State::Call { .. } => None,
        }
    }

    /// Reads one token or character. False: more text is needed.
    pub(super) fn step(&mut self, feed: &mut Feed, sink: &mut Sink) -> bool {
        let Some(c) = feed.peek() else {
            return false;
        };
        let found = match feed.look_any(TOKENS) {
            Look::No if matches!(self.state, State::Lead) => feed.look_any(&[RECIPIENT]),
            found => found,
        };
        match found {
            Look::Maybe => return false,
            Look::Yes(token) => {
                feed.skip(token.len());
                self.token(token, sink);
            }
            Look::No => {
                feed.skip_char(c);
                self.char(c, sink);
            }
        }
        true
    }

    /// The answer is over. Half a token is left out where the answer was cut, as half a tag is.
    pub(super) fn end(&mut self, feed: &mut Feed, sink: &mut Sink, ending: Ending) {
        let half = feed.rest();
        if half.starts_with("<|") && ending == Ending::Cut {
            self.flush(sink);
            sink.markup(half);
            feed.discard();
        }
        feed.end(ending);
        while self.step(feed, sink) {}
        self.flush(sink);
        // `<|call|>` ends the generation: its text need not come.
        if ending == Ending::Natural && matches!(self.state, State::Call { .. }) {
            sink.insert(Kind::Call, CALL_END);
        }
    }

    fn token(&mut self, token: &str, sink: &mut Sink) {
        let ends_message = !matches!(token, MESSAGE | CONSTRAIN);
        if !ends_message && self.in_thought() {
            self.flush(sink);
        }
        let state = std::mem::replace(&mut self.state, State::Between);
        match &state {
            State::Lead => sink.markup(&self.blanks.take()),
            State::Body(_) if ends_message => sink.markup(&self.blanks.take()),
            State::Call { .. } if ends_message => sink.insert(Kind::Call, CALL_END),
            _ => {}
        }
        sink.markup(token);
        self.state = match (state, token) {
            (_, END | RETURN | CALL) => State::Between,
            (State::Header(header), MESSAGE) => self.begin(&header, sink),
            (State::Lead | State::Between, MESSAGE) => self.begin("", sink),
            (State::Header(header), _) if token != START => State::Header(header + token),
            (State::Lead, _) | (_, START | CHANNEL) => State::Header(token.to_owned()),
            (state, _) => state,
        };
    }

    fn char(&mut self, c: char, sink: &mut Sink) {
        match &mut self.state {
            State::Header(header) => {
                header.push(c);
                sink.markup(c.encode_utf8(&mut [0; 4]));
                if header.len() >= MAX_HEADER || c == '\n' {
                    let header = std::mem::take(header);
                    self.state = self.begin(&header, sink);
                }
            }
            State::Lead if c.is_whitespace() => {
                if let Some(c) = self.blanks.push(c) {
                    self.say(sink);
                    sink.char(Kind::Content, c);
                }
            }
            State::Between if c.is_whitespace() => sink.markup(c.encode_utf8(&mut [0; 4])),
            State::Lead | State::Between => {
                self.say(sink);
                self.flush(sink);
                sink.char(Kind::Content, c);
            }
            State::Body(_) | State::Call { .. } => self.body(c, sink),
        }
    }

    /// An answer without a header begins.
    fn say(&mut self, sink: &mut Sink) {
        sink.part(Kind::Content);
        self.at_edge = false;
        self.state = State::Body(Kind::Content);
    }

    fn body(&mut self, c: char, sink: &mut Sink) {
        if c.is_whitespace() && self.at_edge {
            sink.markup(c.encode_utf8(&mut [0; 4]));
            return;
        }
        self.at_edge = false;
        match &mut self.state {
            State::Body(Kind::Reasoning) if c.is_whitespace() => {
                if let Some(c) = self.blanks.push(c) {
                    sink.char(Kind::Reasoning, c);
                }
                return;
            }
            State::Call { has_arguments } if !*has_arguments => {
                *has_arguments = true;
                sink.insert(Kind::Call, ", \"arguments\": ");
            }
            _ => {}
        }
        self.flush(sink);
        sink.char(self.kind(), c);
    }

    /// What waited is text.
    fn flush(&mut self, sink: &mut Sink) {
        sink.text(self.kind(), &self.blanks.take());
    }

    fn kind(&self) -> Kind {
        match self.state {
            State::Body(kind) => kind,
            State::Call { .. } => Kind::Call,
            _ => Kind::Content,
        }
    }

    fn begin(&mut self, header: &str, sink: &mut Sink) -> State {
        self.at_edge = true;
        match addressed(header) {
            Addressed::Message(kind) => {
                sink.part(kind);
                State::Body(kind)
            }
            Addressed::Call(name) => {
                let name = serde_json::Value::from(name);
                sink.insert(Kind::Call, &format!("<tool_call>{{\"name\": {name}"));
                State::Call {
                    has_arguments: false,
                }
            }
        }
    }
}

/// The part of a text before a blank or a token.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| c.is_whitespace() || c == '<');
    &text[..end.unwrap_or(text.len())]
}

fn addressed(header: &str) -> Addressed<'_> {
    let role = header.strip_prefix(START).map_or("assistant", word);
    let channel = header.find(CHANNEL).map(|at| &header[at + CHANNEL.len()..]);
    let channel = channel.map_or("", word);
    let mut recipients = header.match_indices(RECIPIENT);
    let recipient = recipients.find_map(|(at, _)| {
        let begins_word = header[..at].ends_with(|c: char| c.is_whitespace() || c == '>');
        (at == 0 || begins_word).then(|| word(&header[at + RECIPIENT.len()..]))
    });
    match (role, recipient) {
        // Results and turns that the model makes up are nothing to show as its answer.
        (role, _) if role != "assistant" => Addressed::Message(Kind::Reasoning),
        (_, Some(name)) if !matches!(name, "" | "all" | "user" | "assistant") => {
            Addressed::Call(name.strip_prefix("functions.").unwrap_or(name))
        }
        _ if channel == "analysis" => Addressed::Message(Kind::Reasoning),
        _ => Addressed::Message(Kind::Content),
    }
}

/// What the end of a prompt says.
pub(super) fn start_of(prompt: &str) -> ThoughtStart {
    let Some(before) = prompt.trim_end().strip_suffix(MESSAGE) else {
        return ThoughtStart::Absent;
    };
    let header = before.rfind(START).map_or("", |at| &before[at..]);
    match addressed(header) {
        Addressed::Message(Kind::Reasoning) => ThoughtStart::Open,
        _ => ThoughtStart::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_to_whom_and_in_which_channel() {
        let thought = Addressed::Message(Kind::Reasoning);
        let answer = Addressed::Message(Kind::Content);
        let cases = [
            ("<|channel|>analysis", &thought),
            ("<|start|>assistant<|channel|>final", &answer),
            ("<|channel|>final <|constrain|>json", &answer),
            ("<|channel|>commentary", &answer),
            ("", &answer),
            (
                "<|channel|>commentary to=functions.f <|constrain|>json",
                &Addressed::Call("f"),
            ),
            (
                " to=functions.f<|channel|>commentary json",
                &Addressed::Call("f"),
            ),
            (
                "<|start|>assistant to=functions.f<|channel|>commentary",
                &Addressed::Call("f"),
            ),
            (
                "<|channel|>analysis to=python code",
                &Addressed::Call("python"),
            ),
            ("<|channel|>analysis to=all", &thought),
            ("<|channel|>final goto=x", &answer),
            (
                "<|start|>functions.f to=assistant<|channel|>commentary",
                &thought,
            ),
        ];
        for (header, expected) in cases {
            assert_eq!(addressed(header), *expected, "{header}");
        }
    }
}
