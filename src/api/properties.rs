//! What holds for every request body, whatever is in it. Unit tests and `fuzz/` ask for the same.

use std::sync::OnceLock;

use serde_json::Value;

use super::errors::{ApiError, Surface};
use super::json;
use super::openai::completions::{CompletionRequest, MAX_RUNS};
use super::openai::embeddings::{EmbeddingsRequest, MAX_INPUTS};
use super::openai::rerank::{MAX_DOCUMENTS, RerankBody};
use super::openai::{
    ChatRequest, MAX_BUDGET_MESSAGE_BYTES, MAX_DRY_BREAKER_BYTES, MAX_DRY_BREAKERS, MAX_ID_BYTES,
    MAX_LOGIT_BIAS, MAX_TOOL_NAME_BYTES, MAX_TOOLS,
};
use super::studio::{
    LegacyRequest, LoadRequest, MAX_PATH_BYTES, MAX_SEQ_LENGTH, MAX_TEMPLATE_BYTES, UnloadRequest,
    ValidateRequest, parse_cancel,
};
use super::tokens::{MAX_CONTENT_BYTES, TokenizeRequest, parse_detokenize};
use crate::chat::{ChatMessage, ChatTemplate, RenderInput, Role, SpecialTokens};
use crate::fuzz_input::dictionary;
use crate::generation::{ChatPrompt, GenerateRequest, MAX_STOP_BYTES, MAX_STOP_STRINGS, Prompt};
use crate::sampling::SamplingParams;
use crate::stop::RunIds;

/// The most that an error repeats of a body beside the path of the field.
const MAX_MESSAGE_BYTES: usize = 1000;

/// The longest path to a field that a parser looks for.
const MAX_PARAM_BYTES: usize = 1000;

/// Reads any bytes as the body of every request; panics where a promise is broken.
pub(crate) fn check(body: &[u8]) {
    check_ids(&parse_cancel(body));
    let value = match json::parse(body) {
        Ok(value) => value,
        Err(error) => return check_error(&error),
    };
    // Stricter than the library, never more lenient.
    assert_eq!(
        serde_json::from_slice::<Value>(body).ok(),
        Some(value.clone())
    );
    accepted(ChatRequest::parse(&value), |request| {
        assert!((1..=16).contains(&request.choices), "{request:?}");
        check_ids(&request.ids);
        assert!(request.thinking.closing_message.len() <= MAX_BUDGET_MESSAGE_BYTES);
        check_generate(&request.generate);
    });
    accepted(LegacyRequest::parse(&value), |request| {
        check_ids(&request.ids);
        check_generate(&request.generate);
    });
    accepted(CompletionRequest::parse(&value), |request| {
        assert!((1..=MAX_RUNS).contains(&(request.prompts.len() * request.choices)));
        assert_ne!(request.suffix.as_deref(), Some(""));
        check_ids(&request.ids);
        check_form(&request.generate);
    });
    accepted(EmbeddingsRequest::parse(&value), |request| {
        assert!((1..=MAX_INPUTS).contains(&request.inputs.len()));
        assert_ne!(request.dimensions, Some(0));
        check_ids(&request.ids);
    });
    accepted(RerankBody::parse(&value), |request| {
        assert!((1..=MAX_DOCUMENTS).contains(&request.rerank.documents.len()));
        assert!(!request.rerank.query.is_empty());
        assert_ne!(request.top_n, Some(0));
        check_ids(&request.ids);
    });
    accepted(TokenizeRequest::parse(&value), |request| {
        assert!(request.content.len() <= MAX_CONTENT_BYTES);
    });
    accepted(parse_detokenize(&value), |tokens| {
        assert!(tokens.iter().all(|token| token.0 >= 0));
    });
    accepted(LoadRequest::parse(&value), |request| {
        assert!((1..=MAX_PATH_BYTES).contains(&request.model_path.len()));
        assert!(request.max_seq_length <= MAX_SEQ_LENGTH);
        let template = request.chat_template_override.unwrap_or_default();
        assert!(template.len() <= MAX_TEMPLATE_BYTES);
    });
    accepted(ValidateRequest::parse(&value), |request| {
        assert!((1..=MAX_PATH_BYTES).contains(&request.model_path.len()));
    });
    accepted(UnloadRequest::parse(&value), |request| {
        assert!((1..=MAX_PATH_BYTES).contains(&request.model_path.len()));
    });
}

/// Looks at a request that was accepted, or at the error of one that was not.
fn accepted<T>(parsed: Result<T, ApiError>, look: impl FnOnce(T)) {
    match parsed {
        Ok(request) => look(request),
        Err(error) => {
            let param = error.param.as_deref().unwrap_or_default();
            assert!(
                param.len() <= MAX_PARAM_BYTES,
                "a path of {} bytes",
                param.len()
            );
            check_error(&error);
        }
    }
}

/// An error is the client's, short, and JSON.
fn check_error(error: &ApiError) {
    assert_eq!(error.status, 400, "{error:?}");
    let path = error.param.as_deref().unwrap_or_default();
    let most = MAX_MESSAGE_BYTES + 2 * path.len();
    assert!(
        error.message.len() <= most,
        "{} bytes: {}",
        error.message.len(),
        error.message
    );
    for surface in [Surface::OpenAi, Surface::Studio] {
        let body = error.body(surface);
        assert_eq!(
            serde_json::from_str::<Value>(&body.to_string()).ok(),
            Some(body)
        );
    }
}

fn check_ids(ids: &RunIds) {
    let all = [
        &ids.cancel_id,
        &ids.session_id,
        &ids.completion_id,
        &ids.message_id,
    ];
    for id in all.into_iter().flatten() {
        // An empty id never means "all".
        assert!((1..=MAX_ID_BYTES).contains(&id.len()), "{ids:?}");
    }
}

fn check_generate(request: &GenerateRequest) {
    check_form(request);
    match &request.prompt {
        Prompt::Chat(prompt) => check_prompt(prompt),
        other => panic!("{other:?}"),
    }
}

fn check_form(request: &GenerateRequest) {
    assert!(request.stop.len() <= MAX_STOP_STRINGS);
    assert!(
        request
            .stop
            .iter()
            .all(|stop| (1..=MAX_STOP_BYTES).contains(&stop.len()))
    );
    assert_ne!(request.max_tokens, Some(0));
    check_sampling(&request.sampling);
    if let Some(tools) = &request.tools {
        assert!((1..=MAX_TOOLS).contains(&tools.declared.len()));
        assert!(
            tools
                .declared
                .iter()
                .all(|tool| (1..=MAX_TOOL_NAME_BYTES).contains(&tool.name.len()))
        );
    }
}

fn check_sampling(sampling: &SamplingParams) {
    let within =
        |value: f32, low: f32, high: f32| assert!((low..=high).contains(&value), "{sampling:?}");
    within(sampling.temperature, 0.0, 2.0);
    within(sampling.dynamic_temperature.range, 0.0, 2.0);
    within(sampling.dynamic_temperature.exponent, 0.0, 10.0);
    for share in [
        sampling.top_p,
        sampling.min_p,
        sampling.typical_p,
        sampling.xtc.probability,
        sampling.xtc.threshold,
    ] {
        within(share, 0.0, 1.0);
    }
    within(sampling.top_n_sigma, -1.0, 100.0);
    within(sampling.dry.multiplier, 0.0, 100.0);
    within(sampling.repetition_penalty, 1.0, 2.0);
    within(sampling.presence_penalty, -2.0, 2.0);
    within(sampling.frequency_penalty, -2.0, 2.0);
    assert!(sampling.dry.sequence_breakers.len() <= MAX_DRY_BREAKERS);
    let breakers = &sampling.dry.sequence_breakers;
    assert!(
        breakers
            .iter()
            .all(|text| (1..=MAX_DRY_BREAKER_BYTES).contains(&text.len()))
    );
    assert!(sampling.logit_bias.len() <= MAX_LOGIT_BIAS);
    let is_bias = |bias: f32| bias == f32::NEG_INFINITY || (-100.0..=100.0).contains(&bias);
    assert!(
        sampling
            .logit_bias
            .iter()
            .all(|&(token, bias)| token.0 >= 0 && is_bias(bias))
    );
    assert!(sampling.logprobs.is_none_or(|top| top <= 20));
}

/// Instructions come first, if at all, and the conversation can be rendered.
fn check_prompt(prompt: &ChatPrompt) {
    static CHATML: OnceLock<ChatTemplate> = OnceLock::new();
    let is_system = |message: &ChatMessage| message.role == Role::System;
    assert!(!prompt.messages.iter().skip(1).any(is_system));
    assert!(!prompt.messages.iter().all(is_system));
    for message in &prompt.messages {
        let is_turn = message.content.is_some() || !message.tool_calls.is_empty();
        assert!(is_turn, "{message:?}");
        assert_eq!(
            message.tool_call_id.is_some(),
            message.role == Role::Tool,
            "{message:?}"
        );
        assert!(message.tool_calls.is_empty() || message.role == Role::Assistant);
    }
    let chatml = || ChatTemplate::chatml(SpecialTokens::default(), Vec::new());
    let template = CHATML.get_or_init(|| chatml().expect("ChatML is a template"));
    let input = RenderInput {
        tools: &prompt.tools,
        documents: &prompt.documents,
        kwargs: &prompt.template_kwargs,
        end: prompt.end,
        ..RenderInput::new(&prompt.messages)
    };
    let rendered = template.render(&input);
    if let Err(error) = rendered {
        let shown = error.to_string();
        assert!(
            shown.len() <= MAX_MESSAGE_BYTES && !shown.contains("engine failed"),
            "{shown}"
        );
    }
}

/// Names and values of the fields of requests.
const FIELDS: &str = "\
messages role system developer user assistant tool content type text image_url tool_calls tool_call_id name id \
function arguments parameters strict tools tool_choice auto required none parallel_tool_calls \
auto_heal_tool_calls stream stream_options include_usage model cancel_id session_id completion_id message_id \
temperature dynatemp_range top_k top_p min_p typical_p seed top_n_sigma xtc_probability dry_multiplier \
dry_sequence_breakers mirostat repetition_penalty presence_penalty frequency_penalty repeat_last_n logit_bias \
logprobs top_logprobs max_tokens max_completion_tokens min_tokens ignore_eos stop n deterministic \
return_progress documents chat_template_kwargs enable_thinking reasoning_effort preserve_thinking \
add_generation_prompt continue_final_message response_format json_object json_schema schema grammar lark regex \
system_prompt max_new_tokens image_base64 model_path hf_token max_seq_length gguf_variant gpu_ids \
chat_template_override cache_type_kv speculative_type force_cancel_active input prompt query suffix echo \
best_of n_predict dimensions encoding_format embd_normalize top_n return_documents add_special parse_special \
with_pieces tokens reasoning_format reasoning_budget reasoning_budget_message";

/// What means something in a body.
pub(crate) fn words() -> String {
    let punctuation = [
        "{\"", "\":", "\":\"", "\",\"", "[]", "{}", "},{", "null", "true", "false", "\\u0000",
        "\\ud800", "1e400", "-1", "0.5",
    ];
    dictionary(punctuation.into_iter().chain(FIELDS.split(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn every_word_is_one_of_a_dictionary() {
        assert!(
            words()
                .lines()
                .all(|line| line.len() > 2 && line.starts_with('"') && line.ends_with('"'))
        );
    }

    #[test]
    fn errors_repeat_little_of_a_long_text() {
        let long = "x".repeat(5000);
        let messages = json!([{"role": "user", "content": "Hi"}]);
        let tools = json!([{"function": {"name": "f"}}]);
        let bodies = [
            json!({"messages": messages, "tools": [{"type": long}]}),
            json!({"messages": messages, "tools": tools, "tool_choice": {"function": {"name": long}}}),
            json!({"messages": messages, "logit_bias": {format!("{}1", "0".repeat(5000)): 1000}}),
            json!({"messages": messages, "response_format": {"type": long}}),
            json!({"messages": [{"role": long}]}),
            json!({"input": "a", "encoding_format": long}),
            json!({"query": "q", "documents": [{"text": [long]}]}),
            json!({"model_path": "a", "cache_type_kv": long}),
        ];
        for body in bodies {
            check(body.to_string().as_bytes());
        }
    }

    /// JSON with the names and values of requests.
    fn bodies() -> impl Strategy<Value = Value> {
        let words: Vec<String> = words()
            .lines()
            .filter_map(|line| serde_json::from_str::<String>(line).ok())
            .collect();
        let word = proptest::sample::select(words).prop_map(Value::String);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3_i64..200).prop_map(Value::from),
            (-3.0..3.0).prop_map(Value::from),
            word.clone(),
            "\\PC{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            let key = word
                .clone()
                .prop_map(|word| word.as_str().unwrap_or_default().to_owned());
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((key, inner), 0..6)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_survived(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            check(&body);
        }

        #[test]
        fn any_fields_are_survived(body in bodies()) {
            check(body.to_string().as_bytes());
        }
    }
}
