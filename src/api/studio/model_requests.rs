//! `POST /unload` and `POST /validate`.

use serde::Serialize;
use serde_json::Value;

use super::load_request::{Secret, gguf_variant, hf_token, model_path};
use crate::api::errors::ApiError;
use crate::api::fields::Fields;

/// Names the model, or the load in flight, that should go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnloadRequest {
    /// As it was given to the load.
    pub model_path: String,
}

impl UnloadRequest {
    /// Validates a request body. Every error is a 400 that names the field.
    pub fn parse(body: &Value) -> Result<Self, ApiError> {
        Ok(Self {
            model_path: model_path(&Fields::root(body)?)?,
        })
    }
}

/// The answer, also where there was nothing to unload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct UnloadResponse {
    /// Always `unloaded`.
    pub status: &'static str,
    /// The model that was named.
    pub model: String,
}

impl UnloadResponse {
    /// The answer for a model.
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            status: "unloaded",
            model: model.into(),
        }
    }
}

/// Asks whether a model could be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidateRequest {
    /// Hub id, shorthand or local path, without surrounding spaces.
    pub model_path: String,
    /// For gated repositories.
    pub hf_token: Option<Secret>,
    /// The quantisation label, as in `Q4_K_M`.
    pub gguf_variant: Option<String>,
}

impl ValidateRequest {
    /// Validates a request body. Every error is a 400 that names the field.
    pub fn parse(body: &Value) -> Result<Self, ApiError> {
        let request = Fields::root(body)?;
        Ok(Self {
            model_path: model_path(&request)?,
            hf_token: hf_token(&request)?,
            gguf_variant: gguf_variant(&request)?,
        })
    }
}

/// The answer where the model could be loaded. Where not, the answer is a 400.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ValidateResponse {
    /// Always true.
    pub valid: bool,
    /// For people.
    pub message: String,
    /// What the path was resolved to.
    #[schema(required)]
    pub identifier: Option<String>,
    /// The model's name for people.
    #[schema(required)]
    pub display_name: Option<String>,
    /// Whether it is a GGUF file.
    pub is_gguf: bool,
    /// Whether it is an adapter.
    pub is_lora: bool,
    /// Whether it sees images.
    pub is_vision: bool,
    /// Always false here.
    pub requires_trust_remote_code: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_is_required() {
        let parsed = UnloadRequest::parse(&json!({"model_path": " m "}));
        assert_eq!(parsed.map(|request| request.model_path), Ok("m".to_owned()));
        for body in [
            json!({}),
            json!({"model_path": ""}),
            json!({"model_path": 1}),
            json!([]),
        ] {
            assert_eq!(
                UnloadRequest::parse(&body).map_err(|error| error.status),
                Err(400)
            );
            assert_eq!(
                ValidateRequest::parse(&body).map_err(|error| error.status),
                Err(400)
            );
        }
    }

    #[test]
    fn validation_reads_the_variant_and_the_token() {
        let body = json!({"model_path": "m", "gguf_variant": "Q8_0", "hf_token": ""});
        let request = ValidateRequest::parse(&body).expect("good");
        assert_eq!(request.gguf_variant.as_deref(), Some("Q8_0"));
        assert_eq!(request.hf_token, None);
    }

    #[test]
    fn an_unload_is_answered_with_the_name() {
        let answer = serde_json::to_value(UnloadResponse::new("m")).expect("JSON");
        assert_eq!(answer, json!({"status": "unloaded", "model": "m"}));
    }
}
