//! Requests that must be refused, and that nobody else notices.

use serde_json::{Value, json};

use crate::common::server::{CHAT, Setup, TestServer, chat, with};
use crate::witness::beside_a_stream;

fn message(fields: &Value) -> Value {
    json!({ "messages": [fields] })
}

#[tokio::test]
async fn bodies_that_are_no_request_are_refused() {
    let server = TestServer::start();
    let nested = format!(
        "{{\"messages\":{}{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let unclosed = "{\"a\":".repeat(10_000);
    let good = r#"{"messages":[{"role":"user","content":"x"}],"max_tokens":1"#;
    let field = |text: &str| format!("{good},{text}}}");
    let bodies: Vec<Vec<u8>> = [
        String::new(),
        "{".into(),
        "null".into(),
        "[]".into(),
        "7".into(),
        "\"x\"".into(),
        "{}".into(),
        nested,
        unclosed,
        format!("{good}}}}}"),
        format!("{good},}}"),
        field("\"temperature\":NaN"),
        field("\"temperature\":Infinity"),
        field("\"temperature\":1e400"),
        field("\"seed\":-1e400"),
        field("\"max_tokens\":2"),
        field("\"cancel_id\":\"a\\u0000b\""),
        field("\"cancel_id\":\"\\ud800\""),
    ]
    .into_iter()
    .map(String::into_bytes)
    .chain([b"{\"messages\":\"\xff\"}".to_vec(), vec![0; 100]])
    .collect();
    beside_a_stream(&server, async {
        for path in [
            CHAT,
            "/api/inference/chat/completions",
            "/v1/load",
            "/v1/validate",
            "/v1/unload",
        ] {
            for body in &bodies {
                let reply = server.post_bytes(path, body.clone()).await;
                let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
                assert_eq!(reply.status, 400, "{path}: {shown}: {}", reply.body);
                let error = reply.json();
                assert!(error["error"]["message"].is_string(), "{error}");
                assert_eq!(error["error"]["type"], "invalid_request_error");
                assert_eq!(
                    error.get("detail").is_some(),
                    path.starts_with("/api"),
                    "{error}"
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn fields_with_wrong_types_or_values_are_named() {
    let server = TestServer::start();
    let vocabulary = server
        .state
        .models
        .current()
        .expect("a model")
        .engine
        .model()
        .vocab()
        .len();
    let outside = json!({ vocabulary.to_string(): 1 });
    let cases = [
        ("messages", json!("x")),
        ("messages", json!([])),
        ("messages", json!([7])),
        ("messages", Value::Null),
        ("stream", json!("yes")),
        ("temperature", json!(-0.1)),
        ("temperature", json!(2.1)),
        ("temperature", json!("hot")),
        ("top_p", json!(1.5)),
        ("top_k", json!(101)),
        ("top_k", json!(0.5)),
        ("min_p", json!(-1)),
        ("max_tokens", json!(0)),
        ("max_tokens", json!(-5)),
        ("max_tokens", json!(1.5)),
        ("repetition_penalty", json!(0.9)),
        ("presence_penalty", json!(3)),
        ("frequency_penalty", json!(-3)),
        ("seed", json!("x")),
        ("stop", json!(7)),
        ("stop", json!([""])),
        ("stop", json!(vec!["x"; 17])),
        ("stop", json!("x".repeat(1025))),
        ("logit_bias", json!({"x": 1})),
        ("logit_bias", json!({"5": 101})),
        ("logit_bias", json!({"-1": 1})),
        ("logit_bias", outside),
        ("logit_bias", json!({"2147483647": 1})),
        ("stream_options", json!([])),
        ("cancel_id", json!("x".repeat(513))),
        ("chat_template_kwargs", json!({"messages": []})),
        ("reasoning_effort", json!("enormous")),
    ];
    beside_a_stream(&server, async {
        for (field, value) in &cases {
            // A stream would begin with 200: what is wrong must be found before.
            let body = with(chat("x", 1), json!({"stream": true, *field: value}));
            let reply = server.post(CHAT, &body).await;
            assert_eq!(reply.status, 400, "{field} {value}: {}", reply.body);
            let error = &reply.json()["error"];
            let param = error["param"].as_str().unwrap_or_default();
            assert!(param.starts_with(field), "{field} {value}: {error}");
        }
    })
    .await;
}

#[tokio::test]
async fn messages_follow_the_rules_of_their_roles() {
    let server = TestServer::start();
    let call =
        json!([{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
    let refused = [
        message(&json!({"content": "x"})),
        message(&json!({"role": "wizard", "content": "x"})),
        message(&json!({"role": 1, "content": "x"})),
        message(&json!({"role": "user"})),
        message(&json!({"role": "user", "content": ""})),
        message(&json!({"role": "user", "content": []})),
        message(&json!({"role": "user", "content": 7})),
        message(&json!({"role": "user", "content": ["x"]})),
        message(&json!({"role": "user", "content": [{"type": "smell", "text": "x"}]})),
        message(&json!({"role": "system", "content": ""})),
        message(&json!({"role": "system", "content": "only this"})),
        message(&json!({"role": "assistant"})),
        message(&json!({"role": "assistant", "content": null})),
        message(&json!({"role": "user", "content": "x", "tool_calls": call})),
        message(&json!({"role": "user", "content": "x", "tool_call_id": "c"})),
        message(&json!({"role": "assistant", "content": "x", "tool_call_id": "c"})),
    ];
    let image = json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]);
    beside_a_stream(&server, async {
        for body in &refused {
            let reply = server.post(CHAT, body).await;
            assert_eq!(reply.status, 400, "{body}: {}", reply.body);
            let param = reply.json()["error"]["param"].clone();
            assert!(
                param
                    .as_str()
                    .is_some_and(|param| param.starts_with("messages")),
                "{body}: {param}"
            );
        }
        let reply = server
            .post(CHAT, &message(&json!({"role": "user", "content": image})))
            .await;
        assert_eq!(
            (reply.status, reply.code()),
            (400, json!("unsupported_parameter"))
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_not_supported_is_refused_instead_of_ignored() {
    let server = TestServer::start();
    let cases = [
        ("functions", json!([{"name": "f"}])),
        ("enable_tools", json!(true)),
        ("structured_outputs", json!({"regex": "x"})),
        ("n_probs", json!(3)),
        ("image_base64", json!("AA==")),
        ("audio_base64", json!("AA==")),
        ("use_adapter", json!("x")),
        ("samplers", json!(["top_k"])),
    ];
    for (field, value) in &cases {
        let reply = server
            .post(CHAT, &with(chat("x", 1), json!({*field: value})))
            .await;
        assert_eq!(reply.status, 400, "{field}: {}", reply.body);
        let error = &reply.json()["error"];
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!("unsupported_parameter"), &json!(field))
        );
    }
    let unknown = server
        .post(
            CHAT,
            &with(chat("x", 1), json!({"nobody_knows_this": {"a": 1}})),
        )
        .await;
    assert_eq!(unknown.status, 200, "{}", unknown.body);
}

#[tokio::test]
async fn a_prompt_over_the_context_is_refused_before_the_stream_begins() {
    let server = TestServer::start();
    beside_a_stream(&server, async {
        for stream in [true, false] {
            let body = with(server.long_prompt(3000, 5), json!({"stream": stream}));
            let reply = server.post(CHAT, &body).await;
            assert_eq!(
                (reply.status, reply.code()),
                (400, json!("context_length_exceeded")),
                "{}",
                reply.body
            );
            let text = reply.json()["error"]["message"].to_string();
            assert!(
                text.contains("Message too long") && text.contains("2048-token context"),
                "{text}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn requests_over_the_limits_are_refused() {
    let mut setup = Setup::default();
    setup.config.max_body_bytes = 20_000;
    let server = TestServer::with(setup);
    beside_a_stream(&server, async {
        let reply = server.post(CHAT, &chat(&"x".repeat(21_000), 1)).await;
        assert_eq!((reply.status, reply.code()), (413, json!("body_too_large")));
        // A length that is a lie, or no length at all.
        let lie = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 99999999\r\n\r\n";
        let answer = server.raw(format!("{lie}{}", "x".repeat(30_000)).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        let chunk = format!("4e20\r\n{}\r\n", "x".repeat(20_000));
        let chunked = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
        let answer = server.raw(format!("{chunked}{}", chunk.repeat(3)).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

        let get = |headers: &str| format!("GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
        let huge = get(&format!("x: {}\r\n", "x".repeat(300_000)));
        let many = get(&"x: y\r\n".repeat(500));
        for request in [huge, many] {
            let answer = server.raw(request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        }
        assert!(server.raw(get("").as_bytes()).await.starts_with("HTTP/1.1 200"));
        for nonsense in ["\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\0", "GET / HTTP/9.9\r\n\r\n"] {
            let answer = server.raw(format!("{nonsense}\r\n\r\n").as_bytes()).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
        }
    })
    .await;
    // Half a body, and then the client is gone.
    let lost = server.post_raw(CHAT, &chat("x", 1), None).await;
    drop(lost);
    server.answers().await;
}
