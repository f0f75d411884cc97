//! Calls of tools, over HTTP, by a model of 135 million parameters.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::both_ways::both_ways;
use crate::common::server::{CHAT, TestServer, chat, with};

fn weather() -> Value {
    json!({"type": "function", "function": {
        "name": "get_weather",
        "description": "The weather at a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "pattern": "^[A-Z][a-z]{2,10}$"},
                "unit": {"enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
            },
            "required": ["city", "unit"],
            "additionalProperties": false,
        },
    }})
}

fn clock() -> Value {
    json!({"type": "function", "function": {"name": "get_time"}})
}

#[tokio::test]
async fn a_forced_call_is_one_of_the_tools_with_valid_arguments() {
    let server = TestServer::start();
    let validator = jsonschema::validator_for(&weather()["function"]["parameters"]).expect("good");
    let named = json!({"type": "function", "function": {"name": "get_weather"}});
    for choice in [json!("required"), named] {
        let fields = json!({
            "tools": [weather(), clock()],
            "tool_choice": choice,
            "parallel_tool_calls": false,
            "temperature": 1.0,
            "seed": 7,
            "deterministic": true,
        });
        let body = with(chat("What is the weather in Paris?", 200), fields);
        let (message, reason) = both_ways(&server, &body).await;
        assert_eq!(reason, "tool_calls", "{message}");
        assert_eq!(message["content"], Value::Null, "{message}");
        let calls = message["tool_calls"].as_array().expect("calls");
        assert_eq!(calls.len(), 1);
        let function = &calls[0]["function"];
        let arguments = function["arguments"].as_str().expect("text");
        let arguments: Value = serde_json::from_str(arguments).expect("JSON");
        match function["name"].as_str() {
            Some("get_weather") => assert!(validator.is_valid(&arguments), "{arguments}"),
            Some("get_time") if choice == "required" => assert_eq!(arguments, json!({})),
            other => panic!("{other:?}"),
        }
    }
}

/// A grammar that allows one text makes the model say what a test needs.
#[tokio::test]
async fn what_the_model_writes_becomes_text_and_calls() {
    let server = TestServer::start();
    let call = r#"<tool_call>\n{\"name\": \"get_time\", \"arguments\": {\"zone\": [1, \"ü\"]}}\n</tool_call>"#;
    let made = json!({"name": "get_time", "arguments": r#"{"zone": [1, "ü"]}"#});
    let cases = [
        (
            format!("I look. {call}"),
            json!("I look. "),
            vec![made.clone()],
            "tool_calls",
        ),
        (
            format!("{call}\\n{call}"),
            Value::Null,
            vec![made.clone(), made],
            "tool_calls",
        ),
        (
            "No tool is called.".into(),
            json!("No tool is called."),
            vec![],
            "stop",
        ),
        (
            call.replace("get_time", "get_out"),
            json!(
                call.replace("get_time", "get_out")
                    .replace(r#"\""#, "\"")
                    .replace(r"\n", "\n")
            ),
            vec![],
            "stop",
        ),
    ];
    for (text, content, calls, reason) in cases {
        let fields = json!({"tools": [clock()], "grammar": format!(r#"root ::= "{text}""#)});
        let body = with(chat("x", 200), fields);
        let (message, ended) = both_ways(&server, &body).await;
        assert_eq!(ended, reason, "{message}");
        assert_eq!(message["content"], content, "{text}");
        let found: Vec<Value> = message["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|call| call["function"].clone())
            .collect();
        assert_eq!(found, calls, "{text}");
    }
}

/// Beside tools an answer in JSON is one or the other; the first token decides, so the test does.
#[tokio::test]
async fn an_answer_in_json_may_be_a_call_instead() {
    let server = TestServer::start();
    let form = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"enum": ["yes", "no"]}}});
    let fields = json!({"tools": [clock()], "response_format": form, "parallel_tool_calls": false});
    // Of SmolLM2's vocabulary: how each of the two may begin.
    for (token, is_call) in [("<", true), ("\"", false)] {
        let ids = server.post("/tokenize", &json!({"content": token})).await;
        let id = ids.json()["tokens"][0].to_string();
        let biased = with(fields.clone(), json!({"logit_bias": {id: 100}}));
        let (message, reason) = both_ways(&server, &with(chat("x", 60), biased)).await;
        if is_call {
            assert_eq!(reason, "tool_calls", "{message}");
            let arguments = message["tool_calls"][0]["function"]["arguments"].as_str();
            let arguments: Value = serde_json::from_str(arguments.expect("text")).expect("JSON");
            assert_eq!(arguments, json!({}));
        } else {
            assert_eq!(reason, "stop", "{message}");
            let content = message["content"].as_str().expect("text");
            assert!(["\"yes\"", "\"no\""].contains(&content), "{message}");
        }
    }
}

#[tokio::test]
async fn a_conversation_with_calls_goes_on() {
    let server = TestServer::start();
    let call =
        json!({"id": "a", "type": "function", "function": {"name": "get_time", "arguments": "{}"}});
    let body = json!({
        "messages": [
            {"role": "user", "content": "What time is it?"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "a", "content": "12:30"},
        ],
        "tools": [clock()],
        "max_tokens": 8,
    });
    let reply = server.post(CHAT, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn a_stopped_answer_goes_on_where_it_ended() {
    let server = TestServer::start();
    let question = json!({"role": "user", "content": "Name three animals."});
    let ask = |messages: Value, max_tokens: u32, more: Value| {
        with(
            json!({"messages": messages, "temperature": 0, "max_tokens": max_tokens, "deterministic": true}),
            more,
        )
    };
    let whole = server
        .post(CHAT, &ask(json!([question]), 24, json!({})))
        .await
        .json();
    let half = server
        .post(CHAT, &ask(json!([question]), 9, json!({})))
        .await
        .json();
    let text = |answer: &Value| answer["choices"][0]["message"]["content"].clone();
    let messages = json!([question, {"role": "assistant", "content": text(&half)}]);
    let more = json!({"continue_final_message": true});
    let rest = server.post(CHAT, &ask(messages, 15, more)).await.json();
    let joined = format!(
        "{}{}",
        text(&half).as_str().expect("text"),
        text(&rest).as_str().expect("text")
    );
    assert_eq!(joined, text(&whole).as_str().expect("text"));
}

/// A schema of nested objects, lists, numbers, words and optional fields, told by a number.
fn random_schema(state: &mut u64, depth: u32) -> Value {
    let mut roll = |n: u64| {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % n
    };
    match roll(if depth == 0 { 4 } else { 6 }) {
        0 => json!({"type": "string", "pattern": "^[a-z]{1,8}$"}),
        1 => json!({"type": "integer", "minimum": -5, "maximum": roll(100)}),
        2 => json!({"type": "boolean"}),
        3 => json!({"enum": ["red", "green", "blue", 7, null]}),
        4 => {
            json!({"type": "array", "items": random_schema(state, depth - 1), "minItems": 1, "maxItems": 2})
        }
        _ => {
            let n = 1 + roll(3);
            let optional = roll(2) == 0;
            random_object(state, depth - 1, n, optional)
        }
    }
}

fn random_object(state: &mut u64, depth: u32, n: u64, first_is_optional: bool) -> Value {
    let names = ["alpha", "beta", "gamma", "delta"];
    let names = &names[..n as usize];
    let properties: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), random_schema(state, depth)))
        .collect();
    let required: Vec<&str> = names
        .iter()
        .copied()
        .skip(usize::from(first_is_optional))
        .collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// How many calls: `REIN_FORCED_CALLS`, else few enough for every run of the tests.
fn forced_calls() -> u64 {
    let wanted = std::env::var("REIN_FORCED_CALLS").ok();
    wanted.map_or(32, |wanted| wanted.parse().expect("a number"))
}

#[tokio::test]
async fn forced_calls_with_random_schemas_are_valid() {
    let server = TestServer::start();
    let one = async |seed: u64| {
        let mut state = seed;
        let schema = random_object(&mut state, 2, 1 + seed % 4, seed.is_multiple_of(3));
        let tool = json!({"type": "function", "function": {"name": "act", "parameters": schema}});
        let fields = json!({
            "tools": [tool],
            "tool_choice": "required",
            "parallel_tool_calls": false,
            "temperature": 1.0,
            "seed": seed,
        });
        let reply = server.post(CHAT, &with(chat("Act.", 800), fields)).await;
        assert_eq!(reply.status, 200, "{schema}: {}", reply.body);
        let choice = &reply.json()["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls", "{schema}: {choice}");
        let arguments = choice["message"]["tool_calls"][0]["function"]["arguments"].as_str();
        let arguments: Value = serde_json::from_str(arguments.expect("text")).expect("JSON");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        assert!(validator.is_valid(&arguments), "{schema}: {arguments}");
    };
    // As many as are compiled at once; one more would be told to come again.
    for batch in (0..forced_calls()).collect::<Vec<_>>().chunks(4) {
        join_all(batch.iter().map(|&seed| one(seed))).await;
    }
}
