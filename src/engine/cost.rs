//! [`CostModel`]: how long decodes take here, learnt while they run.

use std::time::Duration;

/// Weight of the newest measurement: high enough to follow a prompt whose attention grows with its depth.
const NEWEST: f64 = 0.5;

/// Before anything is measured a prompt token is taken to cost this much: pessimistic, so that the first
/// chunk beside a running stream is rather too small than too large.
const INITIAL_TOKEN_SECONDS: f64 = 0.006;

/// The sizes of prompt chunks, in tokens: few, so that llama.cpp can reuse its compute graphs, and so that each
/// has a cost of its own. (A token of a chunk of 8 costs twice as much as one of 64.)
pub const CHUNK_SIZES: [usize; 12] = [8, 16, 24, 32, 48, 64, 96, 128, 256, 512, 1024, 2048];

/// A chunk behind no more tokens than this tells what its size costs; one behind more tells what depth costs.
const SHALLOW: usize = 256;

/// Moving averages of what was measured.
///
/// A chunk of `n` tokens behind `depth` others is taken to cost what its size costs, and for every pair of a new and an
/// older token so much more: what is learnt of one size at the end of a long prompt then holds for all.
#[derive(Debug, Clone)]
pub struct CostModel {
    /// Seconds of a decode of `n + 1` rows, one for each sequence.
    rows: Vec<Option<f64>>,
    /// Seconds of a chunk of each size at the beginning of a prompt.
    chunks: [Option<f64>; CHUNK_SIZES.len()],
    /// Seconds for each pair of a token of a chunk and one before the chunk.
    pair: f64,
}

impl CostModel {
    /// A model that knows nothing yet, for up to `max_rows` decode rows.
    #[must_use]
    pub fn new(max_rows: usize) -> Self {
        Self {
            rows: vec![None; max_rows.max(1)],
            chunks: [None; CHUNK_SIZES.len()],
            pair: 0.0,
        }
    }

    /// Learns from a decode of one row each of `n` sequences.
    pub fn learn_rows(&mut self, n: usize, took: Duration) {
        if let Some(known) = n.checked_sub(1).and_then(|i| self.rows.get_mut(i)) {
            average(known, NEWEST, took.as_secs_f64());
        }
    }

    /// Learns from a prompt chunk of `n` tokens behind `depth` others.
    pub fn learn_chunk(&mut self, n: usize, depth: usize, took: Duration) {
        let took = took.as_secs_f64();
        let pairs = (n * depth) as f64;
        // Far from every size, a chunk tells little about one.
        let class = CHUNK_SIZES
            .iter()
            .position(|&size| n * 8 >= size * 7 && n * 8 <= size * 9);
        let is_first = class.is_none_or(|class| self.chunks[class].is_none());
        if depth > SHALLOW && !is_first {
            let excess = took - self.chunk(n, 0).as_secs_f64();
            self.pair += NEWEST * ((excess / pairs).max(0.0) - self.pair);
        } else if let Some(class) = class {
            // Never nothing, however the depth was misjudged.
            let alone = (took - self.pair * pairs).max(0.1 * took);
            let scaled = alone * CHUNK_SIZES[class] as f64 / n as f64;
            average(&mut self.chunks[class], NEWEST, scaled);
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

    /// The expected time of a prompt chunk of `n` tokens behind `depth` others.
    #[must_use]
    pub fn chunk(&self, n: usize, depth: usize) -> Duration {
        let class = CHUNK_SIZES
            .iter()
            .position(|&size| n <= size)
            .unwrap_or(CHUNK_SIZES.len() - 1);
        // By the nearest size that was measured, the smaller one first: its tokens cost more, so that the
        // guess is rather too long.
        let below = (0..=class).rev().find_map(|i| self.per_token(i));
        let above = || (class + 1..CHUNK_SIZES.len()).find_map(|i| self.per_token(i));
        let token = below.or_else(above).unwrap_or(INITIAL_TOKEN_SECONDS);
        Duration::from_secs_f64((token + self.pair * depth as f64) * n as f64)
    }

    fn per_token(&self, class: usize) -> Option<f64> {
        self.chunks[class].map(|seconds| seconds / CHUNK_SIZES[class] as f64)
    }
}

/// Moves an average towards a measurement; the first one is the average.
pub(super) fn average(known: &mut Option<f64>, newest: f64, seconds: f64) {
    *known = Some(known.map_or(seconds, |old| old + newest * (seconds - old)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cost: &CostModel, n: usize, depth: usize, milliseconds: u64) {
        let expected = Duration::from_millis(milliseconds);
        let error = cost.chunk(n, depth).abs_diff(expected);
        assert!(
            error < expected / 50 + Duration::from_micros(10),
            "{n} behind {depth}: {:?}",
            cost.chunk(n, depth)
        );
    }

    #[test]
    fn every_chunk_size_has_a_cost_of_its_own() {
        let mut cost = CostModel::new(1);
        check(&cost, 100, 0, 600);
        cost.learn_chunk(8, 0, Duration::from_millis(80));
        cost.learn_chunk(512, 0, Duration::from_millis(1024));
        check(&cost, 8, 0, 80);
        check(&cost, 512, 0, 1024);
        // Between them the smaller one is asked.
        check(&cost, 64, 0, 640);
        cost.learn_chunk(64, 0, Duration::from_millis(200));
        check(&cost, 64, 0, 200);
        check(&cost, 128, 0, 400);
    }

    #[test]
    fn what_depth_costs_is_learnt_from_one_size_and_holds_for_all() {
        let mut cost = CostModel::new(1);
        let took = |n: usize, depth: usize| Duration::from_micros((n * (1000 + depth)) as u64);
        cost.learn_chunk(128, 0, took(128, 0));
        // A prompt of 8,000 tokens in chunks of 64, and another.
        for _ in 0..2 {
            (0..8000)
                .step_by(64)
                .for_each(|depth| cost.learn_chunk(64, depth, took(64, depth)));
        }
        for (n, depth) in [(64, 0), (64, 4000), (128, 0), (128, 4000), (128, 8000)] {
            check(&cost, n, depth, took(n, depth).as_millis() as u64);
        }
    }

    #[test]
    fn the_newest_measurement_counts_most() {
        let mut cost = CostModel::new(4);
        for milliseconds in [100, 100, 100, 200] {
            cost.learn_rows(2, Duration::from_millis(milliseconds));
        }
        assert_eq!(cost.rows(2), Duration::from_millis(150));
        assert_eq!(cost.rows(4), Duration::from_millis(150));
        assert_eq!(cost.rows(1), Duration::ZERO);
    }
}
