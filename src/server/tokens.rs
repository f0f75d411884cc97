//! llama-server's routes about prompts: `POST /tokenize`, `/detokenize` and `/apply-template`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::AppState;
use super::begin::unprepared;
use super::body::JsonBody;
use super::chat::with_thinking;
use super::reply::{error_reply, generate_error};
use crate::api::ApiError;
use crate::api::openai::ChatRequest;
use crate::api::openapi;
use crate::api::tokens::{
    TokenizeRequest, detokenize_response, parse_detokenize, pieces_response, tokens_response,
};
use crate::chat::PromptPiece;
use crate::generation::{self, GenerateError, Prompt};
use crate::llama::LlamaError;
use crate::models::LoadedModel;

/// Text → tokens.
#[utoipa::path(
    post, path = "/tokenize", tag = "Tokens", request_body = openapi::TokenizeRequest,
    responses((status = 200, description = "The tokens.", body = openapi::TokenizeResponse), openapi::RunErrors),
)]
pub(super) async fn tokenize(State(state): State<AppState>, body: JsonBody) -> Response {
    reply(&state, &body, TokenizeRequest::parse, |model, request| {
        let vocab = model.engine.model().vocab();
        let tokens = vocab
            .tokenize(&request.content, request.options)
            .map_err(|error| token_error(&error))?;
        if !request.with_pieces {
            return Ok(tokens_response(&tokens));
        }
        let piece = |&token| {
            let mut bytes = Vec::new();
            vocab.append_bytes(token, true, &mut bytes)?;
            Ok((token, bytes))
        };
        let pieces: Result<Vec<_>, LlamaError> = tokens.iter().map(piece).collect();
        Ok(pieces_response(
            &pieces.map_err(|error| token_error(&error))?,
        ))
    })
    .await
}

/// Tokens → text.
#[utoipa::path(
    post, path = "/detokenize", tag = "Tokens", request_body = openapi::DetokenizeRequest,
    responses((status = 200, description = "The text.", body = openapi::DetokenizeResponse), openapi::RunErrors),
)]
pub(super) async fn detokenize(State(state): State<AppState>, body: JsonBody) -> Response {
    reply(&state, &body, parse_detokenize, |model, tokens| {
        let text = model.engine.model().vocab().text_of(&tokens);
        Ok(detokenize_response(
            &text.map_err(|error| token_error(&error))?,
        ))
    })
    .await
}

/// A chat request → the prompt that the model's template makes of it. Nothing is generated.
#[utoipa::path(
    post, path = "/apply-template", tag = "Tokens", request_body = openapi::ChatCompletionRequest,
    responses((status = 200, description = "The prompt.", body = openapi::ApplyTemplateResponse), openapi::RunErrors),
)]
pub(super) async fn apply_template(State(state): State<AppState>, body: JsonBody) -> Response {
    reply(&state, &body, ChatRequest::parse, |model, request| {
        // Where thoughts go makes no difference to the prompt.
        let generate = with_thinking(model, request, false);
        let Prompt::Chat(chat) = &generate.prompt else {
            return Err(unprepared());
        };
        let pieces = generation::render(model, chat, &generate.thoughts)
            .map_err(|error| generate_error(&error))?;
        let texts = pieces.iter().map(|piece| match piece {
            PromptPiece::Template(text) | PromptPiece::Literal(text) => Ok(text.as_str()),
            PromptPiece::Media(media) => Err(generate_error(&GenerateError::Media(*media))),
        });
        Ok(json!({ "prompt": texts.collect::<Result<String, _>>()? }))
    })
    .await
}

/// Parses a body, and answers it on a thread that may block.
async fn reply<T: Send + 'static>(
    state: &AppState,
    body: &JsonBody,
    parse: fn(&Value) -> Result<T, ApiError>,
    work: fn(&LoadedModel, T) -> Result<Value, ApiError>,
) -> Response {
    let answer = async {
        let request = parse(&body.value)?;
        let model: Arc<LoadedModel> = state.ready_model()?;
        let answer = tokio::task::spawn_blocking(move || work(&model, request));
        answer.await.map_err(|_| unprepared())?
    };
    match answer.await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => error_reply(&error, body.surface),
    }
}

fn token_error(error: &LlamaError) -> ApiError {
    match error {
        LlamaError::UnknownToken { .. } => ApiError::invalid_value("tokens", error.to_string()),
        _ => ApiError::internal(error.to_string()),
    }
}
