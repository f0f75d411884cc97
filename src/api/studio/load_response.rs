//! The answer of `POST /load`, and the parts that it shares with `GET /status`.

use serde::Serialize;

/// Whether a load did anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoadStatus {
    /// The model was loaded.
    Loaded,
    /// It was there already.
    AlreadyLoaded,
}

/// How a model is told to think.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningStyle {
    /// On or off; also what models that cannot be told are shown with.
    #[default]
    EnableThinking,
    /// Low, medium or high.
    ReasoningEffort,
}

/// What the model's chat template can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TemplateFlags {
    /// Whether the model thinks at all.
    pub supports_reasoning: bool,
    /// How it is told to.
    pub reasoning_style: ReasoningStyle,
    /// Whether it cannot be told not to.
    pub reasoning_always_on: bool,
    /// Whether earlier thoughts can stay in the prompt.
    pub supports_preserve_thinking: bool,
    /// Whether it can be given tools.
    pub supports_tools: bool,
}

/// Context lengths, in tokens. Null where unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ContextLengths {
    /// What is allocated.
    #[schema(required)]
    pub context_length: Option<u32>,
    /// What this machine could hold.
    #[schema(required)]
    pub max_context_length: Option<u32>,
    /// What the model was trained for.
    #[schema(required)]
    pub native_context_length: Option<u32>,
}

/// Sampling settings that are recommended for the model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
pub struct InferenceDefaults {
    /// Divides the logits.
    pub temperature: f64,
    /// Probability mass that is kept.
    pub top_p: f64,
    /// How many tokens are kept; -1 keeps all.
    pub top_k: i32,
    /// Least probability, relative to the most likely token's.
    pub min_p: f64,
    /// Subtracted from the logits of tokens that were seen.
    pub presence_penalty: f64,
    /// Echoed; it never executes anything.
    pub trust_remote_code: bool,
}

/// The answer of a load that worked.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LoadResponse {
    /// Whether anything was done.
    pub status: LoadStatus,
    /// The model's id.
    pub model: String,
    /// The model's name for people.
    pub display_name: String,
    /// Whether it sees images.
    pub is_vision: bool,
    /// Whether it is an adapter.
    pub is_lora: bool,
    /// Always true here.
    pub is_gguf: bool,
    /// Whether it speaks.
    pub is_audio: bool,
    /// The codec that it speaks in.
    #[schema(required)]
    pub audio_type: Option<String>,
    /// Whether it hears.
    pub has_audio_input: bool,
    /// Recommended settings.
    pub inference: InferenceDefaults,
    /// Always false here.
    pub requires_trust_remote_code: bool,
    /// How long conversations may be.
    #[serde(flatten)]
    pub context: ContextLengths,
    /// What the template can do.
    #[serde(flatten)]
    pub template: TemplateFlags,
    /// The type of the KV cells.
    #[schema(required)]
    pub cache_type_kv: Option<String>,
    /// The chat template's text.
    #[schema(required)]
    pub chat_template: Option<String>,
    /// How tokens are drafted.
    #[schema(required)]
    pub speculative_type: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_has_every_documented_field_and_null_where_unknown() {
        let response = LoadResponse {
            status: LoadStatus::AlreadyLoaded,
            model: "tiny".into(),
            display_name: "Tiny (Q4_K_M)".into(),
            is_vision: false,
            is_lora: false,
            is_gguf: true,
            is_audio: false,
            audio_type: None,
            has_audio_input: false,
            inference: InferenceDefaults {
                temperature: 0.7,
                top_p: 0.95,
                top_k: -1,
                min_p: 0.01,
                presence_penalty: 0.0,
                trust_remote_code: false,
            },
            requires_trust_remote_code: false,
            context: ContextLengths {
                context_length: Some(4096),
                ..ContextLengths::default()
            },
            template: TemplateFlags {
                reasoning_style: ReasoningStyle::ReasoningEffort,
                ..TemplateFlags::default()
            },
            cache_type_kv: None,
            chat_template: Some("{{ messages }}".into()),
            speculative_type: None,
        };
        insta::assert_json_snapshot!(response, @r#"
        {
          "status": "already_loaded",
          "model": "tiny",
          "display_name": "Tiny (Q4_K_M)",
          "is_vision": false,
          "is_lora": false,
          "is_gguf": true,
          "is_audio": false,
          "audio_type": null,
          "has_audio_input": false,
          "inference": {
            "temperature": 0.7,
            "top_p": 0.95,
            "top_k": -1,
            "min_p": 0.01,
            "presence_penalty": 0.0,
            "trust_remote_code": false
          },
          "requires_trust_remote_code": false,
          "context_length": 4096,
          "max_context_length": null,
          "native_context_length": null,
          "supports_reasoning": false,
          "reasoning_style": "reasoning_effort",
          "reasoning_always_on": false,
          "supports_preserve_thinking": false,
          "supports_tools": false,
          "cache_type_kv": null,
          "chat_template": "{{ messages }}",
          "speculative_type": null
        }
        "#);
    }
}
