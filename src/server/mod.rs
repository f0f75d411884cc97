//! HTTP: routes, who may call, health, metrics, shutdown. Knows nothing of llama.cpp.

mod answer;
mod begin;
mod body;
mod cancel;
mod chat;
mod completions;
mod config;
mod control;
mod docs;
mod fan_out;
mod guard;
mod info;
mod legacy;
mod listen;
mod pooled;
mod reply;
mod state;
mod tokens;

use crate::api::openapi;
use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

pub use config::ServerConfig;
pub use listen::serve;
pub use state::AppState;

/// The server's service: all routes, behind the guard.
pub fn router(state: AppState) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(info::not_found)
        .method_not_allowed_fallback(info::method_not_allowed)
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .with_state(state)
}

/// All routes, and what they tell about themselves. The inference routes exist under both prefixes; the stop button only under
/// `/api/inference`, so that clients of `OpenAI`'s API see no surprise endpoint.
///
/// Only `routes!` adds a route: what is served is in the document, and what is in the document is served.
fn routes() -> OpenApiRouter<AppState> {
    let inference = OpenApiRouter::new()
        .routes(routes!(chat::chat_completions))
        .routes(routes!(completions::completions))
        .routes(routes!(pooled::embeddings))
        .routes(routes!(pooled::rerank))
        .routes(at("/reranking", routes!(pooled::rerank)))
        .routes(routes!(legacy::generate_stream))
        .routes(routes!(control::load))
        .routes(routes!(control::unload))
        .routes(routes!(control::validate))
        .routes(routes!(control::status))
        .routes(routes!(control::load_progress))
        .routes(routes!(info::models))
        .routes(routes!(info::model));
    // Where llama-server has them.
    let at_root = OpenApiRouter::new()
        .routes(routes!(pooled::rerank))
        .routes(at("/reranking", routes!(pooled::rerank)))
        .routes(routes!(tokens::tokenize))
        .routes(routes!(tokens::detokenize))
        .routes(routes!(tokens::apply_template))
        .routes(at("/health", routes!(info::readyz)))
        .routes(at("/v1/health", routes!(info::readyz)));
    OpenApiRouter::with_openapi(openapi::base())
        .nest("/v1", inference.clone())
        .nest("/api/inference", inference.routes(routes!(cancel::cancel)))
        .merge(at_root)
        .routes(routes!(info::health))
        .routes(routes!(info::livez))
        .routes(routes!(info::readyz))
        .routes(routes!(info::slots))
        .routes(routes!(info::metrics))
        .routes(routes!(docs::openapi_json))
        .routes(routes!(docs::page))
}

/// The same route at another path.
fn at(
    path: &str,
    (schemas, mut paths, methods): UtoipaMethodRouter<AppState>,
) -> UtoipaMethodRouter<AppState> {
    let items = std::mem::take(&mut paths.paths).into_values();
    paths.paths = items.map(|item| (path.to_owned(), item)).collect();
    (schemas, paths, methods)
}
