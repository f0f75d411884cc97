//! [`CostModel`]: how long decodes take here, learnt while they run.

use std::time::Duration;

/// Weight of the newest measurement: high enough to follow a prompt whose attention grows with its depth.
const NEWEST: f64 = 0.4;

/// Before anything is measured a prompt token is taken to cost this much: pessimistic, so that the first
/// chunk beside a running stream is rather too small than too large.
const INITIAL_TOKEN_SECONDS: f64 = 0.006;

/// Moving averages of what was measured.
#[derive(Debug, Clone)]
pub struct CostModel {
    /// Seconds of a decode of `n + 1` rows, one for each sequence.
    rows: Vec<Option<f64>>,
    /// Seconds a prompt token, in chunks.
    token: f64,
}

impl CostModel {
    /// A model that knows nothing yet, for up to `max_rows` decode rows.
    #[must_use]
    pub fn new(max_rows: usize) -> Self {
        Self {
            rows: vec![None; max_rows.max(1)],
            token: INITIAL_TOKEN_SECONDS,
        }
    }

    /// Learns from a decode of one row each of `n` sequences.
    pub fn learn_rows(&mut self, n: usize, took: Duration) {
        if let Some(slot) = n.checked_sub(1).and_then(|i| self.rows.get_mut(i)) {
            *slot = Some(slot.map_or(took.as_secs_f64(), |old| mix(old, took.as_secs_f64())));
        }
    }

    /// Learns from a prompt chunk of `n` tokens. Very small chunks say little about a token's cost.
    pub fn learn_chunk(&mut self, n: usize, took: Duration) {
        if n >= 8 {
            self.token = mix(self.token, took.as_secs_f64() / n as f64);
        }
    }

    /// The expected time of a decode of `n` rows.
    #[must_use]
    pub fn rows(&self, n: usize) -> Duration {
        if n == 0 {
            return Duration::ZERO;
        }
        let index = (n - 1).min(self.rows.len() - 1);
        // The nearest smaller count that was measured is a lower bound, and close for memory-bound decodes.
        let known = self.rows[..=index]
            .iter()
            .rev()
            .find_map(|seconds| *seconds);
        Duration::from_secs_f64(known.unwrap_or(0.0))
    }

    /// How many prompt tokens are expected to fit into `budget`.
    #[must_use]
    pub fn tokens_within(&self, budget: Duration) -> usize {
        (budget.as_secs_f64() / self.token) as usize
    }

    /// The expected time of a prompt chunk of `n` tokens.
    #[must_use]
    pub fn chunk(&self, n: usize) -> Duration {
        Duration::from_secs_f64(self.token * n as f64)
    }
}

fn mix(old: f64, newest: f64) -> f64 {
    old + NEWEST * (newest - old)
}
