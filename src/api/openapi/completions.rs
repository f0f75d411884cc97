//! `POST /completions`.

use std::collections::BTreeMap;

use utoipa::ToSchema;

use super::{
    FinishReason, FormFields, IdFields, LengthFields, PromptProgress, SamplingFields, StreamFields,
    Timings, Usage,
};

/// Texts to continue, without a chat template. Fields that nobody knows are accepted and ignored; `null` is the same as leaving a
/// field out.
#[derive(Debug, ToSchema)]
#[schema(examples(
    json!({"prompt": "The capital of France is", "max_tokens": 8, "temperature": 0}),
    json!({"prompt": ["Once upon a time", "Long ago"], "max_tokens": 8, "n": 2, "stream": true, "stream_options": {"include_usage": true}}),
    json!({"prompt": "A date: ", "max_tokens": 16, "logprobs": 2, "regex": "[0-9]{4}-[0-9]{2}"}),
))]
pub struct CompletionRequest {
    /// Informational: the loaded model answers.
    pub model: Option<String>,
    /// What is continued: a text, token ids, or a list of those, each of which is continued by itself. All answers together are at
    /// most 64.
    pub prompt: TokenInputs,
    /// What comes after the text that is to be written, for models with tokens for that.
    pub suffix: Option<String>,
    /// Whether each answer begins with its prompt. Goes with neither `suffix` nor `logprobs`.
    #[schema(default = false)]
    pub echo: Option<bool>,
    /// How it comes.
    #[serde(flatten)]
    pub stream: StreamFields,
    /// How long it is.
    #[serde(flatten)]
    pub length: LengthFields,
    /// llama-server's name for `max_tokens`; -1 is what is left of the context, and 0 is refused.
    #[schema(minimum = -1)]
    pub n_predict: Option<i64>,
    /// How many answers are made to each prompt.
    #[schema(minimum = 1, maximum = 16, default = 1)]
    pub n: Option<u32>,
    /// The same as `n`: choosing among more answers is not supported.
    #[schema(minimum = 1)]
    pub best_of: Option<u64>,
    /// How tokens are drawn.
    #[serde(flatten)]
    pub sampling: SamplingFields,
    /// Tells the log-probability of each token, that of the model itself, and so many of the likeliest beside it.
    #[schema(minimum = 0, maximum = 20)]
    pub logprobs: Option<u32>,
    /// What form it has.
    #[serde(flatten)]
    pub form: FormFields,
    /// By what it is stopped.
    #[serde(flatten)]
    pub ids: IdFields,
}

/// A text, a list of token ids, or a list of texts and of such lists.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum TokenInputs {
    /// One text.
    Text(String),
    /// One input, as token ids.
    Tokens(#[schema(inline)] TokenIds),
    /// Several inputs.
    Several(#[schema(inline)] TokenInputList),
}

/// Token ids.
#[derive(Debug, ToSchema)]
#[schema(min_items = 1)]
pub struct TokenIds(pub Vec<u32>);

/// Several inputs.
#[derive(Debug, ToSchema)]
#[schema(min_items = 1)]
pub struct TokenInputList(pub Vec<TokenInput>);

/// A text, or token ids.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum TokenInput {
    /// A text.
    Text(String),
    /// Token ids.
    Tokens(#[schema(inline)] TokenIds),
}

/// The answers in one piece.
#[derive(Debug, ToSchema)]
pub struct Completion {
    /// A name by which the request can be stopped: `completion_id` of `POST /api/inference/cancel`.
    #[schema(pattern = "^cmpl-", example = "cmpl-0123456789ab")]
    pub id: String,
    /// Always `text_completion`.
    #[schema(pattern = "^text_completion$")]
    pub object: String,
    /// Unix seconds.
    pub created: u64,
    /// The model that answered.
    pub model: String,
    /// The same as long as the same model is computed by the same code.
    pub system_fingerprint: String,
    /// The answers prompt by prompt: number `i` continues prompt `i / n`.
    #[schema(min_items = 1, max_items = 64)]
    pub choices: Vec<CompletionChoice>,
    /// Token counts.
    #[schema(nullable = false)]
    pub usage: Option<Usage>,
    /// How long it took.
    #[schema(nullable = false)]
    pub timings: Option<Timings>,
}

/// What an event of streamed answers holds. For each answer a chunk with what stands before it, then pieces, then one with the
/// `finish_reason`; then, where it is asked for, one with `usage`, `timings` and no `choices`. The last event is `[DONE]`.
#[derive(Debug, ToSchema)]
pub struct CompletionChunk {
    /// The same in all chunks, and a name by which the request can be stopped.
    #[schema(pattern = "^cmpl-")]
    pub id: String,
    /// Always `text_completion`.
    #[schema(pattern = "^text_completion$")]
    pub object: String,
    /// Unix seconds.
    pub created: u64,
    /// The model that answers.
    pub model: String,
    /// The same as long as the same model is computed by the same code.
    pub system_fingerprint: String,
    /// One, or none beside `usage`.
    #[schema(max_items = 1)]
    pub choices: Vec<CompletionChoice>,
    /// How far the prompt is read, with `return_progress`.
    #[schema(nullable = false)]
    pub prompt_progress: Option<PromptProgress>,
    /// Token counts.
    #[schema(nullable = false)]
    pub usage: Option<Usage>,
    /// How long it took.
    #[schema(nullable = false)]
    pub timings: Option<Timings>,
}

/// An answer, or a piece of one.
#[derive(Debug, ToSchema)]
pub struct CompletionChoice {
    /// The text.
    pub text: String,
    /// Which of the answers it is.
    pub index: u32,
    /// Where they were asked for.
    #[schema(required)]
    pub logprobs: Option<CompletionLogprobs>,
    /// Why it ended; null while it goes on.
    #[schema(required)]
    pub finish_reason: Option<FinishReason>,
}

/// How likely the tokens were: lists with an element for each token.
#[derive(Debug, ToSchema)]
pub struct CompletionLogprobs {
    /// Their texts; what is not whole characters is written as `bytes:\xe2\x80`.
    pub tokens: Vec<String>,
    /// Their log-probabilities; -9999 stands for never.
    pub token_logprobs: Vec<f32>,
    /// The likeliest tokens by their texts, the drawn one among them.
    pub top_logprobs: Vec<BTreeMap<String, f32>>,
    /// Characters from the beginning of the answer.
    pub text_offset: Vec<u64>,
}
