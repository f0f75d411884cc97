//! Templates that try to take time, memory or stack, rendered while others are answered.

use rein::LoadOptions;
use rein::server::ServerConfig;
use serde_json::json;

use crate::common::server::{CHAT, Setup, TestServer, chat, with};
use crate::witness::beside_a_stream;

/// Harmless, unless a request names a trap.
const TRAPS: &str = include_str!("../data/traps.jinja");

/// How long each takes, and that streams feel nothing: `benches/hostile_templates.py`.
#[tokio::test]
async fn a_hostile_template_is_a_400_and_no_others_loss() {
    let config = ServerConfig {
        load: LoadOptions {
            chat_template: Some(TRAPS.to_owned()),
            ..Setup::default().config.load
        },
        ..Setup::default().config
    };
    let server = TestServer::with(Setup {
        config,
        ..Setup::default()
    });
    beside_a_stream(&server, async {
        for trap in ["loops", "recursion", "output", "doubling", "search"] {
            let fields = json!({"chat_template_kwargs": {"trap": trap}});
            let reply = server.post(CHAT, &with(chat("Hello.", 4), fields)).await;
            assert_eq!(reply.status, 400, "{trap}: {}", reply.body);
            assert_eq!(reply.json()["error"]["param"], "messages", "{trap}");
        }
    })
    .await;
}
