//! The variables of a template: messages, tools and documents as the Transformers library passes them.

use minijinja::Value;
use serde_json::Value as Json;

use super::clock::strftime;
use super::input::{MediaStyle, PromptEnd, RenderInput};
use super::pieces::Marks;
use super::traits::TemplateTraits;
use super::{Clock, SpecialTokens, TemplateError};
use crate::chat::message::{ChatMessage, Content, Part, ToolCall};

/// Names that a client's template arguments may not set.
pub(super) const RESERVED: [&str; 14] = [
    "messages",
    "tools",
    "add_generation_prompt",
    "bos_token",
    "eos_token",
    "documents",
    "raise_exception",
    "strftime_now",
    "range",
    "namespace",
    "dict",
    "cycler",
    "joiner",
    "lipsum",
];

/// What of the context is the template's own, not the request's.
pub(super) struct World<'t> {
    pub(super) specials: &'t SpecialTokens,
    pub(super) traits: &'t TemplateTraits,
    pub(super) clock: Clock,
}

type Made<T> = Result<T, TemplateError>;

impl World<'_> {
    /// The template's variables. With [`PromptEnd::OpenTurn`] the last content ends in the cursor's mark and
    /// a blank.
    pub(super) fn context(&self, input: &RenderInput<'_>, marks: &mut Marks<'_>) -> Made<Value> {
        let mut variables: Vec<(String, Value)> = Vec::with_capacity(input.kwargs.len() + 8);
        for (name, value) in input.kwargs {
            if RESERVED.contains(&name.as_str()) {
                return Err(TemplateError::Reserved(name.clone()));
            }
            // Other names cannot be written in a template; and those of our own functions are among them.
            if is_identifier(name) {
                variables.push((name.clone(), marks.hide_json(value)?));
            }
        }
        let mut messages = Vec::with_capacity(input.messages.len());
        for (index, message) in input.messages.iter().enumerate() {
            let is_last = index + 1 == input.messages.len();
            let open = is_last && input.end == PromptEnd::OpenTurn;
            messages.push(self.message(message, input.media, open, marks)?);
        }
        let now = (self.clock)();
        let fixed = [
            ("messages", messages.into()),
            ("bos_token", self.specials.bos.as_str().into()),
            ("eos_token", self.specials.eos.as_str().into()),
            (
                "add_generation_prompt",
                (input.end == PromptEnd::NewTurn).into(),
            ),
            ("tools", list(input.tools, marks)?),
            ("documents", list(input.documents, marks)?),
            (
                "strftime_now",
                Value::from_function(move |format: &str| strftime(now, format)),
            ),
        ];
        variables.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
        Ok(variables.into_iter().collect())
    }

    fn message(
        &self,
        message: &ChatMessage,
        media: MediaStyle,
        open: bool,
        marks: &mut Marks<'_>,
    ) -> Made<Value> {
        let content = match &message.content {
            Some(content) => self.content(content, media, open, marks)?,
            None => Value::from(()),
        };
        let mut fields = Vec::with_capacity(4);
        let reasoning = match &message.reasoning {
            Some(reasoning) => Some(text(reasoning, marks)?),
            None => None,
        };
        // Templates know thoughts by two names; the library that they are written for passes both.
        fields.extend(reasoning.clone().map(|value| ("thinking", value)));
        fields.push(("role", message.role.as_str().into()));
        fields.push(("content", content));
        if !message.tool_calls.is_empty() {
            let calls = message.tool_calls.iter().map(|made| call(made, marks));
            fields.push(("tool_calls", calls.collect::<Made<Vec<_>>>()?.into()));
        }
        if let Some(id) = &message.tool_call_id {
            fields.push(("tool_call_id", text(id, marks)?));
        }
        if let Some(name) = &message.name {
            fields.push(("name", text(name, marks)?));
        }
        fields.extend(reasoning.map(|value| ("reasoning_content", value)));
        Ok(fields.into_iter().collect())
    }

    /// A string, or a list of parts, as the template takes it.
    fn content(
        &self,
        content: &Content,
        media: MediaStyle,
        open: bool,
        marks: &mut Marks<'_>,
    ) -> Made<Value> {
        match content {
            Content::Text(said) if self.traits.text_content => {
                Ok(said_text(said, open, marks)?.into())
            }
            Content::Text(said) => self.parts(&[Part::Text(said.clone())], media, open, marks),
            Content::Parts(parts) => self.parts(parts, media, open, marks),
        }
    }

    fn parts(
        &self,
        parts: &[Part],
        media: MediaStyle,
        open: bool,
        marks: &mut Marks<'_>,
    ) -> Made<Value> {
        let by_template = self.traits.part_content && media == MediaStyle::Template;
        let last_text = parts.iter().rposition(|part| matches!(part, Part::Text(_)));
        if open && last_text.is_none() {
            return Err(TemplateError::NotContinued("it holds no text"));
        }
        let mut texts: Vec<String> = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let said = match part {
                Part::Text(said) => said_text(said, open && last_text == Some(index), marks)?,
                Part::Media(kind) if by_template => {
                    values.push([("type", Value::from(kind.as_str()))].into_iter().collect());
                    continue;
                }
                Part::Media(kind) => marks.media(*kind)?.to_string(),
            };
            let value = [
                ("type", "text".into()),
                ("text", Value::from(said.as_str())),
            ];
            values.push(value.into_iter().collect());
            texts.push(said);
        }
        Ok(if self.traits.part_content {
            values.into()
        } else {
            texts.join("\n").into()
        })
    }
}

/// Text of the client; with the cursor's mark and a blank at its end if it is to be continued.
fn said_text(said: &str, open: bool, marks: &mut Marks<'_>) -> Made<String> {
    let mut said = marks.hide(said)?.into_owned();
    if open {
        said.extend([marks.cursor()?, ' ']);
    }
    Ok(said)
}

fn text(text: &str, marks: &mut Marks<'_>) -> Made<Value> {
    Ok(marks.hide(text)?.as_ref().into())
}

/// A list, or `none` where it is empty.
fn list(values: &[Json], marks: &mut Marks<'_>) -> Made<Value> {
    if values.is_empty() {
        return Ok(Value::from(()));
    }
    let values = values.iter().map(|value| marks.hide_json(value));
    Ok(values.collect::<Made<Vec<_>>>()?.into())
}

fn call(call: &ToolCall, marks: &mut Marks<'_>) -> Made<Value> {
    let function: Value = [
        ("name", text(&call.name, marks)?),
        ("arguments", marks.hide_json(&call.arguments)?),
    ]
    .into_iter()
    .collect();
    let id = text(&call.id, marks)?;
    let fields = [
        ("id", id),
        ("type", "function".into()),
        ("function", function),
    ];
    Ok(fields.into_iter().collect())
}

fn is_identifier(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_numeric())
}
