//! llama-server's routes about prompts, the list of models, and what all routes without a chat have in common.

use rein::api::tokens::MAX_CONTENT_BYTES;
use serde_json::{Value, json};

use crate::common::server::{CHAT, Setup, TestServer, chat, with};
use crate::witness::beside_a_stream;

async fn tokenize(server: &TestServer, body: &Value) -> Value {
    let reply = server.post("/tokenize", body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()["tokens"].clone()
}

#[tokio::test]
async fn tokens_and_texts_are_each_others_inverse() {
    let server = TestServer::start();
    for text in [
        "",
        "Hello, world!",
        "naïve 漢字 😀",
        "<|im_start|>user\n",
        "  two  spaces\n\n",
    ] {
        let tokens = tokenize(&server, &json!({"content": text})).await;
        let reply = server.post("/detokenize", &json!({"tokens": tokens})).await;
        assert_eq!(reply.json(), json!({"content": text}), "{tokens}");
        // The pieces, one after the other, are the text's bytes.
        let pieces = tokenize(&server, &json!({"content": text, "with_pieces": true})).await;
        let pieces = pieces.as_array().expect("a list");
        let ids: Vec<&Value> = pieces.iter().map(|piece| &piece["id"]).collect();
        assert_eq!(json!(ids), tokens);
        let bytes = |piece: &Value| match &piece["piece"] {
            Value::String(text) => text.clone().into_bytes(),
            list => serde_json::from_value(list.clone()).expect("bytes"),
        };
        assert_eq!(
            pieces.iter().flat_map(bytes).collect::<Vec<u8>>(),
            text.as_bytes()
        );
    }
}

#[tokio::test]
async fn control_tokens_are_read_unless_they_are_not_to_be() {
    let server = TestServer::start();
    let count = async |fields: Value| {
        let body = with(json!({"content": "<|im_start|>"}), fields);
        tokenize(&server, &body)
            .await
            .as_array()
            .expect("a list")
            .len()
    };
    assert_eq!(count(json!({})).await, 1);
    assert_eq!(
        count(json!({"add_special": false, "parse_special": true})).await,
        1
    );
    assert!(count(json!({"parse_special": false})).await > 1);
}

#[tokio::test]
async fn a_template_is_applied_and_nothing_is_generated() {
    let server = TestServer::start();
    let body = json!({"messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi!"},
    ]});
    let reply = server.post("/apply-template", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = reply.json();
    let wanted = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(answer, json!({"prompt": wanted}));
    let tokens = tokenize(&server, &json!({"content": wanted})).await;
    let chatted = server
        .post(CHAT, &with(body, json!({"max_tokens": 1})))
        .await
        .json();
    let count = tokens.as_array().expect("a list").len();
    assert_eq!(
        chatted["usage"]["prompt_tokens"], count,
        "that is what a chat reads"
    );
}

/// Writes all that a chat may bring with it.
const TEMPLATE: &str = "{% for tool in tools or [] %}[tool {{ tool.function.name }}]{% endfor %}\
    {% for document in documents or [] %}[document {{ document.text }}]{% endfor %}\
    {% if enable_thinking %}[think]{% endif %}{% if mood %}[mood {{ mood }}]{% endif %}\
    {% for message in messages %}<|im_start|>{{ message.role }} {{ message.content }}<|im_end|>{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant {% endif %}";

#[tokio::test]
async fn a_template_is_told_all_that_a_chat_would_tell_it() {
    let mut setup = Setup::default();
    setup.config.load.chat_template = Some(TEMPLATE.to_owned());
    let server = TestServer::with(setup);
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    let tools = json!([tool("get_time"), tool("get_weather")]);
    let unfinished = json!([
        {"role": "user", "content": "Hi!"}, {"role": "assistant", "content": "Good mor"},
    ]);
    let user = "<|im_start|>user Hi!<|im_end|>";
    let turn = "<|im_start|>assistant ";
    for (fields, wanted) in [
        (json!({}), format!("{user}{turn}")),
        (
            json!({"tools": tools}),
            format!("[tool get_time][tool get_weather]{user}{turn}"),
        ),
        (
            json!({"tools": tools, "tool_choice": "none"}),
            format!("{user}{turn}"),
        ),
        (
            json!({"documents": [{"text": "A."}, {"text": "B."}]}),
            format!("[document A.][document B.]{user}{turn}"),
        ),
        (
            json!({"enable_thinking": true}),
            format!("[think]{user}{turn}"),
        ),
        (
            json!({"chat_template_kwargs": {"mood": "glad"}}),
            format!("[mood glad]{user}{turn}"),
        ),
        (json!({"add_generation_prompt": false}), user.to_owned()),
        (
            json!({"messages": unfinished, "continue_final_message": true}),
            format!("{user}{turn}Good mor"),
        ),
    ] {
        let body = with(chat("Hi!", 1), fields);
        let answer = server.post("/apply-template", &body).await.json();
        assert_eq!(answer, json!({"prompt": wanted}), "{body}");
        let chatted = server.post(CHAT, &body).await.json();
        let count = |answer: &Value| answer["usage"]["prompt_tokens"].clone();
        let continued = json!({"prompt": wanted, "max_tokens": 1});
        let continued = server.post("/v1/completions", &continued).await.json();
        assert_eq!(count(&continued), count(&chatted), "{body}");
        assert!(count(&chatted).is_u64(), "{chatted}");
    }
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let server = TestServer::start();
    let huge = "x".repeat(MAX_CONTENT_BYTES + 1);
    beside_a_stream(&server, async {
        for (path, body, code, param) in [
            ("/tokenize", json!({}), "invalid_value", "content"),
            (
                "/tokenize",
                json!({"content": 7}),
                "invalid_type",
                "content",
            ),
            (
                "/tokenize",
                json!({"content": huge}),
                "invalid_value",
                "content",
            ),
            ("/detokenize", json!({}), "invalid_value", "tokens"),
            (
                "/detokenize",
                json!({"tokens": ["x"]}),
                "invalid_type",
                "tokens[0]",
            ),
            (
                "/detokenize",
                json!({"tokens": [-1]}),
                "invalid_type",
                "tokens[0]",
            ),
            (
                "/detokenize",
                json!({"tokens": [1, 99_999_999]}),
                "invalid_value",
                "tokens",
            ),
            ("/apply-template", json!({}), "invalid_value", "messages"),
            (
                "/apply-template",
                json!({"messages": [7]}),
                "invalid_type",
                "messages[0]",
            ),
        ] {
            let reply = server.post(path, &body).await;
            let error = &reply.json()["error"];
            assert_eq!(reply.status, 400, "{path}: {error}");
            assert_eq!(
                (&error["code"], &error["param"]),
                (&json!(code), &json!(param)),
                "{path}"
            );
        }
    })
    .await;
}

/// Paths that take JSON, and a good body for each.
fn routes() -> Vec<(&'static str, Value)> {
    let completion = json!({"prompt": "x", "max_tokens": 1});
    let (embed, rerank) = (
        json!({"input": "x"}),
        json!({"query": "x", "documents": ["y"]}),
    );
    vec![
        ("/v1/completions", completion.clone()),
        ("/api/inference/completions", completion),
        ("/v1/embeddings", embed.clone()),
        ("/api/inference/embeddings", embed),
        ("/v1/rerank", rerank.clone()),
        ("/rerank", rerank),
        ("/tokenize", json!({"content": "x"})),
        ("/detokenize", json!({"tokens": [1]})),
        ("/apply-template", chat("x", 1)),
    ]
}

#[tokio::test]
async fn bodies_that_are_no_request_are_refused_everywhere() {
    let mut setup = Setup::default();
    setup.config.max_body_bytes = 20_000;
    let server = TestServer::with(setup);
    let nested = format!("{{\"a\":{}", "[".repeat(5000));
    let bodies: [&[u8]; 7] = [b"", b"{", b"[]", b"7", b"null", b"\xff", nested.as_bytes()];
    for (path, good) in routes() {
        for body in bodies {
            let reply = server.post_bytes(path, body).await;
            assert_eq!(reply.status, 400, "{path}: {}", reply.body);
            let error = reply.json();
            assert_eq!(error["error"]["type"], "invalid_request_error", "{path}");
            assert_eq!(
                error.get("detail").is_some(),
                path.starts_with("/api"),
                "{path}"
            );
        }
        let large = with(good, json!({"padding": "x".repeat(20_000)}));
        assert_eq!(server.post(path, &large).await.status, 413, "{path}");
        assert_eq!(server.get(path).await.status, 405, "{path}");
    }
    server.answers().await;
}

#[tokio::test]
async fn without_a_model_every_route_says_so() {
    let server = TestServer::with(Setup {
        model: false,
        ..Setup::default()
    });
    for (path, body) in routes() {
        let reply = server.post(path, &body).await;
        assert_eq!(reply.status, 400, "{path}: {}", reply.body);
        let message = reply.json()["error"]["message"].to_string();
        assert!(message.contains("No model loaded"), "{path}: {message}");
    }
}

#[tokio::test]
async fn every_route_asks_for_a_key_where_there_is_one() {
    let mut setup = Setup::default();
    setup.config.api_keys = vec!["secret".into()];
    let server = TestServer::with(setup);
    for (path, body) in routes() {
        let reply = server.post(path, &body).await;
        assert_eq!(
            (reply.status, reply.code()),
            (401, json!("invalid_api_key")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_model_is_found_by_its_id_and_every_other_id_is_a_404() {
    let server = TestServer::start();
    for prefix in ["/v1", "/api/inference"] {
        let list = server.get(&format!("{prefix}/models")).await.json();
        let model = &list["data"][0];
        let id = model["id"].as_str().expect("an id");
        assert_eq!(
            &server.get(&format!("{prefix}/models/{id}")).await.json(),
            model
        );
        for other in [
            "nobody",
            "some/body",
            "some%2Fbody",
            "a%20b",
            "%00",
            &format!("{id}x"),
        ] {
            let reply = server.get(&format!("{prefix}/models/{other}")).await;
            assert_eq!(
                (reply.status, reply.code()),
                (404, json!("model_not_found")),
                "{other}"
            );
            let error = reply.json();
            assert_eq!(
                (&error["error"]["param"], &error["error"]["type"]),
                (&json!("id"), &json!("not_found_error"))
            );
            assert_eq!(error.get("detail").is_some(), prefix == "/api/inference");
        }
    }
}
