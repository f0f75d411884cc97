//! [`RenderInput`]: what is rendered, and how the prompt ends.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::chat::message::{ChatMessage, Content, Part};

/// What is rendered. [`RenderInput::new`] is a plain conversation that the model is to answer.
#[derive(Debug, Clone, Copy)]
pub struct RenderInput<'a> {
    /// The conversation.
    pub messages: &'a [ChatMessage],
    /// The tools on offer, as on the wire: `{"type": "function", "function": {"name", "description",
    /// "parameters"}}`. Templates get `none` for an empty list.
    pub tools: &'a [Value],
    /// Documents to answer from: objects, usually with `title` and `text`. Templates get `none` for an empty
    /// list.
    pub documents: &'a [Value],
    /// The client's template arguments, such as `enable_thinking`.
    pub kwargs: &'a BTreeMap<String, Value>,
    /// How the prompt ends.
    pub end: PromptEnd,
    /// How pictures, sounds and films appear.
    pub media: MediaStyle,
    /// Passes everything as it is, as the Transformers library does. A template that cannot take it fails, or
    /// leaves it out; [`TemplateTraits`](super::TemplateTraits) are ignored.
    pub as_given: bool,
}

/// How a prompt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PromptEnd {
    /// With the beginning of the model's turn (`add_generation_prompt`).
    #[default]
    NewTurn,
    /// Right after the last message's content, without what the template puts after it, so that the model
    /// goes on in the middle of it (`continue_final_message`).
    OpenTurn,
    /// After the last message.
    Closed,
}

/// How the media of messages appear in the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MediaStyle {
    /// As the template writes them; it gets `{"type": "image"}`. In a template that knows text only they
    /// become a [`PromptPiece::Media`](super::PromptPiece::Media).
    #[default]
    Template,
    /// Always as a [`PromptPiece::Media`](super::PromptPiece::Media): for engines that put the model's own
    /// begin and end tokens around media themselves.
    Piece,
}

static NO_KWARGS: BTreeMap<String, Value> = BTreeMap::new();

impl<'a> RenderInput<'a> {
    /// A conversation that the model is to answer; no tools, documents or template arguments.
    #[must_use]
    pub fn new(messages: &'a [ChatMessage]) -> Self {
        Self {
            messages,
            tools: &[],
            documents: &[],
            kwargs: &NO_KWARGS,
            end: PromptEnd::default(),
            media: MediaStyle::default(),
            as_given: false,
        }
    }

    /// Bytes that the client sent, roughly.
    pub(super) fn size(&self) -> usize {
        let lists = self.tools.iter().chain(self.documents);
        let values: usize = lists.chain(self.kwargs.values()).map(json_size).sum();
        let messages: usize = self.messages.iter().map(message_size).sum();
        values.saturating_add(messages)
    }
}

fn message_size(message: &ChatMessage) -> usize {
    let part = |part: &Part| match part {
        Part::Text(text) => text.len() + 64,
        Part::Media(_) => 64,
    };
    let content = match &message.content {
        Some(Content::Text(text)) => text.len(),
        Some(Content::Parts(parts)) => parts.iter().map(part).sum(),
        None => 0,
    };
    let reasoning = message.reasoning.as_ref().map_or(0, String::len);
    let calls = message.tool_calls.iter();
    let calls: usize = calls
        .map(|call| call.name.len() + json_size(&call.arguments))
        .sum();
    content + reasoning + calls + 64
}

fn json_size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(json_size).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| key.len() + json_size(value))
            .sum(),
        _ => 8,
    }
}
