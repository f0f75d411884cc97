//! [`MirostatState`]: truncation that keeps the surprise of what is drawn near a target.

use super::candidates::Candidates;
use super::row::Row;
use super::{Mirostat, MirostatVersion};

/// Version 1 estimates from this many of the most likely tokens.
const ESTIMATED_FROM: usize = 100;

/// The state of Mirostat: its current bound on the surprise.
#[derive(Debug, Clone, Copy)]
pub(super) struct MirostatState {
    params: Mirostat,
    /// In bits.
    mu: f32,
}

impl MirostatState {
    pub(super) fn new(params: Mirostat) -> Self {
        Self {
            params,
            mu: 2.0 * params.target,
        }
    }

    /// Puts the tokens that may be drawn into `out`, their logits divided by the temperature.
    pub(super) fn narrow(self, row: Row<'_>, temperature: f32, out: &mut Candidates) {
        if temperature <= 0.0 {
            row.top_k(1, out);
            return;
        }
        match self.params.version {
            MirostatVersion::V1 => self.narrow_v1(row, temperature, out),
            MirostatVersion::V2 => self.narrow_v2(row, temperature, out),
        }
        out.divide(temperature);
    }

    /// Keeps as many as Zipf's law with the estimated exponent allows for the bound. Formulas as in the paper.
    fn narrow_v1(self, row: Row<'_>, temperature: f32, out: &mut Candidates) {
        row.top_k(ESTIMATED_FROM, out);
        let total = row.total(temperature) as f32;
        for candidate in &mut out.list {
            let distance = candidate.logit / temperature - row.max / temperature;
            candidate.p = distance.exp() / total;
        }
        let (mut products, mut squares) = (0.0f32, 0.0f32);
        for (rank, pair) in (1..).zip(out.list.windows(2)) {
            let rank = f32::from(rank as u16);
            let t = ((rank + 1.0) / rank).ln();
            products += t * (pair[0].p / pair[1].p).ln();
            squares += t * t;
        }
        let exponent = products / squares;
        let epsilon = exponent - 1.0;
        let n_vocab = row.logits.len() as f32;
        let k = epsilon * 2.0f32.powf(self.mu) / (1.0 - n_vocab.powf(-epsilon));
        // Where the estimate is no number (one candidate, or probabilities that are 0) one is kept.
        let k = (k.powf(1.0 / exponent) as usize).max(1);
        if k <= ESTIMATED_FROM {
            out.list.truncate(k);
        } else {
            row.top_k(k, out);
        }
    }

    /// Drops what is more surprising than the bound, but for the most likely.
    fn narrow_v2(self, row: Row<'_>, temperature: f32, out: &mut Candidates) {
        let total = row.total(temperature) as f32;
        // surprise = distance / temperature + ln(total), in nats
        let furthest = temperature * (self.mu * std::f32::consts::LN_2 - total.ln());
        row.at_least(row.max - furthest.max(0.0), out);
        out.sort();
        if furthest < 0.0 {
            out.list.truncate(1);
        }
    }

    /// Learns from the probability that the drawn token had among those that were kept.
    pub(super) fn learn(&mut self, p: f32) {
        let error = -p.log2() - self.params.target;
        self.mu -= self.params.learning_rate * error;
    }
}
