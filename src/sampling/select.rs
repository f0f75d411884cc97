//! Pure selection over a row of logits: arg-max, top-k, top-p, min-p.

/// A token that may be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// Index into the row.
    pub(super) index: u32,
    /// The logit, before temperature.
    pub(super) logit: f32,
}

/// The row is scanned in blocks of this many logits, so that the maximum of a block is computed with
/// vector instructions and most blocks are never looked at again.
const BLOCK: usize = 64;

/// The index of the largest logit; the lowest index wins a tie. NaN never wins.
pub(super) fn argmax(logits: &[f32]) -> usize {
    let mut best = f32::NEG_INFINITY;
    let mut best_block = 0;
    for (number, block) in logits.chunks(BLOCK).enumerate() {
        let max = block_max(block);
        if max > best {
            best = max;
            best_block = number;
        }
    }
    let start = best_block * BLOCK;
    let end = (start + BLOCK).min(logits.len());
    let offset = logits[start..end].iter().position(|&logit| logit >= best);
    start + offset.unwrap_or(0)
}

fn block_max(block: &[f32]) -> f32 {
    block.iter().fold(
        f32::NEG_INFINITY,
        |max, &logit| if logit > max { logit } else { max },
    )
}

/// The `k` largest logits, in descending order.
pub(super) fn top_k(logits: &[f32], k: usize) -> Vec<Candidate> {
    let k = k.clamp(1, logits.len().max(1));
    // Collects up to 2k, then keeps the best k: amortised O(n) with few comparisons after the first blocks.
    let mut kept: Vec<Candidate> = Vec::with_capacity(2 * k + BLOCK);
    let mut threshold = f32::NEG_INFINITY;
    for (number, block) in logits.chunks(BLOCK).enumerate() {
        if kept.len() >= k && block_max(block) <= threshold {
            continue;
        }
        for (offset, &logit) in block.iter().enumerate() {
            if logit > threshold || (kept.len() < k && !logit.is_nan()) {
                let index = (number * BLOCK + offset) as u32;
                kept.push(Candidate { index, logit });
            }
        }
        if kept.len() >= 2 * k {
            threshold = keep_best(&mut kept, k);
        }
    }
    keep_best(&mut kept, k);
    kept.sort_unstable_by(descending);
    kept
}

/// Cuts to the best `k` in no particular order and returns the worst logit kept.
fn keep_best(kept: &mut Vec<Candidate>, k: usize) -> f32 {
    if kept.len() > k {
        kept.select_nth_unstable_by(k - 1, descending);
        kept.truncate(k);
    }
    kept.iter()
        .fold(f32::INFINITY, |min, candidate| min.min(candidate.logit))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what sorting passes")]
fn descending(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.logit.total_cmp(&a.logit).then(a.index.cmp(&b.index))
}

/// All candidates that top-p could keep, in descending order, with the sum of exponentials of the whole
/// row relative to the largest logit.
///
/// Sorting a whole vocabulary is slow and almost never needed: candidates are collected down to a
/// distance from the maximum that grows until they hold `p` of the probability.
pub(super) fn nucleus(logits: &[f32], p: f32) -> Vec<Candidate> {
    let max = logits[argmax(logits)];
    let total: f64 = logits.iter().map(|&logit| weight(logit, max)).sum();
    for distance in [6.0, 14.0, f32::INFINITY] {
        let floor = max - distance;
        let mut kept: Vec<Candidate> = logits
            .iter()
            .enumerate()
            .filter(|&(_, &logit)| logit >= floor && logit > f32::NEG_INFINITY)
            .map(|(index, &logit)| Candidate {
                index: index as u32,
                logit,
            })
            .collect();
        kept.sort_unstable_by(descending);
        if cut_top_p(&mut kept, p, total) || distance.is_infinite() {
            return kept;
        }
    }
    Vec::new()
}

/// Keeps the shortest prefix that holds `p` of `total`. False where all of them together hold less.
fn cut_top_p(kept: &mut Vec<Candidate>, p: f32, total: f64) -> bool {
    let Some(max) = kept.first().map(|best| best.logit) else {
        return false;
    };
    let mut sum = 0.0;
    for i in 0..kept.len() {
        sum += weight(kept[i].logit, max);
        if sum >= f64::from(p) * total {
            kept.truncate(i + 1);
            return true;
        }
    }
    false
}

/// Top-p over candidates that top-k has left: probabilities are relative to these.
pub(super) fn top_p(kept: &mut Vec<Candidate>, p: f32) {
    if p >= 1.0 {
        return;
    }
    if let Some(max) = kept.first().map(|best| best.logit) {
        let total = kept
            .iter()
            .map(|candidate| weight(candidate.logit, max))
            .sum();
        cut_top_p(kept, p, total);
    }
}

/// Drops what is less likely than `p` times the most likely. Expects descending order.
pub(super) fn min_p(kept: &mut Vec<Candidate>, p: f32) {
    if p <= 0.0 {
        return;
    }
    if let Some(max) = kept.first().map(|best| best.logit) {
        let floor = max + p.ln();
        kept.retain(|candidate| candidate.logit >= floor);
    }
}

/// The candidate at `point` (0..1) of the distribution at `temperature`.
pub(super) fn draw(kept: &[Candidate], temperature: f32, point: f64) -> usize {
    let Some(best) = kept.first() else { return 0 };
    let weights: Vec<f64> = kept
        .iter()
        .map(|candidate| weight(candidate.logit / temperature, best.logit / temperature))
        .collect();
    let mut left = point * weights.iter().sum::<f64>();
    for (candidate, weight) in kept.iter().zip(&weights) {
        left -= weight;
        if left < 0.0 {
            return candidate.index as usize;
        }
    }
    // Rounding may leave a crumb beyond the last one.
    kept.last().map_or(0, |last| last.index as usize)
}

fn weight(logit: f32, max: f32) -> f64 {
    f64::from(logit - max).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(logits: &[f32]) -> Vec<Candidate> {
        let mut all: Vec<Candidate> = logits
            .iter()
            .enumerate()
            .map(|(index, &logit)| Candidate {
                index: index as u32,
                logit,
            })
            .collect();
        all.sort_by(descending);
        all
    }

    proptest! {
        #[test]
        fn argmax_is_the_first_of_a_stable_sort(logits in prop::collection::vec(-30f32..30.0, 1..700)) {
            prop_assert_eq!(argmax(&logits), sorted(&logits)[0].index as usize);
        }

        #[test]
        fn top_k_is_the_head_of_a_full_sort(
            logits in prop::collection::vec(-30f32..30.0, 1..700), k in 1usize..80,
        ) {
            let mut expected = sorted(&logits);
            expected.truncate(k);
            prop_assert_eq!(top_k(&logits, k), expected);
        }

        #[test]
        fn the_nucleus_is_the_shortest_head_that_holds_p(
            logits in prop::collection::vec(-30f32..30.0, 1..700), p in 0.01f32..1.0,
        ) {
            let mut expected = sorted(&logits);
            top_p(&mut expected, p);
            let kept = nucleus(&logits, p);
            // Summing in another order may move the cut by one candidate of next to no weight.
            prop_assert!(kept.len().abs_diff(expected.len()) <= 1);
        }

        #[test]
        fn a_draw_is_always_a_candidate(
            logits in prop::collection::vec(-30f32..30.0, 1..200), t in 0.01f32..2.0, point in 0f64..1.0,
        ) {
            let kept = top_k(&logits, 20);
            let index = draw(&kept, t, point) as u32;
            prop_assert!(kept.iter().any(|candidate| candidate.index == index));
        }
    }

    #[test]
    fn equal_logits_are_taken_in_order() {
        let kept = top_k(&[1.0; 200], 3);
        let indexes: Vec<u32> = kept.iter().map(|candidate| candidate.index).collect();
        assert_eq!(indexes, [0, 1, 2]);
    }

    #[test]
    fn nan_is_never_selected() {
        assert_eq!(argmax(&[f32::NAN, 1.0, f32::NAN]), 1);
        assert_eq!(top_k(&[f32::NAN, 1.0, f32::NAN], 2).len(), 1);
    }
}
