//! What must be refused, and that nobody else notices.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::models;
use crate::common::server::{Setup, TestServer, chat, with};

const CHAT: &str = "/v1/chat/completions";

/// Streams one answer after the other, until told to end; each must be whole. Returns how many there were.
async fn witness(server: &TestServer, end: Arc<AtomicBool>) -> u32 {
    let mut answers = 0;
    while answers == 0 || !end.load(Ordering::Acquire) {
        let answer = server.chat(&server.long(80)).await.answer().await;
        assert_eq!(
            (answer.reason.as_str(), answer.tokens("completion_tokens")),
            ("length", 80)
        );
        answers += 1;
    }
    answers
}

/// Does something while a stream runs, then checks that the stream was whole and the server answers.
async fn beside_a_stream(server: &TestServer, work: impl Future<Output = ()>) {
    let end = Arc::new(AtomicBool::new(false));
    let ending = async {
        server.until_decoding(1).await;
        work.await;
        end.store(true, Ordering::Release);
    };
    let (answers, ()) = tokio::join!(witness(server, end.clone()), ending);
    assert!(answers > 0);
    server.answers().await;
    server.until_idle().await;
}

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
        message(&json!({"role": "user", "content": "x", "name": "n"})),
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
    let tool = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    let cases = [
        ("tools", tool),
        ("tool_choice", json!("required")),
        ("enable_tools", json!(true)),
        ("response_format", json!({"type": "json_object"})),
        ("grammar", json!("root ::= \"x\"")),
        ("n", json!(2)),
        ("logprobs", json!(true)),
        ("top_logprobs", json!(3)),
        ("image_base64", json!("AA==")),
        ("audio_base64", json!("AA==")),
        ("use_adapter", json!("x")),
        ("continue_final_message", json!(true)),
        ("mirostat", json!(2)),
        ("ignore_eos", json!(true)),
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
async fn a_hostile_template_costs_only_its_own_requests() {
    let server = TestServer::start();
    let model = models::smollm2();
    let templates = [
        "{{ raise_exception('no') }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 'x' * 10000000000 }}",
        "{{ messages[99].content.nothing.at.all() }}",
        "",
    ];
    for template in templates {
        let body = json!({"model_path": model, "chat_template_override": template});
        let loaded = server.post("/v1/load", &body).await;
        assert_eq!(loaded.status, 200, "{template}: {}", loaded.body);
        let body = with(chat("x", 1), json!({"stream": true}));
        let reply = server.post(CHAT, &body).await;
        // No override at all is the model's own template.
        let wanted = if template.is_empty() { 200 } else { 400 };
        assert_eq!(reply.status, wanted, "{template}: {}", reply.body);
        server.get("/livez").await.json();
    }
    server.answers().await;

    // One that cannot even be read leaves what is loaded alone.
    for template in [
        "{% if %}",
        "{{",
        "{% for x in %}",
        &"{% if true %}".repeat(5000),
    ] {
        let body = json!({"model_path": model, "chat_template_override": template});
        let reply = server.post("/v1/load", &body).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        server.answers().await;
    }
}

/// A GGUF header: version 3, with these counts.
fn header(tensors: u64, keys: u64) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(keys.to_le_bytes());
    bytes
}

fn write_bad_files(directory: &Path) -> Vec<String> {
    let good = fs::read(models::smollm2()).expect("the model is read");
    let key_of_length = |length: u64| {
        let mut bytes = header(0, 1);
        bytes.extend(length.to_le_bytes());
        bytes.extend(b"general.architecture");
        bytes
    };
    let mut old_version = good[..4096].to_vec();
    old_version[4] = 1;
    let mut zeroed = good.clone();
    zeroed[40..4000].fill(0);
    let files: [(&str, Vec<u8>); 13] = [
        ("empty.gguf", Vec::new()),
        ("text.gguf", b"This is not a model.".repeat(100)),
        ("magic.gguf", b"GGUF".to_vec()),
        ("version.gguf", old_version),
        ("nothing.gguf", header(0, 0)),
        ("tensors.gguf", header(u64::MAX, 1)),
        ("keys.gguf", header(1, u64::MAX)),
        ("name.gguf", key_of_length(u64::MAX)),
        ("name_beyond.gguf", key_of_length(1 << 30)),
        ("head.gguf", good[..1000].to_vec()),
        ("vocabulary.gguf", good[..300_000].to_vec()),
        ("weights.gguf", good[..good.len() - 1_000_000].to_vec()),
        ("zeroed.gguf", zeroed),
    ];
    let write = |(name, bytes): (&str, Vec<u8>)| {
        let path = directory.join(name);
        fs::write(&path, bytes).expect("the file is written");
        path.to_string_lossy().into_owned()
    };
    files.into_iter().map(write).collect()
}

#[tokio::test]
async fn files_that_are_no_models_are_refused_and_the_loaded_one_stays() {
    let server = TestServer::start();
    let directory = tempfile::tempdir().expect("a directory");
    let mut names = write_bad_files(directory.path());
    names.extend(
        [
            "../../../../etc/passwd",
            "/etc/passwd",
            "/dev/zero",
            "/proc/self/mem",
            "../model.gguf",
            "/",
            ".",
            "nobody/nothing-GGUF",
            "a\0b.gguf",
            "a\nb.gguf",
            "~/x.gguf",
            "file:///etc/passwd",
            "   ",
            "https://example.org/model.gguf",
            "%2e%2e%2fetc%2fpasswd",
            "-np",
            "$(reboot).gguf",
        ]
        .map(str::to_owned),
    );
    names.push("x".repeat(5000));
    names.push("x/".repeat(1500));
    let before = server.get("/v1/status").await.json();
    beside_a_stream(&server, async {
        for name in &names {
            // Forced: else it would be refused for the stream's sake, whatever the file is.
            let body = json!({"model_path": name, "force_cancel_active": true});
            for path in ["/api/inference/load", "/api/inference/validate"] {
                let reply = server.post(path, &body).await;
                let shown: String = name.chars().take(80).collect();
                assert_eq!(reply.status, 400, "{path} {shown}: {}", reply.body);
                assert!(reply.json()["detail"].is_string());
                assert!(
                    !reply.body.contains("root:"),
                    "nothing of the file is shown"
                );
            }
        }
    })
    .await;
    assert_eq!(server.get("/v1/status").await.json(), before);
    let good = server
        .post("/v1/validate", &json!({"model_path": models::smollm2()}))
        .await;
    assert_eq!((good.status, &good.json()["valid"]), (200, &json!(true)));
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

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_say_so_in_their_envelope() {
    let server = TestServer::start();
    let check = async |method: &str, path: &str, status: u16| {
        let method = method.parse().expect("a method");
        let response = server
            .client()
            .request(method, server.url(path))
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), status, "{path}");
        let body: Value = response.json().await.expect("JSON");
        assert!(body["error"]["message"].is_string(), "{path}: {body}");
        assert_eq!(
            body.get("detail").is_some(),
            path.starts_with("/api/"),
            "{path}: {body}"
        );
    };
    for path in [
        "/",
        "/v1",
        "/v1/nothing",
        "/v1/cancel",
        "/v2/models",
        "/v1/..%2f..%2fetc",
        "/v1/chat/completions/x",
    ] {
        check("GET", path, 404).await;
    }
    for path in [
        "/api/nothing",
        "/api/inference/nothing",
        "/api/inference/cancel/x",
        "/v1/models/nothing",
        "/api/inference/models/nothing",
    ] {
        check("GET", path, 404).await;
    }
    for (method, path) in [
        ("GET", CHAT),
        ("DELETE", CHAT),
        ("GET", "/api/inference/load"),
        ("PUT", "/api/inference/cancel"),
        ("POST", "/v1/status"),
        ("POST", "/slots"),
        ("POST", "/api/health"),
    ] {
        check(method, path, 405).await;
    }
    server.answers().await;
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let mut setup = Setup::default();
    setup.config.allowed_origins = vec!["https://friend.example".into()];
    let server = TestServer::with(setup);
    let check = async |headers: &[(&str, &str)], status: u16| {
        let mut request = server.client().post(server.url(CHAT)).json(&chat("x", 1));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), status, "{headers:?}");
        response
            .headers()
            .get("access-control-allow-origin")
            .cloned()
    };
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8888",
        "10.0.0.1",
        "0.0.0.0",
        "",
    ] {
        check(&[("host", host)], 403).await;
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8888", "[::1]:8888"] {
        assert_eq!(check(&[("host", host)], 200).await, None);
    }
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "https://friend.example.evil.example",
    ] {
        check(&[("origin", origin)], 403).await;
    }
    let allowed = check(&[("origin", "https://friend.example")], 200).await;
    assert_eq!(allowed.expect("a header"), "https://friend.example");
    let preflight = server
        .client()
        .request(reqwest::Method::OPTIONS, server.url(CHAT))
        .header("origin", "https://friend.example")
        .send()
        .await
        .expect("an answer");
    assert_eq!(preflight.status(), 204);
    server.answers().await;
}

#[tokio::test]
async fn a_key_is_asked_for_where_there_is_one() {
    let mut setup = Setup {
        model: false,
        ..Setup::default()
    };
    setup.config.api_keys = vec!["first key".into(), "second".into()];
    let server = TestServer::with(setup);
    let check = async |header: Option<(&str, &str)>, path: &str, status: u16| {
        let mut request = server
            .client()
            .get(server.url(path))
            .timeout(Duration::from_secs(60));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let reply = request.send().await.expect("an answer");
        assert_eq!(reply.status(), status, "{header:?} {path}");
        if status == 401 {
            let body: Value = reply.json().await.expect("JSON");
            assert_eq!(body["error"]["code"], "invalid_api_key");
            assert_eq!(body["error"]["type"], "authentication_error");
        }
    };
    let wrong = [
        None,
        Some(("authorization", "Bearer wrong")),
        Some(("authorization", "Bearer ")),
        Some(("authorization", "second")),
        Some(("x-api-key", "")),
        Some(("x-api-key", "seconds")),
        Some(("authorization", "Basic second")),
    ];
    for path in [
        "/v1/models",
        "/api/inference/status",
        "/slots",
        "/metrics",
        "/nothing",
    ] {
        for header in wrong {
            check(header, path, 401).await;
        }
    }
    for header in [
        ("authorization", "Bearer first key"),
        ("authorization", "Bearer second"),
        ("x-api-key", "second"),
    ] {
        check(Some(header), "/v1/models", 200).await;
    }
    for path in ["/livez", "/api/health"] {
        check(None, path, 200).await;
    }
    assert_eq!(
        server
            .post("/api/inference/cancel", &json!({}))
            .await
            .status,
        401
    );
}
