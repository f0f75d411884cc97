//! More requests than places.

use serde_json::json;

use crate::common::server::{CHAT, Setup, TestServer, with};

#[tokio::test]
async fn a_full_queue_refuses_and_whoever_waits_is_served() {
    let mut setup = Setup::default();
    setup.config.load.parallel = 1;
    setup.config.load.max_queue = 2;
    let server = TestServer::with(setup);
    let running = server
        .chat(&with(server.long(1800), json!({"cancel_id": "running"})))
        .await;
    server.until_decoding(1).await;

    let mut waiting = Vec::new();
    let mut refused = None;
    for _ in 0..6 {
        let request = server.client().post(server.url(CHAT)).json(&server.long(5));
        let response = request.send().await.expect("an answer");
        if response.status() == 200 {
            waiting.push(response);
        } else {
            refused = Some(response);
            break;
        }
    }
    let refused = refused.expect("the queue has an end");
    assert_eq!(refused.status(), 429);
    assert!(
        refused.headers()["retry-after"]
            .to_str()
            .expect("text")
            .parse::<u32>()
            .is_ok()
    );
    let error: serde_json::Value = refused.json().await.expect("JSON");
    assert_eq!(error["error"]["code"], "queue_full");
    assert_eq!(error["error"]["type"], "rate_limit_error");
    assert!((2..=3).contains(&waiting.len()), "{} wait", waiting.len());

    assert_eq!(server.cancel(json!({"cancel_id": "running"})).await, 1);
    assert_eq!(running.answer().await.reason, "stop");
    for response in waiting {
        let text = response.text().await.expect("a stream");
        assert!(
            text.contains("\"completion_tokens\":5") && text.ends_with("data: [DONE]\n\n"),
            "{text}"
        );
    }
    server.until_idle().await;
    server.answers().await;
}
