//! [`Acceptance`]: how likely drafted tokens are to be accepted, learnt from one run.

use super::params::NgramParams;

/// Rates by how many tokens matched before the draft and by position in the draft.
///
/// A rate is conditional: of the drafts whose earlier tokens were all accepted, the share whose token at this
/// position was too. Old trials fade, so a rate follows the text.
#[derive(Debug, Clone)]
pub struct Acceptance {
    rates: [[Rate; POSITIONS]; MATCHES.len()],
}

/// Kinds of matches: up to this many tokens, and the rate that is assumed before anything is known. Short
/// matches occur by chance in any text, so they have to prove themselves; long ones hardly do.
const MATCHES: [(usize, f64); 3] = [(7, 0.3), (15, 0.6), (usize::MAX, 0.85)];

/// Positions 1, 2, 3-4, 5-8, 9-16, 17-32, 33-64 share a rate each.
const POSITIONS: usize = 7;

/// What is assumed weighs as much as this many trials. For every position but the first, it is the rate of
/// the position before.
const PRIOR_TRIALS: f64 = 2.0;

/// What a trial keeps of its weight when the next one comes: about the last 30 trials count.
const FADE: f64 = 0.97;

#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    accepted: f64,
    trials: f64,
}

impl Rate {
    fn learn(&mut self, accepted: bool) {
        self.trials = self.trials * FADE + 1.0;
        self.accepted = self.accepted * FADE + f64::from(u8::from(accepted));
    }

    fn given(self, prior: f64) -> f64 {
        (self.accepted + prior * PRIOR_TRIALS) / (self.trials + PRIOR_TRIALS)
    }
}

impl Acceptance {
    /// Nothing is known but what is assumed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rates: [[Rate::default(); POSITIONS]; MATCHES.len()],
        }
    }

    /// Learns from a draft made after `matched` equal tokens that its token at `position` (1 is the first)
    /// was accepted or not, all before it having been accepted.
    pub fn learn(&mut self, matched: usize, position: usize, accepted: bool) {
        self.rates[class(matched)][group(position)].learn(accepted);
    }

    /// The expected number of accepted tokens of drafts of 1, 2, 3, ... tokens made after `matched` equal
    /// ones, up to [`NgramParams::MAX_DRAFT`].
    pub fn expected(&self, matched: usize) -> impl Iterator<Item = f64> {
        let class = class(matched);
        let mut prior = MATCHES[class].1;
        let rates = self.rates[class].map(|rate| {
            prior = rate.given(prior);
            prior
        });
        let positions = 1..=NgramParams::MAX_DRAFT;
        positions.scan((1.0, 0.0), move |(reached, sum), position| {
            *reached *= rates[group(position)];
            *sum += *reached;
            Some(*sum)
        })
    }
}

impl Default for Acceptance {
    fn default() -> Self {
        Self::new()
    }
}

fn class(matched: usize) -> usize {
    MATCHES
        .iter()
        .take_while(|(longest, _)| matched > *longest)
        .count()
}

fn group(position: usize) -> usize {
    let doublings = position.max(1).next_power_of_two().trailing_zeros();
    (doublings as usize).min(POSITIONS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(acceptance: &Acceptance, matched: usize, drafted: usize) -> f64 {
        acceptance.expected(matched).nth(drafted - 1).unwrap()
    }

    fn check_near(value: f64, near: f64) {
        assert!((value - near).abs() < 0.04, "{value} instead of {near}");
    }

    #[test]
    fn positions_are_grouped_by_doubling() {
        let groups: Vec<usize> = [1, 2, 3, 4, 5, 8, 9, 16, 17, 32, 33, 64]
            .into_iter()
            .map(group)
            .collect();
        assert_eq!(groups, [0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]);
    }

    #[test]
    fn before_anything_is_known_longer_matches_promise_more() {
        let acceptance = Acceptance::new();
        check_near(expected(&acceptance, 4, 1), 0.3);
        check_near(expected(&acceptance, 8, 2), 0.6 + 0.36);
        check_near(expected(&acceptance, 16, 64), 0.85 / 0.15);
    }

    #[test]
    fn each_position_has_a_rate_of_its_own() {
        let mut acceptance = Acceptance::new();
        for trial in 0..200 {
            acceptance.learn(30, 1, true);
            acceptance.learn(30, 2, trial % 2 == 0);
            acceptance.learn(30, 3, false);
        }
        check_near(expected(&acceptance, 30, 1), 0.99);
        check_near(expected(&acceptance, 30, 2), 0.99 + 0.5);
        check_near(expected(&acceptance, 30, 64), 0.99 + 0.5 + 0.02);
        check_near(expected(&acceptance, 4, 1), 0.3);
    }

    #[test]
    fn later_positions_follow_the_earlier_until_they_know_better() {
        let mut acceptance = Acceptance::new();
        (0..200).for_each(|_| acceptance.learn(4, 1, true));
        assert!(expected(&acceptance, 4, 16) > 11.0);
    }

    #[test]
    fn a_rate_follows_the_text() {
        let mut acceptance = Acceptance::new();
        (0..1000).for_each(|_| acceptance.learn(4, 1, true));
        (0..60).for_each(|_| acceptance.learn(4, 1, false));
        assert!(expected(&acceptance, 4, 1) < 0.2);
    }
}
