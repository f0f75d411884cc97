//! [`JsonBody`]: a request body with every limit applied, as JSON.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, OriginalUri, Request};
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;

use super::AppState;
use super::guard::Namespace;
use super::reply::{error_reply, surface_of};
use crate::api::{ApiError, Surface, json};

/// A body that parsed, and the surface it came in on.
pub(super) struct JsonBody {
    pub(super) value: Value,
    pub(super) surface: Surface,
    /// Who may share cached prefixes with this request.
    pub(super) namespace: u64,
}

impl FromRequest<AppState> for JsonBody {
    type Rejection = Response;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Response> {
        // The request's own URI has lost the prefix under which the router was nested.
        let surface = match request.extensions().get::<OriginalUri>() {
            Some(OriginalUri(uri)) => surface_of(uri.path()),
            None => surface_of(request.uri().path()),
        };
        let namespace = request
            .extensions()
            .get::<Namespace>()
            .copied()
            .unwrap_or_default()
            .0;
        let parsed = match read(request.into_body(), state.config.max_body_bytes).await {
            Ok(bytes) => json::parse(&bytes),
            Err(error) => Err(error),
        };
        match parsed {
            Ok(value) => Ok(Self {
                value,
                surface,
                namespace,
            }),
            Err(error) => Err(error_reply(&error, surface)),
        }
    }
}

/// Reads a body up to a limit.
pub(super) async fn read(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::body_too_large(limit as u64)),
        Err(_) => Err(ApiError::bad_request(
            "The request body ended before it was complete; send it again.",
        )),
    }
}
