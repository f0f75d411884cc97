//! A server whose output nobody reads.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::server::within;

/// Ends the server also where a check fails.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn a_server_whose_output_is_closed_goes_on() {
    // The output, which would tell the port, is closed; so a free one is chosen here.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port();
    let mut server = Server(
        Command::new(env!("CARGO_BIN_EXE_rein"))
            .args(["serve", "--port", &port.to_string()])
            .env_remove("REIN_MODEL")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    drop(server.0.stdout.take());
    let url = format!("http://127.0.0.1:{port}/livez");
    let is_alive = async || {
        reqwest::get(&url)
            .await
            .is_ok_and(|answer| answer.status() == 200)
    };
    within("the server answers", async {
        while !is_alive().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    // It has told where it listens by now, or will while these are answered.
    for _ in 0..30 {
        assert!(is_alive().await, "{:?}", server.0.try_wait());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
