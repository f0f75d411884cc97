//! The `OpenAI` protocol: Chat Completions and the model list.

mod chat_request;
mod chat_stream;
mod head;
mod logprobs;
mod messages;
pub mod models;
#[cfg(any(test, fuzzing))]
mod said;
mod sampling;
#[cfg(any(test, fuzzing))]
pub(crate) mod stream_properties;
mod structured;
mod tools;
mod unsupported;
mod usage;

pub use chat_request::{ChatRequest, MAX_ID_BYTES, MAX_KWARGS_BYTES, ReasoningEffort};
pub use chat_stream::{ChatStreamEncoder, chat_response};
pub use head::{CompletionHead, completion_id};
pub use logprobs::logprobs_json;
pub use messages::parse_messages;
pub use sampling::{MAX_DRY_BREAKER_BYTES, MAX_DRY_BREAKERS, MAX_LOGIT_BIAS};
pub use tools::{MAX_TOOL_NAME_BYTES, MAX_TOOLS, MAX_TOOLS_BYTES};
pub use usage::{Total, timings_json, usage_json};
