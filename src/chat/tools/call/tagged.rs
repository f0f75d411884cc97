//! [`TaggedArgs`]: arguments as tags with a text each (function-XML, named XML, GLM).

use super::super::declared::{Kinds, Parameters};
use super::super::feed::Look;
use super::super::json::is_blank;
use super::super::text::{push_escaped, quoted};
use super::args_value::ArgsValue;
use super::held::Held;
use super::tags::{FUNCTION, GLM, NAMED, Tags};
use super::{Context, Frame, MAX_HELD, MAX_NAME, Missing, Step};

/// What may stand behind a call whose value was not closed; see [`TaggedArgs::call_ends_at`].
const NEXT_MARKER: &[&str] = &["</tool_call>", "</minimax:tool_call>", "<tool_call>"];

/// The same with the name of a declared tool between.
const NEXT_CALL: &[(&str, &str)] = &[
    ("<function=", ">"),
    ("<function name=\"", "\">"),
    ("<invoke name=\"", "\">"),
];

/// How many blanks are looked through for that.
const MAX_BLANKS: usize = 64;

/// Reads the arguments of a call whose name is known.
#[derive(Debug)]
pub(in super::super) struct TaggedArgs {
    frame: Frame,
    tags: &'static Tags,
    parameters: Parameters,
    /// An argument was read, or its key.
    any: bool,
    /// Declared parameters whose keys were read.
    given: Vec<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    Between,
    Key(String),
    /// Behind a key, where a value has a tag of its own.
    BeforeValue(String),
    /// Right inside the value's tag.
    ValueStart(Kinds),
    /// In a text that is sent as it comes.
    Text,
    /// In a value that is read as a whole.
    Held(Held),
    /// JSON instead of tags.
    Json(ArgsValue),
    JsonEnd,
}

impl TaggedArgs {
    pub(super) fn function(parameters: Parameters) -> Self {
        Self::new(Frame::FUNCTION, &FUNCTION, parameters)
    }

    pub(super) fn named(parameters: Parameters) -> Self {
        Self::new(Frame::NAMED, &NAMED, parameters)
    }

    pub(super) fn glm(parameters: Parameters) -> Self {
        Self::new(Frame::GLM, &GLM, parameters)
    }

    fn new(frame: Frame, tags: &'static Tags, parameters: Parameters) -> Self {
        Self {
            frame,
            tags,
            parameters,
            any: false,
            given: Vec::new(),
            state: State::Between,
        }
    }

    pub(super) fn frame(&self) -> Frame {
        self.frame
    }

    pub(super) fn missing(&self) -> Missing {
        match &self.state {
            State::Between if self.any => Missing::Brace,
            State::JsonEnd => Missing::Markers,
            State::Json(value) => value.missing(),
            _ => Missing::Content,
        }
    }

    pub(super) fn is_in_value(&self) -> bool {
        matches!(self.state, State::Text | State::Held(_))
    }

    pub(super) fn step(&mut self, cx: &mut Context<'_>) -> Step {
        match &self.state {
            State::Between => self.between(cx),
            State::Key(_) => self.key(cx),
            State::BeforeValue(_) => self.before_value(cx),
            State::ValueStart(_) => self.value_start(cx),
            State::Text | State::Held(_) => self.value(cx),
            State::Json(_) => self.json(cx),
            State::JsonEnd => self.json_end(cx),
        }
    }

    fn between(&mut self, cx: &mut Context<'_>) -> Step {
        if cx.skip_blank() {
            return Step::Going;
        }
        let Some(c) = cx.feed.peek() else {
            return Step::Wait;
        };
        if let Some(step) = read(cx, self.tags.call_end) {
            return if step == Step::Going {
                Step::Done
            } else {
                step
            };
        }
        if let Some(step) = read(cx, self.tags.key) {
            if step == Step::Going {
                self.state = State::Key(String::new());
            }
            return step;
        }
        if c == '{' && !self.any && self.tags.value.is_none() {
            self.state = State::Json(ArgsValue::new());
            return Step::Going;
        }
        // Other text behind whole arguments: the closer is missing.
        if cx.heal && self.any {
            Step::Done
        } else {
            Step::Broken
        }
    }

    fn key(&mut self, cx: &mut Context<'_>) -> Step {
        let State::Key(text) = &mut self.state else {
            return Step::Broken;
        };
        match cx.feed.look(self.tags.key_end) {
            Look::Yes(()) if text.trim().is_empty() => Step::Broken,
            Look::Yes(()) => {
                cx.feed.skip(self.tags.key_end.len());
                let key = text.trim().to_owned();
                if self.tags.value.is_some() {
                    self.state = State::BeforeValue(key);
                } else {
                    self.begin_value(&key, cx);
                }
                Step::Going
            }
            Look::Maybe => Step::Wait,
            Look::No => {
                let Some(c) = cx.feed.peek() else {
                    return Step::Wait;
                };
                if c == '<' || c == '\n' || text.len() > MAX_NAME {
                    return Step::Broken;
                }
                cx.feed.skip_char(c);
                text.push(c);
                Step::Going
            }
        }
    }

    fn before_value(&mut self, cx: &mut Context<'_>) -> Step {
        if cx.skip_blank() {
            return Step::Going;
        }
        let tag = self.tags.value.unwrap_or_default();
        let step = read(cx, &[tag]).unwrap_or(Step::Broken);
        if step == Step::Going
            && let State::BeforeValue(key) = &mut self.state
        {
            let key = std::mem::take(key);
            self.begin_value(&key, cx);
        }
        step
    }

    fn begin_value(&mut self, key: &str, cx: &mut Context<'_>) {
        let opening = if self.any { ", " } else { "{" };
        cx.arguments(&format!("{opening}{}: ", quoted(key)));
        self.state = State::ValueStart(self.parameters.kinds(key));
        self.any = true;
        // Not more of them than there are parameters, however often a key comes.
        if self.parameters.names().any(|name| name == key) && !self.has(key) {
            self.given.push(key.to_owned());
        }
    }

    fn value_start(&mut self, cx: &mut Context<'_>) -> Step {
        let State::ValueStart(kinds) = self.state else {
            return Step::Broken;
        };
        if self.tags.lines {
            match cx.feed.peek() {
                Some('\n') => cx.feed.skip(1),
                Some(_) => {}
                None => return Step::Wait,
            }
        }
        self.state = if kinds.keeps_text() {
            cx.arguments("\"");
            State::Text
        } else {
            State::Held(Held::new(kinds))
        };
        Step::Going
    }

    fn value(&mut self, cx: &mut Context<'_>) -> Step {
        let Some(c) = cx.feed.peek() else {
            return Step::Wait;
        };
        let line_end = usize::from(c == '\n' && self.tags.lines);
        let in_json_text = matches!(&self.state, State::Held(held) if held.in_json_text());
        if (c == '<' || line_end > 0) && !in_json_text {
            match self.value_ends_at(line_end, cx) {
                Look::Yes(closer) => {
                    cx.feed.skip(line_end + closer);
                    self.end_value(cx);
                    return Step::Going;
                }
                Look::Maybe => return Step::Wait,
                Look::No => {}
            }
        }
        cx.feed.skip_char(c);
        match &mut self.state {
            State::Held(held) if held.len() < MAX_HELD => held.push(c),
            State::Held(_) => return Step::Broken,
            _ => {
                let mut piece = String::new();
                push_escaped(&mut piece, c);
                cx.arguments(&piece);
            }
        }
        Step::Going
    }

    fn end_value(&mut self, cx: &mut Context<'_>) {
        match std::mem::replace(&mut self.state, State::Between) {
            State::Held(held) => cx.arguments(&held.into_json()),
            _ => cx.arguments("\""),
        }
    }

    /// Whether the value ends at this place, and how long its closer is: 0 where it is missing.
    ///
    /// A value can be any text, also one that looks like markup. So a missing closer is believed only where the next
    /// tag is one of a declared parameter that was not given yet, or where the call ends and nothing but another
    /// call or the end of the answer follows.
    fn value_ends_at(&self, offset: usize, cx: &Context<'_>) -> Look<usize> {
        let closed = cx.feed.look_any_at(offset, self.tags.value_end);
        let closed = closed.map(str::len);
        if !cx.heal {
            return closed;
        }
        closed
            .or(|| self.next_key_at(offset, cx).map(|()| 0))
            .or(|| self.call_ends_at(offset, cx).map(|()| 0))
    }

    fn next_key_at(&self, offset: usize, cx: &Context<'_>) -> Look {
        self.tags.key.iter().fold(Look::No, |found, tag| {
            let names = self.parameters.names().filter(|name| !self.has(name));
            found.or(|| name_at(offset, tag, names, self.tags.key_end, cx))
        })
    }

    fn has(&self, key: &str) -> bool {
        self.given.iter().any(|given| given == key)
    }

    fn call_ends_at(&self, offset: usize, cx: &Context<'_>) -> Look {
        let behind = match cx.feed.look_any_at(offset, self.tags.call_end) {
            Look::Yes(tag) => offset + tag.len(),
            Look::Maybe => return Look::Maybe,
            Look::No => match cx.feed.look_any_at(offset, self.frame.trailers) {
                Look::Yes(tag) => offset + tag.len(),
                look => return look.map(|_| ()),
            },
        };
        let rest = cx.feed.rest().get(behind..).unwrap_or_default();
        let blanks = rest.bytes().take(MAX_BLANKS + 1);
        let blanks = blanks.take_while(|&b| is_blank(char::from(b))).count();
        if blanks > MAX_BLANKS {
            return Look::No;
        }
        if blanks == rest.len() {
            let ended = cx.feed.ending().is_some();
            return if ended { Look::Yes(()) } else { Look::Maybe };
        }
        let next = behind + blanks;
        let marker = cx.feed.look_any_at(next, NEXT_MARKER).map(|_| ());
        NEXT_CALL.iter().fold(marker, |found, (tag, end)| {
            found.or(|| name_at(next, tag, cx.declared.names(), end, cx))
        })
    }

    fn json(&mut self, cx: &mut Context<'_>) -> Step {
        let State::Json(value) = &mut self.state else {
            return Step::Broken;
        };
        let step = value.step(cx, self.tags.call_end);
        if step == Step::Done {
            self.state = State::JsonEnd;
            return Step::Going;
        }
        step
    }

    fn json_end(&mut self, cx: &mut Context<'_>) -> Step {
        if cx.skip_blank() {
            return Step::Going;
        }
        match read(cx, self.tags.call_end) {
            Some(Step::Going) => Step::Done,
            Some(step) => step,
            None if cx.feed.peek().is_none() => Step::Wait,
            None if cx.heal => Step::Done,
            None => Step::Broken,
        }
    }
}

/// Whether a tag with one of these names comes after so many bytes.
fn name_at<'n>(
    offset: usize,
    tag: &str,
    mut names: impl Iterator<Item = &'n str>,
    end: &str,
    cx: &Context<'_>,
) -> Look {
    match cx.feed.look_at(offset, tag) {
        Look::Yes(()) => names
            .find_map(
                |name| match cx.feed.look_at(offset + tag.len(), &format!("{name}{end}")) {
                    Look::No => None,
                    look => Some(look),
                },
            )
            .unwrap_or(Look::No),
        look => look,
    }
}

/// Reads one of these, if it comes; [`Step::Wait`] while it may.
fn read(cx: &mut Context<'_>, literals: &[&str]) -> Option<Step> {
    match cx.feed.look_any(literals) {
        Look::Yes(found) => {
            cx.feed.skip(found.len());
            Some(Step::Going)
        }
        Look::Maybe => Some(Step::Wait),
        Look::No => None,
    }
}
