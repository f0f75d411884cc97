//! [`CopyCost`]: how long a sequence takes to host memory and back.

use std::time::Duration;

use super::cost::average;

/// Weight of the newest measurement.
const NEWEST: f64 = 0.3;

/// What is too small to tell how fast larger ones are, in bytes.
const SMALL: usize = 1 << 20;

/// Before anything is measured: 3 GB/s, less than a host's memory or a GPU's bus gives.
const INITIAL_BYTE_SECONDS: f64 = 1.0 / 3e9;

/// A moving average of what was measured. Nothing can be computed while a sequence is copied, nor can the copy be
/// divided; so one that would keep others waiting for too long is better not made.
#[derive(Debug, Clone, Default)]
pub struct CopyCost {
    byte_seconds: Option<f64>,
}

impl CopyCost {
    /// Learns from a copy.
    pub fn learn(&mut self, bytes: usize, took: Duration) {
        if bytes >= SMALL {
            average(
                &mut self.byte_seconds,
                NEWEST,
                took.as_secs_f64() / bytes as f64,
            );
        }
    }

    /// The expected time of a copy.
    #[must_use]
    pub fn expected(&self, bytes: usize) -> Duration {
        let byte = self.byte_seconds.unwrap_or(INITIAL_BYTE_SECONDS);
        Duration::from_secs_f64(byte * bytes as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_expected_to_be_as_fast_as_large_ones_were() {
        let check = |cost: &CopyCost, bytes: usize, milliseconds: f64| {
            let expected = cost.expected(bytes).as_secs_f64() * 1e3;
            assert!(
                (expected - milliseconds).abs() < 0.01 * milliseconds,
                "{expected}"
            );
        };
        let mut cost = CopyCost::default();
        check(&cost, 300_000_000, 100.0);
        cost.learn(100_000_000, Duration::from_millis(10));
        check(&cost, 300_000_000, 30.0);
        cost.learn(1000, Duration::from_millis(10));
        check(&cost, 300_000_000, 30.0);
        (0..30).for_each(|_| cost.learn(10_000_000, Duration::from_millis(4)));
        check(&cost, 300_000_000, 120.0);
    }
}
