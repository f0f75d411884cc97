//! Who is let in and where to: paths and methods, pages of other sites, keys.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::server::{CHAT, Setup, TestServer, chat};

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_say_so_in_their_envelope() {
    let server = TestServer::start();
    let check = async |method: &str, path: &str, status: u16| {
        let method = method.parse().expect("a method");
        let response = server
            .client()
            .request(method, server.url(path))
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), status, "{path}");
        let body: Value = response.json().await.expect("JSON");
        assert!(body["error"]["message"].is_string(), "{path}: {body}");
        assert_eq!(
            body.get("detail").is_some(),
            path.starts_with("/api/"),
            "{path}: {body}"
        );
    };
    for path in [
        "/",
        "/v1",
        "/v1/nothing",
        "/v1/cancel",
        "/v2/models",
        "/v1/..%2f..%2fetc",
        "/v1/chat/completions/x",
    ] {
        check("GET", path, 404).await;
    }
    for path in [
        "/api/nothing",
        "/api/inference/nothing",
        "/api/inference/cancel/x",
        "/v1/models/nothing",
        "/api/inference/models/nothing",
    ] {
        check("GET", path, 404).await;
    }
    for (method, path) in [
        ("GET", CHAT),
        ("DELETE", CHAT),
        ("GET", "/api/inference/load"),
        ("PUT", "/api/inference/cancel"),
        ("POST", "/v1/status"),
        ("POST", "/slots"),
        ("POST", "/api/health"),
    ] {
        check(method, path, 405).await;
    }
    server.answers().await;
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let mut setup = Setup::default();
    setup.config.allowed_origins = vec!["https://friend.example".into()];
    let server = TestServer::with(setup);
    let check = async |headers: &[(&str, &str)], status: u16| {
        let mut request = server.client().post(server.url(CHAT)).json(&chat("x", 1));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), status, "{headers:?}");
        response
            .headers()
            .get("access-control-allow-origin")
            .cloned()
    };
    for host in [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8888",
        "10.0.0.1",
        "0.0.0.0",
        "",
    ] {
        check(&[("host", host)], 403).await;
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8888", "[::1]:8888"] {
        assert_eq!(check(&[("host", host)], 200).await, None);
    }
    for origin in [
        "https://evil.example",
        "null",
        "http://localhost.evil.example",
        "https://friend.example.evil.example",
    ] {
        check(&[("origin", origin)], 403).await;
    }
    let allowed = check(&[("origin", "https://friend.example")], 200).await;
    assert_eq!(allowed.expect("a header"), "https://friend.example");
    let preflight = server
        .client()
        .request(reqwest::Method::OPTIONS, server.url(CHAT))
        .header("origin", "https://friend.example")
        .send()
        .await
        .expect("an answer");
    assert_eq!(preflight.status(), 204);
    server.answers().await;
}

#[tokio::test]
async fn a_key_is_asked_for_where_there_is_one() {
    let mut setup = Setup {
        model: false,
        ..Setup::default()
    };
    setup.config.api_keys = vec!["first key".into(), "second".into()];
    let server = TestServer::with(setup);
    let check = async |header: Option<(&str, &str)>, path: &str, status: u16| {
        let mut request = server
            .client()
            .get(server.url(path))
            .timeout(Duration::from_secs(60));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let reply = request.send().await.expect("an answer");
        assert_eq!(reply.status(), status, "{header:?} {path}");
        if status == 401 {
            let body: Value = reply.json().await.expect("JSON");
            assert_eq!(body["error"]["code"], "invalid_api_key");
            assert_eq!(body["error"]["type"], "authentication_error");
        }
    };
    let wrong = [
        None,
        Some(("authorization", "Bearer wrong")),
        Some(("authorization", "Bearer ")),
        Some(("authorization", "second")),
        Some(("x-api-key", "")),
        Some(("x-api-key", "seconds")),
        Some(("authorization", "Basic second")),
    ];
    for path in [
        "/v1/models",
        "/api/inference/status",
        "/slots",
        "/metrics",
        "/nothing",
    ] {
        for header in wrong {
            check(header, path, 401).await;
        }
    }
    for header in [
        ("authorization", "Bearer first key"),
        ("authorization", "Bearer second"),
        ("x-api-key", "second"),
    ] {
        check(Some(header), "/v1/models", 200).await;
    }
    for path in ["/livez", "/api/health"] {
        check(None, path, 200).await;
    }
    assert_eq!(
        server
            .post("/api/inference/cancel", &json!({}))
            .await
            .status,
        401
    );
}
