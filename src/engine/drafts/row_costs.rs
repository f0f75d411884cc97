//! [`RowCosts`]: seconds of a decode by its number of rows, learnt while drafts are made.

use std::time::Duration;

use crate::engine::cost::average;

/// Weight of the newest measurement.
const NEWEST: f64 = 0.3;

/// Where more rows than ever are asked for, each is taken to cost this share of the smallest decode known:
/// rather too much, so that drafts grow step by step. Memory-bound decodes of a few rows cost less.
const UNKNOWN_ROW: f64 = 0.25;

/// Moving averages by number of rows, with straight lines between them. Drafts need what
/// [`CostModel`](crate::engine::cost::CostModel) does not know: the cost of more rows than there are
/// sequences, several of them in one sequence.
#[derive(Debug, Clone)]
pub struct RowCosts {
    /// Seconds of a decode of `n + 1` rows.
    seconds: Vec<Option<f64>>,
}

impl RowCosts {
    /// Nothing is known. Decodes of more than `max_rows` rows (at least 1) are not learnt.
    #[must_use]
    pub fn new(max_rows: usize) -> Self {
        Self {
            seconds: vec![None; max_rows.max(1)],
        }
    }

    /// Learns from a decode of `rows` rows.
    pub fn learn(&mut self, rows: usize, took: Duration) {
        if let Some(slot) = rows.checked_sub(1).and_then(|i| self.seconds.get_mut(i)) {
            average(slot, NEWEST, took.as_secs_f64());
        }
    }

    /// The expected seconds of a decode of `rows` rows, never less than those of fewer rows; 0 while
    /// nothing is known, and for no rows.
    #[must_use]
    pub fn seconds(&self, rows: usize) -> f64 {
        if rows == 0 {
            return 0.0;
        }
        let mut known = self.known();
        let Some((first_rows, first)) = known.next() else {
            return 0.0;
        };
        if rows <= first_rows {
            // As if half of that decode's time did not depend on its rows.
            return first * 0.5 * (1.0 + rows as f64 / first_rows as f64);
        }
        let (mut below_rows, mut below) = (first_rows, first);
        for (next_rows, seconds) in known {
            let seconds = seconds.max(below);
            if next_rows >= rows {
                let share = (rows - below_rows) as f64 / (next_rows - below_rows) as f64;
                return below + share * (seconds - below);
            }
            (below_rows, below) = (next_rows, seconds);
        }
        below + (rows - below_rows) as f64 * UNKNOWN_ROW * first
    }

    /// What was measured, by growing number of rows.
    fn known(&self) -> impl Iterator<Item = (usize, f64)> {
        let numbered = self.seconds.iter().enumerate();
        numbered.filter_map(|(index, seconds)| seconds.map(|seconds| (index + 1, seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn costs(measured: &[(usize, u64)]) -> RowCosts {
        let mut costs = RowCosts::new(64);
        for &(rows, millis) in measured {
            costs.learn(rows, Duration::from_millis(millis));
        }
        costs
    }

    fn check(measured: &[(usize, u64)], rows: usize, millis: f64) {
        let seconds = costs(measured).seconds(rows);
        assert!(
            (seconds * 1e3 - millis).abs() < 1e-6,
            "{rows} rows: {seconds} s"
        );
    }

    #[test]
    fn between_measurements_are_straight_lines() {
        let table = [(1, 20), (2, 26), (4, 38), (8, 62)];
        check(&table, 1, 20.0);
        check(&table, 3, 32.0);
        check(&table, 7, 56.0);
        check(&table, 8, 62.0);
    }

    #[test]
    fn rows_never_measured_are_not_taken_for_free() {
        check(&[], 1, 0.0);
        check(&[(1, 20)], 0, 0.0);
        check(&[(1, 20)], 3, 30.0);
        check(&[(1, 20), (2, 21)], 100, 21.0 + 98.0 * 5.0);
        check(&[(4, 40)], 1, 25.0);
    }

    #[test]
    fn measurements_are_averaged_and_too_large_decodes_ignored() {
        check(&[(1, 20), (1, 30), (0, 99), (65, 99)], 1, 23.0);
    }

    proptest! {
        #[test]
        fn more_rows_never_cost_less(measured in prop::collection::vec((1usize..70, 1u64..900), 0..30)) {
            let costs = costs(&measured);
            for rows in 0..80 {
                prop_assert!(costs.seconds(rows) <= costs.seconds(rows + 1) + 1e-12);
            }
        }
    }
}
