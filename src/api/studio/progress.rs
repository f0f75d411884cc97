//! The answer of `GET /load-progress`.

use serde::Serialize;

/// What a load is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadPhase {
    /// The weights are being read.
    Mmap,
    /// The model answers.
    Ready,
}

/// How far a load is. [`Default`] is: nothing is loaded or loading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct LoadProgressResponse {
    /// What it is doing; null when there is no model.
    pub phase: Option<LoadPhase>,
    /// Bytes of weights that were read.
    pub bytes_loaded: u64,
    /// Bytes of weights that there are.
    pub bytes_total: u64,
    /// 0 to 1, to four decimals.
    pub fraction: f64,
}

impl LoadProgressResponse {
    /// A load that has done `fraction` (0 to 1) of `bytes_total`. Short of ready, it never shows 1.
    #[must_use]
    pub fn loading(fraction: f64, bytes_total: u64) -> Self {
        let fraction = if fraction.is_finite() {
            ((fraction * 10_000.0).floor() / 10_000.0).clamp(0.0, 0.9999)
        } else {
            0.0
        };
        Self {
            phase: Some(LoadPhase::Mmap),
            bytes_loaded: (fraction * bytes_total as f64) as u64,
            bytes_total,
            fraction: if bytes_total == 0 { 0.0 } else { fraction },
        }
    }

    /// A load that is done.
    #[must_use]
    pub fn ready(bytes_total: u64) -> Self {
        Self {
            phase: Some(LoadPhase::Ready),
            bytes_loaded: bytes_total,
            bytes_total,
            fraction: 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn phases_are_null_mmap_and_ready() {
        let shown =
            |progress| serde_json::to_value::<LoadProgressResponse>(progress).expect("JSON");
        assert_eq!(
            shown(LoadProgressResponse::default()),
            json!({"phase": null, "bytes_loaded": 0, "bytes_total": 0, "fraction": 0.0})
        );
        assert_eq!(
            shown(LoadProgressResponse::loading(0.123_456, 10_000)),
            json!({"phase": "mmap", "bytes_loaded": 1234, "bytes_total": 10_000, "fraction": 0.1234})
        );
        assert_eq!(
            shown(LoadProgressResponse::ready(10)),
            json!({"phase": "ready", "bytes_loaded": 10, "bytes_total": 10, "fraction": 1.0})
        );
    }

    #[test]
    fn odd_fractions_stay_within_bounds() {
        for (given, shown) in [(-1.0, 0.0), (1.0, 0.9999), (7.0, 0.9999), (f64::NAN, 0.0)] {
            let fraction = LoadProgressResponse::loading(given, 10).fraction;
            assert!((fraction - shown).abs() < 1e-9, "{given}: {fraction}");
        }
    }
}
