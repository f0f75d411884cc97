//! Conversations in the form that a template accepts. See `traits` for what is adapted and when.

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::{Value, json};

use super::python::json_line;
use super::traits::{ArgumentStyle, TemplateTraits};
use crate::chat::message::{ChatMessage, Content, Part, Role, ToolCall};

/// The messages and the tools as they are passed to the template.
pub(super) struct Adapted<'a> {
    pub(super) messages: Cow<'a, [ChatMessage]>,
    pub(super) tools: &'a [Value],
}

pub(super) fn adapted<'a>(
    traits: &TemplateTraits,
    messages: &'a [ChatMessage],
    tools: &'a [Value],
) -> Adapted<'a> {
    let mut messages = Cow::Borrowed(messages);
    let has_late_system = |messages: &[ChatMessage]| {
        let mut turns = messages.iter().map(|message| message.role);
        turns.any(|role| role != Role::System) && turns.any(|role| role == Role::System)
    };
    if !traits.late_system && has_late_system(&messages) {
        join_instructions(messages.to_mut());
    }
    if !traits.tools && !tools.is_empty() {
        add_instructions(messages.to_mut(), &described(tools));
    }
    if messages.iter().any(is_tool_turn) {
        // Where tools had to be described, the history shows the form that was described.
        if traits.tool_turns && (traits.tools || tools.is_empty()) {
            shape_calls(traits, messages.to_mut());
        } else {
            messages = Cow::Owned(plain_turns(&messages));
        }
    }
    if !traits.system && messages.iter().any(|m| m.role == Role::System) {
        fold_instructions(messages.to_mut());
    }
    Adapted {
        messages,
        tools: if traits.tools { tools } else { &[] },
    }
}

fn is_tool_turn(message: &ChatMessage) -> bool {
    message.role == Role::Tool || !message.tool_calls.is_empty()
}

fn text_of(message: &ChatMessage) -> Cow<'_, str> {
    message
        .content
        .as_ref()
        .map_or(Cow::Borrowed(""), Content::text)
}

/// Takes all instructions out, and gives their texts.
fn take_instructions(messages: &mut Vec<ChatMessage>) -> String {
    let (system, others): (Vec<_>, Vec<_>) = std::mem::take(messages)
        .into_iter()
        .partition(|message| message.role == Role::System);
    *messages = others;
    system.iter().map(text_of).collect::<Vec<_>>().join("\n\n")
}

fn join_instructions(messages: &mut Vec<ChatMessage>) {
    let text = take_instructions(messages);
    messages.insert(0, ChatMessage::system(text));
}

/// Puts `text` after the instructions at the beginning.
fn add_instructions(messages: &mut Vec<ChatMessage>, text: &str) {
    match messages.first_mut() {
        Some(first) if first.role == Role::System => {
            first.content = Some(format!("{}\n\n{text}", text_of(first)).into());
        }
        _ => messages.insert(0, ChatMessage::system(text)),
    }
}

/// Moves all instructions into the first user turn.
fn fold_instructions(messages: &mut Vec<ChatMessage>) {
    let system = take_instructions(messages);
    let Some(user) = messages.iter_mut().find(|m| m.role == Role::User) else {
        messages.insert(0, ChatMessage::user(system));
        return;
    };
    let folded = match user.content.take() {
        Some(Content::Parts(mut parts)) => {
            parts.insert(0, Part::Text(format!("{system}\n\n")));
            Content::Parts(parts)
        }
        Some(Content::Text(text)) => format!("{system}\n\n{text}").into(),
        None => system.into(),
    };
    user.content = Some(folded);
}

/// What a model that was not trained on tools is told about them.
fn described(tools: &[Value]) -> String {
    let mut text =
        "# Tools\n\nYou can call the following functions. Each line describes one, with its \
                    parameters as a JSON schema:\n"
            .to_owned();
    for tool in tools {
        text += &json_line(tool.get("function").unwrap_or(tool));
        text.push('\n');
    }
    text + "\nTo call a function, answer with its name and its arguments in this form, once for each call:\n\
            <tool_call>{\"name\": \"NAME\", \"arguments\": {\"PARAMETER\": \"VALUE\"}}</tool_call>\n\
            The results come back between <tool_response> and </tool_response>."
}

/// Calls as text of the model, results as text of the user; neighbours of one role become one turn.
fn plain_turns(messages: &[ChatMessage]) -> Vec<ChatMessage> {
    let mut turns: Vec<ChatMessage> = Vec::with_capacity(messages.len());
    let mut after_tool_turn = false;
    for message in messages {
        let is_tool_turn = is_tool_turn(message);
        let turn = match message.role {
            Role::Tool => ChatMessage::user(format!(
                "<tool_response>\n{}\n</tool_response>",
                text_of(message)
            )),
            _ if is_tool_turn => {
                let mut text = text_of(message).into_owned();
                for call in &message.tool_calls {
                    let line = json_line(&json!({"name": call.name, "arguments": call.arguments}));
                    let gap = if text.is_empty() { "" } else { "\n" };
                    let _ = write!(text, "{gap}<tool_call>{line}</tool_call>");
                }
                ChatMessage {
                    content: Some(text.into()),
                    tool_calls: Vec::new(),
                    ..message.clone()
                }
            }
            _ => message.clone(),
        };
        match turns.last_mut() {
            Some(last) if last.role == turn.role && (is_tool_turn || after_tool_turn) => {
                append(last, turn.content);
            }
            _ => turns.push(turn),
        }
        after_tool_turn = is_tool_turn;
    }
    turns
}

/// Adds content to a turn, on a new line.
fn append(turn: &mut ChatMessage, more: Option<Content>) {
    turn.content = match (turn.content.take(), more) {
        (Some(Content::Text(before)), Some(Content::Text(more))) => {
            Some(format!("{before}\n{more}").into())
        }
        (Some(before), Some(more)) => {
            let parts = |content| match content {
                Content::Text(text) => vec![Part::Text(text)],
                Content::Parts(parts) => parts,
            };
            let mut both = parts(before);
            both.append(&mut parts(more));
            Some(both.into())
        }
        (before, more) => before.or(more),
    };
}

/// Calls in the form that the template wants.
fn shape_calls(traits: &TemplateTraits, messages: &mut Vec<ChatMessage>) {
    for message in messages.iter_mut() {
        if !message.tool_calls.is_empty() && !traits.null_content && message.content.is_none() {
            message.content = Some(Content::Text(String::new()));
        }
        for call in &mut message.tool_calls {
            shape_arguments(traits, call);
            if !traits.any_call_id {
                call.id = short_id(&call.id);
            }
        }
        if let Some(id) = message
            .tool_call_id
            .as_mut()
            .filter(|_| !traits.any_call_id)
        {
            *id = short_id(id);
        }
    }
    if !traits.parallel_calls && messages.iter().any(|m| m.tool_calls.len() > 1) {
        *messages = one_call_a_turn(std::mem::take(messages));
    }
}

fn shape_arguments(traits: &TemplateTraits, call: &mut ToolCall) {
    call.arguments = match (traits.arguments, &call.arguments) {
        (ArgumentStyle::Text, arguments) if !arguments.is_string() => {
            Value::String(json_line(arguments))
        }
        (ArgumentStyle::Object, raw) if !raw.is_object() && !traits.raw_arguments => {
            json!({"raw": raw})
        }
        _ => return,
    };
}

/// The same nine letters and digits for the same id; an id of that form stays.
fn short_id(id: &str) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    // FNV-1a: it need not be secret, only the same every time and nearly never the same for two ids.
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut next = || {
        let letter = LETTERS[(hash % 62) as usize];
        hash /= 62;
        char::from(letter)
    };
    (0..9).map(|_| next()).collect()
}

/// Splits turns of several calls; each call is followed by its result.
fn one_call_a_turn(messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
    let mut turns = Vec::with_capacity(messages.len() + 4);
    let mut rest = messages.into_iter().peekable();
    while let Some(mut message) = rest.next() {
        if message.tool_calls.len() < 2 {
            turns.push(message);
            continue;
        }
        let calls = std::mem::take(&mut message.tool_calls);
        let mut results = Vec::new();
        while let Some(result) = rest.next_if(|next| next.role == Role::Tool) {
            results.push(result);
        }
        let content_of_others = message
            .content
            .as_ref()
            .map(|_| Content::Text(String::new()));
        for (index, call) in calls.into_iter().enumerate() {
            let answers = |result: &ChatMessage| result.tool_call_id.as_deref() == Some(&call.id);
            let result = results
                .iter()
                .position(answers)
                .map(|at| results.remove(at));
            let mut turn = message.clone();
            if index > 0 {
                turn.content.clone_from(&content_of_others);
                turn.reasoning = None;
            }
            turn.tool_calls = vec![call];
            turns.push(turn);
            turns.extend(result);
        }
        turns.append(&mut results);
    }
    turns
}
