//! `POST /generate/stream`: Studio's generation route from before Chat Completions.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::api::errors::ApiError;
use crate::api::fields::Fields;
use crate::api::openai::{MAX_ID_BYTES, parse_messages};
use crate::api::sse;
use crate::chat::{ChatMessage, Role};
use crate::generation::{ChatPrompt, Delta, GenerateRequest, Prompt, ThoughtUse};
use crate::sampling::SamplingParams;
use crate::stop::RunIds;

const MAX_NEW_TOKENS: u32 = 2048;

/// A validated request.
#[derive(Debug, Clone)]
pub struct LegacyRequest {
    /// `cancel_id` and `session_id`, which the route did not have and does no harm to accept.
    pub ids: RunIds,
    /// What to generate.
    pub generate: GenerateRequest,
}

impl LegacyRequest {
    /// Validates a request body. Every error is a 400 that names the field.
    pub fn parse(body: &Value) -> Result<Self, ApiError> {
        let request = Fields::root(body)?;
        if request
            .string("image_base64")?
            .is_some_and(|image| !image.is_empty())
        {
            return Err(ApiError::unsupported_parameter(
                "image_base64",
                "`image_base64` is known but not supported yet. Leave it out.",
            ));
        }
        let max_tokens = request.integer("max_new_tokens", 1..=4096)?;
        let generate = GenerateRequest {
            sampling: sampling(&request)?,
            max_tokens: Some(max_tokens.map_or(MAX_NEW_TOKENS, |tokens| tokens as u32)),
            thoughts: ThoughtUse {
                inline: true,
                ..ThoughtUse::default()
            },
            ..GenerateRequest::new(Prompt::Chat(ChatPrompt::new(messages(&request)?)))
        };
        Ok(Self {
            ids: RunIds {
                cancel_id: request.id("cancel_id", MAX_ID_BYTES)?,
                session_id: request.id("session_id", MAX_ID_BYTES)?,
                ..RunIds::default()
            },
            generate,
        })
    }
}

fn sampling(request: &Fields<'_>) -> Result<SamplingParams, ApiError> {
    let default = SamplingParams {
        // The route has no such field, so nothing is cut by it.
        min_p: 0.0,
        ..SamplingParams::default()
    };
    let number = |name, low, high, default| {
        request
            .number(name, low..=high)
            .map(|value| value.unwrap_or(default))
    };
    let top_k = request.integer("top_k", -1..=100)?;
    Ok(SamplingParams {
        temperature: number("temperature", 0.0, 2.0, default.temperature)?,
        top_p: number("top_p", 0.0, 1.0, default.top_p)?,
        top_k: top_k.map_or(default.top_k, |k| k as i32),
        repetition_penalty: number("repetition_penalty", 1.0, 2.0, default.repetition_penalty)?,
        presence_penalty: number("presence_penalty", 0.0, 2.0, default.presence_penalty)?,
        ..default
    })
}

/// The conversation, with `system_prompt` before whatever system messages it has.
fn messages(request: &Fields<'_>) -> Result<Vec<ChatMessage>, ApiError> {
    let list = request
        .list("messages")?
        .ok_or_else(|| request.missing("messages", "a list with at least one user message"))?;
    let mut messages = parse_messages(list, "messages")?;
    let Some(prompt) = request
        .string("system_prompt")?
        .filter(|text| !text.is_empty())
    else {
        return Ok(messages);
    };
    let system = match messages.first_mut() {
        Some(first) if first.role == Role::System => {
            messages.remove(0).content.map(|it| it.text().into_owned())
        }
        _ => None,
    };
    let text = match system {
        Some(more) => format!("{prompt}\n\n{more}"),
        None => prompt.to_owned(),
    };
    messages.insert(0, ChatMessage::system(text));
    Ok(messages)
}

/// Writes `{"content": "…"}` frames, then `[DONE]`; a failure is `{"error": "…"}`, then `[DONE]`.
#[derive(Debug, Default)]
pub struct LegacyStreamEncoder {
    ended: bool,
}

impl LegacyStreamEncoder {
    /// An encoder for one answer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// True once `[DONE]` was written.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The frames of one delta. After the end there are none.
    #[must_use]
    pub fn delta(&mut self, delta: &Delta) -> Bytes {
        match delta {
            _ if self.ended => Bytes::new(),
            // This protocol offers no tools, and has thoughts in the text.
            Delta::Progress(_) | Delta::Reasoning { .. } | Delta::ToolCall(_) => Bytes::new(),
            Delta::Text { text, .. } => {
                let mut out = b"data: {\"content\":".to_vec();
                sse::push_escaped(&mut out, text);
                out.extend_from_slice(b"}\n\n");
                out.into()
            }
            Delta::Done(_) => {
                self.ended = true;
                Bytes::from_static(sse::DONE)
            }
            Delta::Failed { message } => self.fail(message),
        }
    }

    /// Ends the stream with an error: for failures that never became a delta.
    #[must_use]
    pub fn fail(&mut self, message: &str) -> Bytes {
        if self.ended {
            return Bytes::new();
        }
        self.ended = true;
        let mut out = Vec::new();
        sse::push_json(&mut out, &json!({"error": message}));
        out.extend_from_slice(sse::DONE);
        out.into()
    }
}

#[cfg(test)]
#[path = "legacy_tests.rs"]
mod tests;
