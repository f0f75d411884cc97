//! `POST /v1/chat/completions`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::AppState;
use super::answer::{Answer, Encoder, stream_reply, whole};
use super::begin::begin_runs;
use super::body::JsonBody;
use super::reply::{error_reply, generate_error};
use crate::api::ApiError;
use crate::api::errors::INVALID_CONSTRAINT;
use crate::api::openai::{ChatRequest, ChatStreamEncoder, CompletionHead, chat_response};
use crate::api::openapi;
use crate::generation::{self, Delta, GenerateRequest, Prompt, ThoughtUse, ToolUse};
use crate::models::LoadedModel;
use crate::stop::{RunIds, StopFlag};

/// Answers a conversation, as a stream of events or as one JSON object.
#[utoipa::path(
    post, path = "/chat/completions", tag = "Generation", request_body = openapi::ChatCompletionRequest,
    responses((status = 200, description = "The answers, or with `stream` their pieces as server-sent events.", content((openapi::ChatCompletion = "application/json"), (openapi::ChatCompletionChunk = "text/event-stream"))), openapi::GenerationErrors),
)]
pub(super) async fn chat_completions(State(state): State<AppState>, body: JsonBody) -> Response {
    let surface = body.surface;
    match answer(&state, body).await {
        Ok(response) => response,
        Err(error) => error_reply(&error, surface),
    }
}

async fn answer(state: &AppState, body: JsonBody) -> Result<Response, ApiError> {
    let request = ChatRequest::parse(&body.value)?;
    let model = state.ready_model()?;
    let head = CompletionHead::new(&model.file.id, &model.fingerprint, unix_seconds());
    let ids = RunIds {
        completion_id: Some(head.id.clone()),
        ..request.ids.clone()
    };
    let (stream, include_usage) = (request.stream, request.include_usage);
    let choices = request.choices;
    let form_field = request.form_field;
    let mut generate = with_thinking(&model, request, state.config.inline_thoughts);
    let wants_logprobs = generate.sampling.logprobs.is_some();
    generate.namespace = body.namespace;
    let answer = begin(state, &model, &ids, generate, choices)
        .await
        .map_err(|error| match form_field {
            Some(field) if error.code == Some(INVALID_CONSTRAINT) => error.with_param(field),
            _ => error,
        })?;
    if stream {
        let encoder = ChatStreamEncoder::new(&head, choices, include_usage, body.surface);
        return Ok(stream_reply(answer, encoder));
    }
    let response = chat_response(&head, &whole(answer).await?, wants_logprobs);
    Ok(Json(response).into_response())
}

/// Registers the request under its ids, then renders, tokenises and submits a run for each answer.
pub(super) async fn begin(
    state: &AppState,
    model: &std::sync::Arc<LoadedModel>,
    ids: &RunIds,
    request: GenerateRequest,
    choices: usize,
) -> Result<Answer, ApiError> {
    let (model, limit) = (model.clone(), state.config.max_generation);
    let start = move |flags: &[StopFlag]| {
        let started = generation::start_choices(&model, &request, flags, limit);
        Ok((started.map_err(|error| generate_error(&error))?, ()))
    };
    let (answer, ()) = begin_runs(state, ids, choices, start).await?;
    Ok(answer)
}

/// Tells the template about thinking, in the words that it knows. An answer with a form is one without thoughts, unless
/// they are asked for; then it begins with one, and the form behind it.
pub(super) fn with_thinking(
    model: &LoadedModel,
    request: ChatRequest,
    inline_by_default: bool,
) -> GenerateRequest {
    let thinking = request.thinking;
    let mut generate = request.generate;
    let enforced = generate.tools.as_ref().is_some_and(ToolUse::is_enforced);
    let has_form = generate.constraint.is_some() || enforced;
    let enabled = thinking
        .enabled
        .or((has_form && thinking.effort.is_none()).then_some(false));
    let kwargs = model
        .capabilities
        .reasoning_kwargs(enabled, thinking.effort, thinking.preserved);
    generate.thoughts = ThoughtUse {
        budget: thinking.budget,
        closing_message: thinking.closing_message,
        opens: has_form && enabled == Some(true),
        inline: thinking.inline.unwrap_or(inline_by_default),
    };
    if let Prompt::Chat(chat) = &mut generate.prompt {
        chat.template_kwargs.extend(kwargs);
    }
    generate
}

impl Encoder for ChatStreamEncoder {
    fn start(&mut self) -> bytes::Bytes {
        ChatStreamEncoder::start(self)
    }

    fn delta(&mut self, choice: usize, delta: &Delta) -> bytes::Bytes {
        ChatStreamEncoder::delta(self, choice, delta)
    }

    fn is_ended(&self) -> bool {
        ChatStreamEncoder::is_ended(self)
    }
}

/// Seconds since the epoch.
pub(super) fn unix_seconds() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

impl AppState {
    /// The model that answers requests, or why there is none.
    pub(super) fn ready_model(&self) -> Result<std::sync::Arc<LoadedModel>, ApiError> {
        if self.is_draining() {
            return Err(ApiError::shutting_down());
        }
        match self.models.current() {
            Some(model) if model.engine.is_running() => Ok(model),
            _ => Err(match self.models.being_loaded() {
                Some(file) => ApiError::model_loading(&file.display_name, 2),
                None => ApiError::model_not_loaded(),
            }),
        }
    }
}
