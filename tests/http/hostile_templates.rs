//! Templates that try to take time, memory or stack, rendered while others are answered.

use rein::LoadOptions;
use rein::server::ServerConfig;
use serde_json::json;

use crate::common::server::{CHAT, Setup, TestServer, chat, with};
use crate::witness::beside_a_stream;

/// Harmless, unless a request names a trap.
const TRAPS: &str = "{%- macro forever(n) -%}{{ forever(n + 1) }}{{ forever(n + 1) }}{%- endmacro -%}
{%- if trap == 'loops' -%}
{%- for a in range(99999) %}{% for b in range(99999) %}{% set c = a * b %}{% endfor %}{% endfor -%}
{%- elif trap == 'recursion' -%}{{ forever(1) }}
{%- elif trap == 'output' -%}{% for a in range(99999) %}{% for b in range(99999) %}0123456789{% endfor %}{% endfor %}
{%- elif trap == 'doubling' -%}
{%- set ns = namespace(s='xx') -%}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}
{%- elif trap == 'search' -%}
{%- set s = 'x' * 10**7 -%}{% for i in range(99999) %}{{ 'y' in s }}{% endfor %}
{%- endif -%}
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}";

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
