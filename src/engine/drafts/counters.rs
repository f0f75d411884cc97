//! [`DraftCounters`]: what drafts have brought, for timings and metrics.

use std::ops::AddAssign;

/// Counters of one run, or of many. llama-server's timings call them `draft_n` and `draft_n_accepted`, its
/// metrics `spec_decode_num_{drafts,draft_tokens,accepted_tokens}_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DraftCounters {
    /// Tokens that were computed as drafts.
    pub drafted: u64,
    /// Drafted tokens that the sampler drew too: tokens that took no step of their own.
    pub accepted: u64,
    /// Steps with at least one drafted token.
    pub steps: u64,
}

impl DraftCounters {
    /// The accepted share of the drafted tokens, 0..=1; `None` before anything was drafted.
    #[must_use]
    pub fn acceptance(&self) -> Option<f64> {
        (self.drafted > 0).then(|| self.accepted as f64 / self.drafted as f64)
    }

    /// Counts a step. One without drafts changes nothing.
    pub(super) fn count(&mut self, drafted: usize, accepted: usize) {
        self.drafted += drafted as u64;
        self.accepted += accepted as u64;
        self.steps += u64::from(drafted > 0);
    }
}

impl AddAssign for DraftCounters {
    fn add_assign(&mut self, other: Self) {
        self.drafted += other.drafted;
        self.accepted += other.accepted;
        self.steps += other.steps;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_without_drafts_are_not_counted() {
        let mut run = DraftCounters::default();
        assert_eq!(run.acceptance(), None);
        run.count(0, 0);
        run.count(7, 7);
        run.count(3, 1);
        let expected = DraftCounters {
            drafted: 10,
            accepted: 8,
            steps: 2,
        };
        assert_eq!(run, expected);
        assert_eq!(run.acceptance(), Some(0.8));
        let mut all = run;
        all += run;
        assert_eq!((all.drafted, all.accepted, all.steps), (20, 16, 4));
    }
}
