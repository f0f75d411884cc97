//! [`groups`]: which rows are computed in one decode.

use std::ops::Range;

use super::cost::CostModel;

/// How many times as long two decodes must be expected to take: what is known of them may be old.
const WORTH: f64 = 1.25;

/// Divides rows, given by their sequences in ascending order, into decodes: ranges of the rows.
///
/// llama.cpp computes rows together only where each sequence follows the one before it, and reads all weights again for
/// the others. Where `may_fill`, the sequences between two rows may be given a row too, which nobody wants; a range goes
/// on across such a gap where that is expected to take clearly less time than another decode.
#[must_use]
pub fn groups(seqs: &[u32], cost: &CostModel, may_fill: bool) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (row, &seq) in seqs.iter().enumerate() {
        let goes_on = groups.last().is_some_and(|group| {
            let (first, last) = (seqs[group.start], seqs[group.end - 1]);
            let together = cost.rows((seq - first + 1) as usize);
            let apart = cost.rows((last - first + 1) as usize) + cost.rows(1);
            seq == last + 1 || (may_fill && together.mul_f64(WORTH) < apart)
        });
        match groups.last_mut().filter(|_| goes_on) {
            Some(group) => group.end = row + 1,
            None => groups.push(row..row + 1),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    /// A machine that needs so much for a decode and for each of its rows.
    fn machine(decode_us: u64, row_us: u64) -> CostModel {
        let mut cost = CostModel::new(64);
        for rows in 1..=64 {
            cost.learn_rows(
                rows,
                Duration::from_micros(decode_us + row_us * rows as u64),
            );
        }
        cost
    }

    #[test]
    fn gaps_are_filled_where_that_is_faster() {
        let check = |cost: &CostModel, seqs: &[u32], may_fill: bool, expected: &[&[u32]]| {
            let found = groups(seqs, cost, may_fill);
            let found: Vec<&[u32]> = found.into_iter().map(|rows| &seqs[rows]).collect();
            assert_eq!(found, expected);
        };
        // Reading the weights is all that counts: as on a GPU.
        let gpu = machine(5000, 10);
        check(&gpu, &[], true, &[]);
        check(&gpu, &[3], true, &[&[3]]);
        check(&gpu, &[0, 1, 2], true, &[&[0, 1, 2]]);
        check(&gpu, &[0, 2, 30, 63], true, &[&[0, 2, 30, 63]]);
        check(&gpu, &[0, 2, 3, 5], false, &[&[0], &[2, 3], &[5]]);
        // Rows count too: a short gap is filled, a long one is not.
        let cpu = machine(5000, 1500);
        check(&cpu, &[0, 2, 9, 10, 12], true, &[&[0, 2], &[9, 10, 12]]);
        // Rows are all that counts.
        check(&machine(0, 1000), &[0, 2, 3], true, &[&[0], &[2, 3]]);
        // Nothing is known yet.
        check(&CostModel::new(8), &[0, 2, 3], true, &[&[0], &[2, 3]]);
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_group_and_filling_never_takes_longer(
            seqs in prop::collection::btree_set(0_u32..64, 0..40),
            decode_us in 0_u64..10_000,
            row_us in 0_u64..3000,
        ) {
            let seqs: Vec<u32> = seqs.into_iter().collect();
            let cost = machine(decode_us, row_us);
            let took = |groups: &[Range<usize>]| -> Duration {
                let span = |group: &Range<usize>| seqs[group.end - 1] - seqs[group.start] + 1;
                groups.iter().map(|group| cost.rows(span(group) as usize)).sum()
            };
            let filled = groups(&seqs, &cost, true);
            let rows: Vec<usize> = filled.iter().cloned().flatten().collect();
            prop_assert_eq!(rows, (0..seqs.len()).collect::<Vec<_>>());
            prop_assert!(took(&filled) <= took(&groups(&seqs, &cost, false)));
        }
    }
}
