//! How much a model is to think, and where its thoughts go: the fields of a chat request.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::errors::ApiError;
use crate::api::fields::Fields;
use crate::chat::Effort;

/// The largest budget of thoughts, in tokens; more than any context.
const MAX_BUDGET: i128 = 1 << 30;

/// The longest text that ends a thought, in bytes.
pub const MAX_BUDGET_MESSAGE_BYTES: usize = 4096;

/// On the wire: no budget.
const UNLIMITED: i128 = -1;

/// What a request says of thoughts. What becomes of it depends on the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thinking {
    /// Whether to think. The request's own field wins over `chat_template_kwargs`.
    pub enabled: Option<bool>,
    /// How much.
    pub effort: Option<Effort>,
    /// Whether earlier thoughts stay in the prompt.
    pub preserved: Option<bool>,
    /// Whether thoughts are part of the content.
    pub inline: Option<bool>,
    /// The most tokens; `None` for no bound.
    pub budget: Option<u32>,
    /// What is written at the end of a thought that the budget ends.
    pub closing_message: String,
}

impl Thinking {
    /// Reads the fields. `enable_thinking` is taken out of the template's variables.
    pub(super) fn parse(
        request: &Fields<'_>,
        kwargs: &mut BTreeMap<String, Value>,
    ) -> Result<Self, ApiError> {
        let of_template = match request.fields("chat_template_kwargs")? {
            Some(fields) => fields.boolean("enable_thinking")?,
            None => None,
        };
        kwargs.remove("enable_thinking");
        let (by_effort, effort) = effort(request)?;
        let enabled = request.boolean("enable_thinking")?.or(of_template);
        Ok(Self {
            enabled: enabled.or(by_effort),
            effort,
            preserved: request.boolean("preserve_thinking")?,
            inline: inline(request)?,
            budget: budget(request)?,
            closing_message: closing_message(request)?,
        })
    }
}

/// Whether to think, as far as an effort says it, and how much.
fn effort(request: &Fields<'_>) -> Result<(Option<bool>, Option<Effort>), ApiError> {
    let words = [
        ("none", (Some(false), None)),
        ("minimal", (None, Some(Effort::Low))),
        ("low", (None, Some(Effort::Low))),
        ("medium", (None, Some(Effort::Medium))),
        ("high", (None, Some(Effort::High))),
        ("xhigh", (None, Some(Effort::High))),
    ];
    Ok(request
        .choice("reasoning_effort", &words)?
        .unwrap_or_default())
}

/// rein's words and llama-server's.
fn inline(request: &Fields<'_>) -> Result<Option<bool>, ApiError> {
    let words = [
        ("auto", false),
        ("deepseek", false),
        ("inline", true),
        ("none", true),
    ];
    request.choice("reasoning_format", &words)
}

/// Of several names for one thing the first that is sent counts, and all are checked.
fn budget(request: &Fields<'_>) -> Result<Option<u32>, ApiError> {
    let names = [
        "reasoning_budget_tokens",
        "thinking_budget_tokens",
        "reasoning_budget",
    ];
    let mut first = None;
    for name in names {
        let sent = request.integer(name, UNLIMITED..=MAX_BUDGET)?;
        first = first.or(sent);
    }
    Ok(first.and_then(|tokens| u32::try_from(tokens).ok()))
}

fn closing_message(request: &Fields<'_>) -> Result<String, ApiError> {
    let name = "reasoning_budget_message";
    let message = request.string(name)?.unwrap_or_default();
    if message.len() > MAX_BUDGET_MESSAGE_BYTES {
        let message = format!("`{name}` must not be longer than {MAX_BUDGET_MESSAGE_BYTES} bytes.");
        return Err(ApiError::invalid_value(name, message));
    }
    Ok(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<Thinking, ApiError> {
        Thinking::parse(
            &Fields::root(body).expect("an object"),
            &mut BTreeMap::new(),
        )
    }

    #[test]
    fn the_fields_have_the_names_of_all_who_invented_them() {
        let cases = [
            (json!({}), Thinking::default()),
            (
                json!({"enable_thinking": true, "chat_template_kwargs": {"enable_thinking": false}}),
                Thinking {
                    enabled: Some(true),
                    ..Thinking::default()
                },
            ),
            (
                json!({"reasoning_effort": "none"}),
                Thinking {
                    enabled: Some(false),
                    ..Thinking::default()
                },
            ),
            (
                json!({"reasoning_effort": "minimal", "preserve_thinking": true}),
                Thinking {
                    effort: Some(Effort::Low),
                    preserved: Some(true),
                    ..Thinking::default()
                },
            ),
            (
                json!({"reasoning_format": "none", "reasoning_budget_tokens": -1}),
                Thinking {
                    inline: Some(true),
                    ..Thinking::default()
                },
            ),
            (
                json!({"reasoning_format": "deepseek", "reasoning_budget": 5, "thinking_budget_tokens": 0, "reasoning_budget_message": "Now."}),
                Thinking {
                    inline: Some(false),
                    budget: Some(0),
                    closing_message: "Now.".into(),
                    ..Thinking::default()
                },
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(read(&body), Ok(expected), "{body}");
        }
    }

    #[test]
    fn wrong_values_are_refused_by_their_names() {
        let long = "x".repeat(MAX_BUDGET_MESSAGE_BYTES + 1);
        for (field, value) in [
            ("reasoning_effort", json!("extreme")),
            ("reasoning_format", json!("deepseek-legacy")),
            ("reasoning_budget_tokens", json!(-2)),
            ("thinking_budget_tokens", json!("many")),
            ("reasoning_budget", json!(1.5)),
            ("reasoning_budget_message", json!(long)),
            ("preserve_thinking", json!("yes")),
        ] {
            let error = read(&json!({ field: value })).expect_err(field);
            assert_eq!((error.status, error.param.as_deref()), (400, Some(field)));
        }
    }
}
