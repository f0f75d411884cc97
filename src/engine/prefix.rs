//! [`Sequences`]: what each sequence holds, and which one a new run should take.
//!
//! Finished runs leave their tokens in place, as cached prefixes. A new run takes the longest prefix there
//! is in its namespace: in place where the sequence is idle and little is lost, else as a copy.

use crate::llama::{SeqId, Token};

/// The record of all sequences of a context. Pure bookkeeping: the caller moves the cells.
#[derive(Debug)]
pub struct Sequences {
    seqs: Vec<Sequence>,
    clock: u64,
}

#[derive(Debug, Clone, Default)]
struct Sequence {
    /// The tokens whose cells are present, from position 0 on.
    tokens: Vec<Token>,
    namespace: u64,
    busy: bool,
    last_used: u64,
}

/// Where a new run goes and what it need not compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// The sequence; it is busy from now on.
    pub seq: SeqId,
    /// How many tokens of the prompt are to be kept, at most all but the last.
    pub keep: usize,
    /// Where they are, if not in `seq` itself.
    pub copy_from: Option<SeqId>,
}

/// Copying a prefix moves all cells of a sequence, which costs about as much as computing this many tokens.
const MIN_COPY: usize = 48;

impl Sequences {
    /// `n` empty, idle sequences.
    #[must_use]
    pub fn new(n: u32) -> Self {
        Self {
            seqs: vec![Sequence::default(); n as usize],
            clock: 0,
        }
    }

    /// Number of idle sequences.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.seqs.iter().filter(|seq| !seq.busy).count()
    }

    /// Takes a sequence for a prompt; `None` while all are busy.
    pub fn assign(&mut self, prompt: &[Token], namespace: u64) -> Option<Assignment> {
        let usable = prompt.len().saturating_sub(1);
        let shared = |seq: &Sequence| {
            if seq.namespace == namespace {
                common_prefix(&seq.tokens, prompt).min(usable)
            } else {
                0
            }
        };
        let best_idle = (0..self.seqs.len())
            .filter(|&i| !self.seqs[i].busy)
            .max_by_key(|&i| {
                (
                    shared(&self.seqs[i]),
                    std::cmp::Reverse(self.seqs[i].last_used),
                )
            })?;
        // An empty sequence first, else the one that was not used for the longest time.
        let oldest_idle = (0..self.seqs.len())
            .filter(|&i| !self.seqs[i].busy)
            .min_by_key(|&i| (!self.seqs[i].tokens.is_empty(), self.seqs[i].last_used))?;
        let best_any = (0..self.seqs.len()).max_by_key(|&i| shared(&self.seqs[i]))?;

        let in_place = shared(&self.seqs[best_idle]);
        let anywhere = shared(&self.seqs[best_any]);
        // Taking a sequence in place throws away what it holds beyond the shared prefix.
        let lost = self.seqs[best_idle].tokens.len() - in_place;
        let assignment = if anywhere >= in_place + MIN_COPY {
            Self::copying(best_any, oldest_idle, anywhere)
        } else if in_place >= MIN_COPY && lost > in_place && oldest_idle != best_idle {
            Self::copying(best_idle, oldest_idle, in_place)
        } else if in_place == 0 {
            Assignment {
                seq: id(oldest_idle),
                keep: 0,
                copy_from: None,
            }
        } else {
            Assignment {
                seq: id(best_idle),
                keep: in_place,
                copy_from: None,
            }
        };
        self.take(assignment, prompt, namespace);
        Some(assignment)
    }

    fn copying(from: usize, to: usize, keep: usize) -> Assignment {
        Assignment {
            seq: id(to),
            keep,
            copy_from: (from != to).then_some(id(from)),
        }
    }

    fn take(&mut self, assignment: Assignment, prompt: &[Token], namespace: u64) {
        self.clock += 1;
        let seq = &mut self.seqs[assignment.seq.0 as usize];
        seq.tokens.clear();
        seq.tokens.extend_from_slice(&prompt[..assignment.keep]);
        seq.namespace = namespace;
        seq.busy = true;
        seq.last_used = self.clock;
    }

    /// Records what a sequence holds now.
    pub fn set_tokens(&mut self, seq: SeqId, tokens: &[Token]) {
        let held = &mut self.seqs[seq.0 as usize].tokens;
        held.clear();
        held.extend_from_slice(tokens);
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

    /// How many tokens a sequence holds.
    #[must_use]
    pub fn len_of(&self, seq: SeqId) -> usize {
        self.seqs[seq.0 as usize].tokens.len()
    }
}

fn id(index: usize) -> SeqId {
    SeqId(index as u32)
}

fn common_prefix(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(range: std::ops::Range<i32>) -> Vec<Token> {
        range.map(Token).collect()
    }

    /// Fills sequences one after the other with finished runs of these tokens.
    fn filled(n: u32, held: &[Vec<Token>]) -> Sequences {
        let mut seqs = Sequences::new(n);
        let taken: Vec<SeqId> = held
            .iter()
            .map(|_| seqs.assign(&tokens(90_000..90_001), 0).unwrap().seq)
            .collect();
        for (seq, tokens) in taken.into_iter().zip(held) {
            seqs.set_tokens(seq, tokens);
            seqs.release(seq);
        }
        seqs
    }

    fn check(
        seqs: &mut Sequences,
        prompt: &[Token],
        seq: u32,
        keep: usize,
        copy_from: Option<u32>,
    ) {
        let expected = Assignment {
            seq: SeqId(seq),
            keep,
            copy_from: copy_from.map(SeqId),
        };
        assert_eq!(seqs.assign(prompt, 0), Some(expected));
    }

    #[test]
    fn a_continued_conversation_takes_its_sequence_in_place() {
        let mut seqs = filled(3, &[tokens(0..500), tokens(1000..1400)]);
        check(&mut seqs, &tokens(0..600), 0, 500, None);
    }

    #[test]
    fn the_last_prompt_token_is_always_computed() {
        let mut seqs = filled(2, &[tokens(0..500)]);
        check(&mut seqs, &tokens(0..500), 0, 499, None);
    }

    #[test]
    fn a_fresh_prompt_takes_an_empty_sequence_then_the_oldest() {
        let mut seqs = filled(3, &[tokens(0..500), tokens(1000..1400)]);
        check(&mut seqs, &tokens(5000..5100), 2, 0, None);
        check(&mut seqs, &tokens(6000..6100), 0, 0, None);
    }

    #[test]
    fn a_short_shared_prefix_does_not_destroy_a_long_conversation() {
        let mut shared = tokens(0..100);
        shared.extend(tokens(7000..7100));
        let mut seqs = filled(2, &[tokens(0..500)]);
        check(&mut seqs, &shared, 1, 100, Some(0));
    }

    #[test]
    fn the_prefix_of_a_running_run_is_copied() {
        let mut seqs = filled(2, &[]);
        check(&mut seqs, &tokens(0..400), 0, 0, None);
        seqs.extend(SeqId(0), &tokens(0..300));
        check(&mut seqs, &tokens(0..400), 1, 300, Some(0));
    }

    #[test]
    fn other_namespaces_share_nothing() {
        let mut seqs = filled(2, &[tokens(0..500)]);
        let assignment = seqs.assign(&tokens(0..600), 7).unwrap();
        assert_eq!((assignment.keep, assignment.copy_from), (0, None));
    }

    #[test]
    fn nothing_is_given_while_all_are_busy() {
        let mut seqs = filled(1, &[]);
        assert!(seqs.assign(&tokens(0..3), 0).is_some());
        assert_eq!(seqs.assign(&tokens(0..3), 0), None);
    }
}
