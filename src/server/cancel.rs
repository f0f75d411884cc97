//! `POST /api/inference/cancel`: the stop button.

use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use serde_json::{Value, json};

use super::AppState;
use super::state::RELEASE_TIMEOUT;
use crate::api::openapi;
use crate::api::studio::parse_cancel;

/// The largest body that is looked at; a stop is a few ids.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Stops what the body names, and answers once the engine has let go of it. Never an error: nonsense
/// stops nothing.
#[utoipa::path(
    post, path = "/cancel", tag = "Control", request_body = Option<openapi::CancelRequest>,
    responses((status = 200, description = "How much was stopped.", body = openapi::CancelResponse)),
)]
pub(super) async fn cancel(State(state): State<AppState>, body: Body) -> Json<Value> {
    let body = super::body::read(body, MAX_BODY_BYTES)
        .await
        .unwrap_or_default();
    let flags = state.stops.cancel(&parse_cancel(&body), Instant::now());
    let all_released = async {
        for flag in &flags {
            flag.released().await;
        }
    };
    if tokio::time::timeout(RELEASE_TIMEOUT, all_released)
        .await
        .is_err()
    {
        tracing::warn!(
            runs = flags.len(),
            "a stopped run was not let go of in time"
        );
    }
    Json(json!({ "cancelled": flags.len() }))
}
