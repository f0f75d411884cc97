//! [`Row`]: the samplers on a whole row of logits, where top-k has not made a short list of it.
//!
//! Every method reads the row a fixed number of times with vector instructions. Sums are exact to about
//! 1e-7: single precision within short parts, double precision over all.

use super::candidates::Candidates;
use super::exp::{exp, sums};
use super::top_k::{collect, max, top_k};

/// A row of logits of which those at least as large as `floor` may be drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) logits: &'a [f32],
    pub(super) floor: f32,
    /// The largest logit.
    pub(super) max: f32,
}

/// What is known of the distribution that a row stands for at some temperature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    /// The sum of e^(logit - max).
    pub(super) total: f64,
    /// The expected distance of a drawn logit from the largest.
    pub(super) distance: f64,
}

impl Moments {
    /// In nats.
    pub(super) fn entropy(self) -> f64 {
        self.total.ln() + self.distance
    }
}

/// Blocks of this many logits are summed up before one of them is looked into.
const BLOCK: usize = 1024;

/// The radii that [`Row::nearest`] tries. Candidates within one of them are sorted, so steps are small where
/// candidates are many.
const RADII: [f32; 8] = [1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 11.0, 15.0];

impl<'a> Row<'a> {
    /// `None` where nothing may be drawn: all are NaN or minus infinity.
    pub(super) fn new(logits: &'a [f32]) -> Option<Self> {
        let max = max(logits);
        let floor = f32::NEG_INFINITY;
        (max > floor).then_some(Self { logits, floor, max })
    }

    /// e^((logit - max) / temperature) with the inverse of the temperature; 0 for what must not be drawn.
    #[inline]
    fn weight(self, logit: f32, inverse: f32) -> f32 {
        let weight = exp(-self.distance(logit) * inverse);
        if logit >= self.floor { weight } else { 0.0 }
    }

    /// How far a logit is below the largest, also where both are infinite.
    #[inline]
    fn distance(self, logit: f32) -> f32 {
        if logit < self.max {
            self.max - logit
        } else {
            0.0
        }
    }

    /// The sum of e^((logit - max) / temperature).
    pub(super) fn total(self, temperature: f32) -> f64 {
        let inverse = 1.0 / temperature;
        let [total] = sums(self.logits, |logit| [self.weight(logit, inverse)]);
        total
    }

    /// At temperature 1.
    pub(super) fn moments(self) -> Moments {
        let [total, distance] = sums(self.logits, |logit| {
            let weight = self.weight(logit, 1.0);
            // An infinite distance has no weight, but its product would be NaN.
            [weight, weight * self.distance(logit).min(200.0)]
        });
        Moments {
            total,
            distance: distance / total,
        }
    }

    /// Raises the floor to `n` standard deviations below the largest logit.
    pub(super) fn top_n_sigma(&mut self, n: f32) {
        let finite = |logit: f32| logit > f32::NEG_INFINITY;
        let [sum, count] = sums(self.logits, |logit| {
            // One choice a value is what becomes vector instructions.
            let value = if finite(logit) { logit } else { 0.0 };
            let one = if finite(logit) { 1.0 } else { 0.0 };
            [value, one]
        });
        let mean = (sum / count) as f32;
        let [squares] = sums(self.logits, |logit| {
            let deviation = if finite(logit) { logit - mean } else { 0.0 };
            [deviation * deviation]
        });
        let deviation = (squares / count).sqrt() as f32;
        self.floor = self.floor.max(self.max - n * deviation);
    }

    /// The `k` most likely.
    pub(super) fn top_k(self, k: usize, out: &mut Candidates) {
        top_k(self.logits, self.floor, k, out);
    }

    /// All logits of at least `lowest`, in the row's order.
    pub(super) fn at_least(self, lowest: f32, out: &mut Candidates) {
        out.clear();
        let threshold = self.floor.max(lowest).next_down();
        collect(self.logits, threshold, |_| true, out);
        out.nominal = out.list.len();
    }

    /// The tokens at least as likely as `threshold`, in descending order: what XTC calls top choices.
    pub(super) fn top_choices(self, threshold: f32, out: &mut Candidates) {
        let total = self.total(1.0) as f32;
        // The logarithm rounds, so the edge is looked at again.
        let lowest = self.max + (threshold * total).ln();
        self.at_least(lowest - 1e-3, out);
        out.list
            .retain(|candidate| self.weight(candidate.logit, 1.0) / total >= threshold);
        out.sort();
    }

    /// Top-p: the smallest set of the most likely tokens whose probability reaches `p`, in descending order.
    pub(super) fn top_p(self, p: f32, out: &mut Candidates) {
        self.nearest(0.0, |share| share >= f64::from(p), out);
        out.sorted = true;
    }

    /// Locally typical: the tokens whose surprise is closest to the entropy, until their probability exceeds `p`.
    pub(super) fn typical(self, p: f32, out: &mut Candidates) {
        // The surprise of a logit is its distance plus ln(total); the entropy is the mean distance plus that.
        let mean = self.moments().distance as f32;
        self.nearest(mean, |share| share > f64::from(p), out);
    }

    /// The logits whose distance from the largest is nearest to `center`, until their share of the probability
    /// is enough.
    ///
    /// Sorting a whole vocabulary is slow and almost never needed: it is known from sums within a few radii
    /// how far out the last of them can be.
    fn nearest(self, center: f32, enough: impl Fn(f64) -> bool, out: &mut Candidates) {
        const N: usize = RADII.len();
        let off = |logit: f32| (self.distance(logit) - center).abs();
        let within: [f64; N + 1] = sums(self.logits, |logit| {
            let (weight, off) = (self.weight(logit, 1.0), off(logit));
            let mut terms = [weight; N + 1];
            for (term, radius) in terms.iter_mut().zip(RADII) {
                *term = if off <= radius { weight } else { 0.0 };
            }
            terms
        });
        let total = within[N];
        // Rounding differs between these sums and the one below, so a little more than enough is asked for.
        let radius = within[..N]
            .iter()
            .position(|sum| enough(sum / total * (1.0 - 1e-6)));
        let radius = radius.map_or(f32::INFINITY, |index| RADII[index]);
        out.clear();
        let threshold = self.floor.next_down();
        let lowest = (self.max - center - radius).next_down() - 1e-3;
        collect(
            self.logits,
            threshold.max(lowest),
            |logit| off(logit) <= radius,
            out,
        );
        for candidate in &mut out.list {
            candidate.key = off(candidate.logit);
        }
        out.list
            .sort_unstable_by(|a, b| a.key.total_cmp(&b.key).then(a.index.cmp(&b.index)));
        let mut sum = 0.0;
        let reached = out.list.iter().position(|candidate| {
            sum += f64::from(self.weight(candidate.logit, 1.0));
            enough(sum / total)
        });
        out.list
            .truncate(reached.map_or(usize::MAX, |last| last + 1));
        out.nominal = out.list.len();
    }

    /// The index at `point` (0..1) of the distribution at this temperature.
    pub(super) fn pick(self, temperature: f32, point: f64, blocks: &mut Vec<f64>) -> Option<usize> {
        let part = |logits| Row { logits, ..self }.total(temperature);
        blocks.clear();
        blocks.extend(self.logits.chunks(BLOCK).map(part));
        let mut left = point * blocks.iter().sum::<f64>();
        let mut chosen = None;
        for (number, &sum) in blocks.iter().enumerate().filter(|&(_, &sum)| sum > 0.0) {
            chosen = Some((number, left));
            if left < sum {
                break;
            }
            left -= sum;
        }
        let (number, mut left) = chosen?;
        let inverse = 1.0 / temperature;
        let start = number * BLOCK;
        let mut last = None;
        for (index, &logit) in self.logits.iter().enumerate().skip(start).take(BLOCK) {
            let weight = f64::from(self.weight(logit, inverse));
            left -= weight;
            if weight > 0.0 {
                last = Some(index);
                if left < 0.0 {
                    break;
                }
            }
        }
        // Rounding may leave a crumb beyond the last one.
        last
    }

    /// All that may be drawn, with their probabilities at this temperature.
    pub(super) fn probabilities(self, temperature: f32) -> impl Iterator<Item = (usize, f32)> + 'a {
        let (inverse, total) = (1.0 / temperature, self.total(temperature));
        let weights = self
            .logits
            .iter()
            .map(move |&logit| self.weight(logit, inverse));
        weights
            .enumerate()
            .filter(|&(_, weight)| weight > 0.0)
            .map(move |(index, weight)| (index, (f64::from(weight) / total) as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every logit as a candidate: the samplers on these are the reference.
    fn all(row: Row<'_>) -> Candidates {
        let mut out = Candidates::default();
        row.at_least(row.floor, &mut out);
        out
    }

    fn indexes(candidates: &Candidates) -> Vec<u32> {
        let mut indexes: Vec<u32> = candidates.list.iter().map(|c| c.index).collect();
        indexes.sort_unstable();
        indexes
    }

    fn logits() -> impl Strategy<Value = Vec<f32>> {
        let logit = prop_oneof![
            20 => -30f32..30.0,
            20 => -2f32..2.0,
            1 => Just(f32::NEG_INFINITY),
        ];
        prop::collection::vec(logit, 2..700)
            .prop_filter("something is left", |row| Row::new(row).is_some())
    }

    proptest! {
        #[test]
        fn cuts_on_the_row_are_those_on_a_list(logits in logits(), p in 0.01f32..0.99, sigma in 0.5f32..4.0) {
            let mut row = Row::new(&logits).unwrap();
            for restricted in [false, true] {
                if restricted {
                    row.top_n_sigma(sigma);
                }
                let mut found = Candidates::default();
                let mut expected = all(row);
                row.top_p(p, &mut found);
                expected.top_p(p);
                // Summing in another order may move a cut by one candidate.
                prop_assert!(found.list.len().abs_diff(expected.list.len()) <= 1);

                let mut expected = all(row);
                row.typical(p, &mut found);
                expected.typical(p);
                prop_assert!(found.list.len().abs_diff(expected.list.len()) <= 1);
            }
        }

        #[test]
        fn moments_and_probabilities_are_those_of_a_list(logits in logits(), temperature in 0.1f32..3.0) {
            let row = Row::new(&logits).unwrap();
            let mut list = all(row);
            list.divide(temperature);
            list.softmax();
            let expected: Vec<f32> = list.list.iter().map(|c| c.p).filter(|&p| p > 1e-30).collect();
            let found: Vec<f32> = row.probabilities(temperature).map(|(_, p)| p).filter(|&p| p > 1e-30).collect();
            prop_assert!(found.len().abs_diff(expected.len()) <= 2);
            if found.len() == expected.len() {
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert!((found - expected).abs() < 1e-5, "{} {}", found, expected);
                }
            }
            let mut list = all(row);
            list.softmax();
            prop_assert!((row.moments().entropy() as f32 - list.entropy()).abs() < 1e-3);
        }

        #[test]
        fn what_is_picked_may_be_drawn(logits in logits(), temperature in 0.05f32..3.0, point in 0f64..1.0) {
            let row = Row::new(&logits).unwrap();
            let index = row.pick(temperature, point, &mut Vec::new()).unwrap();
            prop_assert!(logits[index] > f32::NEG_INFINITY);
        }

        #[test]
        fn top_choices_are_the_likely_ones(logits in logits(), threshold in 0.001f32..0.5) {
            let row = Row::new(&logits).unwrap();
            let mut found = Candidates::default();
            row.top_choices(threshold, &mut found);
            let mut expected = all(row);
            expected.softmax();
            expected.list.retain(|c| c.p >= threshold);
            prop_assert_eq!(indexes(&found), indexes(&expected));
        }
    }

    #[test]
    fn a_point_picks_by_cumulated_probability() {
        // Two tokens of equal weight in blocks of their own, the rest without any.
        let mut logits = vec![f32::NEG_INFINITY; 3 * BLOCK];
        logits[5] = 1.0;
        logits[2 * BLOCK + 7] = 1.0;
        let row = Row::new(&logits).unwrap();
        for (point, expected) in [
            (0.0, 5),
            (0.49, 5),
            (0.51, 2 * BLOCK + 7),
            (0.999_999, 2 * BLOCK + 7),
        ] {
            assert_eq!(
                row.pick(1.0, point, &mut Vec::new()),
                Some(expected),
                "{point}"
            );
        }
    }

    #[test]
    fn a_row_without_numbers_is_none() {
        for logits in [&[][..], &[f32::NAN; 70], &[f32::NEG_INFINITY; 3]] {
            assert!(Row::new(logits).is_none());
        }
    }
}
