//! GBNF, the grammar notation of llama.cpp, as Lark for llguidance.
//!
//! The two differ in one point. GBNF describes characters; llguidance first splits the text into lexemes,
//! always the longest that fits, and parses those. A lexeme that is cut too large would swallow what
//! belongs to the next one. So the conversion takes the largest parts that are regular (they are
//! fast: one step a byte) and breaks up those whose end could be missed ([`lexemes`]). Whatever
//! it chooses, a text that llguidance accepts is one of the grammar.

mod charset;
mod emit;
mod grammar;
mod lexemes;
mod nfa;
mod parse;
#[cfg(test)]
mod tests;

use super::ConstraintError;
use grammar::{Grammar, Node};

/// Checks size, nesting and syntax, and that some text fulfils the grammar.
pub(super) fn check(source: &str) -> Result<(), ConstraintError> {
    read(source).map(|_| ())
}

/// Converts a grammar. Takes longer than [`check`] and recurses as deep as rules refer to each other.
pub(super) fn to_lark(source: &str) -> Result<String, ConstraintError> {
    let mut grammar = read(source)?;
    let lexemes = lexemes::choose(&mut grammar)?;
    Ok(emit::lark(&grammar, &lexemes))
}

fn read(source: &str) -> Result<Grammar, ConstraintError> {
    let grammar = parse::parse(source)?;
    let ends = grammar.least_fixpoint(|node, ends| match node {
        Node::Class(_) | Node::Token(_) => true,
        Node::Rule(rule) => ends[grammar.body(*rule).0 as usize],
        Node::Sequence(parts) => parts.iter().all(|part| ends[part.0 as usize]),
        Node::Choice(options) => options.iter().any(|option| ends[option.0 as usize]),
        Node::Repeat { node, min, .. } => *min == 0 || ends[node.0 as usize],
    });
    if ends[grammar.start().0 as usize] {
        return Ok(grammar);
    }
    Err(ConstraintError::Empty {
        what: "GBNF grammar",
        problem: "`root` refers to itself without end".to_owned(),
    })
}
