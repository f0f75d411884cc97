//! [`AppState`]: what every handler can reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;

use super::ServerConfig;
use crate::models::ModelRegistry;
use crate::stop::StopRegistry;

/// Shared by all requests. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The loaded model.
    pub models: ModelRegistry,
    /// The runs that can be stopped by name.
    pub stops: StopRegistry,
    /// The settings.
    pub config: Arc<ServerConfig>,
    draining: Arc<AtomicBool>,
    metrics: PrometheusHandle,
}

/// A cancel is answered once the engine has let go, or after this long: far beyond every phase's bound.
pub(super) const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);

impl AppState {
    /// The state of a server that starts now.
    #[must_use]
    pub fn new(config: ServerConfig, models: ModelRegistry, metrics: PrometheusHandle) -> Self {
        Self {
            models,
            stops: StopRegistry::new(),
            config: Arc::new(config),
            draining: Arc::new(AtomicBool::new(false)),
            metrics,
        }
    }

    /// The server takes no new work from now on.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    pub(super) fn render_metrics(&self) -> String {
        self.metrics.run_upkeep();
        self.metrics.render()
    }
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
