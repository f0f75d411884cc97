//! The k largest of a row, in one pass.

use super::candidates::{Candidates, descending};

/// The row is read in blocks of this many logits: the maximum of a block takes a few vector instructions, and
/// most blocks are then never looked at again.
const BLOCK: usize = 64;

/// Logits that are compared side by side. More than fit one register, because a comparison takes several cycles
/// and several can be under way.
const LANES: usize = 32;

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
    for (number, block) in logits.chunks(BLOCK).enumerate() {
        if block_max(block) <= threshold {
            continue;
        }
        for (offset, &logit) in block.iter().enumerate() {
            if logit > threshold {
                out.push(number * BLOCK + offset, logit);
            }
        }
        // Pruned once they are twice as many, every candidate is looked at twice on average.
        if out.list.len() >= capacity {
            threshold = threshold.max(keep_best(out, k));
        }
    }
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

/// The largest number of a block; minus infinity where there is none.
#[inline]
pub(super) fn block_max(block: &[f32]) -> f32 {
    // Comparing, not f32::max: that is one instruction, and ignores NaN.
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let mut steps = block.chunks_exact(LANES);
    for step in &mut steps {
        for (lane, &logit) in lanes.iter_mut().zip(step) {
            *lane = larger(*lane, logit);
        }
    }
    for (lane, &logit) in lanes.iter_mut().zip(steps.remainder()) {
        *lane = larger(*lane, logit);
    }
    // Folding halves onto each other keeps it in vector registers.
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = larger(lanes[lane], lanes[lane + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// The index of the largest logit; the lowest index wins a tie. `None` where all are NaN or minus infinity.
pub(super) fn argmax(logits: &[f32]) -> Option<usize> {
    let mut best = f32::NEG_INFINITY;
    let mut best_block = None;
    for (number, block) in logits.chunks(BLOCK).enumerate() {
        let max = block_max(block);
        if max > best {
            best = max;
            best_block = Some(number);
        }
    }
    let start = best_block? * BLOCK;
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
