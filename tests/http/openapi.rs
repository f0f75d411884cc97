//! The API's document, held to what a real server answers.

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::common::server::{CHAT, Setup, TestServer, chat, with};
use crate::tiny_models;

/// The document of a server.
struct Document(Value);

impl Document {
    async fn of(server: &TestServer) -> Self {
        let reply = server.get("/openapi.json").await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        Self(reply.json())
    }

    /// The operations: method, path, and what is said of it.
    fn operations(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        let paths = self.0["paths"].as_object().expect("paths");
        paths.iter().flat_map(|(path, item)| {
            let operations = item.as_object().expect("operations").iter();
            operations.map(move |(method, about)| (method.as_str(), path.as_str(), about))
        })
    }

    /// Judges the bodies of a response. A field that is not documented is wrong here, though a client has to put up with it.
    fn judge(&self, method: &str, path: &str, status: u16, kind: &str) -> Validator {
        let mut response = &self.0["paths"][path][method]["responses"][status.to_string()];
        if let Some(reference) = response["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            response = self.0.pointer(pointer).expect("a response");
        }
        let mut schema = response["content"][kind]["schema"].clone();
        assert!(
            schema.is_object(),
            "{method} {path}: {status} {kind} is not documented"
        );
        if kind == "text/event-stream" {
            // What the data of an event holds.
            schema = schema["properties"]["data"]["anyOf"][1]["contentSchema"].take();
        }
        schema["components"] = self.0["components"].clone();
        forbid_more(&mut schema["components"]["schemas"]);
        jsonschema::validator_for(&schema).expect("a schema")
    }

    /// Checks an answer against what is documented of it.
    fn check(&self, method: &str, path: &str, status: u16, kind: &str, body: &Value) {
        let judge = self.judge(method, path, status, kind);
        let wrong: Vec<String> = judge
            .iter_errors(body)
            .map(|it| format!("{} {it}", it.instance_path()))
            .collect();
        assert!(
            wrong.is_empty(),
            "{method} {path} {status}: {wrong:?}\n{body}"
        );
    }

    /// Posts a body and checks the answer.
    async fn post(&self, server: &TestServer, path: &str, body: &Value, status: u16) -> Value {
        let reply = server.post(path, body).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
        self.check("post", path, status, "application/json", &reply.json());
        reply.json()
    }

    /// Posts a body and checks each event of the answer.
    async fn stream(&self, server: &TestServer, path: &str, body: &Value) -> usize {
        let judge = self.judge("post", path, 200, "text/event-stream");
        let frames = server.events(path, body).await.rest().await;
        let chunks: Vec<Value> = frames
            .iter()
            .map(|frame| frame.trim().trim_start_matches("data: "))
            .filter(|data| *data != "[DONE]")
            .map(|data| serde_json::from_str(data).expect("JSON"))
            .collect();
        for chunk in &chunks {
            let wrong: Vec<String> = judge
                .iter_errors(chunk)
                .map(|it| format!("{} {it}", it.instance_path()))
                .collect();
            assert!(wrong.is_empty(), "{path}: {wrong:?}\n{chunk}");
        }
        chunks.len()
    }
}

/// Makes every object of known fields one that has no others.
fn forbid_more(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".into(), false.into());
            }
            object.values_mut().for_each(forbid_more);
        }
        Value::Array(list) => list.iter_mut().for_each(forbid_more),
        _ => {}
    }
}

#[tokio::test]
async fn every_documented_route_is_served_and_takes_no_other_method() {
    let server = TestServer::start();
    let document = Document::of(&server).await;
    let loaded = server.get("/v1/models").await.json();
    let id = loaded["data"][0]["id"].as_str().expect("an id").to_owned();
    let mut count = 0;
    for (method, path, about) in document.operations() {
        let url = server.url(&path.replace("{id}", &id));
        let send = async |method: &str| {
            let method = method.to_uppercase().parse().expect("a method");
            let request = server.client().request(method, &url).body("{}");
            request.send().await.expect("an answer")
        };
        let response = send(method).await;
        let status = response.status().as_u16();
        assert!(!matches!(status, 404 | 405), "{method} {path}: {status}");
        let responses = about["responses"].as_object().expect("responses");
        assert!(
            responses.contains_key(&status.to_string()),
            "{method} {path}: {status} is not documented"
        );
        let kind = response.headers()["content-type"]
            .to_str()
            .expect("text")
            .to_owned();
        let other = if method == "get" { "delete" } else { "get" };
        let response = send(other).await;
        assert_eq!(response.status(), 405, "{other} {path}");
        assert_eq!(
            response.headers()["allow"]
                .to_str()
                .expect("text")
                .split(',')
                .next_back(),
            Some(match method {
                "get" => "HEAD",
                _ => "POST",
            }),
            "{path}"
        );
        // The body is documented under the content type that it has.
        if kind == "application/json" {
            document.judge(method, path, status, &kind);
        }
        count += 1;
    }
    assert!(count > 30, "only {count} operations are documented");
}

#[tokio::test]
async fn answers_have_the_documented_fields_and_no_others() {
    let server = TestServer::start();
    let document = Document::of(&server).await;
    let tool = json!([{"function": {"name": "f", "strict": true, "parameters": {"type": "object", "properties": {"a": {"enum": [1, 2]}}, "required": ["a"], "additionalProperties": false}}}]);
    let forced = json!({"tools": tool, "tool_choice": "required", "max_tokens": 64});
    let several = json!({"n": 2, "logprobs": true, "top_logprobs": 2});
    for fields in [json!({}), several.clone(), forced.clone()] {
        let body = with(chat("Hi!", 4), fields);
        document.post(&server, CHAT, &body, 200).await;
        let streamed = json!({"stream": true, "stream_options": {"include_usage": true}, "return_progress": true});
        let chunks = document.stream(&server, CHAT, &with(body, streamed)).await;
        assert!(chunks > 2, "only {chunks} chunks");
    }
    let path = "/v1/completions";
    let body = json!({"prompt": ["Once", "Long ago"], "max_tokens": 4, "logprobs": 2});
    document.post(&server, path, &body, 200).await;
    let streamed =
        json!({"stream": true, "stream_options": {"include_usage": true}, "return_progress": true});
    document.stream(&server, path, &with(body, streamed)).await;
    let path = "/api/inference/generate/stream";
    let body = json!({"messages": [{"role": "user", "content": "Hi!"}], "max_new_tokens": 4});
    document.stream(&server, path, &body).await;
    for (path, body) in [
        ("/v1/embeddings", json!({"input": ["a", "b"]})),
        (
            "/v1/embeddings",
            json!({"input": "a", "encoding_format": "base64"}),
        ),
        ("/tokenize", json!({"content": "naïve 漢字"})),
        (
            "/tokenize",
            json!({"content": "naïve 😀", "with_pieces": true}),
        ),
        ("/detokenize", json!({"tokens": [1, 2, 3]})),
        ("/apply-template", chat("Hi!", 1)),
        ("/api/inference/cancel", json!({"cancel_id": "none"})),
        ("/v1/unload", json!({"model_path": "none"})),
    ] {
        document.post(&server, path, &body, 200).await;
    }
    let file = crate::common::models::smollm2();
    let model = json!({"model_path": file.to_string_lossy()});
    for path in ["/v1/validate", "/v1/load"] {
        document.post(&server, path, &model, 200).await;
    }
    for (method, path, about) in document
        .operations()
        .filter(|(method, ..)| *method == "get")
    {
        if path.contains('{')
            || about["responses"]["200"]["content"]
                .get("application/json")
                .is_none()
            || path == "/openapi.json"
        {
            continue;
        }
        let reply = server.get(path).await;
        document.check(
            method,
            path,
            reply.status,
            "application/json",
            &reply.json(),
        );
    }
}

#[tokio::test]
async fn errors_have_the_documented_envelope_of_their_path() {
    let server = TestServer::with(Setup {
        model: false,
        ..Setup::default()
    });
    let document = Document::of(&server).await;
    for path in [CHAT, "/api/inference/chat/completions"] {
        document.post(&server, path, &json!({}), 400).await;
        document.post(&server, path, &chat("x", 1), 400).await;
    }
    for path in ["/v1/models/{id}", "/api/inference/models/{id}"] {
        let reply = server.get(path).await;
        document.check("get", path, 404, "application/json", &reply.json());
    }
    let reply = server.get("/readyz").await;
    document.check("get", "/readyz", 503, "application/json", &reply.json());
    let rank = json!({"query": "a", "documents": ["b"]});
    let encoder = tiny_models::encoder(tiny_models::RERANKER);
    document
        .post(
            &encoder,
            "/rerank",
            &with(rank, json!({"return_documents": true})),
            200,
        )
        .await;
}

#[tokio::test]
async fn the_document_and_its_page_need_no_key_and_are_kept_from_other_sites() {
    let mut setup = Setup {
        model: false,
        ..Setup::default()
    };
    setup.config.api_keys = vec!["secret".into()];
    let server = TestServer::with(setup);
    for path in ["/openapi.json", "/docs", "/v1/health"] {
        let status = async |name: &str, value: &str| {
            let request = server.client().get(server.url(path)).header(name, value);
            request.send().await.expect("an answer").status().as_u16()
        };
        let open = status("accept", "*/*").await;
        assert_eq!(open, if path == "/v1/health" { 503 } else { 200 }, "{path}");
        assert_eq!(status("host", "evil.example").await, 403, "{path}");
        assert_eq!(
            status("origin", "https://evil.example").await,
            403,
            "{path}"
        );
    }
    let page = server
        .client()
        .get(server.url("/docs"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
}
