//! Reranking over HTTP. What scores are is tested in `tests/engine/encoder.rs`.

use serde_json::{Value, json};

use crate::common::server::{TestServer, until, with};
use crate::tiny_bert::TinyBert;
use crate::tiny_models::{EMBEDDER, RERANKER, encoder};

const ROUTE: &str = "/v1/rerank";
const DOCUMENTS: [&str; 4] = ["a river of stone", "winter", "cloud and copper", "paper"];

fn body() -> Value {
    json!({"query": "copper river", "documents": DOCUMENTS, "model": "any", "user": "somebody"})
}

#[tokio::test]
async fn results_come_best_first_on_every_path() {
    let server = encoder(RERANKER);
    let first = server.post(ROUTE, &body()).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let answer = first.json();
    assert_eq!(answer["object"], "list");
    assert!(answer["model"].is_string() && answer["usage"]["prompt_tokens"].as_u64() > Some(0));
    assert_eq!(
        answer["usage"]["prompt_tokens"],
        answer["usage"]["total_tokens"]
    );
    let results = answer["results"].as_array().expect("a list");
    let score = |result: &Value| result["relevance_score"].as_f64().expect("a number");
    assert!(
        results
            .windows(2)
            .all(|pair| score(&pair[0]) >= score(&pair[1])),
        "{answer}"
    );
    let mut indices: Vec<_> = results
        .iter()
        .map(|result| result["index"].as_u64())
        .collect();
    indices.sort_unstable();
    assert_eq!(indices, [0, 1, 2, 3].map(Some));
    assert!(
        results
            .iter()
            .all(|result| result.get("document").is_none())
    );
    for path in [
        "/rerank",
        "/reranking",
        "/v1/reranking",
        "/api/inference/rerank",
        "/api/inference/reranking",
    ] {
        assert_eq!(server.post(path, &body()).await.json(), answer, "{path}");
    }
    // Objects are documents too; the best one alone, with its text.
    let objects = DOCUMENTS.map(|text| json!({"text": text}));
    let fields = json!({"documents": objects, "top_n": 1, "return_documents": true});
    let best = server.post(ROUTE, &with(body(), fields)).await.json();
    let best = best["results"].as_array().expect("a list");
    assert_eq!((best.len(), &best[0]["index"]), (1, &results[0]["index"]));
    let index = best[0]["index"].as_u64().expect("a number") as usize;
    assert_eq!(best[0]["document"]["text"], DOCUMENTS[index]);
}

#[tokio::test]
async fn what_cannot_be_ranked_is_refused() {
    let check = async |server: &TestServer, fields: Value, code: &str, param: &str| {
        let reply = server.post(ROUTE, &with(body(), fields)).await;
        let error = &reply.json()["error"];
        assert_eq!(reply.status, 400, "{error}");
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!(code), &json!(param))
        );
    };
    let server = encoder(RERANKER);
    let long = "winter ".repeat(200);
    check(
        &server,
        json!({"documents": ["x", long]}),
        "context_length_exceeded",
        "documents[1]",
    )
    .await;
    check(
        &server,
        json!({"documents": []}),
        "invalid_value",
        "documents",
    )
    .await;
    check(&server, json!({"query": ""}), "invalid_value", "query").await;
    check(
        &server,
        json!({"texts": ["x"]}),
        "unsupported_parameter",
        "texts",
    )
    .await;
    drop(server);
    for server in [encoder(EMBEDDER), TestServer::start()] {
        check(&server, json!({}), "invalid_value", "model").await;
    }
}

#[tokio::test]
async fn a_stop_and_a_closed_connection_end_a_request() {
    let server = encoder(TinyBert {
        rerank_template: Some("[CLS] {query} [SEP] {document} [SEP]"),
        ..RERANKER
    });
    let long = "winter garden ".repeat(40);
    let many = with(
        body(),
        json!({"documents": vec![long; 2048], "cancel_id": "r"}),
    );
    let model = server.state.models.current().expect("a model");
    let computing = || until("scores are computed", async || model.embedders.busy() > 0);
    let (reply, cancelled) = tokio::join!(server.post(ROUTE, &many), async {
        computing().await;
        server.cancel(json!({"cancel_id": "r"})).await
    });
    assert_eq!(
        (reply.status, reply.code(), cancelled),
        (499, json!("cancelled"), json!(1))
    );
    let connection = server.post_raw(ROUTE, &many, None).await;
    computing().await;
    drop(connection);
    until("nothing is scored", async || {
        model.embedders.busy() == 0 && server.state.stops.is_empty()
    })
    .await;
    assert_eq!(server.post(ROUTE, &body()).await.status, 200);
}
