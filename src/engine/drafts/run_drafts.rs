//! [`RunDrafts`]: the drafts of one run, from proposal to learning.

use super::counters::DraftCounters;
use super::ngram_mod::NgramMod;
use super::ngram_simple::NgramSimple;
use super::ngram_tables::NgramTables;
use super::params::{DraftParams, NgramParams};
use super::policy::DraftPolicy;
use crate::llama::Token;

/// A run's sources of drafts, its policy and its counters.
///
/// Each step is one [`Self::propose`] and, once tokens are drawn, one [`Self::learn`]; the example of the
/// [module](super) shows both. A step that was aborted is not learnt from: propose again.
#[derive(Debug)]
pub struct RunDrafts {
    namespace: u64,
    own: Option<NgramSimple>,
    shared: Option<(NgramParams, NgramMod)>,
    policy: DraftPolicy,
    counters: DraftCounters,
    /// What is expected to follow. The first `drafted` tokens are computed; the others are only compared.
    proposal: Vec<Token>,
    matched: usize,
    drafted: usize,
    /// Steps since a model guessed.
    without: usize,
}

/// What a model's guesses count as among matches: as likely at first as that of a dozen tokens.
const GUESSED: usize = 12;

/// Steps after which guessing is tried again.
const RETRY: usize = 32;

/// What limits a draft from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DraftLimits {
    /// The most tokens to draft: what is left of the answer and of the sequence's cells after the next
    /// token, and of the step's rows. 0 drafts nothing.
    pub room: usize,
    /// The runs that decode in this step, this one included.
    pub runs: usize,
}

impl RunDrafts {
    /// The drafts of a new run. `params` are within their ranges ([`DraftParams::check`]). Runs see what runs
    /// of the same `namespace` wrote, and nothing else.
    #[must_use]
    pub fn new(params: DraftParams, namespace: u64) -> Self {
        Self {
            namespace,
            own: params.own.map(NgramSimple::new),
            shared: params.shared.map(|params| (params, NgramMod::new(params))),
            policy: DraftPolicy::new(),
            counters: DraftCounters::default(),
            proposal: Vec::new(),
            matched: 0,
            drafted: 0,
            without: 0,
        }
    }

    /// The tokens to compute behind the run's last one in this step; empty where drafting does not pay.
    ///
    /// * `history`: prompt and answer, up to the token that is computed next. The first call reads the
    ///   prompt; the others cost a microsecond or two.
    /// * `ends(token)`: the token ends the answer. Nothing is drafted from there on: the row before it
    ///   draws it, and no row behind it is needed.
    /// * `cost(k)`: see [`DraftPolicy::choose`].
    pub fn propose(
        &mut self,
        history: &[Token],
        tables: &mut NgramTables,
        limits: DraftLimits,
        ends: impl Fn(Token) -> bool,
        cost: impl Fn(usize) -> f64,
    ) -> &[Token] {
        self.foretell(history, tables);
        if let Some(end) = self.proposal.iter().position(|&token| ends(token)) {
            self.proposal.truncate(end);
        }
        let available = self.proposal.len().min(limits.room);
        self.drafted = self
            .policy
            .choose(self.matched, available, limits.runs, cost);
        &self.proposal[..self.drafted]
    }

    /// The same where somebody else guesses: `guess(n)` gives up to `n` tokens, and `cost(k)` contains what guessing
    /// them costs. Where guessing has not paid, it is tried again now and then, so far as the credit goes.
    pub fn propose_by<E>(
        &mut self,
        limits: DraftLimits,
        cost: impl Fn(usize) -> f64,
        guess: impl FnOnce(usize) -> Result<Vec<Token>, E>,
    ) -> Result<&[Token], E> {
        self.proposal.clear();
        self.matched = GUESSED;
        let mut wanted = self
            .policy
            .choose(self.matched, limits.room, limits.runs, &cost);
        self.without += 1;
        if wanted == 0 && limits.room > 0 && self.without >= RETRY {
            wanted = self.policy.try_one(cost);
        }
        if wanted > 0 {
            self.without = 0;
            self.proposal = guess(wanted)?;
            self.proposal.truncate(wanted);
        }
        self.drafted = self.proposal.len();
        Ok(&self.proposal)
    }

    /// Takes note of the tokens that the step has drawn: those of [`verify`](super::verify), or the one of a
    /// step without drafts.
    pub fn learn(&mut self, drawn: &[Token]) {
        let pairs = self.proposal.iter().zip(drawn);
        let agreeing = pairs
            .take_while(|(foretold, drawn)| foretold == drawn)
            .count();
        let compared = self.proposal.len().min(drawn.len());
        self.policy
            .learn(self.matched, agreeing, agreeing < compared);
        self.counters
            .count(self.drafted, agreeing.min(self.drafted));
        self.proposal.clear();
        self.matched = 0;
        self.drafted = 0;
    }

    /// What drafts have brought this run so far.
    #[must_use]
    pub fn counters(&self) -> DraftCounters {
        self.counters
    }

    /// Asks the run's own tokens, then the shared table where that matches more.
    fn foretell(&mut self, history: &[Token], tables: &mut NgramTables) {
        self.proposal.clear();
        self.matched = 0;
        if let Some(own) = &mut self.own {
            own.update(history);
            self.matched = own.propose(history, NgramParams::MAX_DRAFT, &mut self.proposal);
        }
        let Some((params, shared)) = &mut self.shared else {
            return;
        };
        let table = tables.of(self.namespace);
        shared.update(history, table);
        if self.matched < params.n_match {
            let own = self.proposal.len();
            let matched =
                shared.propose(history, table, NgramParams::MAX_DRAFT, &mut self.proposal);
            if matched > 0 {
                self.proposal.drain(..own);
                self.matched = matched;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::DraftKind;
    use super::*;

    const LIMITS: DraftLimits = DraftLimits { room: 64, runs: 1 };

    fn tokens(ids: impl IntoIterator<Item = i32>) -> Vec<Token> {
        ids.into_iter().map(Token).collect()
    }

    fn run(kind: DraftKind, namespace: u64) -> RunDrafts {
        RunDrafts::new(kind.into(), namespace)
    }

    /// The draft of a run with this text where rows cost nothing.
    fn draft(
        run: &mut RunDrafts,
        history: &[Token],
        tables: &mut NgramTables,
        limits: DraftLimits,
    ) -> Vec<Token> {
        run.propose(history, tables, limits, |token| token.0 == 99, |_| 0.02)
            .to_vec()
    }

    /// The draft of a text in an engine that has seen nothing.
    fn check(kind: DraftKind, text: &[i32], limits: DraftLimits, expected: &[i32]) {
        let mut tables = NgramTables::new(1);
        let text = tokens(text.iter().copied());
        let expected = tokens(expected.iter().copied());
        let drafted = draft(&mut run(kind, 0), &text, &mut tables, limits);
        assert_eq!(drafted, expected, "{kind}");
    }

    #[test]
    fn a_draft_ends_where_the_answer_would_and_where_room_does() {
        let text = [1, 2, 3, 4, 5, 6, 99, 7, 1, 2, 3, 4];
        let room = |room| DraftLimits { room, runs: 1 };
        check(DraftKind::NgramSimple, &text, LIMITS, &[5, 6]);
        check(DraftKind::NgramSimple, &text, room(1), &[5]);
        check(DraftKind::Default, &text, room(0), &[]);
        check(DraftKind::Off, &text, LIMITS, &[]);
    }

    #[test]
    fn the_table_helps_where_the_runs_own_tokens_match_less() {
        let mut tables = NgramTables::new(1);
        let first = tokens((0..40).chain([99]));
        draft(&mut run(DraftKind::Default, 7), &first, &mut tables, LIMITS);
        let own = [16, 17, 18, 19, 50, 51, 52];
        let second = tokens(own.into_iter().chain(0..20));
        let drafted = draft(
            &mut run(DraftKind::Default, 7),
            &second,
            &mut tables,
            LIMITS,
        );
        assert_eq!(drafted, tokens(20..40));
    }

    #[test]
    fn what_another_namespace_wrote_changes_nothing() {
        for kind in DraftKind::ALL {
            let mut tables = NgramTables::new(4);
            let secret = tokens(0..200);
            draft(&mut run(kind, 1), &secret, &mut tables, LIMITS);
            let guess = tokens(0..60);
            let drafted = draft(&mut run(kind, 2), &guess, &mut tables, LIMITS);
            assert_eq!(drafted, [], "{kind}");
        }
    }

    #[test]
    fn a_guesser_that_is_wrong_is_asked_now_and_then_and_one_that_is_right_all_the_time() {
        let asked = |right: bool| {
            let mut run = run(DraftKind::Model, 0);
            let mut asked = 0;
            for _ in 0..400 {
                let cost = |k| 0.02 * (1.0 + 0.2 * k as f64);
                let guess = |n: usize| Ok::<_, String>(vec![Token(1); n]);
                let drafted = run.propose_by(LIMITS, cost, guess).unwrap().len();
                asked += usize::from(drafted > 0);
                let drawn = if right {
                    vec![Token(1); drafted + 1]
                } else {
                    vec![Token(2)]
                };
                run.learn(&drawn);
            }
            asked
        };
        assert!(asked(true) >= 390);
        assert!((4..30).contains(&asked(false)), "{}", asked(false));
    }

    #[test]
    fn accepted_and_drafted_tokens_are_counted() {
        let mut tables = NgramTables::new(1);
        let mut run = run(DraftKind::NgramSimple, 0);
        let mut text = tokens([1, 2, 3, 4, 5, 6, 99, 7, 1, 2, 3, 4]);
        assert_eq!(draft(&mut run, &text, &mut tables, LIMITS), tokens([5, 6]));
        let drawn = tokens([5, 8]);
        run.learn(&drawn);
        text.extend(drawn);
        assert_eq!(draft(&mut run, &text, &mut tables, LIMITS), []);
        run.learn(&tokens([9]));
        let expected = DraftCounters {
            drafted: 2,
            accepted: 1,
            steps: 1,
        };
        assert_eq!(run.counters(), expected);
    }
}
