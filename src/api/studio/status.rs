//! The answer of `GET /status`.

use serde::Serialize;

use super::load_response::{ContextLengths, InferenceDefaults, TemplateFlags};

/// What is loaded. [`Default`] is: nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct InferenceStatusResponse {
    /// The id of the model that answers.
    #[schema(required)]
    pub active_model: Option<String>,
    /// Whether it sees images.
    pub is_vision: bool,
    /// Whether it is a GGUF file.
    pub is_gguf: bool,
    /// The quantisation label, as in `Q4_K_M`.
    #[schema(required)]
    pub gguf_variant: Option<String>,
    /// Whether it speaks.
    pub is_audio: bool,
    /// The codec that it speaks in.
    #[schema(required)]
    pub audio_type: Option<String>,
    /// Whether it hears.
    pub has_audio_input: bool,
    /// Ids of models that are being loaded.
    pub loading: Vec<String>,
    /// Ids of models that are loaded.
    pub loaded: Vec<String>,
    /// Recommended settings of the active model.
    #[schema(required)]
    pub inference: Option<InferenceDefaults>,
    /// Always false here.
    pub requires_trust_remote_code: bool,
    /// What the template can do.
    #[serde(flatten)]
    pub template: TemplateFlags,
    /// How long conversations may be.
    #[serde(flatten)]
    pub context: ContextLengths,
    /// How tokens are drafted.
    #[schema(required)]
    pub speculative_type: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_nothing_loaded_every_field_is_there() {
        insta::assert_json_snapshot!(InferenceStatusResponse::default(), @r#"
        {
          "active_model": null,
          "is_vision": false,
          "is_gguf": false,
          "gguf_variant": null,
          "is_audio": false,
          "audio_type": null,
          "has_audio_input": false,
          "loading": [],
          "loaded": [],
          "inference": null,
          "requires_trust_remote_code": false,
          "supports_reasoning": false,
          "reasoning_style": "enable_thinking",
          "reasoning_always_on": false,
          "supports_preserve_thinking": false,
          "supports_tools": false,
          "context_length": null,
          "max_context_length": null,
          "native_context_length": null,
          "speculative_type": null
        }
        "#);
    }
}
