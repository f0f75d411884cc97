//! [`ChatRequest`]: the body of `POST /chat/completions`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::messages::parse_messages;
use super::thoughts::Thinking;
use super::{sampling, structured, tools, unsupported};
use crate::api::errors::ApiError;
use crate::api::fields::Fields;
use crate::chat::{ChatMessage, PromptEnd, Role};
use crate::generation::{ChatPrompt, GenerateRequest, Prompt};
use crate::stop::RunIds;

/// The longest `cancel_id` or `session_id`, in bytes.
pub const MAX_ID_BYTES: usize = 512;

/// The most answers to one request. Each is a run of its own, which may have to wait for a sequence.
pub const MAX_CHOICES: i128 = 16;

/// The largest `chat_template_kwargs`, in bytes of JSON.
pub const MAX_KWARGS_BYTES: usize = 16 * 1024;

/// The largest `documents`, in bytes of JSON.
pub const MAX_DOCUMENTS_BYTES: usize = 1024 * 1024;

/// What the server itself tells a template; a request may not replace it.
const RESERVED_KWARGS: &[&str] = &[
    "messages",
    "tools",
    "documents",
    "bos_token",
    "eos_token",
    "add_generation_prompt",
    "continue_final_message",
    "chat_template",
    "raise_exception",
    "strftime_now",
];

/// A validated chat request.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    /// Whether the answer comes as a stream of events.
    pub stream: bool,
    /// `stream_options.include_usage`, where it was sent.
    pub include_usage: Option<bool>,
    /// Answers to the same prompt, 1..=16.
    pub choices: usize,
    /// The model that was named; `default` where none was.
    pub model: String,
    /// `cancel_id` and `session_id`; the server adds the id of the answer.
    pub ids: RunIds,
    /// What it says of thoughts.
    pub thinking: Thinking,
    /// The field that asks for a form of the answer, for errors that are found when it is compiled.
    pub form_field: Option<&'static str>,
    /// What to generate. The template is told nothing about thinking yet: that depends on the model.
    pub generate: GenerateRequest,
}

impl ChatRequest {
    /// Validates a request body. Every error is a 400 that names the field.
    pub fn parse(body: &Value) -> Result<Self, ApiError> {
        let request = Fields::root(body)?;
        let choices = request.integer("n", 1..=MAX_CHOICES)?;
        check_tool_settings(&request)?;
        unsupported::refuse(&request)?;

        let messages = request
            .list("messages")?
            .ok_or_else(|| request.missing("messages", "a list with at least one user message"))?;
        let messages = parse_messages(messages, "messages")?;
        let form = structured::form(&request)?;
        let tools = tools::offered(&request)?;
        if let (Some(form), Some(tools)) = (&form, &tools.usage)
            && tools.is_enforced()
            && !form.is_of_json()
        {
            let message = format!(
                "`{}` describes the whole answer and leaves no room for calls of `tools` that have to be valid. Leave one of them out, or send `tool_choice` \"none\", or ask for JSON.",
                form.field
            );
            return Err(ApiError::invalid_value(form.field, message));
        }
        let mut kwargs = template_kwargs(&request)?;
        let thinking = Thinking::parse(&request, &mut kwargs)?;
        let include_usage = match request.fields("stream_options")? {
            Some(options) => options.boolean("include_usage")?,
            None => None,
        };
        Ok(Self {
            stream: request.boolean("stream")?.unwrap_or(false),
            include_usage,
            choices: choices.map_or(1, |choices| choices as usize),
            model: request.string("model")?.unwrap_or("default").to_owned(),
            ids: RunIds {
                cancel_id: request.id("cancel_id", MAX_ID_BYTES)?,
                session_id: request.id("session_id", MAX_ID_BYTES)?,
                ..RunIds::default()
            },
            thinking,
            form_field: form.as_ref().map(|form| form.field),
            generate: GenerateRequest {
                constraint: form.map(|form| form.constraint),
                tools: tools.usage,
                sampling: sampling::sampling(&request)?,
                max_tokens: sampling::max_tokens(&request)?,
                stop: sampling::stop(&request)?,
                min_tokens: sampling::min_tokens(&request)?,
                deterministic: request.boolean("deterministic")?.unwrap_or(false),
                report_progress: request.boolean("return_progress")?.unwrap_or(false),
                ..GenerateRequest::new(Prompt::Chat(ChatPrompt {
                    template_kwargs: kwargs,
                    tools: tools.shown,
                    documents: documents(&request)?,
                    end: prompt_end(&request, &messages)?,
                    ..ChatPrompt::new(messages)
                }))
            },
        })
    }
}

/// Settings of the server's own tool loop. They do nothing without it, and are checked all the same.
fn check_tool_settings(request: &Fields<'_>) -> Result<(), ApiError> {
    request.strings("enabled_tools")?;
    request.integer("max_tool_calls_per_message", 0..=i128::MAX)?;
    request.integer("tool_call_timeout", 1..=i128::MAX)?;
    Ok(())
}

fn template_kwargs(request: &Fields<'_>) -> Result<BTreeMap<String, Value>, ApiError> {
    let Some(kwargs) = request.fields("chat_template_kwargs")? else {
        return Ok(BTreeMap::new());
    };
    let path = request.path("chat_template_kwargs");
    let object = kwargs.object();
    let size: usize = object
        .iter()
        .map(|(key, value)| key.len() + value.to_string().len())
        .sum();
    if size > MAX_KWARGS_BYTES {
        let message = format!("`{path}` must not be larger than {MAX_KWARGS_BYTES} bytes of JSON.");
        return Err(ApiError::invalid_value(path, message));
    }
    if let Some(name) = RESERVED_KWARGS.iter().find(|name| kwargs.contains(name)) {
        let path = kwargs.path(name);
        let message = format!("`{path}` is set by the server and cannot be replaced. Remove it.");
        return Err(ApiError::invalid_value(path, message));
    }
    Ok(object
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect())
}

/// Documents to answer from, for templates that know them.
fn documents(request: &Fields<'_>) -> Result<Vec<Value>, ApiError> {
    let list = request.list("documents")?.unwrap_or_default();
    let size: usize = list.iter().map(|document| document.to_string().len()).sum();
    if size > MAX_DOCUMENTS_BYTES {
        let message =
            format!("`documents` must not be larger than {MAX_DOCUMENTS_BYTES} bytes of JSON.");
        return Err(ApiError::invalid_value("documents", message));
    }
    for (index, document) in list.iter().enumerate() {
        Fields::at(document, format!("documents[{index}]"))?;
    }
    Ok(list.to_vec())
}

/// With the beginning of the model's turn, unless the request wants the last message continued, or nothing after it.
fn prompt_end(request: &Fields<'_>, messages: &[ChatMessage]) -> Result<PromptEnd, ApiError> {
    let begins = request.boolean("add_generation_prompt")?;
    if request.boolean("continue_final_message")? != Some(true) {
        return Ok(match begins {
            Some(false) => PromptEnd::Closed,
            _ => PromptEnd::NewTurn,
        });
    }
    let problem = if begins == Some(true) {
        "goes not with `add_generation_prompt`: leave one of them out"
    } else if messages
        .last()
        .is_none_or(|last| last.role != Role::Assistant)
    {
        "needs an assistant message at the end of `messages`, which is then continued"
    } else {
        return Ok(PromptEnd::OpenTurn);
    };
    let message = format!("`continue_final_message` {problem}.");
    Err(ApiError::invalid_value("continue_final_message", message))
}

#[cfg(test)]
#[path = "chat_request_tests.rs"]
mod tests;
