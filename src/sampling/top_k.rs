//! The k largest of a row, in one pass.

use super::candidates::{Candidates, descending};
use super::exp::LANES;

/// The row is read in blocks of this many logits: whether one of them matters takes a few vector instructions, and
/// most blocks are then never looked at again.
const BLOCK: usize = 64;

/// Pruning fewer candidates than this is not worth the trouble.
const FEWEST: usize = 64;

/// Puts the `k` largest logits that are at least `floor` into `out`, in descending order; the lower index wins a
/// tie. NaN and minus infinity are never among them.
pub(super) fn top_k(logits: &[f32], floor: f32, k: usize, out: &mut Candidates) {
    out.clear();
    out.nominal = k.min(logits.len());
    // Nothing at or below this gets in: first what is below the floor, later the worst of k candidates.
    let mut threshold = floor.next_down();
    let capacity = k.saturating_mul(2).max(FEWEST);
    let mut take = |start: usize, block: &[f32], threshold: &mut f32| {
        for (index, &logit) in (start..).zip(block) {
            if logit > *threshold {
                out.push(index, logit);
            }
        }
        // Pruned once they are twice as many, every candidate is looked at twice on average.
        if out.list.len() >= capacity {
            *threshold = threshold.max(keep_best(out, k));
        }
    };
    let (blocks, rest) = logits.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        if any_above(block, threshold) {
            take(number * BLOCK, block, &mut threshold);
        }
    }
    take(logits.len() - rest.len(), rest, &mut threshold);
    keep_best(out, k);
    out.sort();
}

/// Cuts to the best `k` in no particular order and returns the worst logit kept.
fn keep_best(out: &mut Candidates, k: usize) -> f32 {
    if out.list.len() <= k {
        return f32::NEG_INFINITY;
    }
    let (_, worst, _) = out.list.select_nth_unstable_by(k - 1, descending);
    let worst = worst.logit;
    out.list.truncate(k);
    worst
}

/// Puts every logit above the threshold that is `wanted` into `out`, in the row's order.
pub(super) fn collect(
    logits: &[f32],
    threshold: f32,
    wanted: impl Fn(f32) -> bool,
    out: &mut Candidates,
) {
    let mut take = |start: usize, block: &[f32]| {
        for (index, &logit) in (start..).zip(block) {
            if logit > threshold && wanted(logit) {
                out.push(index, logit);
            }
        }
    };
    let (blocks, rest) = logits.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        if any_above(block, threshold) {
            take(number * BLOCK, block);
        }
    }
    take(logits.len() - rest.len(), rest);
}

/// True where a number of the block is above the threshold.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "without an early end all are compared side by side"
)]
#[inline]
fn any_above(block: &[f32; BLOCK], threshold: f32) -> bool {
    let above = |any, &logit: &f32| any | (logit > threshold);
    block.iter().fold(false, above)
}

/// The largest number of a row; minus infinity where there is none.
pub(super) fn max(row: &[f32]) -> f32 {
    // Comparing, not f32::max: that is one instruction, and ignores NaN.
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (steps, rest) = row.as_chunks::<LANES>();
    for step in steps {
        for (lane, &logit) in lanes.iter_mut().zip(step) {
            *lane = larger(*lane, logit);
        }
    }
    lanes
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, larger)
}

/// The index of the largest logit; the lowest index wins a tie. `None` where all are NaN or minus infinity.
pub(super) fn argmax(logits: &[f32]) -> Option<usize> {
    // Large enough that looking for the place in the best of them is all that takes time beside the comparing.
    const PART: usize = 1024;
    let mut best = f32::NEG_INFINITY;
    let mut best_part = None;
    for (number, part) in logits.chunks(PART).enumerate() {
        let max = max(part);
        if max > best {
            best = max;
            best_part = Some(number);
        }
    }
    let start = best_part? * PART;
    let offset = logits[start..].iter().position(|&logit| logit >= best)?;
    Some(start + offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The reference: a full sort. Returns index and bits of the logit.
    fn sorted(logits: &[f32], floor: f32, k: usize) -> Vec<(u32, f32)> {
        let mut all: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
        all.retain(|&(_, logit)| logit >= floor && logit > f32::NEG_INFINITY);
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(k);
        all
    }

    fn check(logits: &[f32], floor: f32, k: usize) -> Result<(), TestCaseError> {
        let mut out = Candidates::default();
        top_k(logits, floor, k, &mut out);
        let found: Vec<(u32, f32)> = out.list.iter().map(|c| (c.index, c.logit)).collect();
        prop_assert_eq!(found, sorted(logits, floor, k));
        let best = sorted(logits, f32::NEG_INFINITY, 1);
        prop_assert_eq!(argmax(logits).map(|i| i as u32), best.first().map(|c| c.0));
        Ok(())
    }

    /// Logits with ties, infinities and NaN among them.
    fn logits() -> impl Strategy<Value = Vec<f32>> {
        let logit = prop_oneof![
            8 => -30f32..30.0,
            2 => (-3i8..3).prop_map(f32::from),
            1 => Just(f32::NEG_INFINITY),
            1 => Just(f32::NAN),
        ];
        prop::collection::vec(logit, 1..900)
    }

    proptest! {
        #[test]
        fn top_k_is_the_head_of_a_full_sort(logits in logits(), k in 1usize..200, floor in -40f32..20.0) {
            check(&logits, floor, k)?;
            check(&logits, f32::NEG_INFINITY, k)?;
        }
    }

    #[test]
    fn rows_in_the_worst_order_are_no_exception() {
        let ascending: Vec<f32> = (0..5000).map(|i| i as f32).collect();
        let descending: Vec<f32> = ascending.iter().rev().copied().collect();
        for logits in [ascending, descending, vec![1.0; 5000]] {
            for k in [1, 20, 4999, 5000, 9000] {
                check(&logits, f32::NEG_INFINITY, k).unwrap();
            }
        }
    }
}
