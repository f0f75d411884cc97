//! The stop button, and everything else that ends a run early.

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::common::server::{
    Answer, CHAT, Events, Setup, TestServer, decoded, until, with, within,
};

/// Bytes of the kernel's buffers at both ends of a connection whose client does not read.
pub const BUFFER: u32 = 8 * 1024;
const LEGACY: &str = "/api/inference/generate/stream";

/// A run that is generating, and will for a while.
async fn running(server: &TestServer, ids: Value) -> Events {
    let events = server.chat(&with(server.long(1800), ids)).await;
    server.until_decoding(1).await;
    events
}

/// Checks that a run was stopped far from its limit, and ended as streams should.
async fn check_stopped(events: Events) -> Answer {
    let answer = events.answer().await;
    assert_eq!(answer.reason, "stop");
    assert!(
        answer.tokens("completion_tokens") < 1800,
        "{:?}",
        answer.usage
    );
    answer
}

#[tokio::test]
async fn a_cancel_while_decoding_ends_the_stream_and_frees_the_slot() {
    let server = TestServer::start();
    let events = running(&server, json!({"cancel_id": "a"})).await;
    assert_eq!(server.cancel(json!({"cancel_id": "a"})).await, 1);
    // The engine has let go when the cancel is answered, so the count no longer grows.
    check_stopped(events).await;
    server.until_idle().await;
    server.answers().await;
}

#[tokio::test]
async fn a_cancel_during_a_long_prompt_ends_the_stream_without_a_token() {
    let server = TestServer::start();
    let body = with(server.long_prompt(1500, 200), json!({"cancel_id": "a"}));
    let events = server.chat(&body).await;
    until("the prompt is being computed", async || {
        !server.busy_slots().await.is_empty()
    })
    .await;
    assert_eq!(server.cancel(json!({"cancel_id": "a"})).await, 1);
    let answer = events.answer().await;
    assert_eq!((answer.reason.as_str(), answer.text.as_str()), ("stop", ""));
    assert_eq!(answer.tokens("completion_tokens"), 0);
    assert!(answer.tokens("prompt_tokens") >= 1500);
    server.until_idle().await;
    server.answers().await;
}

#[tokio::test]
async fn a_cancel_that_comes_first_waits_for_its_run_and_hits_only_that() {
    let server = TestServer::start();
    assert_eq!(server.cancel(json!({"cancel_id": "early"})).await, 0);
    let early = with(server.long(50), json!({"cancel_id": "early"}));
    let answer = server.chat(&early).await.answer().await;
    assert_eq!((answer.pieces, answer.reason.as_str()), (0, "stop"));
    assert_eq!(answer.tokens("completion_tokens"), 0);
    // It is used up.
    let again = server.chat(&early).await.answer().await;
    assert_eq!(again.tokens("completion_tokens"), 50);

    // Other kinds of ids are not kept: they would hit a later run that nobody meant.
    for kind in ["session_id", "completion_id", "message_id"] {
        assert_eq!(server.cancel(json!({kind: "later"})).await, 0);
    }
    let later = with(
        server.long(5),
        json!({"session_id": "later", "cancel_id": "other"}),
    );
    let answer = server.chat(&later).await.answer().await;
    assert_eq!(answer.tokens("completion_tokens"), 5);
}

#[tokio::test]
async fn a_late_cancel_of_one_run_spares_the_next_of_its_conversation() {
    let server = TestServer::start();
    let next = server.long(40);
    let old = with(
        server.long(3),
        json!({"session_id": "thread", "cancel_id": "old"}),
    );
    server.chat(&old).await.answer().await;
    let events = server
        .chat(&with(
            next,
            json!({"session_id": "thread", "cancel_id": "new"}),
        ))
        .await;
    assert_eq!(
        server
            .cancel(json!({"cancel_id": "old", "session_id": "thread"}))
            .await,
        0
    );
    let answer = events.answer().await;
    assert_eq!(
        (answer.reason.as_str(), answer.tokens("completion_tokens")),
        ("length", 40)
    );
}

#[tokio::test]
async fn a_conversation_stops_all_its_runs_and_each_counts_once() {
    let server = TestServer::start();
    let one = running(&server, json!({"session_id": "s", "cancel_id": "1"})).await;
    let two = server
        .chat(&with(server.long(1800), json!({"session_id": "s"})))
        .await;
    let bystander = server
        .chat(&with(server.long(60), json!({"session_id": "t"})))
        .await;
    server.until_decoding(3).await;
    assert_eq!(server.cancel(json!({"session_id": "s"})).await, 2);
    check_stopped(one).await;
    check_stopped(two).await;
    assert_eq!(bystander.answer().await.tokens("completion_tokens"), 60);
    server.until_idle().await;

    // One run under two keys.
    let mut events = running(&server, json!({"session_id": "s", "cancel_id": "1"})).await;
    let first: Value = serde_json::from_str(&events.next().await.expect("a frame")).expect("JSON");
    let ids = json!({"session_id": "s", "completion_id": first["id"]});
    assert_eq!(server.cancel(ids).await, 1);
    assert_eq!(
        events.rest().await.last().map(String::as_str),
        Some("[DONE]")
    );
    server.until_idle().await;
    assert_eq!(
        server.cancel(json!({"session_id": "s"})).await,
        0,
        "nothing is left to stop"
    );
}

#[tokio::test]
async fn nonsense_stops_nothing() {
    let server = TestServer::start();
    let events = server
        .chat(&with(server.long(200), json!({"session_id": "s"})))
        .await;
    server.until_decoding(1).await;
    let bomb = "[".repeat(50_000);
    let large = format!("{{\"session_id\":\"s\",\"x\":\"{}\"}}", "x".repeat(100_000));
    let bodies: [&[u8]; 20] = [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"null",
        b"7",
        b"\"s\"",
        b"true",
        b"{\"session_id\":\"\"}",
        b"{\"cancel_id\":\"\"}",
        b"{\"cancel_id\":null}",
        b"{\"session_id\":7}",
        b"{\"session_id\":[\"s\"]}",
        b"{\"session_id\":{\"s\":1}}",
        b"{\"cancel_id\":1,\"session_id\":null}",
        b"{\"id\":\"s\"}",
        b"\xff\xfe",
        b"{\"session_id\":\"\xff\"}",
        bomb.as_bytes(),
        large.as_bytes(),
    ];
    for body in bodies {
        let reply = server.post_bytes("/api/inference/cancel", body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(
            (reply.status, reply.json()),
            (200, json!({"cancelled": 0})),
            "{shown}"
        );
    }
    let answer = events.answer().await;
    assert_eq!(
        answer.tokens("completion_tokens"),
        200,
        "the bystander got all"
    );
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_slot() {
    let server = TestServer::start();
    // In the middle of a stream, on both stream routes.
    let events = running(&server, json!({"cancel_id": "gone"})).await;
    drop(events);
    server.until_idle().await;
    let legacy = server.events(LEGACY, &legacy_body(4096)).await;
    server.until_decoding(1).await;
    drop(legacy);
    server.until_idle().await;
    // In the middle of a prompt; and while waiting for an answer in one piece.
    let whole = with(
        server.long(1800),
        json!({"stream": false, "stream_options": null}),
    );
    for body in [
        server.long_prompt(1500, 100),
        server.long_prompt(1500, 100),
        whole,
    ] {
        let connection = server.post_raw(CHAT, &body, None).await;
        until("it computes", async || {
            !server.busy_slots().await.is_empty()
        })
        .await;
        drop(connection);
        server.until_idle().await;
    }
    server.answers().await;
}

fn legacy_body(max_new_tokens: u32) -> Value {
    json!({
        "messages": [{"role": "user", "content": "Count from one to ten thousand, in words."}],
        "max_new_tokens": max_new_tokens,
        // Repeats are what keeps this route, which has no logit_bias, going.
        "temperature": 0,
        "cancel_id": "legacy",
    })
}

#[tokio::test]
async fn every_surface_stops() {
    let server = TestServer::start();
    // In one piece: what there is, as a complete answer.
    let whole = with(
        server.long(1800),
        json!({"stream": false, "stream_options": null, "cancel_id": "whole"}),
    );
    let (reply, cancelled) = tokio::join!(server.post(CHAT, &whole), async {
        server.until_decoding(1).await;
        server.cancel(json!({"cancel_id": "whole"})).await
    });
    assert_eq!((reply.status, cancelled), (200, json!(1)));
    let reply = reply.json();
    assert_eq!(reply["choices"][0]["finish_reason"], "stop");
    assert!(
        reply["usage"]["completion_tokens"].as_u64() < Some(1800),
        "{reply}"
    );
    server.until_idle().await;

    let events = server.events(LEGACY, &legacy_body(4096)).await;
    server.until_decoding(1).await;
    assert_eq!(server.cancel(json!({"cancel_id": "legacy"})).await, 1);
    let frames = events.rest().await;
    assert_eq!(frames.last().map(String::as_str), Some("[DONE]"));
    server.until_idle().await;

    // The other prefix, by the id of the answer.
    let mut events = server
        .events("/api/inference/chat/completions", &server.long(1800))
        .await;
    server.until_decoding(1).await;
    let first: Value = serde_json::from_str(&events.next().await.expect("a frame")).expect("JSON");
    assert_eq!(
        server.cancel(json!({"completion_id": first["id"]})).await,
        1
    );
    assert_eq!(
        events.rest().await.last().map(String::as_str),
        Some("[DONE]")
    );
    server.until_idle().await;
}

#[tokio::test]
async fn the_stop_button_exists_only_under_api_inference() {
    let server = TestServer::start();
    let events = server
        .chat(&with(server.long(30), json!({"cancel_id": "a"})))
        .await;
    assert_eq!(
        server
            .post("/v1/cancel", &json!({"cancel_id": "a"}))
            .await
            .status,
        404
    );
    assert_eq!(server.get("/api/inference/cancel").await.status, 405);
    assert_eq!(events.answer().await.tokens("completion_tokens"), 30);
}

#[tokio::test]
async fn a_waiting_run_can_be_stopped() {
    let mut setup = Setup::default();
    setup.config.load.parallel = 1;
    let server = TestServer::with(setup);
    let first = running(&server, json!({"cancel_id": "first"})).await;
    let waiting = server
        .chat(&with(server.long(10), json!({"cancel_id": "waiting"})))
        .await;
    let other = server
        .chat(&with(server.long(10), json!({"cancel_id": "other"})))
        .await;
    assert_eq!(server.cancel(json!({"cancel_id": "waiting"})).await, 1);
    let answer = waiting.answer().await;
    assert_eq!(
        (answer.reason.as_str(), answer.tokens("completion_tokens")),
        ("stop", 0)
    );
    assert_eq!(
        server.busy_slots().await.len(),
        1,
        "the first one still runs"
    );
    assert_eq!(server.cancel(json!({"cancel_id": "first"})).await, 1);
    check_stopped(first).await;
    assert_eq!(other.answer().await.tokens("completion_tokens"), 10);
    server.until_idle().await;
}

/// A client that does not read parks its run, so the run stays registered for as long as the test wants.
#[tokio::test]
async fn cancelling_twice_counts_the_run_until_its_stream_has_ended() {
    let server = TestServer::with(Setup {
        send_buffer: Some(BUFFER),
        ..Setup::default()
    });
    let body = with(
        server.long(1900),
        json!({"cancel_id": "a", "session_id": "s"}),
    );
    let mut connection = server.post_raw(CHAT, &body, Some(BUFFER)).await;
    until_parked(&server).await;
    assert_eq!(server.cancel(json!({"session_id": "s"})).await, 1);
    assert_eq!(server.cancel(json!({"session_id": "s"})).await, 1);
    assert_eq!(server.cancel(json!({"cancel_id": "a"})).await, 1);
    until("the slot is free, read or not", async || {
        server.busy_slots().await.is_empty()
    })
    .await;
    let mut answer = String::new();
    within("the rest", connection.read_to_string(&mut answer))
        .await
        .expect("a stream");
    assert!(answer.contains("[DONE]") && answer.contains("\"finish_reason\":\"stop\""));
    server.until_idle().await;
    assert_eq!(server.cancel(json!({"session_id": "s"})).await, 0);
}

/// Waits until the one run that there is draws no more tokens.
pub async fn until_parked(server: &TestServer) {
    let mut last = 0;
    let mut same = 0;
    until("the run is parked", async || {
        let now = server.busy_slots().await.first().map_or(0, decoded);
        same = if now == last && now > 0 { same + 1 } else { 0 };
        last = now;
        // Other requests are answered meanwhile, so the machine has time for a token.
        same > 200
    })
    .await;
}
