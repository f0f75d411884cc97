//! Fields of Completions that are known and not supported.

use crate::api::openai::unsupported::Neutral::{self, AtMost, Bool, Empty, Is, Number};

/// Field, and the values that change nothing: what belongs to a conversation, and not to a text.
pub(in crate::api::openai) const NOT_YET: &[(&str, &[Neutral])] = &[
    // Tools and what else belongs to a conversation
    ("messages", &[Empty]),
    ("tools", &[Empty]),
    ("tool_choice", &[Is("none"), Is("auto")]),
    ("documents", &[Empty]),
    ("continue_final_message", &[Bool(false)]),
    // What is continued
    ("prompt_embeds", &[Empty]),
    ("multimodal_data", &[Empty]),
    ("image_data", &[Empty]),
    ("input_extra", &[Empty]),
    ("add_special_tokens", &[Bool(true)]),
    // What the answer holds
    ("top_logprobs", &[Number(0.0)]),
    // Thinking is told to a template, and there is none here
    ("reasoning_effort", &[Is("none")]),
    ("reasoning_format", &[Is("none"), Is("inline")]),
    ("reasoning_budget", &[AtMost(-1.0)]),
    ("reasoning_budget_tokens", &[AtMost(-1.0)]),
    ("thinking_budget_tokens", &[AtMost(-1.0)]),
    ("reasoning_budget_message", &[Empty]),
    ("enable_thinking", &[Bool(false)]),
    ("preserve_thinking", &[Bool(false)]),
    ("chat_template_kwargs", &[Empty]),
];
