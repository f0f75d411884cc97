//! The API's document, and a page that shows it.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::guard::OPEN_PATHS;
use super::reply::surface_of;
use crate::api::openapi::{Rules, document};

const STYLE: &str = include_str!("docs/style.css");
const SCRIPT: &str = include_str!("docs/script.js");
const HTML: &str = include_str!("docs/page.html");

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| build().to_string().into());

static PAGE: LazyLock<Bytes> = LazyLock::new(|| {
    let page = HTML.replace("{style}", STYLE).replace("{script}", SCRIPT);
    page.into()
});

/// Nothing but what is in the page itself may run, and it may talk to this server only.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(SCRIPT),
        hash(STYLE),
    )
});

/// The document of all routes.
pub(super) fn build() -> Value {
    let rules = Rules {
        surface_of,
        open_paths: &OPEN_PATHS,
    };
    document(super::routes().get_openapi(), rules)
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "Server",
    responses((status = 200, description = "An OpenAPI 3.1 document.", body = Value)),
)]
pub(super) async fn openapi_json() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "application/json")],
        DOCUMENT.clone(),
    )
}

/// A page that shows this document and tries its routes. Needs nothing from other servers.
#[utoipa::path(
    get, path = "/docs", tag = "Server",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
pub(super) async fn page() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, PAGE.clone())
}

#[cfg(test)]
mod tests;
