//! Model files and templates that must be refused, and that nobody else notices.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::common::models;
use crate::common::server::{CHAT, TestServer, chat, with};
use crate::witness::beside_a_stream;

#[tokio::test]
async fn a_hostile_template_costs_only_its_own_requests() {
    let server = TestServer::start();
    let model = models::smollm2();
    let templates = [
        "{{ raise_exception('no') }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 'x' * 10000000000 }}",
        "{{ messages[99].content.nothing.at.all() }}",
        "",
    ];
    for template in templates {
        let body = json!({"model_path": model, "chat_template_override": template});
        let loaded = server.post("/v1/load", &body).await;
        assert_eq!(loaded.status, 200, "{template}: {}", loaded.body);
        let body = with(chat("x", 1), json!({"stream": true}));
        let reply = server.post(CHAT, &body).await;
        // No override at all is the model's own template.
        let wanted = if template.is_empty() { 200 } else { 400 };
        assert_eq!(reply.status, wanted, "{template}: {}", reply.body);
        server.get("/livez").await.json();
    }
    server.answers().await;

    // One that cannot even be read leaves what is loaded alone.
    for template in [
        "{% if %}",
        "{{",
        "{% for x in %}",
        &"{% if true %}".repeat(5000),
    ] {
        let body = json!({"model_path": model, "chat_template_override": template});
        let reply = server.post("/v1/load", &body).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        server.answers().await;
    }
}

/// A GGUF header: version 3, with these counts.
fn header(tensors: u64, keys: u64) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(keys.to_le_bytes());
    bytes
}

fn write_bad_files(directory: &Path) -> Vec<String> {
    let good = fs::read(models::smollm2()).expect("the model is read");
    let key_of_length = |length: u64| {
        let mut bytes = header(0, 1);
        bytes.extend(length.to_le_bytes());
        bytes.extend(b"general.architecture");
        bytes
    };
    let mut old_version = good[..4096].to_vec();
    old_version[4] = 1;
    let mut zeroed = good.clone();
    zeroed[40..4000].fill(0);
    let files: [(&str, Vec<u8>); 13] = [
        ("empty.gguf", Vec::new()),
        ("text.gguf", b"This is not a model.".repeat(100)),
        ("magic.gguf", b"GGUF".to_vec()),
        ("version.gguf", old_version),
        ("nothing.gguf", header(0, 0)),
        ("tensors.gguf", header(u64::MAX, 1)),
        ("keys.gguf", header(1, u64::MAX)),
        ("name.gguf", key_of_length(u64::MAX)),
        ("name_beyond.gguf", key_of_length(1 << 30)),
        ("head.gguf", good[..1000].to_vec()),
        ("vocabulary.gguf", good[..300_000].to_vec()),
        ("weights.gguf", good[..good.len() - 1_000_000].to_vec()),
        ("zeroed.gguf", zeroed),
    ];
    let write = |(name, bytes): (&str, Vec<u8>)| {
        let path = directory.join(name);
        fs::write(&path, bytes).expect("the file is written");
        path.to_string_lossy().into_owned()
    };
    files.into_iter().map(write).collect()
}

#[tokio::test]
async fn files_that_are_no_models_are_refused_and_the_loaded_one_stays() {
    let server = TestServer::start();
    let directory = tempfile::tempdir().expect("a directory");
    let mut names = write_bad_files(directory.path());
    names.extend(
        [
            "../../../../etc/passwd",
            "/etc/passwd",
            "/dev/zero",
            "/proc/self/mem",
            "../model.gguf",
            "/",
            ".",
            "nobody/nothing-GGUF",
            "a\0b.gguf",
            "a\nb.gguf",
            "~/x.gguf",
            "file:///etc/passwd",
            "   ",
            "https://example.org/model.gguf",
            "%2e%2e%2fetc%2fpasswd",
            "-np",
            "$(reboot).gguf",
        ]
        .map(str::to_owned),
    );
    names.push("x".repeat(5000));
    names.push("x/".repeat(1500));
    let before = server.get("/v1/status").await.json();
    beside_a_stream(&server, async {
        for name in &names {
            // Forced: else it would be refused for the stream's sake, whatever the file is.
            let body = json!({"model_path": name, "force_cancel_active": true});
            for path in ["/api/inference/load", "/api/inference/validate"] {
                let reply = server.post(path, &body).await;
                let shown: String = name.chars().take(80).collect();
                assert_eq!(reply.status, 400, "{path} {shown}: {}", reply.body);
                assert!(reply.json()["detail"].is_string());
                assert!(
                    !reply.body.contains("root:"),
                    "nothing of the file is shown"
                );
            }
        }
    })
    .await;
    assert_eq!(server.get("/v1/status").await.json(), before);
    let good = server
        .post("/v1/validate", &json!({"model_path": models::smollm2()}))
        .await;
    assert_eq!((good.status, &good.json()["valid"]), (200, &json!(true)));
}
