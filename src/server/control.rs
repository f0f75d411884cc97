//! The control routes: load, unload, validate, status, load progress.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::AppState;
use super::body::JsonBody;
use super::reply::{error_reply, identify_error, load_error};
use crate::api::ApiError;
use crate::api::openapi;
use crate::api::studio::{
    ContextLengths, InferenceDefaults, InferenceStatusResponse, LoadProgressResponse, LoadRequest,
    LoadResponse, LoadStatus, ReasoningStyle, TemplateFlags, UnloadRequest, UnloadResponse,
    ValidateRequest, ValidateResponse,
};
use crate::chat;
use crate::models::gguf::GgufHeader;
use crate::models::{DraftKind, LoadError, LoadOptions, LoadedModel, ModelFile, identify};
use crate::stop::{RunIds, StopFlag};

/// Loads a model. The load ends with the request: a closed connection, a cancel by `cancel_id`, and an
/// unload all stop it.
#[utoipa::path(
    post, path = "/load", tag = "Control", request_body = openapi::LoadRequest,
    responses((status = 200, description = "The model answers.", body = LoadResponse), openapi::LoadErrors),
)]
pub(super) async fn load(State(state): State<AppState>, body: JsonBody) -> Response {
    let surface = body.surface;
    match try_load(&state, &body).await {
        Ok(response) => Json(response).into_response(),
        Err(error) => error_reply(&error, surface),
    }
}

async fn try_load(state: &AppState, body: &JsonBody) -> Result<LoadResponse, ApiError> {
    let request = LoadRequest::parse(&body.value)?;
    if state.is_draining() {
        return Err(ApiError::shutting_down());
    }
    let ids = RunIds {
        cancel_id: request.cancel_id.clone(),
        ..RunIds::default()
    };
    let flag = StopFlag::new();
    // Dropped with this future, which is dropped with the connection.
    let _guard = state.stops.register(&ids, flag.clone(), Instant::now());
    let options = options(state, &request).map_err(|error| load_error(&error))?;
    let force = request.force_cancel_active;
    let models = state.models.clone();
    let work = tokio::task::spawn_blocking(move || {
        let file = identify(&request.model_path, request.gguf_variant.as_deref())
            .map_err(|error| identify_error(&error))?;
        let loaded = models.load(file, options, force, &flag);
        // However the load ended, nobody has to wait for it any more.
        flag.release();
        loaded.map_err(|error| load_error(&error))
    });
    let (model, already) = work
        .await
        .map_err(|_| ApiError::internal("The load failed; this is a fault of the server."))??;
    Ok(load_response(&model, already))
}

fn options(state: &AppState, request: &LoadRequest) -> Result<LoadOptions, LoadError> {
    let defaults = &state.config.load;
    Ok(LoadOptions {
        context: if request.max_seq_length > 0 {
            request.max_seq_length
        } else {
            defaults.context
        },
        chat_template: request
            .chat_template_override
            .clone()
            .or_else(|| defaults.chat_template.clone()),
        drafts: request.speculative_type.unwrap_or(defaults.drafts),
        kv_type: request.cache_type_kv.unwrap_or(defaults.kv_type),
        gpus: defaults.gpus.with_gpus(request.gpu_ids.clone())?,
        ..defaults.clone()
    })
}

fn load_response(model: &LoadedModel, already: bool) -> LoadResponse {
    LoadResponse {
        status: if already {
            LoadStatus::AlreadyLoaded
        } else {
            LoadStatus::Loaded
        },
        model: model.file.id.clone(),
        display_name: model.file.display_name.clone(),
        is_vision: false,
        is_lora: false,
        is_gguf: true,
        is_audio: false,
        audio_type: None,
        has_audio_input: false,
        inference: inference(model),
        requires_trust_remote_code: false,
        context: context(model),
        template: template(model),
        cache_type_kv: Some(model.options.kv_type.name().into()),
        chat_template: model.template_source.clone(),
        speculative_type: drafts_name(model),
    }
}

fn drafts_name(model: &LoadedModel) -> Option<String> {
    let kind = model.options.drafts;
    (kind != DraftKind::Off).then(|| kind.name().into())
}

fn inference(model: &LoadedModel) -> InferenceDefaults {
    let defaults = &model.defaults;
    InferenceDefaults {
        temperature: as_written(defaults.temperature),
        top_p: as_written(defaults.top_p),
        top_k: defaults.top_k,
        min_p: as_written(defaults.min_p),
        presence_penalty: as_written(defaults.presence_penalty),
        trust_remote_code: false,
    }
}

/// 0.7 as 0.7, not as the 0.699999988 that an f32 holds.
fn as_written(value: f32) -> f64 {
    (f64::from(value) * 1e6).round() / 1e6
}

fn context(model: &LoadedModel) -> ContextLengths {
    ContextLengths {
        context_length: Some(model.context_length()),
        max_context_length: Some(model.native_context.max(model.context_length())),
        native_context_length: Some(model.native_context),
    }
}

fn template(model: &LoadedModel) -> TemplateFlags {
    let capabilities = &model.capabilities;
    TemplateFlags {
        supports_reasoning: capabilities.supports_reasoning,
        reasoning_style: match capabilities.reasoning_style {
            Some(chat::ReasoningStyle::ReasoningEffort) => ReasoningStyle::ReasoningEffort,
            _ => ReasoningStyle::EnableThinking,
        },
        reasoning_always_on: capabilities.reasoning_always_on,
        supports_preserve_thinking: capabilities.supports_preserve_thinking,
        supports_tools: capabilities.supports_tools,
    }
}

/// Unloads a model, or cancels its load. Answers once nothing of it computes any more; an unknown model
/// is no error.
#[utoipa::path(
    post, path = "/unload", tag = "Control", request_body = openapi::UnloadRequest,
    responses((status = 200, description = "There is no such model any more.", body = UnloadResponse), openapi::BodyErrors),
)]
pub(super) async fn unload(State(state): State<AppState>, body: JsonBody) -> Response {
    let request = match UnloadRequest::parse(&body.value) {
        Ok(request) => request,
        Err(error) => return error_reply(&error, body.surface),
    };
    let name = request.model_path.clone();
    let models = state.models.clone();
    let load = models.loading_flag();
    // Joins the decode thread.
    let work = tokio::task::spawn_blocking(move || {
        models.unload(|file| is_named(file, &request.model_path))
    });
    let found = work.await.unwrap_or(false);
    if let (true, Some(load)) = (found, load)
        && load.is_set()
    {
        // The bound is far above what a load needs to end.
        let _ = tokio::time::timeout(super::state::RELEASE_TIMEOUT, load.released()).await;
    }
    Json(UnloadResponse::new(name)).into_response()
}

/// A model may be named by its path as it was loaded, by its id, or by its display name.
fn is_named(file: &ModelFile, name: &str) -> bool {
    let name = name.trim();
    name.eq_ignore_ascii_case(&file.id)
        || name.eq_ignore_ascii_case(&file.display_name)
        || std::path::Path::new(name) == file.path
        || identify(name, None).is_ok_and(|named| named.path == file.path)
}

/// Tells whether a model could be loaded: the file is there, and its header tells no lies.
#[utoipa::path(
    post, path = "/validate", tag = "Control", request_body = openapi::ValidateRequest,
    responses((status = 200, description = "It could be loaded.", body = ValidateResponse), openapi::WorkErrors),
)]
pub(super) async fn validate(State(_): State<AppState>, body: JsonBody) -> Response {
    let surface = body.surface;
    let result = match ValidateRequest::parse(&body.value) {
        Ok(request) => tokio::task::spawn_blocking(move || check(&request))
            .await
            .unwrap_or_else(|_| Err(ApiError::internal("The file could not be checked."))),
        Err(error) => Err(error),
    };
    match result {
        Ok(file) => Json(ValidateResponse {
            valid: true,
            message: format!("{} can be loaded.", file.display_name),
            identifier: Some(file.id),
            display_name: Some(file.display_name),
            is_gguf: true,
            is_lora: false,
            is_vision: false,
            requires_trust_remote_code: false,
        })
        .into_response(),
        Err(error) => error_reply(&error, surface),
    }
}

fn check(request: &ValidateRequest) -> Result<ModelFile, ApiError> {
    let file = identify(&request.model_path, request.gguf_variant.as_deref())
        .map_err(|error| identify_error(&error))?;
    GgufHeader::read(&file.path).map_err(|error| {
        ApiError::invalid_value("model_path", format!("Invalid model: {error}"))
    })?;
    Ok(file)
}

/// What is loaded.
#[utoipa::path(
    get, path = "/status", tag = "Control",
    responses((status = 200, description = "What is loaded and what is being loaded.", body = InferenceStatusResponse)),
)]
pub(super) async fn status(State(state): State<AppState>) -> Json<InferenceStatusResponse> {
    let loading = state.models.being_loaded().map(|file| file.id);
    let mut status = InferenceStatusResponse {
        loading: loading.into_iter().collect(),
        ..InferenceStatusResponse::default()
    };
    if let Some(model) = state.models.current() {
        status.active_model = Some(model.file.id.clone());
        status.is_gguf = true;
        status.gguf_variant.clone_from(&model.file.variant);
        status.loaded = vec![model.file.id.clone()];
        status.inference = Some(inference(&model));
        status.speculative_type = drafts_name(&model);
        status.template = template(&model);
        status.context = context(&model);
    }
    Json(status)
}

/// How far a load is.
#[utoipa::path(
    get, path = "/load-progress", tag = "Control",
    responses((status = 200, description = "How far it is.", body = LoadProgressResponse)),
)]
pub(super) async fn load_progress(State(state): State<AppState>) -> Json<LoadProgressResponse> {
    Json(state.models.report().into())
}
