//! `POST /completions`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::AppState;
use super::answer::{Answer, Encoder, stream_reply, whole};
use super::begin::begin_runs;
use super::body::JsonBody;
use super::chat::unix_seconds;
use super::reply::{error_reply, generate_error};
use crate::api::ApiError;
use crate::api::errors::INVALID_CONSTRAINT;
use crate::api::openai::CompletionHead;
use crate::api::openai::completions::{
    CompletionRequest, CompletionStreamEncoder, Echo, completion_response,
};
use crate::api::openapi;
use crate::generation::{self, Delta, GenerateError};
use crate::models::LoadedModel;
use crate::stop::{RunIds, StopFlag};

/// Continues texts, as a stream of events or as one JSON object.
#[utoipa::path(
    post, path = "/completions", tag = "Generation", request_body = openapi::CompletionRequest,
    responses((status = 200, description = "The answers, or with `stream` their pieces as server-sent events.", content((openapi::Completion = "application/json"), (openapi::CompletionChunk = "text/event-stream"))), openapi::GenerationErrors),
)]
pub(super) async fn completions(State(state): State<AppState>, body: JsonBody) -> Response {
    let surface = body.surface;
    match answer(&state, body).await {
        Ok(response) => response,
        Err(error) => error_reply(&error, surface),
    }
}

async fn answer(state: &AppState, body: JsonBody) -> Result<Response, ApiError> {
    let mut request = CompletionRequest::parse(&body.value)?;
    request.generate.namespace = body.namespace;
    let model = state.ready_model()?;
    let head = CompletionHead::of_text(&model.file.id, &model.fingerprint, unix_seconds());
    let (stream, include_usage) = (request.stream, request.include_usage);
    let wants_logprobs = request.generate.sampling.logprobs.is_some();
    let (answer, echo) = begin(state, model, &head, request).await?;
    if stream {
        let encoder = CompletionStreamEncoder::new(&head, echo, include_usage, body.surface);
        return Ok(stream_reply(answer, encoder));
    }
    let response = completion_response(&head, &echo, &whole(answer).await?, wants_logprobs);
    Ok(Json(response).into_response())
}

/// A run for each answer to each prompt.
async fn begin(
    state: &AppState,
    model: Arc<LoadedModel>,
    head: &CompletionHead,
    request: CompletionRequest,
) -> Result<(Answer, Echo), ApiError> {
    let ids = RunIds {
        completion_id: Some(head.id.clone()),
        ..request.ids.clone()
    };
    let runs = request.prompts.len() * request.choices;
    let form_field = request.form_field;
    let limit = state.config.max_generation;
    let start = move |flags: &[StopFlag]| {
        let suffix = request.suffix.as_deref();
        let prompts = request.prompts.iter();
        let tokens: Result<Vec<_>, _> = prompts.map(|p| p.tokens(&model, suffix)).collect();
        let started = tokens.and_then(|tokens| {
            generation::start_prompts(&model, &request.generate, tokens, flags, limit)
        });
        let runs = started.map_err(|error| completion_error(&error, form_field))?;
        // The ids of the prompts are checked now.
        let echo = echo(&model, &request);
        Ok((runs, echo.map_err(|error| completion_error(&error, None))?))
    };
    begin_runs(state, &ids, runs, start).await
}

/// What stands before the answers.
fn echo(model: &LoadedModel, request: &CompletionRequest) -> Result<Echo, GenerateError> {
    if !request.echo {
        return Ok(Echo::none(request.prompts.len(), request.choices));
    }
    let vocab = model.engine.model().vocab();
    let texts = request.prompts.iter().map(|prompt| prompt.text(vocab));
    Ok(Echo::new(texts.collect::<Result<_, _>>()?, request.choices))
}

/// What a client is told, in this route's names.
fn completion_error(error: &GenerateError, form_field: Option<&'static str>) -> ApiError {
    let error = generate_error(error);
    match form_field {
        Some(field) if error.code == Some(INVALID_CONSTRAINT) => error.with_param(field),
        _ if error.param.as_deref() == Some("messages") => error.with_param("prompt"),
        _ => error,
    }
}

impl Encoder for CompletionStreamEncoder {
    fn start(&mut self) -> bytes::Bytes {
        CompletionStreamEncoder::start(self)
    }

    fn delta(&mut self, run: usize, delta: &Delta) -> bytes::Bytes {
        CompletionStreamEncoder::delta(self, run, delta)
    }

    fn is_ended(&self) -> bool {
        CompletionStreamEncoder::is_ended(self)
    }
}
