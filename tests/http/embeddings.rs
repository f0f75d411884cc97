//! Embeddings over HTTP. What they are is tested in `tests/engine/embed.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::common::server::{TestServer, until, with};
use crate::tiny_bert::{CONTEXT, WIDTH};
use crate::tiny_models::{EMBEDDER, RERANKER, encoder};
use crate::witness::beside_a_stream;

const ROUTE: &str = "/v1/embeddings";

async fn answered(server: &TestServer, body: &Value) -> Value {
    let reply = server.post(ROUTE, body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = reply.json();
    assert_eq!(answer["object"], "list");
    assert!(answer["model"].is_string(), "{answer}");
    let usage = &answer["usage"];
    assert!(usage["prompt_tokens"].as_u64() > Some(0), "{usage}");
    assert_eq!(usage["prompt_tokens"], usage["total_tokens"]);
    answer
}

/// The rows of an answer, in order.
fn rows(answer: &Value) -> Vec<Vec<f32>> {
    let data = answer["data"].as_array().expect("a list");
    let row = |(index, item): (usize, &Value)| {
        assert_eq!(
            (&item["object"], &item["index"]),
            (&json!("embedding"), &json!(index))
        );
        match &item["embedding"] {
            Value::String(text) => floats(text),
            list => serde_json::from_value(list.clone()).expect("numbers"),
        }
    };
    data.iter().enumerate().map(row).collect()
}

fn floats(base64: &str) -> Vec<f32> {
    let bytes = STANDARD.decode(base64).expect("base64");
    let (quads, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    quads.iter().map(|quad| f32::from_le_bytes(*quad)).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// The same direction and length 1, but for what rounding in batches of different sizes does.
fn assert_same(a: &[f32], b: &[f32]) {
    assert!((dot(a, b) - 1.0).abs() < 1e-3, "{}", dot(a, b));
}

#[tokio::test]
async fn texts_and_tokens_are_embedded_in_order_and_both_formats_say_the_same() {
    let server = TestServer::start();
    let texts = [
        "a cat sleeps",
        "the stock market fell sharply",
        "a kitten naps",
    ];
    let together = answered(&server, &json!({"input": texts})).await;
    let all = rows(&together);
    assert_eq!(all.len(), 3);
    assert!(
        dot(&all[0], &all[2]) > dot(&all[0], &all[1]),
        "what is alike is near"
    );
    let encoded = answered(
        &server,
        &json!({"input": texts, "encoding_format": "base64"}),
    )
    .await;
    let mut tokens = 0;
    for (index, text) in texts.iter().enumerate() {
        assert_same(&all[index], &rows(&encoded)[index]);
        let alone = answered(&server, &json!({"input": text, "encoding_format": "float"})).await;
        assert_same(&all[index], &rows(&alone)[0]);
        tokens += alone["usage"]["prompt_tokens"].as_u64().expect("a number");
        let ids = json!({"content": text, "add_special": true});
        let ids = server.post("/tokenize", &ids).await.json()["tokens"].clone();
        for input in [ids.clone(), json!([ids])] {
            let by_tokens = answered(&server, &json!({"input": input})).await;
            assert_same(&all[index], &rows(&by_tokens)[0]);
        }
    }
    assert_eq!(together["usage"]["prompt_tokens"], tokens);
    let studio = server
        .post("/api/inference/embeddings", &json!({"input": texts[0]}))
        .await;
    assert_same(&all[0], &rows(&studio.json())[0]);
}

#[tokio::test]
async fn embeddings_are_cut_and_scaled_as_asked() {
    let server = encoder(EMBEDDER);
    let input = json!({"input": "river stone"});
    let whole = rows(&answered(&server, &input).await).remove(0);
    assert_eq!(whole.len(), WIDTH);
    assert!((dot(&whole, &whole) - 1.0).abs() < 1e-4);
    let cut =
        rows(&answered(&server, &with(input.clone(), json!({"dimensions": 8}))).await).remove(0);
    assert_eq!(cut.len(), 8);
    assert!((dot(&cut, &cut) - 1.0).abs() < 1e-4);
    let length = dot(&whole[..8], &whole[..8]).sqrt();
    assert!(
        (dot(&cut, &whole[..8]) / length - 1.0).abs() < 1e-3,
        "the first ones, scaled"
    );
    let raw = rows(&answered(&server, &with(input.clone(), json!({"embd_normalize": -1}))).await)
        .remove(0);
    let length = dot(&raw, &raw).sqrt();
    assert!((length - 1.0).abs() > 1e-3 && (dot(&raw, &whole) / length - 1.0).abs() < 1e-3);
    let more = server
        .post(ROUTE, &with(input, json!({"dimensions": WIDTH + 1})))
        .await;
    assert_eq!(
        (more.status, &more.json()["error"]["param"]),
        (400, &json!("dimensions"))
    );
}

#[tokio::test]
async fn what_cannot_be_embedded_is_refused() {
    let server = encoder(EMBEDDER);
    for (input, code, param) in [
        (
            json!(["x", vec![9; CONTEXT + 1]]),
            "context_length_exceeded",
            "input[1]",
        ),
        (json!([1, 99_999]), "invalid_value", "input"),
        (json!([]), "invalid_value", "input"),
        (json!(null), "invalid_value", "input"),
        (json!(["x", 7]), "invalid_type", "input[1]"),
    ] {
        let reply = server.post(ROUTE, &json!({"input": input})).await;
        let error = &reply.json()["error"];
        assert_eq!(reply.status, 400, "{error}");
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!(code), &json!(param))
        );
    }
    let cut = server
        .post(ROUTE, &json!({"input": "x", "truncate": true}))
        .await;
    assert_eq!(
        (cut.status, cut.code()),
        (400, json!("unsupported_parameter"))
    );
    drop(server);
    let reply = encoder(RERANKER).post(ROUTE, &json!({"input": "x"})).await;
    let error = &reply.json()["error"];
    assert_eq!(
        (reply.status, &error["param"]),
        (400, &json!("model")),
        "{error}"
    );
    assert!(error["message"].to_string().contains("reranker"), "{error}");
}

/// Inputs that take a while.
fn many(ids: &Value) -> Value {
    let text = "a river of stone and a cloud of copper ".repeat(40);
    with(json!({"input": vec![text; 200]}), ids.clone())
}

fn busy(server: &TestServer) -> usize {
    let model = server.state.models.current().expect("a model");
    model.embedders.busy()
}

async fn until_accepted(server: &TestServer) {
    until("embeddings are computed or wait", async || busy(server) > 0).await;
}

async fn until_idle(server: &TestServer) {
    until("nothing is embedded", async || {
        busy(server) == 0 && server.state.stops.is_empty()
    })
    .await;
}

#[tokio::test]
async fn the_stop_button_ends_a_request() {
    let server = TestServer::start();
    Box::pin(beside_a_stream(&server, async {
        for id in ["cancel_id", "session_id"] {
            let body = many(&json!({id: "embed"}));
            let (reply, cancelled) = tokio::join!(server.post(ROUTE, &body), async {
                until_accepted(&server).await;
                server.cancel(json!({id: "embed"})).await
            });
            assert_eq!(
                (reply.status, reply.code()),
                (499, json!("cancelled")),
                "{}",
                reply.body
            );
            assert_eq!(cancelled, 1);
            // One that had not begun is let go of at once, and forgotten when its thread looks.
            until("it is forgotten", async || busy(&server) == 0).await;
        }
        // A stop that came first.
        assert_eq!(server.cancel(json!({"cancel_id": "early"})).await, 0);
        let reply = server
            .post(ROUTE, &many(&json!({"cancel_id": "early"})))
            .await;
        assert_eq!((reply.status, reply.code()), (499, json!("cancelled")));
    }))
    .await;
    until_idle(&server).await;
    answered(&server, &json!({"input": "x"})).await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_request() {
    let server = TestServer::start();
    let connection = server.post_raw(ROUTE, &many(&json!({})), None).await;
    until_accepted(&server).await;
    drop(connection);
    until_idle(&server).await;
    answered(&server, &json!({"input": "x"})).await;
}
