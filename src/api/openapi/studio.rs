//! The bodies of the Studio API's control routes, and of its old generation route.

use utoipa::ToSchema;
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{Object, ObjectBuilder};

use super::ChatMessage;

/// A model to load.
#[derive(Debug, ToSchema)]
#[schema(examples(json!({"model_path": "/models/SmolLM2-135M-Instruct-Q4_1.gguf", "max_seq_length": 4096, "cancel_id": "my-load"})))]
pub struct LoadRequest {
    /// A .gguf file, or a directory with one; of up to 4096 bytes. Surrounding spaces do not count.
    #[schema(min_length = 1, max_length = 4096)]
    pub model_path: String,
    /// For gated repositories; not used for local files.
    #[schema(max_length = 4096)]
    pub hf_token: Option<String>,
    /// The context length in tokens; 0 takes what the model and the memory allow.
    #[schema(minimum = 0, maximum = 1_048_576, default = 0)]
    pub max_seq_length: Option<u32>,
    /// Changes nothing for GGUF files.
    #[schema(default = true)]
    pub load_in_4bit: Option<bool>,
    /// A hint that the path is an adapter.
    #[schema(default = false)]
    pub is_lora: Option<bool>,
    /// The quantisation to take, as in `Q4_K_M`. The empty one is none.
    #[schema(max_length = 512)]
    pub gguf_variant: Option<String>,
    /// Accepted; nothing is ever executed.
    #[schema(default = false)]
    pub trust_remote_code: Option<bool>,
    /// A Jinja template in place of the model's own, of up to 256 KiB. An empty one is none.
    #[schema(max_length = 262_144)]
    pub chat_template_override: Option<String>,
    /// The type of the KV cells. The empty one is none.
    #[schema(schema_with = kv_types)]
    pub cache_type_kv: Option<String>,
    /// How tokens are drafted: `off`, `default`, `ngram-simple`, `ngram-mod` or `model`. Words that nobody knows are `off`.
    pub speculative_type: Option<String>,
    /// The GPUs to use, as indexes in CUDA's order, each once. An empty list leaves the choice to the server. One that is not there
    /// is a 400.
    #[schema(max_items = 16)]
    pub gpu_ids: Option<Vec<u32>>,
    /// A name by which the load can be stopped, of up to 512 bytes. The empty one is none.
    #[schema(max_length = 512)]
    pub cancel_id: Option<String>,
    /// Whether generations of the present model may be stopped to make way. Without it they are a 409.
    #[schema(default = false)]
    pub force_cancel_active: Option<bool>,
}

fn kv_types() -> Object {
    let names = [
        "f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl", "",
    ];
    let names = names.into_iter().map(Some).chain([None]);
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("The type of the KV cells. The empty one is none."))
        .enum_values(Some(names))
        .build()
}

/// The model, or the load under way, that should go.
#[derive(Debug, ToSchema)]
#[schema(examples(json!({"model_path": "/models/SmolLM2-135M-Instruct-Q4_1.gguf"})))]
pub struct UnloadRequest {
    /// As it was given to the load, or the model's id; of up to 4096 bytes.
    #[schema(min_length = 1, max_length = 4096)]
    pub model_path: String,
}

/// A model that could be loaded, or not.
#[derive(Debug, ToSchema)]
#[schema(examples(json!({"model_path": "/models/SmolLM2-135M-Instruct-Q4_1.gguf"})))]
pub struct ValidateRequest {
    /// A .gguf file, or a directory with one; of up to 4096 bytes. Surrounding spaces do not count.
    #[schema(min_length = 1, max_length = 4096)]
    pub model_path: String,
    /// For gated repositories; not used for local files.
    #[schema(max_length = 4096)]
    pub hf_token: Option<String>,
    /// The quantisation to take, as in `Q4_K_M`. The empty one is none.
    #[schema(max_length = 512)]
    pub gguf_variant: Option<String>,
}

/// What to stop. A `cancel_id` counts alone; without one, whatever has one of the other ids. Never refused: what cannot be read stops
/// nothing.
#[derive(Debug, ToSchema)]
#[schema(examples(json!({"cancel_id": "my-run"})))]
pub struct CancelRequest {
    /// The `cancel_id` of requests. One that comes before its request stops that when it comes, within 30 seconds.
    pub cancel_id: Option<String>,
    /// The `session_id` of requests.
    pub session_id: Option<String>,
    /// The id of an answer.
    pub completion_id: Option<String>,
    /// The id of a message.
    pub message_id: Option<String>,
}

/// How much was stopped. The answer comes once the engine has let go of it.
#[derive(Debug, ToSchema)]
pub struct CancelResponse {
    /// Requests that were stopped.
    pub cancelled: u64,
}

/// A conversation to answer.
#[derive(Debug, ToSchema)]
#[schema(examples(json!({"messages": [{"role": "user", "content": "Name a colour."}], "max_new_tokens": 16})))]
pub struct GenerateStreamRequest {
    /// The conversation, with at least one message that is not the system's.
    #[schema(min_items = 1)]
    pub messages: Vec<ChatMessage>,
    /// Instructions, before those of the conversation.
    #[schema(default = "")]
    pub system_prompt: Option<String>,
    /// Divides the logits; 0 always takes the likeliest token.
    #[schema(minimum = 0, maximum = 2, default = 0.6)]
    pub temperature: Option<f32>,
    /// Keeps the likeliest tokens that have this much of the probability together.
    #[schema(minimum = 0, maximum = 1, default = 0.95)]
    pub top_p: Option<f32>,
    /// Keeps so many of the likeliest tokens; 0 and -1 keep all.
    #[schema(minimum = -1, maximum = 100, default = 20)]
    pub top_k: Option<i32>,
    /// At most so many tokens.
    #[schema(minimum = 1, maximum = 4096, default = 2048)]
    pub max_new_tokens: Option<u32>,
    /// Divides the logits of tokens that occurred; 1 is off.
    #[schema(minimum = 1, maximum = 2, default = 1)]
    pub repetition_penalty: Option<f32>,
    /// Subtracted from the logits of tokens that occurred; 0 is off.
    #[schema(minimum = 0, maximum = 2, default = 0)]
    pub presence_penalty: Option<f32>,
    /// Known, and not supported yet: only the empty text is accepted.
    #[schema(max_length = 0)]
    pub image_base64: Option<String>,
    /// A name of this request, by which it can be stopped, of up to 512 bytes.
    #[schema(max_length = 512)]
    pub cancel_id: Option<String>,
    /// A name of the session that it belongs to, of up to 512 bytes.
    #[schema(max_length = 512)]
    pub session_id: Option<String>,
}

/// What an event holds: more of the text, or an `error` as a text. The last event is `[DONE]`.
#[derive(Debug, ToSchema)]
pub struct GenerateChunk {
    /// More of the text.
    #[schema(nullable = false)]
    pub content: Option<String>,
    /// Why the answer failed.
    #[schema(nullable = false)]
    pub error: Option<String>,
}
