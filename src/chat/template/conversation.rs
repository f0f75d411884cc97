//! [`Conversation`]: any conversation, from a fuzzer's bytes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{MediaStyle, PromptEnd, RenderInput};
use crate::chat::message::{ChatMessage, Content, Media, Part, Role, ToolCall};
use crate::fuzz_input::FuzzInput;

/// What a client sends.
#[derive(Debug, Clone, Default)]
pub(super) struct Conversation {
    messages: Vec<ChatMessage>,
    tools: Vec<Value>,
    documents: Vec<Value>,
    kwargs: BTreeMap<String, Value>,
    end: PromptEnd,
    media: MediaStyle,
    as_given: bool,
}

impl Conversation {
    /// Texts, each with a letter before it that says what it is.
    pub(super) fn read(input: &mut FuzzInput<'_>) -> Self {
        let mut conversation = Self::default();
        while !input.is_empty() {
            let kind = input.byte();
            let text = input.text();
            conversation.add(kind, text);
        }
        conversation
    }

    fn add(&mut self, kind: u8, text: String) {
        let json =
            || serde_json::from_str::<Value>(&text).unwrap_or_else(|_| Value::from(text.as_str()));
        match (kind, self.messages.last_mut()) {
            (b's', _) => self.messages.push(ChatMessage::system(text)),
            (b'a', _) => self.messages.push(ChatMessage::assistant(text)),
            (b't', _) => {
                let (name, result) = text.split_once('\n').unwrap_or(("f", &text));
                self.messages.push(ChatMessage {
                    tool_call_id: Some("call_0".to_owned()),
                    name: Some(name.to_owned()),
                    ..ChatMessage::text(Role::Tool, result)
                });
            }
            (b'c', Some(last)) => {
                let (name, arguments) = text.split_once('\n').unwrap_or((&text, "{}"));
                let arguments =
                    serde_json::from_str(arguments).unwrap_or_else(|_| Value::from(arguments));
                last.tool_calls.push(ToolCall {
                    id: "call_0".to_owned(),
                    name: name.to_owned(),
                    arguments,
                });
            }
            (b'r', Some(last)) => last.reasoning = Some(text),
            (b'n', Some(last)) => last.content = None,
            (b'p', Some(last)) => push_part(last, Part::Text(text)),
            (b'i', Some(last)) => {
                let media = [Media::Image, Media::Audio, Media::Video];
                push_part(last, Part::Media(media[text.len() % media.len()]));
            }
            (b'f', _) => self.tools.push(tool(&text)),
            (b'd', _) => self
                .documents
                .push(serde_json::json!({"title": "Notes", "text": text})),
            (b'k', _) => {
                let (name, value) = text.split_once('=').unwrap_or((&text, "true"));
                let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
                self.kwargs.insert(name.to_owned(), value);
            }
            (b'e', _) => self.end = [PromptEnd::OpenTurn, PromptEnd::Closed][text.len() % 2],
            (b'm', _) => self.media = MediaStyle::Piece,
            (b'g', _) => self.as_given = true,
            (b'j', _) => self.tools.push(json()),
            _ => self.messages.push(ChatMessage::user(text)),
        }
    }

    pub(super) fn input(&self) -> RenderInput<'_> {
        RenderInput {
            messages: &self.messages,
            tools: &self.tools,
            documents: &self.documents,
            kwargs: &self.kwargs,
            end: self.end,
            media: self.media,
            as_given: self.as_given,
        }
    }

    /// The same with other texts.
    pub(super) fn with_texts(&self, other: &dyn Fn(&str) -> String) -> Self {
        let mut changed = self.clone();
        for message in &mut changed.messages {
            message.content = message.content.take().map(|content| match content {
                Content::Text(text) => Content::Text(other(&text)),
                Content::Parts(parts) => Content::Parts(
                    parts
                        .into_iter()
                        .map(|part| match part {
                            Part::Text(text) => Part::Text(other(&text)),
                            media @ Part::Media(_) => media,
                        })
                        .collect(),
                ),
            });
            message.reasoning = message.reasoning.as_deref().map(other);
            message.name = message.name.as_deref().map(other);
            for call in &mut message.tool_calls {
                call.name = other(&call.name);
                call.arguments = json_with_texts(&call.arguments, other);
            }
        }
        for value in changed
            .tools
            .iter_mut()
            .chain(&mut changed.documents)
            .chain(changed.kwargs.values_mut())
        {
            *value = json_with_texts(value, other);
        }
        changed
    }
}

fn push_part(message: &mut ChatMessage, part: Part) {
    let mut parts = match message.content.take() {
        Some(Content::Parts(parts)) => parts,
        Some(Content::Text(text)) => vec![Part::Text(text)],
        None => Vec::new(),
    };
    parts.push(part);
    message.content = Some(Content::Parts(parts));
}

fn tool(name: &str) -> Value {
    serde_json::json!({"type": "function", "function": {
        "name": name,
        "description": "Looks.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": name}}, "required": ["city"]},
    }})
}

fn json_with_texts(value: &Value, other: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(other(text)),
        Value::Array(items) => items
            .iter()
            .map(|item| json_with_texts(item, other))
            .collect(),
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(key, field)| (other(key), json_with_texts(field, other)))
                .collect()
        }
        scalar => scalar.clone(),
    }
}
