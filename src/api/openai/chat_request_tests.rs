use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::api::openai::Thinking;
use crate::chat::{ChatMessage, Effort};
use crate::generation::{MAX_STOP_BYTES, MAX_STOP_STRINGS};
use crate::llama::Token;
use crate::sampling::{Mirostat, MirostatVersion, SamplingParams};

/// A good request with one field set.
fn with(field: &str, value: Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": "hi"}]});
    body[field] = value;
    body
}

fn good(field: &str, value: Value) -> ChatRequest {
    let body = with(field, value);
    ChatRequest::parse(&body).unwrap_or_else(|error| panic!("{body}: {}", error.message))
}

/// The field is refused with the code, at the path.
fn refused_at(field: &str, value: Value, code: &str, param: &str) {
    let body = with(field, value);
    let error = ChatRequest::parse(&body).expect_err(&body.to_string());
    assert_eq!(error.status, 400);
    assert_eq!(error.kind, "invalid_request_error");
    assert_eq!(error.code, Some(code), "{body}: {}", error.message);
    assert_eq!(
        error.param.as_deref(),
        Some(param),
        "{body}: {}",
        error.message
    );
    assert!(error.message.contains(field), "{}", error.message);
}

fn refused(field: &str, value: Value, code: &str) {
    refused_at(field, value, code, field);
}

fn kwargs(request: &ChatRequest) -> &BTreeMap<String, Value> {
    match &request.generate.prompt {
        Prompt::Chat(chat) => &chat.template_kwargs,
        other => panic!("not a chat: {other:?}"),
    }
}

#[test]
fn a_bare_request_has_the_defaults_of_the_route() {
    let request = good("model", Value::Null);
    assert!(!request.stream);
    assert_eq!(request.include_usage, None);
    assert_eq!(request.model, "default");
    assert_eq!(request.ids, RunIds::default());
    assert_eq!(request.thinking, Thinking::default());
    let generate = &request.generate;
    assert_eq!(generate.sampling, SamplingParams::default());
    assert_eq!((generate.max_tokens, generate.namespace), (None, 0));
    assert!(generate.stop.is_empty());
    match &generate.prompt {
        Prompt::Chat(chat) => assert_eq!(chat.messages, [ChatMessage::user("hi")]),
        other => panic!("not a chat: {other:?}"),
    }
}

#[test]
fn numbers_are_held_to_their_ranges() {
    // field, lowest, highest, below, above
    let ranges = [
        ("temperature", 0.0, 2.0, -0.1, 2.1),
        ("top_p", 0.0, 1.0, -0.1, 1.1),
        ("min_p", 0.0, 1.0, -0.1, 1.1),
        ("presence_penalty", -2.0, 2.0, -2.1, 2.1),
        ("frequency_penalty", -2.0, 2.0, -2.1, 2.1),
        ("repetition_penalty", 1.0, 2.0, 0.9, 2.1),
        ("repeat_penalty", 1.0, 2.0, 0.9, 2.1),
        ("repeat_last_n", -1.0, 1e9, -2.0, 1e10),
        ("top_k", -1.0, 100.0, -2.0, 101.0),
        ("typical_p", 0.0, 1.0, -0.1, 1.1),
        ("typ_p", 0.0, 1.0, -0.1, 1.1),
        ("top_n_sigma", -1.0, 100.0, -1.1, 100.5),
        ("xtc_probability", 0.0, 1.0, -0.1, 1.1),
        ("xtc_threshold", 0.0, 1.0, -0.1, 1.1),
        ("dynatemp_range", 0.0, 2.0, -0.1, 2.1),
        ("dynatemp_exponent", 0.0, 10.0, -0.1, 10.1),
        ("dry_multiplier", 0.0, 100.0, -0.1, 1e300),
        ("dry_base", 1.0, 100.0, 0.9, 101.0),
        ("dry_allowed_length", 0.0, 1e9, -1.0, 1e10),
        ("dry_penalty_last_n", -1.0, 1e9, -2.0, 1e10),
        ("mirostat", 0.0, 2.0, -1.0, 3.0),
        ("mirostat_tau", 0.0, 100.0, -0.1, 101.0),
        ("mirostat_eta", 0.0, 1.0, -0.1, 1.1),
        ("max_tokens", 1.0, 1e18, 0.0, -1.0),
        ("max_completion_tokens", 1.0, 1e18, 0.0, -1.0),
        ("min_tokens", 0.0, 4e9, -1.0, 5e9),
        ("seed", -1.0, 1e18, -2.0, 1e30),
        ("max_tool_calls_per_message", 0.0, 9999.0, -1.0, -2.0),
        ("tool_call_timeout", 1.0, 9999.0, 0.0, -1.0),
        ("n", 1.0, 16.0, 0.0, 17.0),
        ("top_logprobs", 0.0, 0.0, -1.0, 21.0),
    ];
    for (field, low, high, below, above) in ranges {
        for value in [json!(low), json!(high), Value::Null] {
            good(field, value);
        }
        for value in [json!(below), json!(above)] {
            refused(field, value, "invalid_value");
        }
        for value in [json!("1"), json!(true), json!([1]), json!({})] {
            refused(field, value, "invalid_type");
        }
    }
    for field in ["top_k", "max_tokens", "seed", "repeat_last_n", "mirostat"] {
        refused(field, json!(1.5), "invalid_type");
    }
}

#[test]
fn the_least_of_an_answer_is_a_number_or_all_of_it() {
    assert_eq!(good("min_tokens", json!(7)).generate.min_tokens, 7);
    assert_eq!(good("ignore_eos", json!(false)).generate.min_tokens, 0);
    let all = good("ignore_eos", json!(true)).generate.min_tokens;
    assert_eq!(all, usize::MAX);
}

#[test]
fn every_sampler_has_its_fields() {
    let check = |fields: Value, set: fn(&mut SamplingParams)| {
        let mut body = with("model", Value::Null);
        for (name, value) in fields.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let request = ChatRequest::parse(&body).expect("good");
        let mut expected = SamplingParams::default();
        set(&mut expected);
        assert_eq!(request.generate.sampling, expected, "{fields}");
        assert_ne!(
            expected,
            SamplingParams::default(),
            "{fields} says something"
        );
    };
    check(json!({"typical_p": 0.5}), |p| p.typical_p = 0.5);
    check(json!({"typ_p": 0.5}), |p| p.typical_p = 0.5);
    check(json!({"typ_p": 0.4, "typical_p": 0.5}), |p| {
        p.typical_p = 0.5;
    });
    check(json!({"top_n_sigma": 1.5}), |p| p.top_n_sigma = 1.5);
    check(json!({"xtc_probability": 0.5, "xtc_threshold": 0.2}), |p| {
        (p.xtc.probability, p.xtc.threshold) = (0.5, 0.2);
    });
    check(
        json!({"dynatemp_range": 0.25, "dynatemp_exponent": 2}),
        |p| {
            let dynamic = &mut p.dynamic_temperature;
            (dynamic.range, dynamic.exponent) = (0.25, 2.0);
        },
    );
    check(
        json!({
            "dry_multiplier": 0.8, "dry_base": 2, "dry_allowed_length": 3, "dry_penalty_last_n": 128,
            "dry_sequence_breakers": ["\n", "."],
        }),
        |p| {
            (p.dry.multiplier, p.dry.base) = (0.8, 2.0);
            (p.dry.allowed_length, p.dry.last_n) = (3, 128);
            p.dry.sequence_breakers = vec!["\n".into(), ".".into()];
        },
    );
    check(json!({"dry_penalty_last_n": -1}), |p| {
        p.dry.last_n = usize::MAX;
    });
    check(json!({"dry_sequence_breakers": []}), |p| {
        p.dry.sequence_breakers.clear();
    });
    check(json!({"mirostat": 1}), |p| {
        p.mirostat = Some(Mirostat {
            version: MirostatVersion::V1,
            target: 5.0,
            learning_rate: 0.1,
        });
    });
    check(
        json!({"mirostat": 2, "mirostat_tau": 3, "mirostat_eta": 0.5}),
        |p| {
            p.mirostat = Some(Mirostat {
                version: MirostatVersion::V2,
                target: 3.0,
                learning_rate: 0.5,
            });
        },
    );
    check(json!({"repeat_penalty": 1.5}), |p| {
        p.repetition_penalty = 1.5;
    });
    check(
        json!({"repeat_penalty": 1.2, "repetition_penalty": 1.5}),
        |p| p.repetition_penalty = 1.5,
    );
    check(json!({"repeat_last_n": 0}), |p| p.penalty_last_n = 0);
    check(json!({"repeat_last_n": -1}), |p| {
        p.penalty_last_n = usize::MAX;
    });
}

#[test]
fn top_logprobs_need_logprobs() {
    let check = |fields: Value, expected: Option<u8>| {
        let mut body = with("model", Value::Null);
        for (name, value) in fields.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let request = ChatRequest::parse(&body).expect("good");
        assert_eq!(request.generate.sampling.logprobs, expected, "{fields}");
    };
    check(json!({"logprobs": true}), Some(0));
    check(json!({"logprobs": true, "top_logprobs": 20}), Some(20));
    check(json!({"logprobs": false, "top_logprobs": 0}), None);
    check(json!({"logprobs": null, "top_logprobs": null}), None);
    refused("top_logprobs", json!(5), "invalid_value");
    refused("logprobs", json!(5), "invalid_type");
}

#[test]
fn settings_of_a_sampler_that_is_off_change_nothing() {
    for (field, value) in [
        ("mirostat_tau", json!(3)),
        ("mirostat_eta", json!(0.5)),
        ("mirostat", json!(0)),
    ] {
        assert_eq!(
            good(field, value).generate.sampling,
            SamplingParams::default()
        );
    }
}

#[test]
fn dry_sequence_breakers_are_a_capped_list_of_short_texts() {
    let field = "dry_sequence_breakers";
    good(field, json!(vec!["x"; sampling::MAX_DRY_BREAKERS]));
    good(field, json!(["x".repeat(sampling::MAX_DRY_BREAKER_BYTES)]));
    let too_many = json!(vec!["x"; sampling::MAX_DRY_BREAKERS + 1]);
    refused(field, too_many, "invalid_value");
    let too_long = json!(["x", "x".repeat(sampling::MAX_DRY_BREAKER_BYTES + 1)]);
    refused_at(field, too_long, "invalid_value", "dry_sequence_breakers[1]");
    refused_at(
        field,
        json!([""]),
        "invalid_value",
        "dry_sequence_breakers[0]",
    );
    refused_at(
        field,
        json!([1]),
        "invalid_type",
        "dry_sequence_breakers[0]",
    );
    refused(field, json!("\n"), "invalid_type");
}

#[test]
fn flags_texts_and_words_are_held_to_their_types() {
    for field in [
        "stream",
        "deterministic",
        "ignore_eos",
        "return_progress",
        "enable_thinking",
        "preserve_thinking",
        "auto_heal_tool_calls",
        "parallel_tool_calls",
    ] {
        good(field, json!(true));
        good(field, json!(false));
        good(field, Value::Null);
        for value in [json!("true"), json!(1), json!([])] {
            refused(field, value, "invalid_type");
        }
    }
    for field in ["model", "cancel_id", "session_id"] {
        good(field, json!("x"));
        good(field, Value::Null);
        refused(field, json!(1), "invalid_type");
    }
    for word in ["low", "medium", "high"] {
        let effort = good("reasoning_effort", json!(word)).thinking.effort;
        assert_eq!(effort.map(Effort::as_str), Some(word));
    }
    refused("reasoning_effort", json!("extreme"), "invalid_value");
    refused("reasoning_effort", json!(1), "invalid_type");
    good("enabled_tools", json!(["python"]));
    refused_at(
        "enabled_tools",
        json!([1]),
        "invalid_type",
        "enabled_tools[0]",
    );
    refused("enabled_tools", json!("python"), "invalid_type");
}

#[test]
fn messages_are_required() {
    refused("messages", Value::Null, "invalid_value");
    refused("messages", json!("hi"), "invalid_type");
    refused("messages", json!([]), "invalid_value");
    refused(
        "messages",
        json!([{"role": "system", "content": "x"}]),
        "invalid_value",
    );
    let error = ChatRequest::parse(&json!([])).expect_err("not an object");
    assert_eq!(error.code, Some("invalid_type"));
}

#[test]
fn the_newer_limit_wins_and_what_no_context_holds_is_clamped() {
    let mut body = with("max_tokens", json!(5));
    body["max_completion_tokens"] = json!(7);
    let request = ChatRequest::parse(&body).expect("good");
    assert_eq!(request.generate.max_tokens, Some(7));
    let huge = good("max_tokens", json!(u64::MAX));
    assert_eq!(huge.generate.max_tokens, Some(u32::MAX));
}

#[test]
fn a_seed_is_kept_and_minus_one_is_random() {
    assert_eq!(good("seed", json!(42)).generate.sampling.seed, Some(42));
    assert_eq!(
        good("seed", json!(u64::MAX)).generate.sampling.seed,
        Some(u64::MAX)
    );
    assert_eq!(good("seed", json!(-1)).generate.sampling.seed, None);
}

#[test]
fn stop_is_a_string_or_a_capped_list() {
    assert_eq!(good("stop", json!("END")).generate.stop, ["END"]);
    assert_eq!(good("stop", json!(["a", "b"])).generate.stop, ["a", "b"]);
    assert!(good("stop", json!([])).generate.stop.is_empty());
    good("stop", json!(vec!["x"; MAX_STOP_STRINGS]));
    good("stop", json!("x".repeat(MAX_STOP_BYTES)));
    refused(
        "stop",
        json!(vec!["x"; MAX_STOP_STRINGS + 1]),
        "invalid_value",
    );
    refused(
        "stop",
        json!("x".repeat(MAX_STOP_BYTES + 1)),
        "invalid_value",
    );
    refused("stop", json!(""), "invalid_value");
    refused_at("stop", json!(["a", ""]), "invalid_value", "stop[1]");
    refused_at("stop", json!(["a", 1]), "invalid_type", "stop[1]");
    refused("stop", json!(1), "invalid_type");
}

#[test]
fn logit_bias_maps_token_ids_and_minus_100_bans() {
    let request = good("logit_bias", json!({"15": 1.5, "7": -100, "8": 100}));
    let wanted = [
        (Token(15), 1.5),
        (Token(7), f32::NEG_INFINITY),
        (Token(8), 100.0),
    ];
    assert_eq!(request.generate.sampling.logit_bias, wanted);
    for key in ["hello", "", "-1", "+1", " 1", "1.0", "2147483648"] {
        refused("logit_bias", json!({key: 1}), "invalid_value");
    }
    refused_at(
        "logit_bias",
        json!({"5": 101}),
        "invalid_value",
        "logit_bias.5",
    );
    refused_at(
        "logit_bias",
        json!({"5": -101}),
        "invalid_value",
        "logit_bias.5",
    );
    refused_at(
        "logit_bias",
        json!({"5": "x"}),
        "invalid_type",
        "logit_bias.5",
    );
    refused("logit_bias", json!([[5, 1]]), "invalid_type");
    let many: Vec<(String, Value)> = (0..=sampling::MAX_LOGIT_BIAS)
        .map(|id| (id.to_string(), json!(1)))
        .collect();
    refused("logit_bias", many.into_iter().collect(), "invalid_value");
}

#[test]
fn usage_is_asked_for_in_stream_options() {
    let include = |value| good("stream_options", value).include_usage;
    assert_eq!(include(json!({"include_usage": true})), Some(true));
    assert_eq!(include(json!({"include_usage": false})), Some(false));
    assert_eq!(include(json!({})), None);
    assert_eq!(include(Value::Null), None);
    refused_at(
        "stream_options",
        json!({"include_usage": 1}),
        "invalid_type",
        "stream_options.include_usage",
    );
    refused("stream_options", json!(true), "invalid_type");
}

#[test]
fn ids_are_kept_and_empty_ones_are_none() {
    let request = good("cancel_id", json!("c-1"));
    assert_eq!(request.ids.cancel_id.as_deref(), Some("c-1"));
    assert_eq!(good("session_id", json!("")).ids, RunIds::default());
    good("cancel_id", json!("x".repeat(MAX_ID_BYTES)));
    refused(
        "cancel_id",
        json!("x".repeat(MAX_ID_BYTES + 1)),
        "invalid_value",
    );
}

#[test]
fn thinking_is_lifted_out_of_the_template_variables() {
    let request = good(
        "chat_template_kwargs",
        json!({"enable_thinking": false, "style": {"a": 1}}),
    );
    assert_eq!(request.thinking.enabled, Some(false));
    assert_eq!(kwargs(&request).len(), 1);
    assert_eq!(kwargs(&request)["style"], json!({"a": 1}));

    let mut body = with("chat_template_kwargs", json!({"enable_thinking": false}));
    body["enable_thinking"] = json!(true);
    let request = ChatRequest::parse(&body).expect("good");
    assert_eq!(request.thinking.enabled, Some(true));
    assert!(kwargs(&good("chat_template_kwargs", Value::Null)).is_empty());
}

#[test]
fn template_variables_are_bounded_and_cannot_replace_the_servers_own() {
    refused("chat_template_kwargs", json!([]), "invalid_type");
    refused(
        "chat_template_kwargs",
        json!({"x": "x".repeat(MAX_KWARGS_BYTES)}),
        "invalid_value",
    );
    refused_at(
        "chat_template_kwargs",
        json!({"enable_thinking": "yes"}),
        "invalid_type",
        "chat_template_kwargs.enable_thinking",
    );
    for name in RESERVED_KWARGS {
        let param = format!("chat_template_kwargs.{name}");
        refused_at(
            "chat_template_kwargs",
            json!({*name: true}),
            "invalid_value",
            &param,
        );
    }
}

fn request(body: &Value) -> ChatRequest {
    ChatRequest::parse(body).unwrap_or_else(|error| panic!("{body}: {}", error.message))
}

#[test]
fn tools_reach_the_template_and_the_parser() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let both = request(&with("tools", tools.clone()));
    assert!(both.generate.tools.is_some());
    let Prompt::Chat(chat) = &both.generate.prompt else {
        panic!("a chat");
    };
    assert_eq!(Value::from(chat.tools.clone()), tools);
    // An answer is calls or JSON; a grammar may describe calls, unless they have a form of their own.
    let with_form = |field: &str, form: Value, choice: &str| {
        let mut body = with("tools", tools.clone());
        body[field] = form;
        body["tool_choice"] = choice.into();
        ChatRequest::parse(&body).map_err(|error| error.param.unwrap_or_default())
    };
    let object = json!({"type": "json_object"});
    for choice in ["none", "auto", "required"] {
        assert!(with_form("response_format", object.clone(), choice).is_ok());
    }
    assert!(with_form("regex", json!("x"), "auto").is_ok());
    let refused = with_form("regex", json!("x"), "required");
    assert_eq!(refused.unwrap_err(), "regex");
}

#[test]
fn a_prompt_ends_with_a_new_turn_or_within_the_last_one() {
    let end = |last: &str, fields: Value| {
        let mut body =
            json!({"messages": [{"role": "user", "content": "a"}, {"role": last, "content": "b"}]});
        for (name, value) in fields.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let parsed = ChatRequest::parse(&body).map_err(|error| error.param.unwrap_or_default())?;
        match parsed.generate.prompt {
            Prompt::Chat(chat) => Ok(chat.end),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(end("assistant", json!({})), Ok(PromptEnd::NewTurn));
    let closed = json!({"add_generation_prompt": false});
    assert_eq!(end("assistant", closed), Ok(PromptEnd::Closed));
    let open = json!({"continue_final_message": true});
    assert_eq!(end("assistant", open.clone()), Ok(PromptEnd::OpenTurn));
    let field = Err("continue_final_message".to_owned());
    assert_eq!(end("user", open), field);
    let both = json!({"continue_final_message": true, "add_generation_prompt": true});
    assert_eq!(end("assistant", both), field);
}

#[test]
fn known_fields_that_are_not_there_yet_are_named_and_unknown_ones_accepted() {
    refused("functions", json!([{"name": "f"}]), "unsupported_parameter");
    refused("n_probs", json!(5), "unsupported_parameter");
    refused("use_adapter", json!(true), "unsupported_parameter");
    for field in [
        "user",
        "metadata",
        "store",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prediction",
        "made_up",
    ] {
        good(field, json!({"any": ["thing"]}));
        good(field, json!("text"));
    }
}

/// Any JSON, not too large.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop_oneof![
            Just("user"),
            Just("tool"),
            Just("assistant"),
            Just("text"),
            Just("")
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let key = prop_oneof![
            Just("role".to_owned()),
            Just("content".to_owned()),
            Just("type".to_owned()),
            Just("text".to_owned()),
            Just("tool_calls".to_owned()),
            Just("function".to_owned()),
            "[a-z0-9]{0,4}",
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn any_field() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "messages",
        "model",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "max_tokens",
        "max_completion_tokens",
        "presence_penalty",
        "frequency_penalty",
        "repetition_penalty",
        "seed",
        "stop",
        "logit_bias",
        "n",
        "tools",
        "tool_choice",
        "response_format",
        "json_schema",
        "grammar",
        "lark",
        "regex",
        "logprobs",
        "top_logprobs",
        "chat_template_kwargs",
        "enable_thinking",
        "reasoning_effort",
        "reasoning_format",
        "cancel_id",
        "session_id",
        "use_adapter",
        "enabled_tools",
        "modalities",
        "mirostat",
        "mirostat_tau",
        "typical_p",
        "repeat_last_n",
        "dry_multiplier",
        "dry_sequence_breakers",
    ])
}

proptest! {
    #[test]
    fn any_json_is_a_request_or_a_400(body in any_json()) {
        if let Err(error) = ChatRequest::parse(&body) {
            prop_assert_eq!(error.status, 400);
        }
    }

    #[test]
    fn any_value_in_any_field_is_a_request_or_a_400_that_names_it(
        field in any_field(),
        value in any_json(),
    ) {
        if let Err(error) = ChatRequest::parse(&with(field, value)) {
            prop_assert_eq!(error.status, 400);
            let param = error.param.unwrap_or_default();
            prop_assert!(param.starts_with(field), "{} for {}", param, field);
        }
    }

    #[test]
    fn any_message_is_read_or_refused(messages in proptest::collection::vec(any_json(), 1..4)) {
        let _ = parse_messages(&messages, "messages");
    }
}
