//! Fields that are known and not supported yet.
//!
//! Ignoring them would give an answer other than the one that was asked for, so a request that sets one
//! to anything but its neutral value is refused with the field's name. Fields that nobody knows are accepted.

use serde_json::{Value, json};

use crate::api::errors::ApiError;
use crate::api::fields::Fields;

/// A value that changes nothing. `null` always is one.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) enum Neutral {
    Is(&'static str),
    Bool(bool),
    Number(f64),
    AtMost(f64),
    AtLeast(f64),
    /// `[]`, `""` or `{}`.
    Empty,
    /// `["text"]`.
    ListOfText,
}

use Neutral::{AtLeast, AtMost, Bool, Empty, Is, ListOfText, Number};

/// Fields, and the values that each may have as long as it is not supported.
pub(in crate::api) type NeutralFields = &'static [(&'static str, &'static [Neutral])];

/// Fields of both routes that generate, and the values that each may have as long as it is not supported.
pub(super) const OF_GENERATION: NeutralFields = &[
    // Other names for structured output: never answer with unconstrained text instead
    ("structured_outputs", &[Empty]),
    ("guided_json", &[]),
    ("guided_regex", &[Empty]),
    ("guided_choice", &[Empty]),
    ("guided_grammar", &[Empty]),
    ("grammar_lazy", &[Bool(false)]),
    ("grammar_triggers", &[Empty]),
    // Tools and what else belongs to a conversation
    ("functions", &[Empty]),
    ("function_call", &[Is("none"), Is("auto")]),
    ("enable_tools", &[Bool(false)]),
    ("mcp_servers", &[Empty]),
    ("chat_template", &[Empty]),
    // What is continued
    ("image_base64", &[Empty]),
    ("audio_base64", &[Empty]),
    ("video_base64", &[Empty]),
    ("truncate_prompt_tokens", &[]),
    ("n_keep", &[AtMost(0.0)]),
    ("n_discard", &[AtMost(0.0)]),
    ("cache_prompt", &[Bool(true)]),
    ("n_cache_reuse", &[AtMost(0.0)]),
    ("cache_salt", &[Empty]),
    ("kv_transfer_params", &[Empty]),
    ("priority", &[Number(0.0)]),
    ("id_slot", &[AtMost(-1.0)]),
    ("use_adapter", &[Bool(false)]),
    ("lora", &[Empty]),
    // What the answer holds
    ("n_cmpl", &[Number(1.0)]),
    ("prompt_logprobs", &[Number(0.0), Bool(false)]),
    ("n_probs", &[Number(0.0)]),
    ("post_sampling_probs", &[Bool(false)]),
    ("return_tokens", &[Bool(false)]),
    ("return_token_ids", &[Bool(false)]),
    ("return_tokens_as_token_ids", &[Bool(false)]),
    ("response_fields", &[Empty]),
    ("timings_per_token", &[Bool(false)]),
    ("verbose", &[Bool(false)]),
    ("sse_ping_interval", &[]),
    ("skip_special_tokens", &[Bool(true)]),
    ("spaces_between_special_tokens", &[Bool(true)]),
    ("include_stop_str_in_output", &[Bool(false)]),
    // When to end
    ("stop_token_ids", &[Empty]),
    ("bad_words", &[Empty]),
    ("allowed_token_ids", &[Empty]),
    ("n_indent", &[AtMost(0.0)]),
    ("t_max_predict_ms", &[AtMost(0.0)]),
    // Samplers that are not there, and the order of those that are
    ("samplers", &[Empty]),
    ("mirostat_mode", &[Number(0.0)]),
    ("tfs_z", &[AtLeast(1.0)]),
    ("top_a", &[AtMost(0.0)]),
    ("adaptive_target", &[AtMost(-1.0)]),
    ("penalize_nl", &[Bool(false)]),
    ("logits_processors", &[Empty]),
    ("vllm_xargs", &[Empty]),
    ("backend_sampling", &[Bool(false)]),
    ("min_keep", &[AtMost(1.0)]),
    ("use_beam_search", &[Bool(false)]),
    ("length_penalty", &[Number(1.0)]),
    ("early_stopping", &[Bool(false)]),
];

/// Fields of Chat Completions alone.
pub(super) const OF_CHAT: NeutralFields = &[
    ("web_search_options", &[]),
    ("modalities", &[ListOfText, Empty]),
    ("audio", &[Empty]),
    ("verbosity", &[Is("medium")]),
    ("best_of", &[Number(1.0)]),
    ("echo", &[Bool(false)]),
];

/// Fields of `stream_options`.
pub(super) const OF_STREAM_OPTIONS: NeutralFields = &[
    ("continuous_usage_stats", &[Bool(false)]),
    ("include_obfuscation", &[Bool(false)]),
];

impl Neutral {
    fn allows(self, value: &Value) -> bool {
        let number = value.as_f64();
        match self {
            Is(word) => value.as_str() == Some(word),
            Bool(wanted) => value.as_bool() == Some(wanted),
            Number(wanted) => number == Some(wanted),
            AtMost(most) => number.is_some_and(|number| number <= most),
            AtLeast(least) => number.is_some_and(|number| number >= least),
            Empty => match value {
                Value::String(text) => text.is_empty(),
                Value::Array(items) => items.is_empty(),
                Value::Object(object) => object.is_empty(),
                _ => false,
            },
            ListOfText => value
                .as_array()
                .is_some_and(|items| items.len() == 1 && items[0].as_str() == Some("text")),
        }
    }

    /// Which values those are, as a JSON Schema.
    pub(in crate::api) fn schema(self) -> Value {
        match self {
            Is(word) => json!({"const": word}),
            Bool(value) => json!({"const": value}),
            Number(number) => json!({"const": number}),
            AtMost(most) => json!({"type": "number", "maximum": most}),
            AtLeast(least) => json!({"type": "number", "minimum": least}),
            Empty => json!({
                "type": ["string", "array", "object"],
                "maxLength": 0, "maxItems": 0, "maxProperties": 0,
            }),
            ListOfText => json!({"const": ["text"]}),
        }
    }

    fn shown(self) -> String {
        match self {
            Is(word) => format!("\"{word}\""),
            Bool(value) => value.to_string(),
            Number(number) | AtMost(number) | AtLeast(number) => number.to_string(),
            Empty => "an empty value".to_owned(),
            ListOfText => "[\"text\"]".to_owned(),
        }
    }
}

/// 400 `unsupported_parameter` for the first field of a chat request that asks for what is not there yet.
pub(super) fn refuse(request: &Fields<'_>) -> Result<(), ApiError> {
    refuse_of(request, OF_CHAT)?;
    refuse_of(request, OF_GENERATION)?;
    match request.fields("stream_options")? {
        Some(options) => refuse_of(&options, OF_STREAM_OPTIONS),
        None => Ok(()),
    }
}

/// As [`refuse`], for an object with a list of its own: fields, and the values that each may have.
pub(super) fn refuse_of(
    request: &Fields<'_>,
    not_yet: &[(&str, &[Neutral])],
) -> Result<(), ApiError> {
    for (name, neutral) in not_yet {
        let Some(value) = request.get(name) else {
            continue;
        };
        if neutral.iter().any(|neutral| neutral.allows(value)) {
            continue;
        }
        let path = request.path(name);
        let mut message = format!("`{path}` is known but not supported yet. Leave it out");
        for neutral in *neutral {
            message.push_str(", or send ");
            message.push_str(&neutral.shown());
        }
        message.push('.');
        return Err(ApiError::unsupported_parameter(path, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(field: &str, value: &Value) -> Result<(), ApiError> {
        let request = json!({ field: value });
        refuse(&Fields::root(&request).expect("an object"))
    }

    #[test]
    fn neutral_values_are_harmless() {
        let harmless = [
            ("functions", json!([])),
            ("function_call", json!("none")),
            ("function_call", json!("auto")),
            ("enable_tools", json!(false)),
            ("n", json!(1)),
            ("use_adapter", json!(false)),
            ("guided_regex", json!("")),
            ("tfs_z", json!(1.0)),
            ("top_a", json!(0)),
            ("samplers", json!([])),
            ("modalities", json!(["text"])),
            ("something_new", json!({"a": [1]})),
        ];
        for (field, value) in harmless {
            assert_eq!(check(field, &value), Ok(()), "{field} = {value}");
        }
    }

    #[test]
    fn every_field_of_the_table_may_be_null_and_is_refused_with_an_odd_value() {
        for (field, _) in OF_CHAT.iter().chain(OF_GENERATION) {
            assert_eq!(check(field, &Value::Null), Ok(()), "{field}");
            let error = check(field, &json!({"odd": true})).expect_err(field);
            assert_eq!(error.status, 400);
            assert_eq!(error.code, Some("unsupported_parameter"));
            assert_eq!(error.param.as_deref(), Some(*field));
        }
    }

    #[test]
    fn other_values_are_refused_and_the_message_says_what_works() {
        let refused = [
            ("functions", json!([{"name": "f"}])),
            ("function_call", json!({"name": "f"})),
            ("enable_tools", json!(true)),
            ("use_adapter", json!(true)),
            ("use_adapter", json!("name")),
            ("guided_grammar", json!("root ::= \"x\"")),
            ("guided_json", json!({})),
            ("mirostat_mode", json!(2)),
            ("tfs_z", json!(0.5)),
            ("top_a", json!(0.2)),
            ("samplers", json!(["top_k"])),
            ("image_base64", json!("AAAA")),
        ];
        for (field, value) in refused {
            let error = check(field, &value).expect_err(&format!("{field} = {value}"));
            assert_eq!(error.param.as_deref(), Some(field));
            assert!(
                error.message.contains("not supported yet"),
                "{}",
                error.message
            );
        }
        let error = check("function_call", &json!("f")).expect_err("refused");
        assert_eq!(
            error.message,
            "`function_call` is known but not supported yet. Leave it out, or send \"none\", or send \"auto\"."
        );
    }
}
