//! `GET /api/health`.

use serde::Serialize;

/// Tells that the server is alive and what it is. Needs no key, so it holds nothing private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct HealthResponse {
    /// Always `healthy`: a server that is not does not answer.
    pub status: &'static str,
    /// Now, as RFC 3339.
    pub timestamp: String,
    /// Always `rein`.
    pub service: &'static str,
    /// The version of this server.
    pub version: &'static str,
    /// What computes: `cpu` or `cuda`.
    pub device_type: &'static str,
    /// True: this server does not train.
    pub chat_only: bool,
    /// Version of the desktop application's protocol.
    pub desktop_protocol_version: u32,
    /// False: there are no desktop tokens.
    pub supports_desktop_auth: bool,
}

impl HealthResponse {
    /// The answer at a time (RFC 3339) on a device (`cpu` or `cuda`).
    #[must_use]
    pub fn new(timestamp: String, device_type: &'static str) -> Self {
        Self {
            status: "healthy",
            timestamp,
            service: "rein",
            version: env!("CARGO_PKG_VERSION"),
            device_type,
            chat_only: true,
            desktop_protocol_version: 1,
            supports_desktop_auth: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_documented_names() {
        let body = HealthResponse::new("2026-01-01T00:00:00Z".into(), "cpu");
        let body = serde_json::to_value(body).expect("JSON");
        let names: Vec<_> = body.as_object().expect("an object").keys().collect();
        assert_eq!(
            names,
            [
                "status",
                "timestamp",
                "service",
                "version",
                "device_type",
                "chat_only",
                "desktop_protocol_version",
                "supports_desktop_auth",
            ]
        );
    }
}
