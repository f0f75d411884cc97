//! [`ServerConfig`]: what `rein serve` was told.

use std::net::IpAddr;
use std::time::Duration;

use crate::models::LoadOptions;

/// Settings of the HTTP server.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Keys that are accepted; none means that nobody is asked for one.
    pub api_keys: Vec<String>,
    /// Web origins (`https://example.org`) whose pages may call this server.
    pub allowed_origins: Vec<String>,
    /// Bytes of a request body.
    pub max_body_bytes: usize,
    /// Connections at the same time.
    pub max_connections: usize,
    /// The wall clock of every generation; `None` for no limit.
    pub max_generation: Option<Duration>,
    /// How long running answers may go on after the first SIGTERM.
    pub drain: Duration,
    /// Thoughts are part of the content, unless a request says otherwise.
    pub inline_thoughts: bool,
    /// How models are loaded unless a request says otherwise.
    pub load: LoadOptions,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: IpAddr::from([127, 0, 0, 1]),
            port: 8888,
            api_keys: Vec::new(),
            allowed_origins: Vec::new(),
            max_body_bytes: 32 << 20,
            max_connections: 1024,
            max_generation: Some(Duration::from_secs(600)),
            drain: Duration::from_secs(5),
            inline_thoughts: false,
            load: LoadOptions::default(),
        }
    }
}
