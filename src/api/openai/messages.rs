//! The `messages` of a chat request → [`ChatMessage`]s.

use serde_json::{Map, Value};

use crate::api::errors::ApiError;
use crate::api::fields::{Fields, wrong_type, wrong_value};
use crate::api::json;
use crate::chat::{ChatMessage, Content, Role, ToolCall};

/// Roles as they are written. `developer` is a newer word for `system`.
const ROLES: &[(&str, Role)] = &[
    ("system", Role::System),
    ("developer", Role::System),
    ("user", Role::User),
    ("assistant", Role::Assistant),
    ("tool", Role::Tool),
];

/// Part types that are known and not supported yet.
const MEDIA_PARTS: &[&str] = &[
    "image_url",
    "input_image",
    "image",
    "input_audio",
    "audio_url",
    "audio",
    "video_url",
    "video",
    "input_video",
    "file",
    "input_file",
];

/// How many unanswered calls are remembered, newest first; it bounds the search of each tool result.
const MAX_OPEN_CALLS: usize = 1024;

/// Reads a conversation. `path` is the list's own path, for errors.
///
/// System messages, wherever they are, become one at the front, joined by blank lines. There is at least one
/// other message. A tool result without an id gets the id of the call that it answers.
pub fn parse_messages(list: &[Value], path: &str) -> Result<Vec<ChatMessage>, ApiError> {
    if list.is_empty() {
        return Err(ApiError::invalid_value(
            path,
            format!("`{path}` is empty. Send at least one user message."),
        ));
    }
    let mut system: Vec<String> = Vec::new();
    let mut messages: Vec<ChatMessage> = Vec::new();
    let mut open_calls: Vec<OpenCall> = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let fields = Fields::at(value, format!("{path}[{index}]"))?;
        let message = parse_message(&fields, index, &mut open_calls)?;
        match message.role {
            Role::System => system.extend(message.content.map(|it| it.text().into_owned())),
            _ => messages.push(message),
        }
    }
    if messages.is_empty() {
        return Err(ApiError::invalid_value(
            path,
            format!("`{path}` holds only system messages. Add a user message."),
        ));
    }
    if !system.is_empty() {
        messages.insert(0, ChatMessage::system(system.join("\n\n")));
    }
    Ok(messages)
}

/// A call that no tool message has answered yet.
struct OpenCall {
    id: String,
    name: String,
}

fn parse_message(
    fields: &Fields<'_>,
    index: usize,
    open_calls: &mut Vec<OpenCall>,
) -> Result<ChatMessage, ApiError> {
    let role = fields
        .choice("role", ROLES)?
        .ok_or_else(|| fields.missing("role", "\"system\", \"user\", \"assistant\" or \"tool\""))?;
    only_with_its_role(fields, role)?;
    match role {
        Role::System | Role::User => {
            let content = content(fields)?
                .filter(|_| !is_empty(fields.get("content")))
                .ok_or_else(|| no_content(fields, role))?;
            Ok(ChatMessage {
                name: name(fields)?,
                ..ChatMessage::text(role, content)
            })
        }
        Role::Assistant => assistant(fields, index, open_calls),
        Role::Tool => tool_result(fields, index, open_calls),
    }
}

/// `tool_calls` belong to the assistant, `tool_call_id` to tool results.
fn only_with_its_role(fields: &Fields<'_>, role: Role) -> Result<(), ApiError> {
    let owners = [
        ("tool_calls", Role::Assistant),
        ("tool_call_id", Role::Tool),
    ];
    for (name, owner) in owners {
        if role != owner && !is_empty(fields.get(name)) {
            let path = fields.path(name);
            let message = format!(
                "`{path}` is only allowed on {} messages, and this is a {} message. Remove it.",
                owner.as_str(),
                role.as_str()
            );
            return Err(ApiError::invalid_value(path, message));
        }
    }
    Ok(())
}

fn no_content(fields: &Fields<'_>, role: Role) -> ApiError {
    let path = fields.path("content");
    let message = format!("`{path}` must not be empty in a {} message.", role.as_str());
    ApiError::invalid_value(path, message)
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

fn assistant(
    fields: &Fields<'_>,
    index: usize,
    open_calls: &mut Vec<OpenCall>,
) -> Result<ChatMessage, ApiError> {
    let content = content(fields)?;
    let tool_calls = tool_calls(fields, index)?;
    open_calls.extend(tool_calls.iter().map(|call| OpenCall {
        id: call.id.clone(),
        name: call.name.clone(),
    }));
    open_calls.drain(..open_calls.len().saturating_sub(MAX_OPEN_CALLS));
    // An answer that was stopped before its first token is an empty turn, and stays one. Beside calls
    // it means that there was no text.
    let reasoning = reasoning(fields)?;
    let content = match content {
        Some(text) if text.is_empty() && !tool_calls.is_empty() => None,
        // It was stopped while the model thought.
        None if tool_calls.is_empty() && reasoning.is_some() => Some(String::new()),
        None if tool_calls.is_empty() => {
            let path = fields.path("content");
            let message =
                format!("`{path}` is missing: an assistant message needs content or tool_calls.");
            return Err(ApiError::invalid_value(path, message));
        }
        other => other,
    };
    Ok(ChatMessage {
        role: Role::Assistant,
        content: content.map(Content::from),
        reasoning,
        tool_calls,
        tool_call_id: None,
        name: name(fields)?,
    })
}

/// What the model thought, under `OpenAI`-likes' two names; an empty text is none.
fn reasoning(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    let first = fields.string("reasoning_content")?;
    let second = fields.string("reasoning")?;
    let reasoning = first.or(second).filter(|text| !text.is_empty());
    Ok(reasoning.map(str::to_owned))
}

fn tool_result(
    fields: &Fields<'_>,
    index: usize,
    open_calls: &mut Vec<OpenCall>,
) -> Result<ChatMessage, ApiError> {
    let content = content(fields)?.unwrap_or_default();
    let name = name(fields)?;
    let id = fields.string("tool_call_id")?.filter(|id| !id.is_empty());
    let answered = match (id, &name) {
        (Some(id), _) => open_calls.iter().position(|call| call.id == id),
        (None, Some(name)) => open_calls
            .iter()
            .position(|call| call.name == *name)
            .or((!open_calls.is_empty()).then_some(0)),
        (None, None) => (!open_calls.is_empty()).then_some(0),
    };
    let answered = answered.map(|at| open_calls.remove(at));
    let tool_call_id = id
        .map(str::to_owned)
        .or_else(|| answered.as_ref().map(|call| call.id.clone()))
        .unwrap_or_else(|| made_up_id(index, 0));
    Ok(ChatMessage {
        role: Role::Tool,
        content: Some(Content::from(content)),
        reasoning: None,
        tool_calls: Vec::new(),
        tool_call_id: Some(tool_call_id),
        name: name.or(answered.map(|call| call.name)),
    })
}

/// Who speaks, or the tool; an empty name is none.
fn name(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    let name = fields.string("name")?.filter(|name| !name.is_empty());
    Ok(name.map(str::to_owned))
}

/// An id for a call that came without one. It depends on nothing but the place, so that the same
/// conversation renders to the same prompt every time and its cached prefix is found again.
fn made_up_id(message: usize, call: usize) -> String {
    format!("call_{message:04x}{call:04x}")
}

/// The text of a message: a string, or text parts joined by newlines.
fn content(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    let path = fields.path("content");
    match fields.get("content") {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Array(parts)) => {
            let texts = parts
                .iter()
                .enumerate()
                .map(|(index, part)| text_part(part, format!("{path}[{index}]")));
            Ok(Some(texts.collect::<Result<Vec<_>, _>>()?.join("\n")))
        }
        Some(other) => Err(wrong_type(&path, "a string or an array of parts", other)),
    }
}

fn text_part(part: &Value, path: String) -> Result<&str, ApiError> {
    let fields = Fields::at(part, path)?;
    let kind = fields.required_string("type")?;
    if kind == "text" {
        return fields
            .string("text")?
            .ok_or_else(|| fields.missing("text", "a string"));
    }
    let path = fields.path("type");
    if MEDIA_PARTS.contains(&kind) {
        let message = format!(
            "`{path}` is \"{kind}\", which is known but not supported yet. Send parts of type \"text\"."
        );
        return Err(ApiError::unsupported_parameter(path, message));
    }
    Err(wrong_value(&path, "\"text\"", &Value::from(kind)))
}

fn tool_calls(fields: &Fields<'_>, message: usize) -> Result<Vec<ToolCall>, ApiError> {
    let path = fields.path("tool_calls");
    let list = fields.list("tool_calls")?.unwrap_or_default();
    let calls = list.iter().enumerate().map(|(index, value)| {
        let call = Fields::at(value, format!("{path}[{index}]"))?;
        call.choice("type", &[("function", ())])?;
        let function = call
            .fields("function")?
            .ok_or_else(|| call.missing("function", "an object with a name and arguments"))?;
        let id = call.string("id")?.filter(|id| !id.is_empty());
        Ok(ToolCall {
            id: id.map_or_else(|| made_up_id(message, index), str::to_owned),
            name: function.required_string("name")?.to_owned(),
            arguments: arguments(&function)?,
        })
    });
    calls.collect()
}

/// Arguments as an object. A string that is no JSON object stays a string: a model may have written it, and
/// refusing it would make the conversation unusable for good.
fn arguments(function: &Fields<'_>) -> Result<Value, ApiError> {
    let wanted = "an object, or a string that holds one";
    match function.get("arguments") {
        None => Ok(Value::Object(Map::new())),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(Value::Object(Map::new())),
        Some(Value::String(text)) => Ok(json::parse(text.as_bytes())
            .ok()
            .filter(Value::is_object)
            .unwrap_or_else(|| Value::String(text.clone()))),
        Some(object @ Value::Object(_)) => Ok(object.clone()),
        Some(other) => Err(wrong_type(&function.path("arguments"), wanted, other)),
    }
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
