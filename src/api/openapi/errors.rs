//! Errors: their envelope, and which statuses the routes answer with.
//!
//! Routes name a set of statuses; [`document`](super::document()) puts in what each of them looks like under the route's path.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::{Ref, RefOr, Response};
use utoipa::{IntoResponses, ToSchema};

use crate::api::errors::{ApiError, Surface};

/// An error under `/v1` and at the root.
#[derive(Debug, ToSchema)]
pub struct ErrorResponse {
    /// What is wrong.
    pub error: ErrorDetail,
}

/// An error under `/api`.
#[derive(Debug, ToSchema)]
pub struct StudioErrorResponse {
    /// What is wrong.
    pub error: ErrorDetail,
    /// The message again, as Studio's clients expect it.
    pub detail: String,
}

/// What is wrong.
#[derive(Debug, ToSchema)]
pub struct ErrorDetail {
    /// What is wrong and what to do, for people.
    pub message: String,
    /// What kind of error it is; it follows from the status.
    pub r#type: String,
    /// The field that is wrong, as in `messages[3].content`.
    #[schema(required)]
    pub param: Option<String>,
    /// A machine-readable cause, where there is a standard one.
    #[schema(required)]
    pub code: Option<String>,
}

/// Declares sets of statuses, as types that `utoipa::path` takes.
macro_rules! sets {
    ($($(#[$about:meta])* $name:ident = $statuses:expr;)+) => {$(
        $(#[$about])*
        #[derive(Debug)]
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                references(&$statuses)
            }
        }
    )+};
}

sets! {
    /// A body is read.
    BodyErrors = [400, 413];
    /// The model is asked for something that is not computed.
    ModelErrors = [400, 503];
    /// A body is read and looked into.
    WorkErrors = [400, 413, 500];
    /// A body is read, and the model is asked for something that is not computed.
    RunErrors = [400, 413, 500, 503];
    /// Answers are generated.
    GenerationErrors = [400, 413, 429, 500, 503];
    /// Inputs are embedded or ranked.
    PooledErrors = [400, 413, 429, 499, 500, 503];
    /// A model is loaded.
    LoadErrors = [400, 409, 413, 500, 503];
    /// A model is named in the path.
    UnknownModel = [404];
}

/// To be replaced by [`document`](super::document()).
fn references(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    statuses
        .iter()
        .map(|status| {
            let status = status.to_string();
            let of_status = RefOr::Ref(Ref::from_response_name(&status));
            (status, of_status)
        })
        .collect()
}

/// What a status is about, and errors that have it.
fn about(status: u16) -> (&'static str, Vec<ApiError>) {
    match status {
        400 => (
            "The request is wrong, or no model is loaded. `param` names the field.",
            vec![
                ApiError::invalid_value(
                    "temperature",
                    "`temperature` must be a number from 0 to 2, and is the number 3.",
                ),
                ApiError::context_length_exceeded(5000, 4096),
                ApiError::model_not_loaded(),
            ],
        ),
        401 => (
            "No key, or none that the server was started with. Without `--api-key` nobody is asked for one.",
            vec![ApiError::unauthorized()],
        ),
        403 => (
            "A page of another site, or a name that is not this machine's.",
            vec![ApiError::forbidden(
                "This server only answers to localhost; send the request to 127.0.0.1 or localhost.",
            )],
        ),
        404 => (
            "There is nothing of that name.",
            vec![ApiError::model_not_found("tiny").with_param("id")],
        ),
        409 => (
            "It clashes with what is going on, or was stopped.",
            vec![ApiError::conflict("Model load cancelled")],
        ),
        413 => (
            "The body is larger than the server allows.",
            vec![ApiError::body_too_large(32 << 20)],
        ),
        429 => (
            "The queue is full. `Retry-After` tells when to try again.",
            vec![ApiError::queue_full(1)],
        ),
        499 => (
            "It was stopped before it had an answer.",
            vec![ApiError::cancelled()],
        ),
        503 => (
            "The model is being loaded, something is busy, or the server is shutting down. `Retry-After`, where there is one, tells when to try again.",
            vec![
                ApiError::model_loading("tiny", 2),
                ApiError::shutting_down(),
            ],
        ),
        _ => (
            "A fault of the server.",
            vec![ApiError::internal("The answer could not be computed.")],
        ),
    }
}

/// A reference to the schema of errors.
pub(super) fn error_schema(surface: Surface) -> Value {
    let name = match surface {
        Surface::OpenAi => "ErrorResponse",
        Surface::Studio => "StudioErrorResponse",
    };
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The response object of a status: what it means, its body and examples.
pub(super) fn error_response(status: u16, surface: Surface) -> Value {
    let (description, errors) = about(status);
    let examples: serde_json::Map<String, Value> = errors
        .iter()
        .map(|error| {
            let name = error.code.unwrap_or(error.kind).to_owned();
            (name, json!({"value": error.body(surface)}))
        })
        .collect();
    let mut response = json!({
        "description": description,
        "content": {"application/json": {
            "schema": error_schema(surface),
            "examples": examples,
        }},
    });
    if matches!(status, 429 | 503) {
        response["headers"] = json!({"Retry-After": {
            "description": "Seconds after which trying again makes sense.",
            "schema": {"type": "integer", "minimum": 1},
        }});
    }
    response
}
