//! `POST /embeddings` and `POST /rerank`.

use std::time::Instant;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::AppState;
use super::begin::unprepared;
use super::body::JsonBody;
use super::reply::{error_reply, sentence};
use crate::api::ApiError;
use crate::api::openai::embeddings::{EmbeddingsRequest, EmbeddingsResponse};
use crate::api::openai::rerank::{RerankBody, RerankResponse};
use crate::api::openapi;
use crate::embedding::{self, EmbedRequest};
use crate::engine::pooled::EmbeddingError;
use crate::llama::LlamaError;
use crate::stop::{RunGuard, RunIds, StopCause, StopFlag};

/// Embeds texts.
#[utoipa::path(
    post, path = "/embeddings", tag = "Embeddings", request_body = openapi::EmbeddingsRequest,
    responses((status = 200, description = "An embedding of each input.", body = EmbeddingsResponse), openapi::PooledErrors),
)]
pub(super) async fn embeddings(State(state): State<AppState>, body: JsonBody) -> Response {
    match embed(&state, &body).await {
        Ok(response) => response,
        Err(error) => error_reply(&error, body.surface),
    }
}

async fn embed(state: &AppState, body: &JsonBody) -> Result<Response, ApiError> {
    let mut request = EmbeddingsRequest::parse(&body.value)?;
    let model = state.ready_model()?;
    request.check_dimensions(model.engine.model().n_embd_out())?;
    let inputs = EmbedRequest {
        inputs: std::mem::take(&mut request.inputs),
        normalize: request.normalize,
    };
    let used = model.clone();
    let submit = move |flag: &StopFlag| embedding::embed(&used, inputs, flag);
    let told = |error: EmbeddingError| pooled_error(&error, "input");
    let (submitted, _guard) = begin(state, &request.ids, submit).await?;
    let pooled = submitted.map_err(told)?.result().await.map_err(told)?;
    let id = model.file.id.clone();
    json_reply(move || EmbeddingsResponse::new(&request, &id, pooled.rows, &pooled.n_tokens)).await
}

/// Scores documents by how well they answer a query.
#[utoipa::path(
    post, path = "/rerank", tag = "Embeddings", request_body = openapi::RerankRequest,
    responses((status = 200, description = "Scores, the best first.", body = RerankResponse), openapi::PooledErrors),
)]
pub(super) async fn rerank(State(state): State<AppState>, body: JsonBody) -> Response {
    match score(&state, &body).await {
        Ok(response) => response,
        Err(error) => error_reply(&error, body.surface),
    }
}

async fn score(state: &AppState, body: &JsonBody) -> Result<Response, ApiError> {
    let request = RerankBody::parse(&body.value)?;
    let model = state.ready_model()?;
    let (used, pairs) = (model.clone(), request.rerank.clone());
    let submit = move |flag: &StopFlag| embedding::rerank(&used, &pairs, flag);
    let told = |error: EmbeddingError| pooled_error(&error, "documents");
    let (submitted, _guard) = begin(state, &request.ids, submit).await?;
    let scores = submitted.map_err(told)?.result().await.map_err(told)?;
    let id = model.file.id.clone();
    json_reply(move || RerankResponse::new(request, &id, &scores.scores, &scores.n_tokens)).await
}

/// Registers a request under its ids, then submits it on a thread that may block. The guard is the entry in the registry;
/// dropping it, as a closed connection does, stops the request.
async fn begin<J: Send + 'static>(
    state: &AppState,
    ids: &RunIds,
    submit: impl FnOnce(&StopFlag) -> J + Send + 'static,
) -> Result<(J, RunGuard), ApiError> {
    let flag = StopFlag::new();
    let guard = state.stops.register(ids, flag.clone(), Instant::now());
    let submitted = tokio::task::spawn_blocking(move || submit(&flag)).await;
    Ok((submitted.map_err(|_| unprepared())?, guard))
}

/// A response as JSON, written on a thread that may block: it may have millions of numbers.
async fn json_reply<T: Serialize>(
    response: impl FnOnce() -> T + Send + 'static,
) -> Result<Response, ApiError> {
    let written = tokio::task::spawn_blocking(move || serde_json::to_vec(&response())).await;
    let failed =
        || ApiError::internal("The answer could not be written; this is a fault of the server.");
    let bytes = written.map_err(|_| failed())?.map_err(|_| failed())?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// What a client is told; `field` is the one with the inputs.
fn pooled_error(error: &EmbeddingError, field: &str) -> ApiError {
    let text = sentence(&error.to_string());
    match error {
        EmbeddingError::QueueFull { .. } => ApiError::queue_full(1),
        EmbeddingError::NotPoolable
        | EmbeddingError::IsReranker
        | EmbeddingError::NoRankHead
        | EmbeddingError::NoPairFormat => ApiError::invalid_value("model", text),
        EmbeddingError::NoInputs | EmbeddingError::Llama(LlamaError::UnknownToken { .. }) => {
            ApiError::invalid_value(field, text)
        }
        EmbeddingError::EmptyInput { index } => {
            ApiError::invalid_value(format!("{field}[{index}]"), text)
        }
        EmbeddingError::InputTooLong { index, .. } => ApiError::bad_request(text)
            .with_code("context_length_exceeded")
            .with_param(format!("{field}[{index}]")),
        EmbeddingError::Stopped(StopCause::Shutdown) => ApiError::shutting_down(),
        EmbeddingError::Closed | EmbeddingError::Stopped(StopCause::Unload) => {
            ApiError::model_not_loaded()
        }
        EmbeddingError::Stopped(_) => ApiError::cancelled(),
        EmbeddingError::Llama(_) | EmbeddingError::Thread(_) | EmbeddingError::Failed { .. } => {
            ApiError::internal(text)
        }
    }
}
