//! Fields of Completions that are known and not supported.

use crate::api::openai::unsupported::Neutral::{self, AtLeast, AtMost, Bool, Empty, Is, Number};

/// Field, and the values that change nothing; `null` always is one.
pub(super) const NOT_YET: &[(&str, &[Neutral])] = &[
    // Other names for structured output: never answer with unconstrained text instead
    ("structured_outputs", &[Empty]),
    ("guided_json", &[]),
    ("guided_regex", &[Empty]),
    ("guided_choice", &[Empty]),
    ("guided_grammar", &[Empty]),
    ("grammar_lazy", &[Bool(false)]),
    ("grammar_triggers", &[Empty]),
    // What is continued
    ("messages", &[Empty]),
    ("prompt_embeds", &[Empty]),
    ("multimodal_data", &[Empty]),
    ("image_data", &[Empty]),
    ("image_base64", &[Empty]),
    ("input_extra", &[Empty]),
    ("add_special_tokens", &[Bool(true)]),
    ("truncate_prompt_tokens", &[]),
    ("n_keep", &[AtMost(0.0)]),
    ("n_discard", &[AtMost(0.0)]),
    ("cache_prompt", &[Bool(true)]),
    ("id_slot", &[AtMost(-1.0)]),
    ("use_adapter", &[Bool(false)]),
    ("lora", &[Empty]),
    // What the answer holds
    ("prompt_logprobs", &[Number(0.0), Bool(false)]),
    ("n_probs", &[Number(0.0)]),
    ("post_sampling_probs", &[Bool(false)]),
    ("return_tokens", &[Bool(false)]),
    ("return_token_ids", &[Bool(false)]),
    ("return_tokens_as_token_ids", &[Bool(false)]),
    ("response_fields", &[Empty]),
    ("timings_per_token", &[Bool(false)]),
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
    ("min_keep", &[AtMost(1.0)]),
    ("use_beam_search", &[Bool(false)]),
    ("length_penalty", &[Number(1.0)]),
    ("early_stopping", &[Bool(false)]),
    // Thinking is told to a template, and there is none here
    ("reasoning_effort", &[Is("none")]),
    ("enable_thinking", &[Bool(false)]),
    ("chat_template_kwargs", &[Empty]),
];
