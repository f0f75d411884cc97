//! [`TemplateCapabilities`]: what a chat template can do, told from its text.

use std::collections::BTreeMap;

use serde_json::Value;

/// The template argument that steers thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasoningStyle {
    /// A switch.
    EnableThinking,
    /// Three levels.
    ReasoningEffort,
}

impl ReasoningStyle {
    /// The argument's name, which is the style's name on the wire too.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EnableThinking => "enable_thinking",
            Self::ReasoningEffort => "reasoning_effort",
        }
    }
}

/// How hard the model is to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effort {
    /// Little.
    Low,
    /// The default of most models.
    Medium,
    /// Much.
    High,
}

impl Effort {
    /// The value that templates and the wire use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a chat template can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TemplateCapabilities {
    /// The model thinks, or can.
    pub supports_reasoning: bool,
    /// How thinking is steered; `None` where it is not.
    pub reasoning_style: Option<ReasoningStyle>,
    /// The model thinks, and nothing turns that off.
    pub reasoning_always_on: bool,
    /// The template can keep the thoughts of earlier turns.
    pub supports_preserve_thinking: bool,
    /// The template can present tools, or the results of tool calls.
    pub supports_tools: bool,
}

impl TemplateCapabilities {
    /// Reads the capabilities from a template's text, and for one family from the model's id.
    #[must_use]
    pub fn detect(template: &str, model_id: &str) -> Self {
        let has = |text: &str| template.contains(text);
        let style = if has("enable_thinking") {
            Some(ReasoningStyle::EnableThinking)
        } else if has("reasoning_effort") {
            Some(ReasoningStyle::ReasoningEffort)
        } else if has("thinking") && model_id.to_lowercase().contains("deepseek") {
            Some(ReasoningStyle::EnableThinking)
        } else {
            None
        };
        let thinks = (has("<think>") && has("</think>")) || has("reasoning_content");
        Self {
            supports_reasoning: style.is_some() || thinks,
            reasoning_style: style,
            reasoning_always_on: style.is_none() && thinks,
            supports_preserve_thinking: has("preserve_thinking"),
            supports_tools: tags(template)
                .any(|tag| tests_tools(tag) || compares_role_with_tool(tag)),
        }
    }

    /// The template arguments for one request.
    #[must_use]
    pub fn reasoning_kwargs(
        &self,
        enable_thinking: Option<bool>,
        reasoning_effort: Option<Effort>,
        preserve_thinking: Option<bool>,
    ) -> BTreeMap<String, Value> {
        let value = match self.reasoning_style {
            Some(ReasoningStyle::EnableThinking) => enable_thinking.map(Value::from),
            Some(ReasoningStyle::ReasoningEffort) => {
                let switched =
                    enable_thinking.map(|on| if on { Effort::High } else { Effort::Low });
                reasoning_effort
                    .or(switched)
                    .map(|effort| effort.as_str().into())
            }
            None => None,
        };
        let steering = self
            .reasoning_style
            .zip(value)
            .map(|(style, value)| (style.as_str().to_owned(), value));
        let preserving = preserve_thinking
            .filter(|_| self.supports_preserve_thinking)
            .map(|keep| ("preserve_thinking".to_owned(), keep.into()));
        steering.into_iter().chain(preserving).collect()
    }
}

/// The insides of `{% … %}` and `{{ … }}`.
fn tags(template: &str) -> impl Iterator<Item = &str> {
    let mut rest = template;
    std::iter::from_fn(move || {
        let open = rest.find("{%").into_iter().chain(rest.find("{{")).min()?;
        let close = if rest[open..].starts_with("{%") {
            "%}"
        } else {
            "}}"
        };
        let body = &rest[open + 2..];
        let end = body.find(close).unwrap_or(body.len());
        rest = body.get(end + 2..).unwrap_or_default();
        Some(&body[..end])
    })
}

/// A condition on the variable `tools` itself, not on `message.tools`, `builtin_tools` or `'tools'`.
fn tests_tools(tag: &str) -> bool {
    let words = tag.split(|c: char| !c.is_alphanumeric() && c != '_');
    let is_condition = words.clone().any(|word| word == "if" || word == "elif");
    is_condition
        && tag.match_indices("tools").any(|(at, found)| {
            let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '\'' | '"');
            !tag[..at].ends_with(joins) && !tag[at + found.len()..].starts_with(joins)
        })
}

/// `message.role == "tool"`, `message['role'] in ['tool', …]` and the like.
fn compares_role_with_tool(tag: &str) -> bool {
    tag.contains("role") && (tag.contains("\"tool\"") || tag.contains("'tool'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(template: &str, model: &str) -> (bool, Option<&'static str>, bool, bool) {
        let found = TemplateCapabilities::detect(template, model);
        (
            found.supports_reasoning,
            found.reasoning_style.map(ReasoningStyle::as_str),
            found.reasoning_always_on,
            found.supports_preserve_thinking,
        )
    }

    #[test]
    fn reasoning_is_told_from_the_text() {
        let cases = [
            ("{{ messages }}", "any", (false, None, false, false)),
            (
                "{% if enable_thinking %}<think></think>{% endif %}{{ reasoning_effort }}",
                "any",
                (true, Some("enable_thinking"), false, false),
            ),
            (
                "{{ reasoning_effort }}",
                "any",
                (true, Some("reasoning_effort"), false, false),
            ),
            (
                "{% if thinking %}",
                "org/DeepSeek-V3.1",
                (true, Some("enable_thinking"), false, false),
            ),
            (
                "{% if thinking %}",
                "org/other",
                (false, None, false, false),
            ),
            ("<think>\n</think>", "any", (true, None, true, false)),
            ("<think>", "any", (false, None, false, false)),
            (
                "{{ message.reasoning_content }}",
                "any",
                (true, None, true, false),
            ),
            (
                "{{ preserve_thinking }}{{ enable_thinking }}",
                "any",
                (true, Some("enable_thinking"), false, true),
            ),
        ];
        for (template, model, expected) in cases {
            assert_eq!(check(template, model), expected, "{template} of {model}");
        }
    }

    #[test]
    fn tools_are_told_from_tests_of_the_variable_or_of_the_role() {
        let cases = [
            ("{% if tools %}", true),
            ("{%- if not tools is defined %}", true),
            ("{%- if (tools is not none) and x %}", true),
            ("{% elif tools|length > 0 %}", true),
            ("{% if message.role == \"tool\" %}", true),
            ("{%- elif (message['role'] == 'tool') -%}", true),
            ("{% if m.role in ['tool', 'ipython'] %}", true),
            ("{{ 'a' if tools else 'b' }}", true),
            ("if tools", false),
            ("{% if message.tools %}", false),
            ("{% if builtin_tools %}", false),
            ("{% if 'tools' in x %}", false),
            ("{{ tools }}", false),
            ("{% if role == 'toolbox' %}", false),
            ("{% if role == 'user' %} 'tool' {% endif %}", false),
            ("", false),
            ("{% if tools", true),
        ];
        for (template, expected) in cases {
            let found = TemplateCapabilities::detect(template, "any").supports_tools;
            assert_eq!(found, expected, "{template}");
        }
    }

    #[test]
    fn a_request_sets_only_the_arguments_that_the_template_knows() {
        let switch = "{{ enable_thinking }}";
        let levels = "{{ reasoning_effort }}";
        let always = "<think></think>{{ preserve_thinking }}";
        let cases = [
            (switch, None, None, Some(true), json!({})),
            (
                switch,
                Some(false),
                Some(Effort::High),
                None,
                json!({"enable_thinking": false}),
            ),
            (
                levels,
                Some(false),
                Some(Effort::Medium),
                None,
                json!({"reasoning_effort": "medium"}),
            ),
            (
                levels,
                Some(true),
                None,
                None,
                json!({"reasoning_effort": "high"}),
            ),
            (
                levels,
                Some(false),
                None,
                None,
                json!({"reasoning_effort": "low"}),
            ),
            (levels, None, None, None, json!({})),
            (
                always,
                Some(false),
                Some(Effort::Low),
                Some(false),
                json!({"preserve_thinking": false}),
            ),
            ("", Some(true), Some(Effort::Low), Some(true), json!({})),
        ];
        for (template, thinking, effort, preserve, expected) in cases {
            let found = TemplateCapabilities::detect(template, "any");
            let arguments = found.reasoning_kwargs(thinking, effort, preserve);
            assert_eq!(json!(arguments), expected, "{template}");
        }
    }
}
