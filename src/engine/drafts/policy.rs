//! [`DraftPolicy`]: how many tokens to draft now.

use super::acceptance::Acceptance;
use super::params::NgramParams;

/// Decides for one run, step by step, how many drafted tokens are worth their rows.
///
/// It takes the number that maximises the run's expected tokens a second, from the acceptance that it has
/// learnt and the engine's cost figures. Learning costs nothing: a proposal that was not computed is compared
/// with the tokens that come anyway. So drafting is off while it does not pay, and on again a few tokens
/// after it would.
///
/// Estimates can be wrong, so there is a second rule, which bounds the loss on every text: a run may lose no
/// more time than its **credit**. It starts with half a step, earns 2 % of each step without drafts and
/// whatever drafts save, and a draft is made only if its whole cost is covered. So n tokens never take longer
/// than 1.02 n + 0.5 steps: at least 0.97 of the speed without drafts from 50 tokens on, by the cost figures given.
///
/// Between runs of one step it is proportionally fair: a draft is made if the run becomes faster by a larger
/// factor than all the step's runs become slower, taken together.
#[derive(Debug, Clone)]
pub struct DraftPolicy {
    acceptance: Acceptance,
    /// In steps without drafts.
    credit: f64,
    /// The draft that the last tokens have followed since it began, computed or not.
    followed: Option<Followed>,
    chosen: Chosen,
}

#[derive(Debug, Clone, Copy)]
struct Followed {
    /// How many tokens matched before it.
    matched: usize,
    /// How many of its tokens have come.
    position: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Chosen {
    drafted: usize,
    /// What the drafts cost beyond the step without them, in such steps.
    extra: f64,
}

/// Credit of a new run, in steps.
const FIRST_CREDIT: f64 = 0.5;
/// Credit that a step without drafts earns.
const EARNED: f64 = 0.02;
/// The most credit, so that a text that has stopped repeating itself does not use up what was saved before.
const MAX_CREDIT: f64 = 64.0;

/// A draft has to promise this much more speed: estimates and costs are not exact.
const WORTHWHILE: f64 = 1.03;

/// Draft lengths: together with the run's own row, numbers that come back, so that llama.cpp can reuse
/// its compute graphs.
const LENGTHS: [usize; 11] = [1, 2, 3, 5, 7, 11, 15, 23, 31, 47, 63];

impl DraftPolicy {
    /// The policy of a new run.
    #[must_use]
    pub fn new() -> Self {
        Self {
            acceptance: Acceptance::new(),
            credit: FIRST_CREDIT,
            followed: None,
            chosen: Chosen::default(),
        }
    }

    /// How many of the `available` proposed tokens to draft; 0 where it does not pay.
    ///
    /// * `matched`: how many tokens matched before the proposal.
    /// * `runs`: the runs of this step, this one included; 0 counts as 1.
    /// * `cost(k)`: seconds of the step with `k` drafted tokens of this run; `cost(0)` is the step without.
    ///   Where it is not positive, nothing is known about costs, and nothing is drafted.
    pub fn choose(
        &mut self,
        matched: usize,
        available: usize,
        runs: usize,
        cost: impl Fn(usize) -> f64,
    ) -> usize {
        self.chosen = Chosen::default();
        let plain = cost(0);
        if available == 0 || plain <= 0.0 {
            return 0;
        }
        let mut best = WORTHWHILE.ln();
        for (expected, drafted) in self.acceptance.expected(matched).zip(1..=available) {
            if !LENGTHS.contains(&drafted) && drafted != available {
                continue;
            }
            let slowdown = cost(drafted) / plain;
            let extra = (slowdown - 1.0).max(0.0);
            let gain = expected.ln_1p() - runs.max(1) as f64 * slowdown.ln();
            if gain > best && extra <= self.credit {
                best = gain;
                self.chosen = Chosen { drafted, extra };
            }
        }
        self.chosen.drafted
    }

    /// One token, to find out whether drafting pays again; 0 where the credit does not cover it.
    pub fn try_one(&mut self, cost: impl Fn(usize) -> f64) -> usize {
        let extra = (cost(1) / cost(0) - 1.0).max(0.0);
        // Also false where nothing is known about costs.
        if extra <= self.credit {
            self.chosen = Chosen { drafted: 1, extra };
        }
        self.chosen.drafted
    }

    /// Learns from a step. Of a proposal made after `matched` equal tokens the first `accepted` tokens were
    /// drawn; `refuted` is true if another token was drawn in place of the next. Where there was no
    /// proposal, `accepted` is 0 and `refuted` false.
    pub fn learn(&mut self, matched: usize, accepted: usize, refuted: bool) {
        let chosen = std::mem::take(&mut self.chosen);
        self.credit += if chosen.drafted == 0 {
            EARNED
        } else {
            accepted.min(chosen.drafted) as f64 - chosen.extra
        };
        self.credit = self.credit.min(MAX_CREDIT);

        let fresh = Followed {
            matched,
            position: 0,
        };
        let fresh = self.learn_positions(fresh, accepted, refuted);
        // A draft that began earlier has come further: it knows what longer drafts are worth.
        let earlier = self.followed.take();
        let earlier = earlier.map(|draft| self.learn_positions(draft, accepted, refuted));
        let going_on = accepted > 0 && !refuted;
        self.followed = going_on
            .then(|| earlier.unwrap_or(fresh))
            .filter(|draft| draft.position < NgramParams::MAX_DRAFT);
    }

    fn learn_positions(&mut self, draft: Followed, accepted: usize, refuted: bool) -> Followed {
        let reached = draft.position + accepted;
        for position in draft.position + 1..=reached {
            self.acceptance.learn(draft.matched, position, true);
        }
        if refuted {
            self.acceptance.learn(draft.matched, reached + 1, false);
        }
        Followed {
            position: reached,
            ..draft
        }
    }
}

impl Default for DraftPolicy {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 1 row 20 ms, 2 rows 26, 4 rows 38, 8 rows 62.
    fn steep(drafted: usize) -> f64 {
        0.020 + 0.006 * drafted as f64
    }

    /// A policy that has seen this many accepted drafts of 8 after 20 tokens.
    fn experienced(drafts: usize) -> DraftPolicy {
        let mut policy = DraftPolicy::new();
        for _ in 0..drafts {
            policy.choose(20, 8, 1, steep);
            policy.learn(20, 8, false);
        }
        policy
    }

    #[test]
    fn nothing_is_drafted_without_a_proposal_or_costs() {
        let mut policy = experienced(9);
        assert_eq!(policy.choose(20, 0, 1, steep), 0);
        assert_eq!(policy.choose(20, 8, 1, |_| 0.0), 0);
        assert_ne!(policy.choose(20, 8, 1, steep), 0);
    }

    #[test]
    fn the_first_draft_is_short_and_success_makes_it_longer() {
        let mut lengths = Vec::new();
        let mut policy = DraftPolicy::new();
        for _ in 0..6 {
            let drafted = policy.choose(20, 48, 1, steep);
            lengths.push(drafted);
            policy.learn(20, drafted, false);
        }
        assert_eq!(lengths[0], 1);
        assert!(lengths.is_sorted() && lengths[5] >= 15, "{lengths:?}");
    }

    #[test]
    fn drafting_that_fails_stops_and_starts_again_when_it_would_succeed() {
        let mut policy = experienced(9);
        for _ in 0..60 {
            policy.choose(20, 8, 1, steep);
            policy.learn(20, 0, true);
        }
        assert_eq!(policy.choose(20, 8, 1, steep), 0);
        // Nothing is computed for it: these are proposals that came true one token at a time.
        let tokens = (0..50).find(|_| {
            policy.learn(20, 1, false);
            policy.choose(20, 8, 1, steep) > 0
        });
        assert!(tokens.is_some_and(|tokens| tokens < 20), "{tokens:?}");
    }

    #[test]
    fn cheap_rows_make_longer_drafts() {
        let mut policy = experienced(2);
        let short = policy.choose(4, 48, 1, steep);
        let long = policy.choose(4, 48, 1, |k| 0.020 + 0.0002 * k as f64);
        assert!(short < long, "{short} {long}");
    }

    #[test]
    fn neighbours_are_weighed() {
        let mut policy = experienced(20);
        let alone = policy.choose(20, 48, 1, steep);
        let crowd = policy.choose(20, 48, 8, steep);
        assert!(crowd < alone, "{crowd} {alone}");
    }

    proptest! {
        /// Whatever is proposed and whatever comes of it, whatever rows cost.
        #[test]
        fn no_text_can_make_a_run_lose_more_than_its_credit(
            steps in prop::collection::vec((1usize..70, 0usize..64, 0usize..64), 1..400),
            row_cost in 0.001f64..1.5,
        ) {
            let cost = |drafted: usize| 0.02 * (1.0 + row_cost * drafted as f64);
            let mut policy = DraftPolicy::new();
            let (mut seconds, mut tokens) = (0.0, 0);
            for (matched, available, agreeing) in steps {
                let drafted = policy.choose(matched, available, 1, cost);
                prop_assert!(drafted <= available);
                seconds += cost(drafted);
                tokens += 1 + drafted.min(agreeing);
                // One token beyond an accepted draft is compared too.
                let seen = agreeing.min(drafted + 1).min(available);
                policy.learn(matched, seen, agreeing <= drafted && agreeing < available);
            }
            let plain = 0.02 * tokens as f64;
            prop_assert!(seconds <= 1.02 * plain + 0.5 * 0.02 + 1e-9);
        }
    }
}
