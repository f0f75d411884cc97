//! The `OpenAI` protocol: Chat Completions, Completions, embeddings and the model list; and reranking, which others
//! have made in its manner.

mod chat_request;
mod chat_stream;
pub mod completions;
pub mod embeddings;
mod head;
mod inputs;
mod logprobs;
mod messages;
pub mod models;
pub mod rerank;
#[cfg(any(test, fuzzing))]
mod said;
mod sampling;
#[cfg(any(test, fuzzing))]
pub(crate) mod stream_properties;
mod structured;
mod thoughts;
mod tools;
mod unsupported;
mod usage;

pub use chat_request::{ChatRequest, MAX_ID_BYTES, MAX_KWARGS_BYTES};
pub use chat_stream::{ChatStreamEncoder, chat_response};
pub use head::{CompletionHead, completion_id};
pub(crate) use inputs::read_token_ids;
pub use logprobs::logprobs_json;
pub use messages::parse_messages;
pub use sampling::{MAX_DRY_BREAKER_BYTES, MAX_DRY_BREAKERS, MAX_LOGIT_BIAS};
pub use thoughts::{MAX_BUDGET_MESSAGE_BYTES, Thinking};
pub use tools::{MAX_TOOL_NAME_BYTES, MAX_TOOLS, MAX_TOOLS_BYTES};
pub use usage::{Total, timings_json, usage_json};

/// Fields that are known and not supported, by the name of the request's schema in the API's document.
pub(in crate::api) fn unsupported_fields() -> [(&'static str, unsupported::NeutralFields); 7] {
    use unsupported::{OF_CHAT, OF_GENERATION, OF_STREAM_OPTIONS};
    [
        ("ChatCompletionRequest", OF_CHAT),
        ("ChatCompletionRequest", OF_GENERATION),
        ("StreamOptions", OF_STREAM_OPTIONS),
        ("CompletionRequest", completions::NOT_YET),
        ("CompletionRequest", OF_GENERATION),
        ("EmbeddingsRequest", embeddings::NOT_YET),
        ("RerankRequest", rerank::NOT_YET),
    ]
}
