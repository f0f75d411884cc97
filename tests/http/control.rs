//! Load, unload, status, health, shutdown.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::models;
use crate::common::server::{CHAT, Setup, TestServer, chat, until, with};

const LOAD: &str = "/api/inference/load";

fn names(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

fn check_has(value: &Value, wanted: &[&str]) {
    let names = names(value);
    for name in wanted {
        assert!(names.contains(name), "{name} is missing in {value}");
    }
}

#[tokio::test]
async fn a_server_without_a_model_lives_and_says_what_it_lacks() {
    let server = TestServer::with(Setup {
        model: false,
        ..Setup::default()
    });
    for path in [
        "/livez",
        "/api/health",
        "/v1/models",
        "/v1/load-progress",
        "/metrics",
    ] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    assert_eq!(server.get("/readyz").await.status, 503);
    let status = server.get("/api/inference/status").await.json();
    assert_eq!(
        (&status["active_model"], &status["loaded"]),
        (&Value::Null, &json!([]))
    );
    let progress = server.get("/v1/load-progress").await.json();
    assert_eq!(
        progress,
        json!({"phase": null, "bytes_loaded": 0, "bytes_total": 0, "fraction": 0.0})
    );
    let reply = server
        .post("/api/inference/chat/completions", &chat("x", 1))
        .await;
    assert_eq!(reply.status, 400);
    assert!(
        reply.json()["detail"]
            .as_str()
            .is_some_and(|text| text.starts_with("No model loaded"))
    );
    let unload = server
        .post("/v1/unload", &json!({"model_path": "nobody"}))
        .await;
    assert_eq!(
        (unload.status, unload.json()),
        (200, json!({"status": "unloaded", "model": "nobody"}))
    );
}

#[tokio::test]
async fn the_documents_about_the_model_have_their_shapes() {
    let server = TestServer::start();
    let status = server.get("/api/inference/status").await.json();
    check_has(
        &status,
        &[
            "active_model",
            "is_vision",
            "is_gguf",
            "gguf_variant",
            "is_audio",
            "audio_type",
            "has_audio_input",
            "loading",
            "loaded",
            "inference",
            "requires_trust_remote_code",
            "supports_reasoning",
            "reasoning_style",
            "reasoning_always_on",
            "supports_preserve_thinking",
            "supports_tools",
            "context_length",
            "max_context_length",
            "native_context_length",
            "speculative_type",
        ],
    );
    assert_eq!(
        (&status["is_gguf"], &status["gguf_variant"]),
        (&json!(true), &json!("Q4_1"))
    );
    assert_eq!(
        (&status["context_length"], &status["native_context_length"]),
        (&json!(2048), &json!(8192))
    );
    assert_eq!(status["loaded"], json!([status["active_model"]]));
    assert_eq!(
        server.get("/v1/status").await.json(),
        status,
        "both prefixes"
    );
    check_has(
        &status["inference"],
        &["temperature", "top_p", "top_k", "min_p", "presence_penalty"],
    );

    let progress = server.get("/api/inference/load-progress").await.json();
    assert_eq!(
        (&progress["phase"], &progress["fraction"]),
        (&json!("ready"), &json!(1.0))
    );
    assert_eq!(progress["bytes_loaded"], progress["bytes_total"]);

    let models = server.get("/v1/models").await.json();
    assert_eq!(
        (&models["object"], models["data"].as_array().map(Vec::len)),
        (&json!("list"), Some(1))
    );
    let model = &models["data"][0];
    check_has(
        model,
        &[
            "id",
            "object",
            "created",
            "owned_by",
            "loaded",
            "quant",
            "context_length",
            "display_name",
        ],
    );
    let id = model["id"].as_str().expect("an id");
    assert_eq!(&server.get(&format!("/v1/models/{id}")).await.json(), model);
    assert_eq!(
        server.get("/v1/models/nobody").await.code(),
        json!("model_not_found")
    );
}

#[tokio::test]
async fn the_documents_about_the_server_have_their_shapes() {
    let server = TestServer::start();
    let slots = server.slots().await;
    assert_eq!(slots.len(), 4);
    check_has(
        &slots[0],
        &[
            "id",
            "n_ctx",
            "is_processing",
            "id_task",
            "n_prompt_tokens",
            "params",
            "next_token",
        ],
    );
    assert_eq!(slots[0]["n_ctx"], 2048);

    let health = server.get("/api/health").await.json();
    check_has(
        &health,
        &[
            "status",
            "timestamp",
            "service",
            "version",
            "device_type",
            "chat_only",
        ],
    );
    assert_eq!(
        (&health["status"], &health["service"]),
        (&json!("healthy"), &json!("rein"))
    );
    for path in ["/livez", "/readyz", "/health"] {
        assert_eq!(
            server.get(path).await.json(),
            json!({"status": "ok"}),
            "{path}"
        );
    }
    let valid = server
        .post("/v1/validate", &json!({"model_path": models::gemma()}))
        .await
        .json();
    check_has(
        &valid,
        &[
            "valid",
            "message",
            "identifier",
            "display_name",
            "is_gguf",
            "is_lora",
            "is_vision",
            "requires_trust_remote_code",
        ],
    );
}

#[tokio::test]
async fn loading_what_is_loaded_answers_the_same_in_full() {
    let server = TestServer::with(Setup {
        model: false,
        ..Setup::default()
    });
    let body = json!({"model_path": models::smollm2()});
    let first = server.post(LOAD, &body).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let first = first.json();
    assert_eq!(first["status"], "loaded");
    check_has(
        &first,
        &[
            "status",
            "model",
            "display_name",
            "is_vision",
            "is_lora",
            "is_gguf",
            "is_audio",
            "audio_type",
            "has_audio_input",
            "inference",
            "requires_trust_remote_code",
            "context_length",
            "max_context_length",
            "native_context_length",
            "supports_reasoning",
            "reasoning_style",
            "reasoning_always_on",
            "supports_preserve_thinking",
            "supports_tools",
            "cache_type_kv",
            "chat_template",
            "speculative_type",
        ],
    );
    assert!(
        first["chat_template"]
            .as_str()
            .is_some_and(|text| text.contains("im_start"))
    );
    // Nobody is stopped for it, and nobody has to be.
    let running = server.chat(&server.long(60)).await;
    server.until_decoding(1).await;
    let again = server.post(LOAD, &body).await.json();
    assert_eq!(again, with(first, json!({"status": "already_loaded"})));
    assert_eq!(running.answer().await.tokens("completion_tokens"), 60);

    let longer = server
        .post(LOAD, &with(body, json!({"max_seq_length": 1024})))
        .await
        .json();
    assert_eq!(
        (&longer["status"], &longer["context_length"]),
        (&json!("loaded"), &json!(1024))
    );
    server.answers().await;
}

#[tokio::test]
async fn gpus_that_are_not_there_are_refused_and_cost_nothing() {
    let server = TestServer::start();
    let body = json!({"model_path": models::smollm2()});
    for ids in [json!([]), Value::Null] {
        let reply = server
            .post(LOAD, &with(body.clone(), json!({ "gpu_ids": ids })))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    let there = rein::llama::Backend::gpus().len();
    let counted = match there {
        0 => "no GPU was found".to_owned(),
        there => format!("there {} {there}", if there == 1 { "is" } else { "are" }),
    };
    for (ids, expected) in [
        (json!([there]), counted.as_str()),
        (json!([4711]), counted.as_str()),
        (json!([0, 0]), "named twice"),
    ] {
        let reply = server
            .post(LOAD, &with(body.clone(), json!({ "gpu_ids": ids })))
            .await;
        assert_eq!(reply.status, 400, "{ids}: {}", reply.body);
        let error = &reply.json()["error"];
        assert_eq!(error["param"], "gpu_ids", "{error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(expected), "{message}");
        server.answers().await;
    }
}

#[tokio::test]
async fn another_model_waits_for_running_answers_unless_it_is_forced() {
    let server = TestServer::start();
    let running = server.chat(&server.long(1800)).await;
    server.until_decoding(1).await;
    let body = json!({"model_path": models::gemma(), "max_seq_length": 512});
    let refused = server.post(LOAD, &body).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert_eq!(refused.json()["error"]["type"], "conflict_error");
    assert_eq!(server.busy_slots().await.len(), 1, "it still runs");

    let forced = server
        .post(LOAD, &with(body, json!({"force_cancel_active": true})))
        .await;
    assert_eq!(forced.status, 200, "{}", forced.body);
    let answer = running.answer().await;
    assert_eq!(answer.reason, "stop");
    assert!(answer.tokens("completion_tokens") < 1800);
    server.answers().await;
    let status = server.get("/v1/status").await.json();
    assert_eq!(
        (&status["active_model"], &status["context_length"]),
        (&forced.json()["model"], &json!(512))
    );
}

#[tokio::test]
async fn unloading_ends_running_answers_properly() {
    let server = TestServer::start();
    let running = server.chat(&server.long(1800)).await;
    server.until_decoding(1).await;
    let path = models::smollm2();
    let reply = server
        .post("/api/inference/unload", &json!({"model_path": path}))
        .await;
    assert_eq!(
        (reply.status, &reply.json()["status"]),
        (200, &json!("unloaded"))
    );
    assert_eq!(running.answer().await.reason, "stop");
    assert_eq!(
        server.get("/v1/status").await.json()["active_model"],
        Value::Null
    );
    assert_eq!(server.post(CHAT, &chat("x", 1)).await.status, 400);
    assert_eq!(
        server.post(LOAD, &json!({"model_path": path})).await.status,
        200
    );
    server.answers().await;
}

/// What ends a load.
#[derive(Debug, Clone, Copy)]
enum End {
    CancelId,
    Unload,
    Disconnect,
}

/// Begins loads and ends each as soon as it is seen, until one was caught before its end.
async fn check_ended_load(server: &TestServer, end: End) {
    let gemma = models::gemma();
    let is_loading = async || {
        let status = server.get("/v1/status").await.json();
        status["loading"] != json!([])
    };
    for attempt in 0..30 {
        let id = format!("{end:?} {attempt}");
        let body = json!({"model_path": gemma, "cancel_id": id});
        let request = server.client().post(server.url(LOAD)).json(&body).send();
        let load = tokio::spawn(request);
        let finished = || load.is_finished();
        until("the load begins", async || finished() || is_loading().await).await;
        match end {
            End::CancelId => drop(server.cancel(json!({"cancel_id": id})).await),
            End::Unload => drop(
                server
                    .post("/v1/unload", &json!({"model_path": gemma}))
                    .await,
            ),
            End::Disconnect => load.abort(),
        }
        let answer = load.await.ok().map(|sent| sent.expect("an answer"));
        until("nothing is being loaded", async || !is_loading().await).await;
        let loaded = server.get("/v1/status").await.json()["loaded"] != json!([]);
        match answer.map(|answer| answer.status().as_u16()) {
            Some(409) | None if !loaded => return,
            Some(200 | 409) | None => {
                // It was faster; once more, from an empty server.
                server
                    .post("/v1/unload", &json!({"model_path": gemma}))
                    .await;
            }
            Some(other) => panic!("{end:?}: status {other}"),
        }
    }
    panic!("{end:?}: no load was caught before its end");
}

#[tokio::test]
async fn a_load_can_be_stopped_by_its_id_by_unloading_and_by_going_away() {
    let server = TestServer::with(Setup {
        model: false,
        ..Setup::default()
    });
    for end in [End::CancelId, End::Unload, End::Disconnect] {
        check_ended_load(&server, end).await;
    }
    // A cancel that comes first.
    assert_eq!(server.cancel(json!({"cancel_id": "early"})).await, 0);
    let reply = server
        .post(
            LOAD,
            &json!({"model_path": models::smollm2(), "cancel_id": "early"}),
        )
        .await;
    assert_eq!(reply.status, 409, "{}", reply.body);
    assert!(
        reply.json()["detail"]
            .as_str()
            .is_some_and(|text| text.contains("cancelled"))
    );
    assert_eq!(server.get("/v1/status").await.json()["loading"], json!([]));
    assert!(server.state.stops.is_empty());
    // And none of it is in the way of the next.
    assert_eq!(
        server
            .post(LOAD, &json!({"model_path": models::smollm2()}))
            .await
            .status,
        200
    );
    server.answers().await;
}

#[tokio::test]
async fn a_shutdown_ends_running_answers_with_their_last_frames() {
    let mut setup = Setup::default();
    setup.config.drain = Duration::from_millis(200);
    let server = TestServer::with(setup);
    let running = server.chat(&server.long(1900)).await;
    server.until_decoding(1).await;
    server.shut_down();
    let answer = running.answer().await;
    assert_eq!(answer.reason, "stop");
    assert!(answer.tokens("completion_tokens") < 1900);
    server.ended().await;
    assert!(
        server
            .client()
            .get(server.url("/livez"))
            .send()
            .await
            .is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn a_shutdown_lets_answers_end_within_the_drain_time() {
    let mut setup = Setup::default();
    setup.config.drain = Duration::from_secs(100);
    let server = TestServer::with(setup);
    let running = server.chat(&server.long(100)).await;
    server.until_decoding(1).await;
    server.shut_down();
    let answer = running.answer().await;
    assert_eq!(
        (answer.reason.as_str(), answer.tokens("completion_tokens")),
        ("length", 100)
    );
    server.ended().await;
}
