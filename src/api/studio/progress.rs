//! The answer of `GET /load-progress`.

use serde::Serialize;

use crate::models::progress::{LoadPhase, LoadReport};

/// A [`LoadReport`] as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LoadProgressResponse {
    /// What the load is doing, `mmap` or `ready`; null when there is no model.
    #[schema(required)]
    pub phase: Option<&'static str>,
    /// Bytes of weights that were read.
    pub bytes_loaded: u64,
    /// Bytes of weights that there are.
    pub bytes_total: u64,
    /// 0 to 1, to four decimals. Short of ready, it never shows 1.
    pub fraction: f64,
}

impl From<LoadReport> for LoadProgressResponse {
    fn from(report: LoadReport) -> Self {
        Self {
            phase: report.phase.map(|phase| match phase {
                LoadPhase::Mmap => "mmap",
                LoadPhase::Ready => "ready",
            }),
            bytes_loaded: report.bytes_loaded(),
            bytes_total: report.bytes_total,
            fraction: report.fraction(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::progress::LoadProgress;
    use serde_json::json;

    #[test]
    fn phases_are_null_mmap_and_ready() {
        let shown = |report: LoadReport| {
            serde_json::to_value(LoadProgressResponse::from(report)).expect("JSON")
        };
        assert_eq!(
            shown(LoadReport::default()),
            json!({"phase": null, "bytes_loaded": 0, "bytes_total": 0, "fraction": 0.0})
        );
        let progress = LoadProgress::new(10_000);
        progress.set_fraction(0.123_456);
        assert_eq!(
            shown(progress.report()),
            json!({"phase": "mmap", "bytes_loaded": 1234, "bytes_total": 10_000, "fraction": 0.1234})
        );
        progress.set_ready();
        assert_eq!(
            shown(progress.report()),
            json!({"phase": "ready", "bytes_loaded": 10_000, "bytes_total": 10_000, "fraction": 1.0})
        );
    }
}
