//! `POST /generate/stream`: the Studio API's old generation route.

use axum::extract::State;
use axum::response::Response;

use super::AppState;
use super::answer::{Encoder, stream_reply};
use super::body::JsonBody;
use super::chat::begin;
use super::reply::error_reply;
use crate::api::ApiError;
use crate::api::openapi;
use crate::api::studio::{LegacyRequest, LegacyStreamEncoder};
use crate::generation::Delta;

/// Streams `{"content": …}` frames.
#[utoipa::path(
    post, path = "/generate/stream", tag = "Generation", request_body = openapi::GenerateStreamRequest,
    responses((status = 200, description = "The answer as server-sent events.", body = openapi::GenerateChunk, content_type = "text/event-stream"), openapi::GenerationErrors),
)]
pub(super) async fn generate_stream(State(state): State<AppState>, body: JsonBody) -> Response {
    let surface = body.surface;
    match answer(&state, body).await {
        Ok(response) => response,
        Err(error) => error_reply(&error, surface),
    }
}

async fn answer(state: &AppState, body: JsonBody) -> Result<Response, ApiError> {
    let mut request = LegacyRequest::parse(&body.value)?;
    request.generate.namespace = body.namespace;
    let model = state.ready_model()?;
    let answer = begin(state, &model, &request.ids, request.generate, 1).await?;
    Ok(stream_reply(answer, LegacyStreamEncoder::new()))
}

impl Encoder for LegacyStreamEncoder {
    fn start(&mut self) -> bytes::Bytes {
        bytes::Bytes::new()
    }

    fn delta(&mut self, _choice: usize, delta: &Delta) -> bytes::Bytes {
        LegacyStreamEncoder::delta(self, delta)
    }

    fn is_ended(&self) -> bool {
        LegacyStreamEncoder::is_ended(self)
    }
}
