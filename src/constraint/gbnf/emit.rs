//! [`Grammar`] → Lark.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::grammar::{Grammar, Node, NodeId};
use super::lexemes::Lexemes;

/// What a lexeme that could be empty is intersected with.
const NOT_EMPTY: &str = "NOT-EMPTY: /(?s:.+)/\n";

/// Writes the grammar. Every group becomes a rule of its own, so nothing is nested.
pub(super) fn lark(grammar: &Grammar, lexemes: &Lexemes) -> String {
    let mut emitter = Emitter {
        grammar,
        lexemes,
        out: String::new(),
        todo: Vec::new(),
        done: HashSet::new(),
    };
    let start = emitter.symbol(grammar.start());
    let _ = writeln!(emitter.out, "start: {start}");
    while let Some(definition) = emitter.todo.pop() {
        if emitter.done.insert(definition) {
            emitter.define(definition);
        }
    }
    if emitter.out.contains("NOT-EMPTY") {
        emitter.out.push_str(NOT_EMPTY);
    }
    emitter.out
}

/// A name that is used and has to be defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Definition {
    /// `r7`: a rule.
    Rule(NodeId),
    /// `L7`: a lexeme.
    Lexeme(NodeId),
    /// `T7`: a part of lexemes.
    Part(NodeId),
}

struct Emitter<'g> {
    grammar: &'g Grammar,
    lexemes: &'g Lexemes,
    out: String,
    todo: Vec<Definition>,
    done: HashSet<Definition>,
}

impl Emitter<'_> {
    fn name(&mut self, definition: Definition) -> String {
        self.todo.push(definition);
        match definition {
            Definition::Rule(id) => format!("r{}", id.0),
            Definition::Lexeme(id) => format!("L{}", id.0),
            Definition::Part(id) => format!("T{}", id.0),
        }
    }

    fn define(&mut self, definition: Definition) {
        let name = self.name(definition);
        let body = match definition {
            Definition::Lexeme(id) if self.lexemes.is_nullable(id) => {
                format!("{} & NOT-EMPTY", self.part(id))
            }
            Definition::Lexeme(id) => self.part(id),
            Definition::Part(id) => self.body(id, Self::part),
            // A lexeme cannot be empty, but it can be left out.
            Definition::Rule(id) if self.lexemes.contains(id) => {
                let lexeme = self.name(Definition::Lexeme(id));
                let optional = if self.lexemes.is_nullable(id) {
                    "?"
                } else {
                    ""
                };
                lexeme + optional
            }
            Definition::Rule(id) => self.body(id, Self::symbol),
        };
        let _ = writeln!(self.out, "{name}: {body}");
    }

    /// A node inside a lexeme.
    fn part(&mut self, id: NodeId) -> String {
        match self.grammar.node(id) {
            Node::Class(class) => {
                let mut regex = String::from("/");
                class.write_regex(&mut regex);
                regex.push('/');
                regex
            }
            Node::Rule(rule) => self.part(self.grammar.body(*rule)),
            _ => self.name(Definition::Part(id)),
        }
    }

    /// A node above lexemes.
    fn symbol(&mut self, id: NodeId) -> String {
        match self.grammar.node(id) {
            Node::Class(_) => self.part(id),
            Node::Token(name) => name.clone(),
            _ if self.lexemes.contains(id) && !self.lexemes.is_nullable(id) => {
                self.name(Definition::Lexeme(id))
            }
            Node::Rule(rule) if !self.lexemes.contains(id) => {
                self.name(Definition::Rule(self.grammar.body(*rule)))
            }
            _ => self.name(Definition::Rule(id)),
        }
    }

    fn body(&mut self, id: NodeId, child: fn(&mut Self, NodeId) -> String) -> String {
        match self.grammar.node(id) {
            Node::Sequence(parts) if parts.is_empty() => "\"\"".to_owned(),
            Node::Sequence(parts) => self.joined(parts, " ", child),
            Node::Choice(options) => self.joined(options, " | ", child),
            Node::Repeat { max: Some(0), .. } => "\"\"".to_owned(),
            Node::Repeat { node, min, max } => {
                let node = child(self, *node);
                match (min, max) {
                    (0, None) => format!("{node}*"),
                    (1, None) => format!("{node}+"),
                    (0, Some(1)) => format!("{node}?"),
                    (min, None) => format!("{node}{{{min},}}"),
                    (min, Some(max)) => format!("{node}{{{min},{max}}}"),
                }
            }
            Node::Class(_) | Node::Token(_) | Node::Rule(_) => child(self, id),
        }
    }

    fn joined(
        &mut self,
        nodes: &[NodeId],
        separator: &str,
        child: fn(&mut Self, NodeId) -> String,
    ) -> String {
        let parts: Vec<String> = nodes.iter().map(|&node| child(self, node)).collect();
        parts.join(separator)
    }
}
