//! [`CallOutput`]: what becomes of the text of one call, and [`Sink`], where events are collected.

use super::declared::{Declared, Parameters};
use super::event::ToolEvent;
use super::page::Page;

/// The events of one push, joined where they can be, and what the text so far means for the text to come.
#[derive(Debug, Default)]
pub(super) struct Sink {
    events: Vec<ToolEvent>,
    calls: usize,
    pub(super) page: Page,
}

impl Sink {
    pub(super) fn take(&mut self) -> Vec<ToolEvent> {
        std::mem::take(&mut self.events)
    }

    pub(super) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        text.chars().for_each(|c| self.page.note(c));
        match self.events.last_mut() {
            Some(ToolEvent::Text(last)) => last.push_str(text),
            _ => self.events.push(ToolEvent::Text(text.to_owned())),
        }
    }

    fn begin(&mut self, name: String) -> usize {
        let index = self.calls;
        self.calls += 1;
        self.events.push(ToolEvent::CallBegun { index, name });
        index
    }

    fn arguments(&mut self, index: usize, text: &str) {
        match self.events.last_mut() {
            _ if text.is_empty() => {}
            Some(ToolEvent::Arguments { json, .. }) => json.push_str(text),
            _ => self.events.push(ToolEvent::Arguments {
                index,
                json: text.to_owned(),
            }),
        }
    }
}

/// What is known of a call.
#[derive(Debug)]
enum Fate {
    /// It may still turn out to be text: `raw` is that text.
    Open {
        raw: String,
        name: Option<String>,
        arguments: String,
    },
    /// It is a call, and the client knows.
    Sent { index: usize },
    /// It is text: nobody declared such a tool.
    Text,
}

/// The way out for one call.
#[derive(Debug)]
pub(super) struct CallOutput(Fate);

impl CallOutput {
    /// A call that began with this text.
    pub(super) fn new(raw: String) -> Self {
        Self(Fate::Open {
            raw,
            name: None,
            arguments: String::new(),
        })
    }

    /// The name is known. Returns the parameters where the tool is declared; else all of the call is text.
    pub(super) fn name<'d>(
        &mut self,
        sink: &mut Sink,
        declared: &'d Declared,
        called: &str,
    ) -> Option<&'d Parameters> {
        let parameters = declared.get(called);
        if let Fate::Open { raw, name, .. } = &mut self.0 {
            if parameters.is_some() {
                *name = Some(called.to_owned());
            } else {
                sink.text(raw);
                self.0 = Fate::Text;
            }
        }
        self.promote(sink);
        parameters
    }

    /// More of the arguments' JSON, without its last brace.
    pub(super) fn arguments(&mut self, sink: &mut Sink, text: &str) {
        match &mut self.0 {
            Fate::Open { arguments, .. } => arguments.push_str(text),
            Fate::Sent { index } => sink.arguments(*index, text),
            Fate::Text => {}
        }
        self.promote(sink);
    }

    /// The client is told once there are a name and the beginning of arguments.
    fn promote(&mut self, sink: &mut Sink) {
        if let Fate::Open {
            name, arguments, ..
        } = &mut self.0
            && !arguments.is_empty()
            && let Some(name) = name.take()
        {
            let index = sink.begin(name);
            sink.arguments(index, arguments);
            self.0 = Fate::Sent { index };
        }
    }

    /// Text of the call that was read.
    pub(super) fn read(&mut self, sink: &mut Sink, text: &str) {
        match &mut self.0 {
            Fate::Open { raw, .. } => raw.push_str(text),
            Fate::Sent { .. } => {}
            Fate::Text => sink.text(text),
        }
    }

    /// Bytes that are held because it is not known what they are.
    pub(super) fn held(&self) -> usize {
        match &self.0 {
            Fate::Open { raw, .. } => raw.len(),
            _ => 0,
        }
    }

    /// The call is whole. False where it has no name: then it was text.
    pub(super) fn end(mut self, sink: &mut Sink) -> bool {
        if let Fate::Open {
            name: Some(_),
            arguments,
            ..
        } = &self.0
            && arguments.is_empty()
        {
            self.arguments(sink, "{");
        }
        match self.0 {
            Fate::Sent { index } => {
                sink.arguments(index, "}");
                sink.events.push(ToolEvent::CallEnded { index });
                true
            }
            Fate::Open { raw, .. } => {
                sink.text(&raw);
                false
            }
            Fate::Text => false,
        }
    }

    /// The call broke. True where the client knew of it; else what was held is text.
    pub(super) fn give_up(self, sink: &mut Sink) -> bool {
        match self.0 {
            Fate::Sent { index } => {
                sink.events.push(ToolEvent::CallAbandoned { index });
                true
            }
            Fate::Open { raw, .. } => {
                sink.text(&raw);
                false
            }
            Fate::Text => false,
        }
    }

    /// The answer ended inside the call. What was held is shown only where `as_text`.
    pub(super) fn cut(self, sink: &mut Sink, as_text: bool) {
        match self.0 {
            Fate::Sent { index } => sink.events.push(ToolEvent::CallAbandoned { index }),
            Fate::Open { raw, .. } if as_text => sink.text(&raw),
            Fate::Open { .. } | Fate::Text => {}
        }
    }
}
