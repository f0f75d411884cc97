//! Who may call: host and origin policy, and API keys. One layer for every route.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::AppState;
use super::reply::{error_reply, surface_of};
use crate::api::ApiError;

/// Paths that need no key. Those of health tell nothing but that the server lives. The document of the API and the page that shows it
/// are the same on every server of a version, and a browser has no key to send before it shows a page. All of them are still
/// kept from pages of other sites.
pub(super) const OPEN_PATHS: [&str; 7] = [
    "/api/health",
    "/health",
    "/v1/health",
    "/livez",
    "/readyz",
    "/openapi.json",
    "/docs",
];

/// Which key a request came with, as the namespace of its cached prefixes: callers with different keys
/// never share, and so cannot probe, each other's prompts. 0 where no key is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Namespace(pub(super) u64);

/// Refuses what a web page on another site could send, then what has no key.
pub(super) async fn guard(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let surface = surface_of(request.uri().path());
    match check(&state, &request) {
        Ok(Caller::Preflight(origin)) => preflight(&origin),
        Ok(Caller::Permitted { origin, namespace }) => {
            request.extensions_mut().insert(namespace);
            let response = next.run(request).await;
            match origin {
                Some(origin) => with_origin(response, &origin),
                None => response,
            }
        }
        Err(error) => error_reply(&error, surface),
    }
}

enum Caller {
    /// A program, or a page of an origin that may call.
    Permitted {
        origin: Option<String>,
        namespace: Namespace,
    },
    /// A browser asking on behalf of a page.
    Preflight(String),
}

fn check(state: &AppState, request: &Request) -> Result<Caller, ApiError> {
    let headers = request.headers();
    if state.config.host.is_loopback() && !host_is_local(headers) {
        // A page of another site can make its own name point here; its Host header still gives it away.
        return Err(ApiError::forbidden(
            "This server only answers to localhost; send the request to 127.0.0.1 or localhost.",
        ));
    }
    let origin = text(headers, header::ORIGIN);
    if let Some(origin) = origin
        && !origin_is_allowed(state, headers, origin)
    {
        return Err(ApiError::forbidden(format!(
            "Pages of {origin} may not call this server; start it with --allow-origin {origin} to permit that."
        )));
    }
    if let (Some(origin), &Method::OPTIONS) = (origin, request.method()) {
        return Ok(Caller::Preflight(origin.to_owned()));
    }
    let namespace = namespace_of_key(state, headers);
    if namespace.is_none() && !OPEN_PATHS.contains(&request.uri().path()) {
        return Err(ApiError::unauthorized());
    }
    Ok(Caller::Permitted {
        origin: origin.map(str::to_owned),
        namespace: namespace.unwrap_or_default(),
    })
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn host_is_local(headers: &HeaderMap) -> bool {
    let Some(host) = text(headers, header::HOST) else {
        return !headers.contains_key(header::HOST);
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// A page served by this very server may call it; others must be on the list.
fn origin_is_allowed(state: &AppState, headers: &HeaderMap, origin: &str) -> bool {
    let own = text(headers, header::HOST).is_some_and(|host| {
        origin.strip_prefix("http://") == Some(host)
            || origin.strip_prefix("https://") == Some(host)
    });
    own || state
        .config
        .allowed_origins
        .iter()
        .any(|allowed| allowed == origin)
}

/// The namespace of the key that a request carries; `None` where it carries none that is accepted.
///
/// Compares digests in constant time: neither a key's length nor its first wrong byte can be timed.
fn namespace_of_key(state: &AppState, headers: &HeaderMap) -> Option<Namespace> {
    if state.config.api_keys.is_empty() {
        return Some(Namespace::default());
    }
    let bearer =
        text(headers, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let plain = headers
        .get("x-api-key")
        .and_then(|value| value.to_str().ok());
    let digest = |key: &str| Sha256::digest(key.trim().as_bytes());
    let given: Vec<_> = [bearer, plain].into_iter().flatten().map(digest).collect();
    let mut found = None;
    for (index, key) in state.config.api_keys.iter().enumerate() {
        let known = digest(key);
        for given in &given {
            if bool::from(known.ct_eq(given)) {
                found = Some(Namespace(index as u64 + 1));
            }
        }
    }
    found
}

fn preflight(origin: &str) -> Response {
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "authorization, content-type, x-api-key",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    with_origin((StatusCode::NO_CONTENT, allowed).into_response(), origin)
}

fn with_origin(mut response: Response, origin: &str) -> Response {
    if let Ok(value) = origin.parse() {
        response
            .headers_mut()
            .insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
        response
            .headers_mut()
            .append(header::VARY, header::HeaderValue::from_static("origin"));
    }
    response
}
