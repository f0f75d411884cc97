//! The body of `POST /chat/completions`.

use std::collections::BTreeMap;

use utoipa::ToSchema;

use super::{
    ChatMessage, FormFields, IdFields, LengthFields, SamplingFields, StreamFields, Tool, ToolChoice,
};

/// A conversation to answer. Fields that nobody knows are accepted and ignored; `null` is the same as leaving a field out.
#[derive(Debug, ToSchema)]
#[schema(examples(
    json!({
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
        "max_tokens": 32,
        "temperature": 0,
    }),
    json!({
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Name a colour."}]}],
        "max_tokens": 16,
        "stream": true,
        "stream_options": {"include_usage": true},
        "cancel_id": "my-run",
    }),
    json!({
        "messages": [{"role": "user", "content": "Who wrote Faust, and when?"}],
        "max_tokens": 48,
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "book",
                "schema": {
                    "type": "object",
                    "properties": {"author": {"type": "string", "maxLength": 30}, "year": {"type": "integer", "minimum": 1500, "maximum": 2000}},
                    "required": ["author", "year"],
                    "additionalProperties": false,
                },
            },
        },
    }),
    json!({
        "messages": [
            {"role": "user", "content": "How warm is it in Paris?"},
            {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Paris\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "name": "weather", "content": "21 degrees"},
            {"role": "user", "content": "And in Rome?"},
        ],
        "max_tokens": 48,
        "tools": [{
            "type": "function",
            "function": {
                "name": "weather",
                "description": "The weather in a city",
                "parameters": {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"], "additionalProperties": false},
                "strict": true,
            },
        }],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
    }),
))]
pub struct ChatCompletionRequest {
    /// Informational: the loaded model answers.
    #[schema(default = "default")]
    pub model: Option<String>,
    /// The conversation, with at least one message that is not the system's.
    #[schema(min_items = 1)]
    pub messages: Vec<ChatMessage>,
    /// How it comes.
    #[serde(flatten)]
    pub stream: StreamFields,
    /// How long it is.
    #[serde(flatten)]
    pub length: LengthFields,
    /// How many answers are made. Each is a run of its own.
    #[schema(minimum = 1, maximum = 16, default = 1)]
    pub n: Option<u32>,
    /// How tokens are drawn.
    #[serde(flatten)]
    pub sampling: SamplingFields,
    /// Whether each token comes with its log-probability, that of the model itself: before bias, penalties and truncation.
    #[schema(default = false)]
    pub logprobs: Option<bool>,
    /// With `logprobs`: how many of the likeliest tokens are told beside each.
    #[schema(minimum = 0, maximum = 20, default = 0)]
    pub top_logprobs: Option<u32>,
    /// What form it has.
    #[serde(flatten)]
    pub form: FormFields,
    /// Functions that the model may call, together at most 512 KiB of JSON.
    #[schema(max_items = 128)]
    pub tools: Option<Vec<Tool>>,
    /// Whether they are called. `auto` where nothing is sent.
    pub tool_choice: Option<ToolChoice>,
    /// Whether an answer may make several calls; if not, what follows the first is left out.
    #[schema(default = true)]
    pub parallel_tool_calls: Option<bool>,
    /// Whether calls are read where their markup is not quite right.
    #[schema(default = true)]
    pub auto_heal_tool_calls: Option<bool>,
    /// Whether the model thinks before it answers, where it can be told. It wins over `chat_template_kwargs`.
    pub enable_thinking: Option<bool>,
    /// How much it thinks, where it knows degrees.
    #[schema(inline)]
    pub reasoning_effort: Option<ReasoningEffort>,
    /// Whether earlier thoughts stay in the prompt, where the template can do that.
    pub preserve_thinking: Option<bool>,
    /// Where thoughts go.
    #[schema(inline)]
    pub reasoning_format: Option<ReasoningFormat>,
    /// At most so many tokens of thoughts; -1 is no bound, and 0 none.
    #[schema(minimum = -1, maximum = 1_073_741_824, default = -1)]
    pub reasoning_budget_tokens: Option<i32>,
    /// Another name for `reasoning_budget_tokens`.
    #[schema(minimum = -1, maximum = 1_073_741_824)]
    pub thinking_budget_tokens: Option<i32>,
    /// llama-server's name for `reasoning_budget_tokens`.
    #[schema(minimum = -1, maximum = 1_073_741_824)]
    pub reasoning_budget: Option<i32>,
    /// What is written at the end of a thought that its budget ends, of up to 4096 bytes.
    #[schema(max_length = 4096, default = "")]
    pub reasoning_budget_message: Option<String>,
    /// Variables for the chat template, together at most 16 KiB of JSON.
    pub chat_template_kwargs: Option<TemplateVariables>,
    /// Documents to answer from, for templates that know them; together at most 1 MiB of JSON.
    #[schema(value_type = Option<Vec<Object>>)]
    pub documents: Option<Vec<serde_json::Value>>,
    /// Whether the prompt ends with the beginning of the model's turn.
    #[schema(default = true)]
    pub add_generation_prompt: Option<bool>,
    /// Goes on with the last message, which must be the assistant's.
    #[schema(default = false)]
    pub continue_final_message: Option<bool>,
    /// A setting of Studio's tool loop, which is checked and does nothing here.
    pub enabled_tools: Option<Vec<String>>,
    /// A setting of Studio's tool loop, which is checked and does nothing here.
    #[schema(minimum = 0)]
    pub max_tool_calls_per_message: Option<u64>,
    /// A setting of Studio's tool loop, which is checked and does nothing here; in seconds.
    #[schema(minimum = 1)]
    pub tool_call_timeout: Option<u64>,
    /// By what it is stopped.
    #[serde(flatten)]
    pub ids: IdFields,
}

/// How much thinking is asked for.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReasoningEffort {
    /// Not at all.
    None,
    /// The same as `low`.
    Minimal,
    /// As little as possible.
    Low,
    /// The usual amount.
    Medium,
    /// As much as it takes.
    High,
    /// The same as `high`.
    Xhigh,
}

/// Where thoughts go: beside the content as `reasoning_content` (`auto`, `deepseek`), or into it (`inline`, `none`).
#[derive(Debug, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReasoningFormat {
    /// Beside the content.
    Auto,
    /// The same.
    Deepseek,
    /// Into the content.
    Inline,
    /// The same.
    None,
}

/// Variables by their names. Those that the server sets itself, such as `messages`, are refused.
#[derive(Debug, ToSchema)]
pub struct TemplateVariables {
    /// The same as the field of the request.
    pub enable_thinking: Option<bool>,
    /// Anything else.
    #[serde(flatten)]
    pub others: BTreeMap<String, serde_json::Value>,
}
