//! [`LoadProgress`]: how far the load of a model is, written by the loading thread, read by anyone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a load is doing, as the API names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadPhase {
    /// The weights are being mapped or read.
    Mmap,
    /// The model answers.
    Ready,
}

/// The answer of the load-progress route.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct LoadReport {
    /// `None` when nothing is loaded or being loaded.
    pub phase: Option<LoadPhase>,
    /// Bytes loaded so far.
    pub bytes_loaded: u64,
    /// Bytes of the model's files, projector excluded.
    pub bytes_total: u64,
    /// 0..=1 with four decimals; exactly 1 once ready, and only then.
    pub fraction: f64,
}

impl LoadReport {
    /// The report while no model is loaded or being loaded.
    pub const IDLE: Self = Self {
        phase: None,
        bytes_loaded: 0,
        bytes_total: 0,
        fraction: 0.0,
    };
}

/// Progress of one load. It never goes back, whatever the order of the calls.
#[derive(Debug)]
pub struct LoadProgress {
    bytes_total: u64,
    /// Ten-thousandths, below 10,000 until ready.
    parts: AtomicU64,
    ready: AtomicBool,
}

impl LoadProgress {
    /// A load of `bytes_total` bytes that begins now.
    #[must_use]
    pub fn new(bytes_total: u64) -> Self {
        Self {
            bytes_total,
            parts: AtomicU64::new(0),
            ready: AtomicBool::new(false),
        }
    }

    /// Records what llama.cpp reports, 0..=1. Lower values than before and values that are no number
    /// change nothing.
    pub fn set_fraction(&self, fraction: f32) {
        // NaN casts to 0. Loaded weights are not yet a model that answers, hence never all.
        let parts = (f64::from(fraction) * 10_000.0) as u64;
        self.parts.fetch_max(parts.min(9_999), Ordering::Relaxed);
    }

    /// Records that the model answers.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// The state now.
    #[must_use]
    pub fn report(&self) -> LoadReport {
        let ready = self.ready.load(Ordering::Acquire);
        let parts = if ready {
            10_000
        } else {
            self.parts.load(Ordering::Relaxed)
        };
        LoadReport {
            phase: Some(if ready {
                LoadPhase::Ready
            } else {
                LoadPhase::Mmap
            }),
            // The quotient is at most bytes_total, so it fits.
            bytes_loaded: (u128::from(self.bytes_total) * u128::from(parts) / 10_000) as u64,
            bytes_total: self.bytes_total,
            fraction: parts as f64 / 10_000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_never_goes_back_and_is_whole_only_when_ready() {
        let progress = LoadProgress::new(1000);
        let check = |loaded, fraction: f64, phase| {
            let report = progress.report();
            assert_eq!(report.bytes_loaded, loaded);
            assert!((report.fraction - fraction).abs() < 1e-9, "{report:?}");
            assert_eq!(report.phase, Some(phase));
        };
        check(0, 0.0, LoadPhase::Mmap);
        progress.set_fraction(0.5);
        progress.set_fraction(0.25);
        progress.set_fraction(f32::NAN);
        progress.set_fraction(-1.0);
        check(500, 0.5, LoadPhase::Mmap);
        progress.set_fraction(7.0);
        check(999, 0.9999, LoadPhase::Mmap);
        progress.set_ready();
        check(1000, 1.0, LoadPhase::Ready);
    }

    #[test]
    fn phases_have_their_names_on_the_wire() {
        let json = serde_json::to_string(&LoadReport::IDLE).unwrap();
        assert_eq!(
            json,
            r#"{"phase":null,"bytes_loaded":0,"bytes_total":0,"fraction":0.0}"#
        );
        let mmap = serde_json::to_string(&LoadPhase::Mmap).unwrap();
        assert_eq!(mmap, r#""mmap""#);
    }
}
