//! The body of `POST /load`.

use std::fmt;

use serde_json::Value;

use crate::api::errors::{ApiError, clipped};
use crate::api::fields::{Fields, whole, wrong_type};
use crate::api::openai::MAX_ID_BYTES;
use crate::models::{DraftKind, KvType, UnknownKvType};

/// The longest context that may be asked for, in tokens.
pub const MAX_SEQ_LENGTH: u32 = 1_048_576;

/// The longest `model_path`, in bytes.
pub const MAX_PATH_BYTES: usize = 4096;

/// The longest `chat_template_override`, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 256 * 1024;

/// The most GPUs that `gpu_ids` may name: llama.cpp spreads a model over no more.
pub const MAX_GPU_IDS: usize = 16;

/// Text that must not appear in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A validated load request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadRequest {
    /// Hub id, shorthand or local path, without surrounding spaces.
    pub model_path: String,
    /// For gated repositories.
    pub hf_token: Option<Secret>,
    /// Context length in tokens; 0 takes what the model and the memory allow.
    pub max_seq_length: u32,
    /// Only matters for checkpoints that are converted.
    pub load_in_4bit: bool,
    /// A hint that the path is an adapter.
    pub is_lora: bool,
    /// The quantisation label, as in `Q4_K_M`.
    pub gguf_variant: Option<String>,
    /// Accepted, and never executes anything.
    pub trust_remote_code: bool,
    /// A Jinja template in place of the model's own.
    pub chat_template_override: Option<String>,
    /// The type of the KV cache, where the request named one.
    pub cache_type_kv: Option<KvType>,
    /// Where drafts come from, where the request said.
    pub speculative_type: Option<DraftKind>,
    /// The GPUs to use, as indexes; empty where the server is to choose.
    pub gpu_ids: Vec<usize>,
    /// An id by which the load can be cancelled.
    pub cancel_id: Option<String>,
    /// Whether generations of the present model may be stopped to make way.
    pub force_cancel_active: bool,
}

impl LoadRequest {
    /// Validates a request body. Every error is a 400 that names the field.
    pub fn parse(body: &Value) -> Result<Self, ApiError> {
        let request = Fields::root(body)?;
        let flag = |name, default| request.boolean(name).map(|value| value.unwrap_or(default));
        let max_seq_length = request.integer("max_seq_length", 0..=MAX_SEQ_LENGTH.into())?;
        Ok(Self {
            model_path: model_path(&request)?,
            hf_token: hf_token(&request)?,
            max_seq_length: max_seq_length.map_or(0, |tokens| tokens as u32),
            load_in_4bit: flag("load_in_4bit", true)?,
            is_lora: flag("is_lora", false)?,
            gguf_variant: gguf_variant(&request)?,
            trust_remote_code: flag("trust_remote_code", false)?,
            chat_template_override: template(&request)?,
            cache_type_kv: kv_type(&request)?,
            speculative_type: drafts(&request)?,
            gpu_ids: gpu_ids(&request)?,
            cancel_id: request.id("cancel_id", MAX_ID_BYTES)?,
            force_cancel_active: flag("force_cancel_active", false)?,
        })
    }
}

/// `model_path`, trimmed; it must not be empty.
pub(super) fn model_path(request: &Fields<'_>) -> Result<String, ApiError> {
    let path = request.required_string("model_path")?.trim();
    let wrong = if path.is_empty() {
        "must not be empty. Send a file, a directory or a model id".to_owned()
    } else if path.len() > MAX_PATH_BYTES {
        format!("must not be longer than {MAX_PATH_BYTES} bytes")
    } else {
        return Ok(path.to_owned());
    };
    Err(ApiError::invalid_value(
        "model_path",
        format!("`model_path` {wrong}."),
    ))
}

/// `hf_token`; the empty one is none.
pub(super) fn hf_token(request: &Fields<'_>) -> Result<Option<Secret>, ApiError> {
    Ok(request.id("hf_token", MAX_PATH_BYTES)?.map(Secret))
}

/// `gguf_variant`; the empty one is none.
pub(super) fn gguf_variant(request: &Fields<'_>) -> Result<Option<String>, ApiError> {
    request.id("gguf_variant", MAX_ID_BYTES)
}

fn template(request: &Fields<'_>) -> Result<Option<String>, ApiError> {
    let text = request.id("chat_template_override", MAX_TEMPLATE_BYTES)?;
    Ok(text.filter(|text| !text.trim().is_empty()))
}

fn kv_type(request: &Fields<'_>) -> Result<Option<KvType>, ApiError> {
    let field = "cache_type_kv";
    let Some(name) = request.string(field)?.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    name.parse().map(Some).map_err(|UnknownKvType(name)| {
        let error = UnknownKvType(clipped(&name));
        ApiError::invalid_value(field, format!("`{field}`: {error}."))
    })
}

/// `gpu_ids`; whether there are such GPUs is not known here.
fn gpu_ids(request: &Fields<'_>) -> Result<Vec<usize>, ApiError> {
    let ids = request.list("gpu_ids")?.unwrap_or_default();
    if ids.len() > MAX_GPU_IDS {
        return Err(ApiError::invalid_value(
            "gpu_ids",
            format!("`gpu_ids` must not name more than {MAX_GPU_IDS} GPUs."),
        ));
    }
    let read = |(index, id)| {
        let refuse = || {
            wrong_type(
                &format!("gpu_ids[{index}]"),
                "a whole number of 0 or more",
                id,
            )
        };
        let number = whole(id).ok_or_else(refuse)?;
        // A number that is too large is that of no GPU either.
        usize::try_from(number.min(i128::from(u32::MAX))).map_err(|_| refuse())
    };
    ids.iter().enumerate().map(read).collect()
}

/// Words that nobody knows mean no drafts (reference 3.8).
fn drafts(request: &Fields<'_>) -> Result<Option<DraftKind>, ApiError> {
    let name = request.string("speculative_type")?;
    Ok(name.map(|name| name.parse().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(field: &str, value: Value) -> Value {
        let mut body = json!({"model_path": "m.gguf"});
        body[field] = value;
        body
    }

    fn good(field: &str, value: Value) -> LoadRequest {
        let body = with(field, value);
        LoadRequest::parse(&body).unwrap_or_else(|error| panic!("{body}: {}", error.message))
    }

    fn refused(field: &str, value: Value, code: &str) {
        let body = with(field, value);
        let error = LoadRequest::parse(&body).expect_err(&body.to_string());
        assert_eq!(
            (error.status, error.code),
            (400, Some(code)),
            "{}",
            error.message
        );
        assert!(
            error.param.is_some_and(|param| param.starts_with(field)),
            "{body}"
        );
    }

    #[test]
    fn a_bare_request_has_the_documented_defaults() {
        assert_eq!(
            good("hf_token", Value::Null),
            LoadRequest {
                model_path: "m.gguf".into(),
                hf_token: None,
                max_seq_length: 0,
                load_in_4bit: true,
                is_lora: false,
                gguf_variant: None,
                trust_remote_code: false,
                chat_template_override: None,
                cache_type_kv: None,
                speculative_type: None,
                gpu_ids: vec![],
                cancel_id: None,
                force_cancel_active: false,
            }
        );
    }

    #[test]
    fn the_path_is_required_and_trimmed() {
        assert_eq!(good("model_path", json!(" a/b ")).model_path, "a/b");
        for value in [Value::Null, json!(""), json!("  "), json!("x".repeat(5000))] {
            refused("model_path", value, "invalid_value");
        }
        refused("model_path", json!(1), "invalid_type");
    }

    #[test]
    fn the_context_length_has_a_range() {
        assert_eq!(good("max_seq_length", json!(0)).max_seq_length, 0);
        let most = good("max_seq_length", json!(MAX_SEQ_LENGTH));
        assert_eq!(most.max_seq_length, MAX_SEQ_LENGTH);
        for value in [json!(-1), json!(MAX_SEQ_LENGTH + 1), json!(1e300)] {
            refused("max_seq_length", value, "invalid_value");
        }
        refused("max_seq_length", json!("4096"), "invalid_type");
        refused("max_seq_length", json!(0.5), "invalid_type");
    }

    #[test]
    fn flags_and_texts_are_held_to_their_types() {
        for field in [
            "load_in_4bit",
            "is_lora",
            "trust_remote_code",
            "force_cancel_active",
        ] {
            good(field, json!(true));
            refused(field, json!("true"), "invalid_type");
        }
        for field in [
            "hf_token",
            "gguf_variant",
            "chat_template_override",
            "cancel_id",
        ] {
            good(field, json!("x"));
            good(field, json!(""));
            refused(field, json!(1), "invalid_type");
            refused(
                field,
                json!("x".repeat(MAX_TEMPLATE_BYTES + 1)),
                "invalid_value",
            );
        }
        assert_eq!(
            good("chat_template_override", json!(" \n")).chat_template_override,
            None
        );
    }

    #[test]
    fn the_kv_type_is_known_by_its_name() {
        for name in [
            "f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl",
        ] {
            let kv_type = good("cache_type_kv", json!(name)).cache_type_kv;
            assert_eq!(kv_type.map(KvType::name), Some(name));
        }
        assert_eq!(good("cache_type_kv", Value::Null).cache_type_kv, None);
        refused("cache_type_kv", json!("q9"), "invalid_value");
        refused("cache_type_kv", json!(16), "invalid_type");
    }

    #[test]
    fn gpus_are_named_by_their_indexes() {
        let ids = |value| good("gpu_ids", value).gpu_ids;
        assert!(ids(Value::Null).is_empty());
        assert!(ids(json!([])).is_empty());
        assert_eq!(ids(json!([1, 0])), [1, 0]);
        assert_eq!(ids(json!([1e30])), [u32::MAX as usize]);
        refused("gpu_ids", json!(vec![0; MAX_GPU_IDS + 1]), "invalid_value");
        assert_eq!(MAX_GPU_IDS, crate::llama::MAX_GPUS);
        for wrong in [json!(["0"]), json!(0), json!([-1]), json!([0.5])] {
            refused("gpu_ids", wrong, "invalid_type");
        }
    }

    #[test]
    fn drafts_are_chosen_by_name_and_unknown_names_mean_none() {
        let chosen = |value| good("speculative_type", value).speculative_type;
        for kind in DraftKind::ALL {
            assert_eq!(chosen(json!(kind.name())), Some(kind));
        }
        assert_eq!(chosen(json!("whatever")), Some(DraftKind::Off));
        assert_eq!(chosen(Value::Null), None);
        refused("speculative_type", json!(1), "invalid_type");
    }

    #[test]
    fn a_token_is_not_in_debug_output() {
        let request = good("hf_token", json!("hf_abc"));
        assert!(!format!("{request:?}").contains("hf_abc"));
        assert_eq!(
            request.hf_token.as_ref().map(Secret::expose),
            Some("hf_abc")
        );
    }
}
