//! A stream that runs while something bad is tried: it must not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::server::TestServer;

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
pub(crate) async fn beside_a_stream(server: &TestServer, work: impl Future<Output = ()>) {
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
