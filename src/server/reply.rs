//! Answers: JSON, and errors in the envelope of the surface they happen on.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::{ApiError, Surface};
use crate::constraint::ConstraintError;
use crate::engine::SubmitError;
use crate::generation::GenerateError;
use crate::models::{IdentifyError, LoadError};

/// Which envelope errors on a path have.
pub(super) fn surface_of(path: &str) -> Surface {
    if path.starts_with("/api/") {
        Surface::Studio
    } else {
        Surface::OpenAi
    }
}

/// An error as a response.
pub(super) fn error_reply(error: &ApiError, surface: Surface) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(error.body(surface))).into_response();
    if let Some(seconds) = error.retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// What a client is told about a generation that did not begin.
pub(super) fn generate_error(error: &GenerateError) -> ApiError {
    match error {
        GenerateError::Submit(SubmitError::QueueFull { .. }) => ApiError::queue_full(1),
        GenerateError::Submit(SubmitError::PromptTooLong { n_prompt, n_ctx }) => {
            ApiError::context_length_exceeded(*n_prompt as u64, *n_ctx as u64)
        }
        GenerateError::Submit(SubmitError::Closed) => ApiError::model_not_loaded(),
        GenerateError::UnknownBiasToken { .. } => {
            ApiError::invalid_value("logit_bias", error.to_string())
        }
        GenerateError::NoInfill => {
            ApiError::unsupported_parameter("suffix", sentence(&error.to_string()))
        }
        GenerateError::Template(_) | GenerateError::Media(_) | GenerateError::Submit(_) => {
            ApiError::invalid_value("messages", error.to_string())
        }
        GenerateError::Tools(_) => ApiError::invalid_value("tools", sentence(&error.to_string())),
        GenerateError::Constraint(ConstraintError::Busy(_)) => {
            ApiError::busy(sentence(&error.to_string()), 1)
        }
        GenerateError::Constraint(_) => ApiError::invalid_constraint(sentence(&error.to_string())),
        GenerateError::Llama(_) => ApiError::internal(error.to_string()),
    }
}

/// An error's text as a sentence of its own.
pub(super) fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest).chain(['.']).collect()
}

/// What a client is told about a load that failed.
pub(super) fn load_error(error: &LoadError) -> ApiError {
    match error {
        LoadError::File(_)
        | LoadError::Template(_)
        | LoadError::Llama(_)
        | LoadError::Engine(_)
        | LoadError::GpuMemory(_) => {
            ApiError::bad_request(format!("Failed to load model: {error}"))
        }
        LoadError::Gpus(error) => {
            ApiError::invalid_value("gpu_ids", format!("`gpu_ids`: {error}."))
        }
        LoadError::Stopped => ApiError::conflict("Model load cancelled"),
        LoadError::Busy(_) | LoadError::InUse { .. } => ApiError::conflict(error.to_string()),
    }
}

/// What a client is told about an identifier that names no model.
pub(super) fn identify_error(error: &IdentifyError) -> ApiError {
    ApiError::invalid_value("model_path", format!("Invalid model: {error}"))
}
