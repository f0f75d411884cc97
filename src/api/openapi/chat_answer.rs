//! The answers of `POST /chat/completions`.

use utoipa::ToSchema;

use super::{MadeCall, MadeCallPiece, PromptProgress, Timings, Usage};

/// The answers in one piece.
#[derive(Debug, ToSchema)]
pub struct ChatCompletion {
    /// A name by which the request can be stopped: `completion_id` of `POST /api/inference/cancel`.
    #[schema(pattern = "^chatcmpl-", example = "chatcmpl-0123456789ab")]
    pub id: String,
    /// Always `chat.completion`.
    #[schema(pattern = "^chat\\.completion$")]
    pub object: String,
    /// Unix seconds.
    pub created: u64,
    /// The model that answered.
    pub model: String,
    /// The same as long as the same model is computed by the same code.
    pub system_fingerprint: String,
    /// As many as `n` asks for.
    #[schema(min_items = 1)]
    pub choices: Vec<ChatChoice>,
    /// Token counts.
    #[schema(nullable = false)]
    pub usage: Option<Usage>,
    /// How long it took.
    #[schema(nullable = false)]
    pub timings: Option<Timings>,
}

/// An answer.
#[derive(Debug, ToSchema)]
pub struct ChatChoice {
    /// Which of the answers it is.
    pub index: u32,
    /// What the model says.
    pub message: ChatReply,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Where they were asked for.
    #[schema(nullable = false)]
    pub logprobs: Option<ChatLogprobs>,
}

/// Why an answer ended: by itself, at a stop string or because it was stopped (`stop`); at a limit (`length`); or for the client to make calls (`tool_calls`).
#[derive(Debug, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// By itself, at a stop string, or stopped.
    Stop,
    /// At a limit of its length or time.
    Length,
    /// The client is to make calls.
    ToolCalls,
}

/// What the model says.
#[derive(Debug, ToSchema)]
pub struct ChatReply {
    /// Always `assistant`.
    #[schema(pattern = "^assistant$")]
    pub role: String,
    /// The text; null where there are only calls.
    #[schema(required)]
    pub content: Option<String>,
    /// What it thought, where it did and thoughts are not part of the text.
    #[schema(nullable = false)]
    pub reasoning_content: Option<String>,
    /// The calls that it makes, where it makes any.
    #[schema(nullable = false, min_items = 1)]
    pub tool_calls: Option<Vec<MadeCall>>,
}

/// How likely the tokens were.
#[derive(Debug, ToSchema)]
pub struct ChatLogprobs {
    /// One for each token.
    pub content: Vec<TokenLogprob>,
}

/// How likely a token was.
#[derive(Debug, ToSchema)]
pub struct TokenLogprob {
    /// Its text; half a character is U+FFFD.
    pub token: String,
    /// Its log-probability; -9999 stands for never.
    #[schema(maximum = 0)]
    pub logprob: f32,
    /// Its text as bytes.
    pub bytes: Vec<u8>,
    /// The likeliest tokens.
    #[schema(max_items = 20)]
    pub top_logprobs: Vec<ScoredToken>,
}

/// A token and how likely it was.
#[derive(Debug, ToSchema)]
pub struct ScoredToken {
    /// Its text; half a character is U+FFFD.
    pub token: String,
    /// Its log-probability; -9999 stands for never.
    #[schema(maximum = 0)]
    pub logprob: f32,
    /// Its text as bytes.
    pub bytes: Vec<u8>,
}

/// What an event of a streamed answer holds. First a chunk with the role for each answer; then pieces; then a chunk with the
/// `finish_reason` for each; then, where it is asked for, one with `usage`, `timings` and no `choices`. The last event is `[DONE]`.
#[derive(Debug, ToSchema)]
pub struct ChatCompletionChunk {
    /// The same in all chunks, and a name by which the request can be stopped.
    #[schema(pattern = "^chatcmpl-")]
    pub id: String,
    /// Always `chat.completion.chunk`.
    #[schema(pattern = "^chat\\.completion\\.chunk$")]
    pub object: String,
    /// Unix seconds.
    pub created: u64,
    /// The model that answers.
    pub model: String,
    /// The same as long as the same model is computed by the same code.
    pub system_fingerprint: String,
    /// One, or none beside `usage`.
    pub choices: Vec<ChatChunkChoice>,
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

/// A piece of an answer.
#[derive(Debug, ToSchema)]
pub struct ChatChunkChoice {
    /// Which of the answers it belongs to.
    pub index: u32,
    /// What comes next.
    pub delta: ChatDelta,
    /// In the last piece: why it ended.
    #[schema(nullable = false)]
    pub finish_reason: Option<FinishReason>,
    /// Those of the tokens that the text completes, where they were asked for.
    #[schema(nullable = false)]
    pub logprobs: Option<ChatLogprobs>,
}

/// What comes next of an answer.
#[derive(Debug, ToSchema)]
pub struct ChatDelta {
    /// `assistant`, in the first piece.
    #[schema(nullable = false, pattern = "^assistant$")]
    pub role: Option<String>,
    /// More of its thoughts.
    #[schema(nullable = false)]
    pub reasoning_content: Option<String>,
    /// More of the text.
    #[schema(nullable = false)]
    pub content: Option<String>,
    /// More of a call.
    #[schema(nullable = false)]
    pub tool_calls: Option<Vec<MadeCallPiece>>,
}
