//! [`Candidates`]: the tokens that are left, and the samplers that drop some of them.
//!
//! Sums are single-precision and go in llama.cpp's order here, so that the cuts fall where llama.cpp's do.

use std::cmp::Ordering;

use super::exp::nearest_exp;
use super::{DynamicTemperature, Xtc};

/// A token that may be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// Index into the row.
    pub(super) index: u32,
    /// The logit; never NaN or minus infinity.
    pub(super) logit: f32,
    /// The probability among the candidates, once [`Candidates::softmax`] has computed it.
    pub(super) p: f32,
    /// What a sampler sorts by, where that is not the logit.
    pub(super) key: f32,
}

/// The candidates that are left.
#[derive(Debug, Clone, Default)]
pub(super) struct Candidates {
    pub(super) list: Vec<Candidate>,
    /// True where the list is in descending order.
    pub(super) sorted: bool,
    /// How many candidates llama.cpp would have here: it keeps those of probability 0 in its array, and the
    /// dynamic temperature counts them.
    pub(super) nominal: usize,
}

/// The most likely first, and of equally likely ones the lower id.
pub(super) fn descending(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.index.cmp(&b.index))
}

impl Candidates {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.sorted = false;
        self.nominal = 0;
    }

    pub(super) fn push(&mut self, index: usize, logit: f32) {
        let index = index as u32;
        // Minus zero becomes zero: it is no less likely, so the lower id is to win.
        let logit = logit + 0.0;
        self.list.push(Candidate {
            index,
            logit,
            p: 0.0,
            key: 0.0,
        });
    }

    pub(super) fn sort(&mut self) {
        if !self.sorted {
            self.list.sort_unstable_by(descending);
            self.sorted = true;
        }
    }

    fn max(&self) -> f32 {
        let logits = self.list.iter().map(|candidate| candidate.logit);
        logits.fold(f32::NEG_INFINITY, f32::max)
    }

    /// Computes the probabilities.
    pub(super) fn softmax(&mut self) {
        let max = self.max();
        let mut sum = 0.0;
        for candidate in &mut self.list {
            candidate.p = relative(candidate.logit, max);
            sum += candidate.p;
        }
        for candidate in &mut self.list {
            candidate.p /= sum;
        }
    }

    fn truncate(&mut self, n: usize) {
        self.list.truncate(n);
        self.nominal = self.list.len();
    }

    /// Keeps the smallest set whose probability reaches `p`.
    pub(super) fn top_p(&mut self, p: f32) {
        self.sort();
        self.softmax();
        let mut sum = 0.0;
        let reached = self.list.iter().position(|candidate| {
            sum += candidate.p;
            sum >= p
        });
        self.truncate(reached.map_or(self.list.len(), |last| last + 1));
    }

    /// Drops what is less likely than `p` times the most likely.
    pub(super) fn min_p(&mut self, p: f32) {
        let max = self.max();
        let floor = (max + p.ln()).min(max);
        self.list.retain(|candidate| candidate.logit >= floor);
        self.nominal = self.list.len();
    }

    /// Keeps the candidates whose surprise is closest to the entropy, until their probability exceeds `p`.
    pub(super) fn typical(&mut self, p: f32) {
        self.sort();
        self.softmax();
        let entropy = self.entropy();
        for candidate in &mut self.list {
            candidate.key = (-candidate.p.ln() - entropy).abs();
        }
        self.list.sort_by(|a, b| a.key.total_cmp(&b.key));
        self.sorted = false;
        let mut sum = 0.0;
        let reached = self.list.iter().position(|candidate| {
            sum += candidate.p;
            sum > p
        });
        self.truncate(reached.map_or(self.list.len(), |last| last + 1));
    }

    /// In nats. Expects probabilities.
    pub(super) fn entropy(&self) -> f32 {
        let likely = self.list.iter().filter(|candidate| candidate.p > 0.0);
        likely.fold(0.0, |sum, candidate| sum - candidate.p * candidate.p.ln())
    }

    /// Drops all candidates at least as likely as the threshold, but for the least likely of them.
    pub(super) fn xtc(&mut self, xtc: Xtc) {
        if self.list.len() < 2 {
            return;
        }
        self.sort();
        self.softmax();
        let top = self.list.iter();
        let top = top
            .take_while(|candidate| candidate.p >= xtc.threshold)
            .count();
        let dropped = top.saturating_sub(1);
        self.list.drain(..dropped);
        self.nominal -= dropped;
    }

    /// Divides the logits by a fixed temperature, or by one that the entropy chooses.
    pub(super) fn temperature(&mut self, temperature: f32, dynamic: DynamicTemperature) {
        if dynamic.range <= 0.0 {
            self.divide(temperature);
        } else if self.nominal > 1 {
            self.sort();
            self.softmax();
            self.divide(dynamic.choose(temperature, self.entropy(), self.nominal));
        }
    }

    /// At 0 or less only the most likely is left.
    pub(super) fn divide(&mut self, temperature: f32) {
        if temperature <= 0.0 {
            self.sort();
            self.truncate(1);
            return;
        }
        for candidate in &mut self.list {
            candidate.logit /= temperature;
        }
    }

    /// The place of the candidate at `point` (0..1) of the distribution of their logits. Computes the
    /// probabilities.
    pub(super) fn pick(&mut self, point: f64) -> Option<&Candidate> {
        let max = self.max();
        let mut sum = 0.0;
        for candidate in &mut self.list {
            candidate.p = relative(candidate.logit, max);
            sum += f64::from(candidate.p);
        }
        for candidate in &mut self.list {
            candidate.p = (f64::from(candidate.p) / sum) as f32;
        }
        let mut left = point;
        let chosen = self.list.iter().position(|candidate| {
            left -= f64::from(candidate.p);
            left < 0.0
        });
        // Rounding may leave a crumb beyond the last one.
        self.list
            .get(chosen.unwrap_or(self.list.len().saturating_sub(1)))
    }
}

/// e^(logit - max), also where both are infinite.
fn relative(logit: f32, max: f32) -> f32 {
    if logit >= max {
        1.0
    } else {
        nearest_exp(logit - max)
    }
}

impl DynamicTemperature {
    /// The temperature for an entropy (in nats) of so many candidates, more than one.
    pub(super) fn choose(self, temperature: f32, entropy: f32, candidates: usize) -> f32 {
        let lowest = (temperature - self.range).max(0.0);
        let highest = temperature + self.range;
        let greatest = -(1.0 / candidates as f32).ln();
        lowest + (highest - lowest) * (entropy / greatest).powf(self.exponent)
    }
}
