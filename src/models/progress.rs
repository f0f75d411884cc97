//! [`LoadProgress`]: how far the load of a model is, written by the loading thread, read by anyone.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

/// The parts that a load is counted in: [`LoadProgress::set_fraction`] rounds to them, nothing else rounds.
pub const PARTS: u16 = 10_000;

/// What a load is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadPhase {
    /// The weights are being mapped or read.
    Mmap,
    /// The model answers.
    Ready,
}

/// How far a load was at one moment. [`Default`] is: nothing is loaded or being loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// `None` when nothing is loaded or being loaded.
    pub phase: Option<LoadPhase>,
    /// Bytes of the model's files, projector excluded.
    pub bytes_total: u64,
    /// How many of [`PARTS`] are done; all of them once ready, and only then.
    pub parts: u16,
}

impl LoadReport {
    /// 0..=1 with four decimals.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        f64::from(self.parts) / f64::from(PARTS)
    }

    /// Bytes loaded so far.
    #[must_use]
    pub fn bytes_loaded(&self) -> u64 {
        let bytes = u128::from(self.bytes_total) * u128::from(self.parts) / u128::from(PARTS);
        // No more than bytes_total, so it fits.
        bytes as u64
    }
}

/// Progress of one load. It never goes back, whatever the order of the calls.
#[derive(Debug)]
pub struct LoadProgress {
    bytes_total: u64,
    /// Below [`PARTS`]: what llama.cpp has loaded is not yet a model that answers.
    parts: AtomicU16,
    ready: AtomicBool,
}

impl LoadProgress {
    /// A load of `bytes_total` bytes that begins now.
    #[must_use]
    pub fn new(bytes_total: u64) -> Self {
        Self {
            bytes_total,
            parts: AtomicU16::new(0),
            ready: AtomicBool::new(false),
        }
    }

    /// Records what llama.cpp reports, 0..=1. Lower values than before and values that are no number
    /// change nothing.
    pub fn set_fraction(&self, fraction: f32) {
        // The cast rounds down, saturates, and makes 0 of NaN.
        let parts = (f64::from(fraction) * f64::from(PARTS)) as u16;
        self.parts
            .fetch_max(parts.min(PARTS - 1), Ordering::Relaxed);
    }

    /// Records that the model answers.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// The state now.
    #[must_use]
    pub fn report(&self) -> LoadReport {
        let (phase, parts) = if self.ready.load(Ordering::Acquire) {
            (LoadPhase::Ready, PARTS)
        } else {
            (LoadPhase::Mmap, self.parts.load(Ordering::Relaxed))
        };
        LoadReport {
            phase: Some(phase),
            bytes_total: self.bytes_total,
            parts,
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
            assert_eq!(report.bytes_loaded(), loaded);
            assert!((report.fraction() - fraction).abs() < 1e-9, "{report:?}");
            assert_eq!(report.phase, Some(phase));
        };
        check(0, 0.0, LoadPhase::Mmap);
        progress.set_fraction(0.123_456);
        check(123, 0.1234, LoadPhase::Mmap);
        progress.set_fraction(0.5);
        for no_more in [0.25, f32::NAN, f32::NEG_INFINITY, -1.0] {
            progress.set_fraction(no_more);
        }
        check(500, 0.5, LoadPhase::Mmap);
        progress.set_fraction(1.0);
        check(999, 0.9999, LoadPhase::Mmap);
        progress.set_fraction(7.0);
        check(999, 0.9999, LoadPhase::Mmap);
        progress.set_ready();
        check(1000, 1.0, LoadPhase::Ready);
    }

    #[test]
    fn as_many_bytes_as_there_can_be_are_counted_exactly() {
        let progress = LoadProgress::new(u64::MAX);
        assert_eq!(progress.report().bytes_loaded(), 0);
        progress.set_ready();
        assert_eq!(progress.report().bytes_loaded(), u64::MAX);
    }
}
