//! [`Sequences`]: what each sequence holds, and which one a new run should take.
//!
//! Finished runs leave their tokens in place, as cached prefixes. A new run takes the longest beginning of its
//! prompt that there is in its [`Scope`], in a sequence or in host memory; and where another run is just
//! computing more than that, it waits for it.

use super::{Scope, common_prefix};
use crate::llama::{SeqId, Token};

/// The record of all sequences of a context.
#[derive(Debug)]
pub struct Sequences {
    seqs: Vec<Sequence>,
    clock: u64,
}

#[derive(Debug, Clone)]
struct Sequence {
    /// The tokens whose cells are present, from position 0 on.
    tokens: Vec<Token>,
    /// The prompt of the run that has the sequence: what it will hold. Empty while nobody has it.
    prompt: Vec<Token>,
    scope: Scope,
    busy: bool,
    /// Its run waits for another's prefix.
    awaits: bool,
    last_used: u64,
}

impl Sequence {
    const EMPTY: Self = Self {
        tokens: Vec::new(),
        prompt: Vec::new(),
        scope: Scope::Namespace(0),
        busy: false,
        awaits: false,
        last_used: 0,
    };
}

/// Where the beginning of a prompt comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The sequence itself holds it, or there is none.
    InPlace,
    /// Another sequence holds it: a copy.
    Copy(SeqId),
    /// Host memory holds it.
    Host,
    /// The run in that sequence is computing it: a copy once it is there.
    Awaited(SeqId),
}

/// Where a new run goes and what it need not compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// The sequence.
    pub seq: SeqId,
    /// How many tokens of the prompt need not be computed, at most all but the last.
    pub keep: usize,
    /// Where they come from.
    pub source: Source,
}

/// Copying a prefix moves all cells of a sequence, which costs about as much as computing this many tokens.
/// The same is asked of whatever is not in place.
const MIN_GAIN: usize = 48;

impl Sequences {
    /// `n` empty, idle sequences.
    #[must_use]
    pub fn new(n: u32) -> Self {
        Self {
            seqs: vec![Sequence::EMPTY; n as usize],
            clock: 0,
        }
    }

    /// Number of idle sequences.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.seqs.iter().filter(|seq| !seq.busy).count()
    }

    /// The best place for a prompt; `None` while all sequences are busy. `in_host`: how many of its tokens
    /// host memory has.
    #[must_use]
    pub fn choose(&self, prompt: &[Token], scope: Scope, in_host: usize) -> Option<Assignment> {
        let idle = || (0..self.seqs.len()).filter(|&i| !self.seqs[i].busy);
        let oldest = idle().min_by_key(|&i| self.seqs[i].last_used)?;
        let best = idle().max_by_key(|&i| {
            let age = std::cmp::Reverse(self.seqs[i].last_used);
            (self.held(i, prompt, scope), age)
        })?;
        let in_place = self.held(best, prompt, scope);
        // What is thrown away by taking it in place.
        let lost = self.seqs[best].tokens.len() - in_place;
        let (elsewhere, source) = self.elsewhere(prompt, scope, in_host, None);
        let assignment = if elsewhere >= in_place + MIN_GAIN {
            Assignment {
                seq: id(oldest),
                keep: elsewhere,
                source,
            }
        } else if in_place >= MIN_GAIN && lost > in_place && oldest != best {
            Assignment {
                seq: id(oldest),
                keep: in_place,
                source: Source::Copy(id(best)),
            }
        } else {
            Assignment {
                seq: id(if in_place == 0 { oldest } else { best }),
                keep: in_place,
                source: Source::InPlace,
            }
        };
        Some(assignment)
    }

    /// The best source for a run whose sequence is given and whose awaited prefix will not come. It never
    /// waits for one that waits, which might wait for it.
    #[must_use]
    pub fn choose_again(
        &self,
        seq: SeqId,
        prompt: &[Token],
        scope: Scope,
        in_host: usize,
    ) -> Assignment {
        let (keep, source) = self.elsewhere(prompt, scope, in_host, Some(seq));
        if keep < MIN_GAIN {
            return Assignment {
                seq,
                keep: 0,
                source: Source::InPlace,
            };
        }
        Assignment { seq, keep, source }
    }

    /// The most that a source other than a sequence taken in place gives.
    fn elsewhere(
        &self,
        prompt: &[Token],
        scope: Scope,
        in_host: usize,
        except: Option<SeqId>,
    ) -> (usize, Source) {
        let others = || (0..self.seqs.len()).filter(|&i| Some(id(i)) != except);
        let copied = others()
            .map(|i| (self.held(i, prompt, scope), Source::Copy(id(i))))
            .max_by_key(|copied| copied.0);
        let coming = others()
            .filter(|&i| self.seqs[i].busy && !(except.is_some() && self.seqs[i].awaits))
            .map(|i| (self.coming(i, prompt, scope), Source::Awaited(id(i))))
            .max_by_key(|coming| coming.0);
        let mut best = copied.unwrap_or((0, Source::InPlace));
        if in_host > best.0 {
            best = (in_host, Source::Host);
        }
        // Waiting is worth it only for clearly more than what is there.
        match coming {
            Some(coming) if coming.0 >= best.0 + MIN_GAIN => coming,
            _ => best,
        }
    }

    /// How many tokens of `prompt` a sequence holds, at most all but the last.
    fn held(&self, index: usize, prompt: &[Token], scope: Scope) -> usize {
        let seq = &self.seqs[index];
        // What an idle one holds was cut to what is usable when it was given back.
        let n_prompt = if seq.busy {
            seq.prompt.len()
        } else {
            seq.tokens.len()
        };
        Self::shared(seq, &seq.tokens, prompt, scope, n_prompt)
    }

    /// How many a sequence will hold once its run has read its own prompt.
    fn coming(&self, index: usize, prompt: &[Token], scope: Scope) -> usize {
        let seq = &self.seqs[index];
        Self::shared(seq, &seq.prompt, prompt, scope, seq.prompt.len())
    }

    fn shared(
        seq: &Sequence,
        tokens: &[Token],
        prompt: &[Token],
        scope: Scope,
        n_prompt: usize,
    ) -> usize {
        if seq.scope != scope {
            return 0;
        }
        let common = common_prefix(tokens, prompt).min(prompt.len().saturating_sub(1));
        scope.usable(common, n_prompt)
    }

    /// Gives a sequence to a run, which will make it hold `prompt`. It holds nothing until
    /// [`Self::set_tokens`] says otherwise.
    pub fn take(&mut self, assignment: Assignment, prompt: &[Token], scope: Scope) {
        self.clock += 1;
        let taken = &mut self.seqs[assignment.seq.0 as usize];
        taken.tokens.clear();
        taken.prompt = prompt.to_vec();
        taken.scope = scope;
        taken.busy = true;
        taken.awaits = matches!(assignment.source, Source::Awaited(_));
        taken.last_used = self.clock;
    }

    /// Whether a prefix that is awaited of a sequence has come (`Some(true)`), will come (`Some(false)`), or will
    /// not (`None`).
    #[must_use]
    pub fn awaited(&self, seq: SeqId, prefix: &[Token], scope: Scope) -> Option<bool> {
        let leader = &self.seqs[seq.0 as usize];
        if leader.scope != scope {
            None
        } else if leader.tokens.starts_with(prefix) {
            Some(true)
        } else {
            (leader.busy && leader.prompt.starts_with(prefix)).then_some(false)
        }
    }

    /// Records what a sequence holds now.
    pub fn set_tokens(&mut self, seq: SeqId, tokens: &[Token]) {
        let seq = &mut self.seqs[seq.0 as usize];
        seq.tokens.clear();
        seq.tokens.extend_from_slice(tokens);
        seq.awaits = false;
    }

    /// Records more tokens at the end of what a sequence holds.
    pub fn extend(&mut self, seq: SeqId, tokens: &[Token]) {
        self.seqs[seq.0 as usize].tokens.extend_from_slice(tokens);
    }

    /// Gives a sequence back; what it holds stays cached.
    pub fn release(&mut self, seq: SeqId) {
        self.clock += 1;
        let seq = &mut self.seqs[seq.0 as usize];
        seq.busy = false;
        seq.awaits = false;
        let n_prompt = std::mem::take(&mut seq.prompt).len();
        let kept = seq.scope.usable(seq.tokens.len(), n_prompt);
        seq.tokens.truncate(kept);
        seq.last_used = self.clock;
    }

    /// Tokens held by sequences that nobody uses.
    #[must_use]
    pub fn cached_tokens(&self) -> usize {
        self.seqs
            .iter()
            .filter(|seq| !seq.busy)
            .map(|seq| seq.tokens.len())
            .sum()
    }

    /// What a sequence holds, and in which scope.
    #[must_use]
    pub fn held_by(&self, seq: SeqId) -> (&[Token], Scope) {
        let seq = &self.seqs[seq.0 as usize];
        (&seq.tokens, seq.scope)
    }

    /// How many tokens a sequence holds.
    #[must_use]
    pub fn len_of(&self, seq: SeqId) -> usize {
        self.seqs[seq.0 as usize].tokens.len()
    }
}

fn id(index: usize) -> SeqId {
    SeqId(index as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Scope = Scope::Namespace(0);

    fn tokens(range: std::ops::Range<i32>) -> Vec<Token> {
        range.map(Token).collect()
    }

    /// `n` sequences, the first of which hold these tokens of finished runs.
    fn filled(n: u32, held: &[Vec<Token>]) -> Sequences {
        let mut seqs = Sequences::new(n);
        for (index, tokens) in held.iter().enumerate() {
            let seq = id(index);
            take(&mut seqs, seq, tokens, ANY);
            seqs.set_tokens(seq, tokens);
            seqs.release(seq);
        }
        seqs
    }

    fn take(seqs: &mut Sequences, seq: SeqId, prompt: &[Token], scope: Scope) {
        let fresh = Assignment {
            seq,
            keep: 0,
            source: Source::InPlace,
        };
        seqs.take(fresh, prompt, scope);
    }

    /// Chooses, checks the choice, and takes it.
    fn check(seqs: &mut Sequences, prompt: &[Token], seq: u32, keep: usize, source: Source) {
        let expected = Assignment {
            seq: SeqId(seq),
            keep,
            source,
        };
        assert_eq!(seqs.choose(prompt, ANY, 0), Some(expected));
        seqs.take(expected, prompt, ANY);
    }

    #[test]
    fn a_continued_conversation_takes_its_sequence_in_place() {
        let mut seqs = filled(3, &[tokens(0..500), tokens(1000..1400)]);
        check(&mut seqs, &tokens(0..600), 0, 500, Source::InPlace);
    }

    #[test]
    fn the_last_prompt_token_is_always_computed() {
        let mut seqs = filled(2, &[tokens(0..500)]);
        check(&mut seqs, &tokens(0..500), 0, 499, Source::InPlace);
    }

    #[test]
    fn a_fresh_prompt_takes_an_empty_sequence_then_the_oldest() {
        let mut seqs = filled(3, &[tokens(0..500), tokens(1000..1400)]);
        check(&mut seqs, &tokens(5000..5100), 2, 0, Source::InPlace);
        check(&mut seqs, &tokens(6000..6100), 0, 0, Source::InPlace);
    }

    #[test]
    fn a_short_shared_prefix_does_not_destroy_a_long_conversation() {
        let mut shared = tokens(0..100);
        shared.extend(tokens(7000..7100));
        let mut seqs = filled(2, &[tokens(0..500)]);
        check(&mut seqs, &shared, 1, 100, Source::Copy(SeqId(0)));
    }

    #[test]
    fn what_a_running_run_has_computed_is_copied() {
        let mut seqs = filled(2, &[]);
        check(&mut seqs, &tokens(0..320), 0, 0, Source::InPlace);
        seqs.extend(SeqId(0), &tokens(0..300));
        check(&mut seqs, &tokens(0..400), 1, 300, Source::Copy(SeqId(0)));
    }

    #[test]
    fn what_a_running_run_is_about_to_compute_is_awaited() {
        let mut seqs = filled(3, &[]);
        check(&mut seqs, &tokens(0..2000), 0, 0, Source::InPlace);
        seqs.extend(SeqId(0), &tokens(0..300));
        let mut prompt = tokens(0..1200);
        prompt.extend(tokens(9000..9100));
        check(&mut seqs, &prompt, 1, 1200, Source::Awaited(SeqId(0)));
        // Who shares more with the one that waits, waits for that one.
        prompt.extend(tokens(9500..9600));
        check(&mut seqs, &prompt, 2, 1300, Source::Awaited(SeqId(1)));

        let awaited = |seqs: &Sequences| seqs.awaited(SeqId(0), &tokens(0..1200), ANY);
        assert_eq!(awaited(&seqs), Some(false));
        seqs.extend(SeqId(0), &tokens(300..1200));
        assert_eq!(awaited(&seqs), Some(true));
    }

    #[test]
    fn a_prefix_that_will_not_come_is_looked_for_again() {
        let mut seqs = filled(2, &[]);
        check(&mut seqs, &tokens(0..2000), 0, 0, Source::InPlace);
        check(
            &mut seqs,
            &tokens(0..1200),
            1,
            1199,
            Source::Awaited(SeqId(0)),
        );
        seqs.extend(SeqId(0), &tokens(0..500));
        seqs.release(SeqId(0));
        assert_eq!(seqs.awaited(SeqId(0), &tokens(0..1199), ANY), None);
        let again = |seqs: &Sequences, in_host| {
            let found = seqs.choose_again(SeqId(1), &tokens(0..1200), ANY, in_host);
            (found.keep, found.source)
        };
        assert_eq!(again(&seqs, 0), (500, Source::Copy(SeqId(0))));
        assert_eq!(again(&seqs, 900), (900, Source::Host));
        take(&mut seqs, SeqId(0), &tokens(7000..7100), ANY);
        assert_eq!(again(&seqs, 0), (0, Source::InPlace));
    }

    #[test]
    fn two_that_wait_never_wait_for_each_other() {
        let mut seqs = filled(3, &[]);
        check(&mut seqs, &tokens(0..2000), 0, 0, Source::InPlace);
        check(
            &mut seqs,
            &tokens(0..1200),
            1,
            1199,
            Source::Awaited(SeqId(0)),
        );
        check(
            &mut seqs,
            &tokens(0..1300),
            2,
            1299,
            Source::Awaited(SeqId(0)),
        );
        seqs.release(SeqId(0));
        let second = seqs.choose_again(SeqId(1), &tokens(0..1200), ANY, 0);
        assert_eq!((second.keep, second.source), (0, Source::InPlace));
        seqs.take(second, &tokens(0..1200), ANY);
        let third = seqs.choose_again(SeqId(2), &tokens(0..1300), ANY, 0);
        assert_eq!(
            (third.keep, third.source),
            (1200, Source::Awaited(SeqId(1)))
        );
    }

    #[test]
    fn host_memory_is_used_where_it_has_more() {
        let seqs = filled(2, &[tokens(0..200)]);
        let choose = |in_host| {
            let chosen = seqs.choose(&tokens(0..900), ANY, in_host).unwrap();
            (chosen.seq, chosen.keep, chosen.source)
        };
        assert_eq!(choose(800), (SeqId(1), 800, Source::Host));
        assert_eq!(choose(210), (SeqId(0), 200, Source::InPlace));
    }

    #[test]
    fn other_namespaces_share_nothing() {
        let mut seqs = filled(2, &[tokens(0..500)]);
        take(&mut seqs, SeqId(1), &tokens(0..900), Scope::Namespace(3));
        let chosen = seqs
            .choose(&tokens(0..600), Scope::Namespace(7), 0)
            .unwrap();
        assert_eq!((chosen.keep, chosen.source), (0, Source::InPlace));
        assert_eq!(
            seqs.awaited(SeqId(1), &tokens(0..600), Scope::Namespace(7)),
            None
        );
    }

    #[test]
    fn a_deterministic_run_goes_on_from_the_grid_and_never_from_an_answer() {
        let scope = Scope::Deterministic(0);
        let mut seqs = filled(3, &[tokens(0..500)]);
        let whole = seqs.choose(&tokens(0..90), scope, 0).unwrap();
        assert_eq!((whole.keep, whole.source), (0, Source::InPlace));
        take(&mut seqs, SeqId(1), &tokens(0..90), scope);
        let coming = seqs.choose(&tokens(0..200), scope, 0).unwrap();
        assert_eq!(
            (coming.keep, coming.source),
            (80, Source::Awaited(SeqId(1)))
        );
        // The prompt is read, and ten tokens are generated.
        seqs.extend(SeqId(1), &tokens(0..100));
        let copied = seqs.choose(&tokens(0..200), scope, 0).unwrap();
        assert_eq!((copied.keep, copied.source), (80, Source::Copy(SeqId(1))));
        seqs.release(SeqId(1));
        assert_eq!(seqs.len_of(SeqId(1)), 80);
        let next = seqs.choose(&tokens(0..200), scope, 0).unwrap();
        assert_eq!((next.seq, next.keep), (SeqId(1), 80));
    }

    #[test]
    fn nothing_is_given_while_all_are_busy() {
        let mut seqs = filled(1, &[]);
        take(&mut seqs, SeqId(0), &tokens(0..3), ANY);
        assert_eq!(seqs.choose(&tokens(0..3), ANY, 0), None);
    }
}
