//! What every generated answer tells about itself.

use utoipa::ToSchema;

/// Token counts. The prompt counts once, however many answers it has.
#[derive(Debug, ToSchema)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Tokens that were drawn, those of all answers together.
    pub completion_tokens: u64,
    /// Both together.
    pub total_tokens: u64,
    /// What the prompt's tokens were.
    pub prompt_tokens_details: PromptTokensDetails,
    /// What the drawn tokens were.
    pub completion_tokens_details: CompletionTokensDetails,
}

/// What the drawn tokens were.
#[derive(Debug, ToSchema)]
pub struct CompletionTokensDetails {
    /// Those of thoughts.
    pub reasoning_tokens: u64,
}

/// What the prompt's tokens were.
#[derive(Debug, ToSchema)]
pub struct PromptTokensDetails {
    /// Those that were cached and not computed again.
    pub cached_tokens: u64,
}

/// Durations in milliseconds and rates, under llama.cpp's names: `prompt_*` covers what was computed, `predicted_*` the tokens drawn. With several
/// answers they are those of the first that ended.
#[derive(Debug, ToSchema)]
pub struct Timings {
    /// Tokens of the prompt that were computed.
    pub prompt_n: u64,
    /// Those that were cached.
    pub cache_n: u64,
    /// How long they took.
    #[schema(minimum = 0)]
    pub prompt_ms: f64,
    /// How long each took.
    #[schema(minimum = 0)]
    pub prompt_per_token_ms: f64,
    /// How many a second.
    #[schema(minimum = 0)]
    pub prompt_per_second: f64,
    /// Tokens drawn.
    pub predicted_n: u64,
    /// From the first to the last.
    #[schema(minimum = 0)]
    pub predicted_ms: f64,
    /// How long each took.
    #[schema(minimum = 0)]
    pub predicted_per_token_ms: f64,
    /// How many a second.
    #[schema(minimum = 0)]
    pub predicted_per_second: f64,
    /// Tokens that were drafted, where there are any.
    #[schema(nullable = false)]
    pub draft_n: Option<u64>,
    /// Those of them that were drawn.
    #[schema(nullable = false)]
    pub draft_n_accepted: Option<u64>,
}

/// How far the reading of a prompt is, under llama.cpp's names.
#[derive(Debug, ToSchema)]
pub struct PromptProgress {
    /// Tokens of the prompt.
    pub total: u64,
    /// Those that were cached.
    pub cache: u64,
    /// Those that are read, the cached ones included.
    pub processed: u64,
    /// Milliseconds since the request began.
    #[schema(minimum = 0)]
    pub time_ms: f64,
}
