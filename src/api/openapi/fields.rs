//! Fields that several routes share: how long answers are, what form they have, how they come, by what they are stopped.

use utoipa::ToSchema;

/// How long an answer is.
#[derive(Debug, ToSchema)]
pub struct LengthFields {
    /// At most so many tokens; what no context could hold is what the context holds.
    #[schema(minimum = 1, example = 64)]
    pub max_tokens: Option<u64>,
    /// OpenAI's newer name for `max_tokens`; it wins.
    #[schema(minimum = 1)]
    pub max_completion_tokens: Option<u64>,
    /// So many tokens must come before the answer may end.
    #[schema(minimum = 0, maximum = 4_294_967_295.0, default = 0)]
    pub min_tokens: Option<u64>,
    /// The answer never ends by itself.
    #[schema(default = false)]
    pub ignore_eos: Option<bool>,
    /// Texts that end the answer and are not part of it.
    pub stop: Option<Stop>,
}

/// One text, or up to 16; each of 1 to 1024 bytes.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum Stop {
    /// One text.
    One(#[schema(inline)] StopText),
    /// Several.
    Several(#[schema(inline)] StopTexts),
}

/// A text that ends an answer.
#[derive(Debug, ToSchema)]
#[schema(min_length = 1, max_length = 1024)]
pub struct StopText(pub String);

/// Texts that end an answer.
#[derive(Debug, ToSchema)]
#[schema(max_items = 16)]
pub struct StopTexts(pub Vec<String>);

/// The form that an answer is to have: at most one of these. It is enforced token by token; a form that cannot be is answered 400 with
/// code `invalid_constraint`.
#[derive(Debug, ToSchema)]
pub struct FormFields {
    /// OpenAI's way to ask for JSON.
    pub response_format: Option<ResponseFormat>,
    /// A JSON Schema (llama-server's field).
    #[schema(value_type = Option<Object>)]
    pub json_schema: Option<serde_json::Value>,
    /// A grammar in GBNF (llama-server's field). The empty one is none.
    #[schema(example = "root ::= \"yes\" | \"no\"")]
    pub grammar: Option<String>,
    /// A grammar in Lark's syntax. The empty one is none.
    #[schema(example = "start: \"yes\" | \"no\"")]
    pub lark: Option<String>,
    /// A regular expression for the whole answer. The empty one is none.
    #[schema(example = "[0-9]{4}-[0-9]{2}-[0-9]{2}")]
    pub regex: Option<String>,
}

/// JSON, or JSON that keeps to a schema.
#[derive(Debug, ToSchema)]
pub struct ResponseFormat {
    /// Which of them.
    #[schema(inline)]
    pub r#type: ResponseFormatType,
    /// With `json_schema`, which needs it: the schema.
    pub json_schema: Option<JsonSchemaFormat>,
    /// With `json_object`, as in llama-server: a schema.
    #[schema(value_type = Option<Object>)]
    pub schema: Option<serde_json::Value>,
}

/// What an answer consists of.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormatType {
    /// Anything.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that keeps to `json_schema.schema`.
    JsonSchema,
}

/// A named schema. It is enforced whatever `strict` says.
#[derive(Debug, ToSchema)]
pub struct JsonSchemaFormat {
    /// The JSON Schema.
    #[schema(value_type = Object)]
    pub schema: serde_json::Value,
    /// Changes nothing.
    pub name: Option<String>,
    /// Changes nothing.
    pub description: Option<String>,
    /// Changes nothing.
    pub strict: Option<bool>,
}

/// How an answer comes.
#[derive(Debug, ToSchema)]
pub struct StreamFields {
    /// Whether the answer comes as server-sent events. The last one is `data: [DONE]`; a failure after the first is an event with an
    /// `error`.
    #[schema(default = false)]
    pub stream: Option<bool>,
    /// What a stream holds.
    pub stream_options: Option<StreamOptions>,
    /// Whether a stream tells how far the prompt is read, in chunks with `prompt_progress`.
    #[schema(default = false)]
    pub return_progress: Option<bool>,
    /// Computes in fixed shapes, so that the same seed gives the same text whatever else is running. Prompts are read at about two
    /// thirds of the speed.
    #[schema(default = false)]
    pub deterministic: Option<bool>,
}

/// What a stream holds.
#[derive(Debug, ToSchema)]
pub struct StreamOptions {
    /// Whether a chunk before the last event has `usage` and `timings`. Without it there is one under `/api`, and none under `/v1`.
    pub include_usage: Option<bool>,
}

/// Names by which a request can be stopped: `POST /api/inference/cancel`.
#[derive(Debug, ToSchema)]
pub struct IdFields {
    /// A name of this request, of up to 512 bytes. The empty one is none.
    #[schema(max_length = 512, example = "my-run")]
    pub cancel_id: Option<String>,
    /// A name of the session that it belongs to, of up to 512 bytes. The empty one is none.
    #[schema(max_length = 512)]
    pub session_id: Option<String>,
}
