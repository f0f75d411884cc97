//! [`Nfa`]: the characters of a regular node and which may follow which.

use std::collections::HashSet;

use super::charset::CharSet;
use super::grammar::{Grammar, Node, NodeId};

/// Repetitions up to this often are written out; longer ones are taken for endless, which only makes
/// [`Nfa::swallows`] say yes more often.
const MAX_COPIES: u32 = 4;

/// A position automaton (Glushkov): one state for each character class of an expression.
#[derive(Debug, Clone, Default)]
pub(super) struct Nfa {
    classes: Vec<CharSet>,
    first: Vec<u32>,
    is_last: Vec<bool>,
    follow: Vec<Vec<u32>>,
}

/// A part of the automaton while it is built.
#[derive(Debug, Clone)]
struct Part {
    nullable: bool,
    first: Vec<u32>,
    last: Vec<u32>,
}

impl Nfa {
    /// The automaton of a regular node; `None` where it has more than `limit` positions.
    pub(super) fn of(grammar: &Grammar, node: NodeId, limit: usize) -> Option<Self> {
        let mut nfa = Self::default();
        let part = nfa.build(grammar, node, limit)?;
        nfa.first = part.first;
        nfa.is_last = vec![false; nfa.classes.len()];
        for last in part.last {
            nfa.is_last[last as usize] = true;
        }
        Some(nfa)
    }

    fn build(&mut self, grammar: &Grammar, node: NodeId, limit: usize) -> Option<Part> {
        match grammar.node(node) {
            Node::Class(class) => {
                let position = self.classes.len() as u32;
                if self.classes.len() >= limit {
                    return None;
                }
                self.classes.push(class.clone());
                self.follow.push(Vec::new());
                Some(Part {
                    nullable: false,
                    first: vec![position],
                    last: vec![position],
                })
            }
            Node::Token(_) => None,
            Node::Rule(rule) => self.build(grammar, grammar.body(*rule), limit),
            Node::Sequence(parts) => parts.iter().try_fold(Part::empty(), |before, &part| {
                let next = self.build(grammar, part, limit)?;
                Some(self.join(before, next))
            }),
            Node::Choice(options) => {
                let mut all = Part::none();
                for &option in options {
                    all = all.or(self.build(grammar, option, limit)?);
                }
                Some(all)
            }
            Node::Repeat { node, min, max } => self.repeat(grammar, *node, *min, *max, limit),
        }
    }

    fn repeat(
        &mut self,
        grammar: &Grammar,
        node: NodeId,
        min: u32,
        max: Option<u32>,
        limit: usize,
    ) -> Option<Part> {
        let Some(max) = max.filter(|&max| max <= MAX_COPIES) else {
            let mut part = self.build(grammar, node, limit)?;
            self.connect(&part.last, &part.first);
            part.nullable |= min == 0;
            return Some(part);
        };
        (0..max).try_fold(Part::empty(), |before, copy| {
            let mut next = self.build(grammar, node, limit)?;
            next.nullable |= copy >= min;
            Some(self.join(before, next))
        })
    }

    fn join(&mut self, before: Part, next: Part) -> Part {
        self.connect(&before.last, &next.first);
        let mut first = before.first;
        if before.nullable {
            first.extend_from_slice(&next.first);
        }
        let mut last = next.last;
        if next.nullable {
            last.extend_from_slice(&before.last);
        }
        Part {
            nullable: before.nullable && next.nullable,
            first,
            last,
        }
    }

    fn connect(&mut self, from: &[u32], to: &[u32]) {
        for &position in from {
            self.follow[position as usize].extend_from_slice(to);
        }
    }

    /// Whether `longer` could go on where a text of `self` ends and something of `next` follows: then the
    /// longest match would miss that end. `fuel` is used up by one for each pair of positions.
    pub(super) fn swallowed_by(
        &self,
        longer: &Self,
        next: &CharSet,
        fuel: &mut u64,
    ) -> Option<bool> {
        let mut seen = HashSet::new();
        let mut todo = Vec::new();
        self.pairs(
            longer,
            &self.first,
            &longer.first,
            &mut seen,
            &mut todo,
            fuel,
        )?;
        while let Some((mine, theirs)) = todo.pop() {
            let goes_on = &longer.follow[theirs as usize];
            if self.is_last[mine as usize]
                && goes_on
                    .iter()
                    .any(|&position| longer.classes[position as usize].overlaps(next))
            {
                return Some(true);
            }
            let follow = &self.follow[mine as usize];
            self.pairs(longer, follow, goes_on, &mut seen, &mut todo, fuel)?;
        }
        Some(false)
    }

    /// Adds the pairs of positions that one character can reach in both.
    fn pairs(
        &self,
        other: &Self,
        mine: &[u32],
        theirs: &[u32],
        seen: &mut HashSet<(u32, u32)>,
        todo: &mut Vec<(u32, u32)>,
        fuel: &mut u64,
    ) -> Option<()> {
        *fuel = fuel.checked_sub(mine.len() as u64 * theirs.len() as u64)?;
        for &a in mine {
            for &b in theirs {
                if self.classes[a as usize].overlaps(&other.classes[b as usize])
                    && seen.insert((a, b))
                {
                    todo.push((a, b));
                }
            }
        }
        Some(())
    }
}

impl Part {
    /// Matches the empty text.
    fn empty() -> Self {
        Self {
            nullable: true,
            ..Self::none()
        }
    }

    /// Matches nothing.
    fn none() -> Self {
        Self {
            nullable: false,
            first: Vec::new(),
            last: Vec::new(),
        }
    }

    fn or(mut self, other: Self) -> Self {
        self.nullable |= other.nullable;
        self.first.extend(other.first);
        self.last.extend(other.last);
        self
    }
}
