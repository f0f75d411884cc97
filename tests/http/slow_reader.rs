//! A client that does not read costs nobody else anything, and loses nothing.

use tokio::io::AsyncReadExt;

use crate::cancel::{BUFFER, until_parked};
use crate::common::server::{CHAT, Setup, TestServer, decoded, until, within};

#[tokio::test]
async fn a_reader_that_pauses_parks_its_run_and_then_gets_everything() {
    let server = TestServer::with(Setup {
        send_buffer: Some(BUFFER),
        ..Setup::default()
    });
    let mut slow = server.post_raw(CHAT, &server.long(900), Some(BUFFER)).await;
    until_parked(&server).await;
    let parked_at = server
        .busy_slots()
        .await
        .first()
        .map(decoded)
        .expect("it keeps its slot");
    assert!(parked_at < 900, "parked before its end: {parked_at}");

    let other = server.chat(&server.long(60)).await.answer().await;
    assert_eq!(other.tokens("completion_tokens"), 60);
    let still = server.busy_slots().await.first().map(decoded);
    assert_eq!(
        still,
        Some(parked_at),
        "nothing was computed for it meanwhile"
    );

    let mut answer = String::new();
    within("all the rest", slow.read_to_string(&mut answer))
        .await
        .expect("a stream");
    assert!(
        answer.contains("\"completion_tokens\":900"),
        "every token arrives"
    );
    assert!(answer.contains("\"finish_reason\":\"length\"") && answer.contains("data: [DONE]"));
    until("the slot is free", async || {
        server.busy_slots().await.is_empty()
    })
    .await;
    server.until_idle().await;
}
