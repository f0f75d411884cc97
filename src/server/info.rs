//! Routes that tell about the server: health, readiness, slots, metrics, models.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::AppState;
use super::reply::{error_reply, surface_of};
use crate::api::ApiError;
use crate::api::health::HealthResponse;
use crate::api::openai::models::{ModelList, ModelObject};
use crate::api::openapi;
use crate::api::slots::{NextToken, Slot, SlotParams};
use crate::engine::SlotView;

/// The process lives; never waits for the engine.
#[utoipa::path(
    get, path = "/livez", tag = "Server",
    responses((status = 200, description = "It does.", body = openapi::LivezResponse)),
)]
pub(super) async fn livez() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// A model answers, and the server is not going down.
#[utoipa::path(
    get, path = "/readyz", tag = "Server",
    responses(
        (status = 200, description = "It does.", body = openapi::LivezResponse),
        (status = 503, description = "It does not, or not any more.", body = openapi::ReadyzProblem),
    ),
)]
pub(super) async fn readyz(State(state): State<AppState>) -> Response {
    match state.ready_model() {
        Ok(_) => Json(json!({ "status": "ok" })).into_response(),
        Err(error) => {
            let body = Json(json!({ "status": "not ready", "message": error.message }));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

/// Studio's health document.
#[utoipa::path(
    get, path = "/api/health", tag = "Server",
    responses((status = 200, description = "What this server is.", body = HealthResponse)),
)]
pub(super) async fn health(State(state): State<AppState>) -> Json<HealthResponse> {
    Json(HealthResponse::new(
        chrono::Utc::now().to_rfc3339(),
        state.models.device().as_str(),
    ))
}

/// The sequences and what they are doing, in llama-server's shape.
#[utoipa::path(
    get, path = "/slots", tag = "Server",
    responses((status = 200, description = "One object for each sequence.", body = Vec<Slot>), openapi::ModelErrors),
)]
pub(super) async fn slots(
    State(state): State<AppState>,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let model = match state.ready_model() {
        Ok(model) => model,
        Err(error) => return error_reply(&error, surface_of(uri.path())),
    };
    let n_ctx = model.context_length();
    let slots: Vec<Slot> = model
        .engine
        .slots()
        .iter()
        .enumerate()
        .map(|(id, view)| slot(id as u32, n_ctx, view))
        .collect();
    Json(slots).into_response()
}

fn slot(id: u32, n_ctx: u32, view: &SlotView) -> Slot {
    let Some(run) = &view.run else {
        return Slot::idle(id, n_ctx);
    };
    Slot {
        id,
        n_ctx,
        speculative: false,
        is_processing: true,
        id_task: run.id as i64,
        n_prompt_tokens: run.n_prompt as u32,
        n_prompt_tokens_processed: run.n_prompt_computed as u32,
        n_prompt_tokens_cache: run.n_cached as u32,
        params: SlotParams::of(&run.sampling, Some(run.max_new as u32)),
        next_token: [NextToken {
            has_next_token: true,
            n_remain: run.max_new.saturating_sub(run.n_decoded) as i64,
            n_decoded: run.n_decoded as u32,
        }],
    }
}

/// Prometheus metrics.
#[utoipa::path(
    get, path = "/metrics", tag = "Server",
    responses((status = 200, description = "In the text format of Prometheus.", body = String, content_type = "text/plain")),
)]
pub(super) async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], state.render_metrics())
}

fn list(state: &AppState) -> ModelList {
    let loaded = state.models.current().map(|model| {
        let mut object = ModelObject::new(&model.file.id, model.loaded_at as u64, true);
        object.quant.clone_from(&model.file.variant);
        object.context_length = Some(model.context_length());
        object.max_context_length = Some(model.native_context);
        object.native_context_length = Some(model.native_context);
        object.display_name = Some(model.file.display_name.clone());
        object
    });
    ModelList::new(loaded.into_iter().collect())
}

/// The models that requests may name.
#[utoipa::path(
    get, path = "/models", tag = "Models",
    responses((status = 200, description = "The models.", body = ModelList)),
)]
pub(super) async fn models(State(state): State<AppState>) -> Json<ModelList> {
    Json(list(&state))
}

/// One model.
#[utoipa::path(
    get, path = "/models/{*id}", tag = "Models",
    params(("id" = String, Path, description = "The id of the model; it may have slashes.")),
    responses((status = 200, description = "The model.", body = ModelObject), openapi::UnknownModel),
)]
pub(super) async fn model(
    State(state): State<AppState>,
    id: Result<Path<String>, PathRejection>,
    OriginalUri(uri): OriginalUri,
) -> Response {
    // What is not UTF-8 is nobody's name.
    let id = id.map_or_else(|_| "\u{fffd}".to_owned(), |Path(id)| id);
    match list(&state).find(&id) {
        Ok(model) => Json(model).into_response(),
        Err(error) => error_reply(&error, surface_of(uri.path())),
    }
}

/// What is not there.
pub(super) async fn not_found(OriginalUri(uri): OriginalUri) -> Response {
    error_reply(&ApiError::endpoint_not_found(), surface_of(uri.path()))
}

/// What is there, but not with this method.
pub(super) async fn method_not_allowed(OriginalUri(uri): OriginalUri) -> Response {
    let error = ApiError::new(
        405,
        "This endpoint does not know that method; see the documentation for the one it takes.",
    );
    error_reply(&error, surface_of(uri.path()))
}
