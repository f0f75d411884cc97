use serde_json::json;

use super::*;
use crate::llama::Token;
use crate::sampling::SamplingParams;

/// A good request with one field set.
fn with(field: &str, value: &Value) -> Value {
    let mut body = json!({"prompt": "Once"});
    body[field] = value.clone();
    body
}

fn good(field: &str, value: &Value) -> CompletionRequest {
    let body = with(field, value);
    CompletionRequest::parse(&body).unwrap_or_else(|error| panic!("{body}: {}", error.message))
}

/// The body is refused with the code, at the path.
fn refused(body: &Value, code: &str, param: &str) {
    let error = CompletionRequest::parse(body).expect_err(&body.to_string());
    assert_eq!(error.status, 400);
    assert_eq!(error.code, Some(code), "{body}: {}", error.message);
    assert_eq!(
        error.param.as_deref(),
        Some(param),
        "{body}: {}",
        error.message
    );
}

#[test]
fn a_bare_request_has_the_defaults_of_the_route() {
    let request = good("model", &Value::Null);
    assert_eq!(request.prompts, [RawPrompt::Text("Once".into())]);
    assert_eq!(
        (request.choices, request.echo, request.stream),
        (1, false, false)
    );
    assert_eq!((request.suffix, request.include_usage), (None, None));
    assert_eq!(request.ids, RunIds::default());
    assert_eq!(request.generate.max_tokens, None);
    assert_eq!(request.generate.sampling, SamplingParams::default());
    assert!(request.generate.stop.is_empty() && request.generate.constraint.is_none());
}

#[test]
fn prompts_are_texts_or_tokens() {
    let text = |text: &str| RawPrompt::Text(text.into());
    let tokens = |ids: &[i32]| RawPrompt::Tokens(ids.iter().map(|&id| Token(id)).collect());
    for (value, wanted) in [
        (json!("a"), vec![text("a")]),
        (json!(["a", "b"]), vec![text("a"), text("b")]),
        (json!([1, 2]), vec![tokens(&[1, 2])]),
        (json!([[1, 2], [3]]), vec![tokens(&[1, 2]), tokens(&[3])]),
    ] {
        assert_eq!(good("prompt", &value).prompts, wanted);
    }
    for (value, code) in [
        (json!(null), "invalid_value"),
        (json!([]), "invalid_value"),
        (json!(vec!["x"; MAX_RUNS + 1]), "invalid_value"),
        (json!(7), "invalid_type"),
        (json!({"text": "x"}), "invalid_type"),
    ] {
        refused(&with("prompt", &value), code, "prompt");
    }
}

#[test]
fn all_answers_together_are_bounded() {
    let body = |prompts: usize, n: usize| json!({"prompt": vec!["x"; prompts], "n": n});
    assert!(CompletionRequest::parse(&body(4, 16)).is_ok());
    assert!(CompletionRequest::parse(&body(64, 1)).is_ok());
    refused(&body(5, 16), "invalid_value", "prompt");
    refused(&body(1, 17), "invalid_value", "n");
}

#[test]
fn the_length_has_three_names() {
    for (fields, wanted) in [
        (json!({}), None),
        (json!({"max_tokens": 5}), Some(5)),
        (
            json!({"max_tokens": 5, "max_completion_tokens": 6}),
            Some(6),
        ),
        (json!({"n_predict": 7}), Some(7)),
        (json!({"n_predict": -1}), None),
        (json!({"n_predict": 7, "max_tokens": 5}), Some(5)),
        (json!({"max_tokens": 10_000_000_000_u64}), Some(u32::MAX)),
    ] {
        let mut body = json!({"prompt": "x"});
        body.as_object_mut()
            .expect("an object")
            .extend(fields.as_object().expect("fields").clone());
        let request = CompletionRequest::parse(&body).expect("good");
        assert_eq!(request.generate.max_tokens, wanted, "{body}");
    }
    for (field, value) in [("max_tokens", 0), ("n_predict", 0), ("n_predict", -2)] {
        refused(&with(field, &json!(value)), "invalid_value", field);
    }
}

#[test]
fn logprobs_are_a_number_here() {
    for top in [0_u8, 5, 20] {
        let request = good("logprobs", &json!(top));
        assert_eq!(request.generate.sampling.logprobs, Some(top));
    }
    refused(&with("logprobs", &json!(21)), "invalid_value", "logprobs");
    refused(&with("logprobs", &json!(true)), "invalid_type", "logprobs");
}

#[test]
fn best_of_may_only_repeat_n() {
    assert!(CompletionRequest::parse(&json!({"prompt": "x", "n": 3, "best_of": 3})).is_ok());
    assert!(CompletionRequest::parse(&json!({"prompt": "x", "best_of": 1})).is_ok());
    let body = json!({"prompt": "x", "n": 1, "best_of": 3});
    refused(&body, "unsupported_parameter", "best_of");
}

#[test]
fn echo_goes_with_neither_suffix_nor_logprobs() {
    assert!(good("echo", &json!(true)).echo);
    assert_eq!(
        good("suffix", &json!("")).suffix,
        None,
        "an empty suffix asks for nothing"
    );
    for field in [json!({"suffix": "end"}), json!({"logprobs": 0})] {
        let mut body = json!({"prompt": "x", "echo": true});
        body.as_object_mut()
            .expect("an object")
            .extend(field.as_object().expect("fields").clone());
        refused(&body, "unsupported_parameter", "echo");
    }
}

#[test]
fn the_fields_of_chat_mean_the_same() {
    let body = json!({
        "prompt": "x", "stream": true, "stream_options": {"include_usage": true}, "seed": 5, "temperature": 0.5,
        "top_k": 7, "min_p": 0.25, "frequency_penalty": -1, "repeat_penalty": 1.5, "logit_bias": {"5": 2},
        "stop": ["a", "b"], "min_tokens": 3, "deterministic": true, "return_progress": true, "n": 2,
        "cancel_id": "c", "session_id": "s", "regex": "x+", "user": "somebody",
    });
    let request = CompletionRequest::parse(&body).expect("good");
    assert!(request.stream && request.include_usage == Some(true) && request.choices == 2);
    assert_eq!(request.ids.cancel_id.as_deref(), Some("c"));
    assert_eq!(request.ids.session_id.as_deref(), Some("s"));
    assert_eq!(request.form_field, Some("regex"));
    let generate = &request.generate;
    let sampling = &generate.sampling;
    assert_eq!(
        (sampling.seed, sampling.top_k, sampling.min_p),
        (Some(5), 7, 0.25)
    );
    assert_eq!(
        (sampling.frequency_penalty, sampling.repetition_penalty),
        (-1.0, 1.5)
    );
    assert_eq!(sampling.logit_bias, [(Token(5), 2.0)]);
    assert_eq!((generate.stop.len(), generate.min_tokens), (2, 3));
    assert!(generate.deterministic && generate.report_progress && generate.constraint.is_some());
}

#[test]
fn wrong_values_are_named() {
    for (field, value, code) in [
        ("echo", json!("yes"), "invalid_type"),
        ("suffix", json!(7), "invalid_type"),
        ("stream", json!(1), "invalid_type"),
        ("stream_options", json!([]), "invalid_type"),
        ("temperature", json!(3), "invalid_value"),
        ("stop", json!([""]), "invalid_value"),
        ("n", json!(0), "invalid_value"),
        ("best_of", json!("x"), "invalid_type"),
        ("model", json!(5), "invalid_type"),
        ("cancel_id", json!("x".repeat(513)), "invalid_value"),
        ("response_format", json!({"type": "xml"}), "invalid_value"),
    ] {
        let body = with(field, &value);
        let error = CompletionRequest::parse(&body).expect_err(field);
        assert_eq!(error.code, Some(code), "{body}");
        let param = error.param.unwrap_or_default();
        assert!(param.starts_with(field), "{body}: {param}");
    }
}

#[test]
fn every_field_that_is_not_supported_may_be_null_and_is_refused_with_an_odd_value() {
    for (field, _) in NOT_YET.iter().chain(OF_GENERATION) {
        good(field, &Value::Null);
        refused(
            &with(field, &json!({"odd": true})),
            "unsupported_parameter",
            field,
        );
    }
    for (field, value) in [
        ("cache_prompt", json!(true)),
        ("id_slot", json!(-1)),
        ("n_probs", json!(0)),
        ("stop_token_ids", json!([])),
        ("length_penalty", json!(1.0)),
        ("add_special_tokens", json!(true)),
        ("nobody_knows_this", json!({"a": 1})),
    ] {
        good(field, &value);
    }
    for (field, _) in OF_STREAM_OPTIONS {
        good("stream_options", &json!({*field: null}));
        good("stream_options", &json!({*field: false}));
        let path = format!("stream_options.{field}");
        let body = with("stream_options", &json!({*field: true}));
        refused(&body, "unsupported_parameter", &path);
    }
    for (field, value) in [
        (
            "tools",
            json!([{"type": "function", "function": {"name": "f"}}]),
        ),
        ("tool_choice", json!("required")),
        ("top_logprobs", json!(2)),
        ("cache_prompt", json!(false)),
        ("n_probs", json!(3)),
        ("guided_json", json!({})),
    ] {
        refused(&with(field, &value), "unsupported_parameter", field);
    }
}
