//! HTTP: routes, who may call, health, metrics, shutdown. Knows nothing of llama.cpp.

mod answer;
mod begin;
mod body;
mod cancel;
mod chat;
mod completions;
mod config;
mod control;
mod fan_out;
mod guard;
mod info;
mod legacy;
mod listen;
mod pooled;
mod reply;
mod state;
mod tokens;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

pub use config::ServerConfig;
pub use listen::serve;
pub use state::AppState;

/// All routes. The inference routes exist under both prefixes; the stop button only under `/api/inference`,
/// so that clients of OpenAI's API see no surprise endpoint.
pub fn router(state: AppState) -> Router {
    let inference = Router::new()
        .route("/chat/completions", post(chat::chat_completions))
        .route("/completions", post(completions::completions))
        .route("/embeddings", post(pooled::embeddings))
        .route("/rerank", post(pooled::rerank))
        .route("/reranking", post(pooled::rerank))
        .route("/generate/stream", post(legacy::generate_stream))
        .route("/load", post(control::load))
        .route("/unload", post(control::unload))
        .route("/validate", post(control::validate))
        .route("/status", get(control::status))
        .route("/load-progress", get(control::load_progress))
        .route("/models", get(info::models))
        .route("/models/{*id}", get(info::model));
    // Where llama-server has them.
    let at_root = Router::new()
        .route("/rerank", post(pooled::rerank))
        .route("/reranking", post(pooled::rerank))
        .route("/tokenize", post(tokens::tokenize))
        .route("/detokenize", post(tokens::detokenize))
        .route("/apply-template", post(tokens::apply_template));
    Router::new()
        .merge(at_root)
        .nest("/v1", inference.clone())
        .nest(
            "/api/inference",
            inference.route("/cancel", post(cancel::cancel)),
        )
        .route("/api/health", get(info::health))
        .route("/health", get(info::readyz))
        .route("/livez", get(info::livez))
        .route("/readyz", get(info::readyz))
        .route("/slots", get(info::slots))
        .route("/metrics", get(info::metrics))
        .fallback(info::not_found)
        .method_not_allowed_fallback(info::method_not_allowed)
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .with_state(state)
}
