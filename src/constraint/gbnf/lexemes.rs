//! Which parts of a grammar become lexemes.
//!
//! A lexeme is a regular part that llguidance matches as a whole, as long as possible. Where something that
//! may follow it could also continue it (or another lexeme that begins alike), its end would be missed.
//! Such a lexeme is broken up into its parts until no end can be missed; single characters always work.

use std::collections::HashMap;

use super::charset::CharSet;
use super::grammar::{Grammar, Node, NodeId};
use super::nfa::Nfa;
use crate::constraint::ConstraintError;

/// The largest lexeme, in positions of its automaton.
const MAX_POSITIONS: usize = 600;

/// How many pairs of positions may be compared in all: about a second.
const FUEL: u64 = 50_000_000;

/// The choice for a grammar, by node.
#[derive(Debug, Clone)]
pub(super) struct Lexemes {
    /// Matched as a whole.
    is_lexeme: Vec<bool>,
    /// Matches the empty text, which no lexeme can.
    nullable: Vec<bool>,
}

impl Lexemes {
    pub(super) fn contains(&self, node: NodeId) -> bool {
        self.is_lexeme[node.0 as usize]
    }

    pub(super) fn is_nullable(&self, node: NodeId) -> bool {
        self.nullable[node.0 as usize]
    }
}

/// Chooses lexemes. Regular neighbours in the grammar are grouped first.
pub(super) fn choose(grammar: &mut Grammar) -> Result<Lexemes, ConstraintError> {
    group_regular(grammar);
    let regular = regular(grammar);
    let mut chooser = Chooser {
        first: first_chars(grammar),
        nullable: nullable(grammar),
        automata: HashMap::new(),
        fuel: FUEL,
        grammar,
        is_lexeme: regular,
    };
    // A grammar that is regular as a whole is one lexeme; nothing follows it.
    let start = chooser.grammar.start();
    while !chooser.is_lexeme[start.0 as usize] && chooser.break_up()? {}
    Ok(Lexemes {
        is_lexeme: chooser.is_lexeme,
        nullable: chooser.nullable,
    })
}

/// Nodes without recursion and without tokens.
fn regular(grammar: &Grammar) -> Vec<bool> {
    grammar.least_fixpoint(|node, regular| match node {
        Node::Class(_) => true,
        Node::Token(_) => false,
        Node::Rule(rule) => regular[grammar.body(*rule).0 as usize],
        Node::Sequence(nodes) | Node::Choice(nodes) => {
            nodes.iter().all(|node| regular[node.0 as usize])
        }
        Node::Repeat { node, .. } => regular[node.0 as usize],
    })
}

fn nullable(grammar: &Grammar) -> Vec<bool> {
    grammar.least_fixpoint(|node, nullable| match node {
        Node::Class(_) | Node::Token(_) => false,
        Node::Rule(rule) => nullable[grammar.body(*rule).0 as usize],
        Node::Sequence(parts) => parts.iter().all(|part| nullable[part.0 as usize]),
        Node::Choice(options) => options.iter().any(|option| nullable[option.0 as usize]),
        Node::Repeat { node, min, max } => {
            *min == 0 || *max == Some(0) || nullable[node.0 as usize]
        }
    })
}

/// Puts regular neighbours of what is not regular into a node of their own: fewer and larger lexemes.
fn group_regular(grammar: &mut Grammar) {
    let regular = regular(grammar);
    let is_regular = |id: NodeId| regular[id.0 as usize];
    let ids: Vec<NodeId> = grammar.ids().filter(|&id| !is_regular(id)).collect();
    for id in ids {
        match grammar.node(id).clone() {
            Node::Sequence(parts) => {
                let mut grouped = Vec::new();
                for run in parts.chunk_by(|&a, &b| is_regular(a) && is_regular(b)) {
                    grouped.push(match run {
                        [part] => *part,
                        run => grammar.add(Node::Sequence(run.to_vec())),
                    });
                }
                grammar.replace(id, Node::Sequence(grouped));
            }
            Node::Choice(options) => {
                let (group, mut rest): (Vec<_>, Vec<_>) =
                    options.into_iter().partition(|&option| is_regular(option));
                if group.len() > 1 {
                    rest.insert(0, grammar.add(Node::Choice(group)));
                    grammar.replace(id, Node::Choice(rest));
                }
            }
            _ => {}
        }
    }
}

/// The characters that each node can begin with.
fn first_chars(grammar: &Grammar) -> Vec<CharSet> {
    let nullable = nullable(grammar);
    let mut first = vec![CharSet::default(); grammar.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for id in grammar.ids() {
            let mut set = std::mem::take(&mut first[id.0 as usize]);
            match grammar.node(id) {
                Node::Class(class) => changed |= set.extend(class),
                Node::Token(_) => {}
                Node::Sequence(parts) => {
                    for part in parts {
                        changed |= set.extend(&first[part.0 as usize]);
                        if !nullable[part.0 as usize] {
                            break;
                        }
                    }
                }
                _ => {
                    for child in grammar.children(id) {
                        // A rule that refers to itself first adds nothing of its own.
                        changed |= child != id && set.extend(&first[child.0 as usize]);
                    }
                }
            }
            first[id.0 as usize] = set;
        }
    }
    first
}

struct Chooser<'g> {
    grammar: &'g Grammar,
    is_lexeme: Vec<bool>,
    nullable: Vec<bool>,
    first: Vec<CharSet>,
    automata: HashMap<NodeId, Option<Nfa>>,
    fuel: u64,
}

impl Chooser<'_> {
    /// Breaks up the lexemes that would miss an end. False where there are none.
    fn break_up(&mut self) -> Result<bool, ConstraintError> {
        let (lexemes, inner) = self.used();
        let mut broken = false;
        for &lexeme in &lexemes {
            let automaton = || Nfa::of(self.grammar, lexeme, MAX_POSITIONS);
            if self
                .automata
                .entry(lexeme)
                .or_insert_with(automaton)
                .is_none()
            {
                self.is_lexeme[lexeme.0 as usize] = false;
                broken = true;
            }
        }
        if broken {
            return Ok(true);
        }
        let follow = self.follow(&inner);
        let mut fuel = self.fuel;
        let automaton = |id: &NodeId| self.automata[id].as_ref();
        let mut too_long = Vec::new();
        for mine in &lexemes {
            for theirs in &lexemes {
                let (Some(a), Some(b)) = (automaton(mine), automaton(theirs)) else {
                    continue;
                };
                let next = &follow[mine.0 as usize];
                match a.swallowed_by(b, next, &mut fuel) {
                    Some(true) => too_long.push(*theirs),
                    Some(false) => {}
                    None => return Err(too_complex()),
                }
            }
        }
        self.fuel = fuel;
        for lexeme in &too_long {
            self.is_lexeme[lexeme.0 as usize] = false;
        }
        Ok(!too_long.is_empty())
    }

    /// The lexemes that are used from the start on, and the nodes above them, parents first.
    fn used(&self) -> (Vec<NodeId>, Vec<NodeId>) {
        let (mut lexemes, mut inner) = (Vec::new(), Vec::new());
        let mut seen = vec![false; self.grammar.len()];
        let mut todo = vec![self.grammar.start()];
        while let Some(id) = todo.pop() {
            if std::mem::replace(&mut seen[id.0 as usize], true) {
                continue;
            }
            if self.is_lexeme[id.0 as usize] {
                lexemes.push(id);
            } else {
                inner.push(id);
                todo.extend(self.grammar.children(id));
            }
        }
        (lexemes, inner)
    }

    /// The characters that can follow each node.
    fn follow(&self, inner: &[NodeId]) -> Vec<CharSet> {
        let mut follow = vec![CharSet::default(); self.grammar.len()];
        let mut changed = true;
        while changed {
            changed = false;
            for &id in inner {
                let mut after = follow[id.0 as usize].clone();
                if let Node::Repeat { node, max, .. } = self.grammar.node(id)
                    && max.is_none_or(|max| max > 1)
                {
                    after.extend(&self.first[node.0 as usize]);
                }
                let is_sequence = matches!(self.grammar.node(id), Node::Sequence(_));
                for child in self.grammar.children(id).into_iter().rev() {
                    changed |= follow[child.0 as usize].extend(&after);
                    if is_sequence {
                        if !self.nullable[child.0 as usize] {
                            after = CharSet::default();
                        }
                        after.extend(&self.first[child.0 as usize]);
                    }
                }
            }
        }
        follow
    }
}

fn too_complex() -> ConstraintError {
    ConstraintError::TooComplex {
        what: "GBNF grammar",
        problem: "its rules have too many ways to meet each other".to_owned(),
    }
}
