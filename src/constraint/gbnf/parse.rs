//! GBNF text → [`Grammar`].

use std::collections::HashMap;

use super::charset::CharSet;
use super::grammar::{Grammar, Node, NodeId, RuleId};
use crate::constraint::ConstraintError;
use crate::constraint::limits::{self, MAX_DEPTH, MAX_REPETITION, MAX_RULES, MAX_SYMBOLS};

/// Reads a grammar. Every rule that is used is defined, and `root` is one of them.
pub(super) fn parse(source: &str) -> Result<Grammar, ConstraintError> {
    let mut parser = Parser {
        rest: source,
        source,
        grammar: Grammar::default(),
        names: HashMap::new(),
        bodies: Vec::new(),
        depth: 0,
    };
    parser.skip(true);
    while !parser.rest.is_empty() {
        parser.rule()?;
        parser.skip(true);
    }
    parser.finish()
}

struct Parser<'s> {
    source: &'s str,
    rest: &'s str,
    grammar: Grammar,
    names: HashMap<&'s str, RuleId>,
    bodies: Vec<Option<NodeId>>,
    depth: usize,
}

impl<'s> Parser<'s> {
    fn finish(mut self) -> Result<Grammar, ConstraintError> {
        let Some(&root) = self.names.get("root") else {
            return Err(invalid("there is no rule named `root`"));
        };
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_unstable_by_key(|(_, id)| **id);
        let mut bodies = Vec::new();
        for (name, id) in names {
            match self.bodies[id.0 as usize] {
                Some(body) => bodies.push(body),
                None => {
                    return Err(invalid(&format!(
                        "the rule `{name}` is used but not defined"
                    )));
                }
            }
        }
        self.grammar.set_rules(bodies, root);
        Ok(self.grammar)
    }

    fn rule(&mut self) -> Result<(), ConstraintError> {
        let name = self
            .name()
            .ok_or_else(|| self.expected("the name of a rule"))?;
        let id = self.rule_id(name)?;
        self.skip(false);
        if !self.take("::=") {
            return Err(self.expected("`::=`"));
        }
        self.skip(true);
        let body = self.alternatives(false)?;
        if !self.rest.is_empty() && !self.rest.starts_with(['\n', '\r']) {
            return Err(self.expected("the end of the line"));
        }
        let slot = &mut self.bodies[id.0 as usize];
        if slot.replace(body).is_some() {
            return Err(invalid(&format!("the rule `{name}` is defined twice")));
        }
        Ok(())
    }

    fn rule_id(&mut self, name: &'s str) -> Result<RuleId, ConstraintError> {
        if let Some(&id) = self.names.get(name) {
            return Ok(id);
        }
        let id = RuleId(self.bodies.len() as u32);
        let n_rules = self.bodies.len() as u64 + 1;
        limits::check("the GBNF grammar", n_rules, MAX_RULES as u64, "rules long")?;
        self.names.insert(name, id);
        self.bodies.push(None);
        Ok(id)
    }

    /// `nested`: inside parentheses, where a line may end anywhere.
    fn alternatives(&mut self, nested: bool) -> Result<NodeId, ConstraintError> {
        let mut options = vec![self.sequence(nested)?];
        while self.take("|") {
            self.skip(true);
            options.push(self.sequence(nested)?);
        }
        self.group(options, Node::Choice)
    }

    fn sequence(&mut self, nested: bool) -> Result<NodeId, ConstraintError> {
        let mut parts = Vec::new();
        while let Some(symbol) = self.symbol()? {
            self.skip(nested);
            let mut symbol = symbol;
            while let Some((min, max)) = self.repetition()? {
                self.skip(nested);
                let node = symbol;
                symbol = self.add(Node::Repeat { node, min, max })?;
            }
            parts.push(symbol);
        }
        self.group(parts, Node::Sequence)
    }

    /// A single part stands for itself.
    fn group(
        &mut self,
        parts: Vec<NodeId>,
        make: fn(Vec<NodeId>) -> Node,
    ) -> Result<NodeId, ConstraintError> {
        match parts.as_slice() {
            [part] => Ok(*part),
            _ => self.add(make(parts)),
        }
    }

    fn symbol(&mut self) -> Result<Option<NodeId>, ConstraintError> {
        let Some(first) = self.rest.chars().next() else {
            return Ok(None);
        };
        let node = match first {
            '"' => return self.literal().map(Some),
            '(' => return self.parenthesized().map(Some),
            '[' => Node::Class(self.class()?),
            '.' => {
                self.take(".");
                Node::Class(CharSet::any())
            }
            '<' | '!' => self.token()?,
            _ => match self.name() {
                Some(name) => Node::Rule(self.rule_id(name)?),
                None => return Ok(None),
            },
        };
        self.add(node).map(Some)
    }

    fn literal(&mut self) -> Result<NodeId, ConstraintError> {
        self.take("\"");
        let mut parts = Vec::new();
        while !self.take("\"") {
            let c = self.character()?;
            let c = char::from_u32(c)
                .ok_or_else(|| self.expected("a character, not half a surrogate pair"))?;
            parts.push(self.add(Node::Class(CharSet::single(c)))?);
        }
        self.group(parts, Node::Sequence)
    }

    fn parenthesized(&mut self) -> Result<NodeId, ConstraintError> {
        self.take("(");
        self.depth += 1;
        limits::check(
            "the nesting of the GBNF grammar",
            self.depth as u64,
            MAX_DEPTH as u64,
            "levels deep",
        )?;
        self.skip(true);
        let inner = self.alternatives(true)?;
        if !self.take(")") {
            return Err(self.expected("`)`"));
        }
        self.depth -= 1;
        Ok(inner)
    }

    fn class(&mut self) -> Result<CharSet, ConstraintError> {
        self.take("[");
        let negated = self.take("^");
        let mut ranges = Vec::new();
        while !self.take("]") {
            let first = self.character()?;
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            let last = if is_range {
                self.take("-");
                self.character()?
            } else {
                first
            };
            if last < first {
                return Err(self.expected("a range that goes upwards"));
            }
            ranges.push((first, last));
        }
        let set = CharSet::of_ranges(&ranges);
        let set = if negated { set.negated() } else { set };
        if set.is_empty() {
            return Err(self.expected("a class with at least one character"));
        }
        Ok(set)
    }

    /// One character of a literal or class, escapes resolved.
    fn character(&mut self) -> Result<u32, ConstraintError> {
        let mut chars = self.rest.chars();
        let first = chars
            .next()
            .ok_or_else(|| self.expected("a closing quote or bracket"))?;
        if first != '\\' {
            self.rest = chars.as_str();
            return Ok(first.into());
        }
        let kind = chars
            .next()
            .ok_or_else(|| self.expected("a character after `\\`"))?;
        let digits = match kind {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => {
                let c = escaped(kind).ok_or_else(|| self.expected("a known escape"))?;
                self.rest = chars.as_str();
                return Ok(c.into());
            }
        };
        let text = chars.as_str();
        let value = text
            .get(..digits)
            .filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .filter(|&value| value <= 0x10_FFFF)
            .ok_or_else(|| self.expected("a character's number in hexadecimal digits"))?;
        self.rest = &text[digits..];
        Ok(value)
    }

    /// `<name>`, `<[id]>`, and either after `!`.
    fn token(&mut self) -> Result<Node, ConstraintError> {
        let negated = self.take("!");
        let end = self.rest.find('>').filter(|_| self.rest.starts_with('<'));
        let end = end.ok_or_else(|| self.expected("a token as `<name>` or `<[id]>`"))?;
        let text = &self.rest[..=end];
        let id = text
            .strip_prefix("<[")
            .and_then(|text| text.strip_suffix("]>"));
        let name = match id {
            Some(id) if id.parse::<u32>().is_ok() => {
                format!("<[{}{id}]>", if negated { "^" } else { "" })
            }
            _ if id.is_some() || negated || text.contains(char::is_whitespace) => {
                return Err(self.expected("a token as `<name>` or `<[id]>`; `!` only before an id"));
            }
            _ => text.to_owned(),
        };
        self.rest = &self.rest[text.len()..];
        Ok(Node::Token(name))
    }

    /// `*`, `+`, `?`, `{m}`, `{m,}`, `{m,n}`.
    fn repetition(&mut self) -> Result<Option<(u32, Option<u32>)>, ConstraintError> {
        for (sign, bounds) in [("*", (0, None)), ("+", (1, None)), ("?", (0, Some(1)))] {
            if self.take(sign) {
                return Ok(Some(bounds));
            }
        }
        if !self.take("{") {
            return Ok(None);
        }
        self.skip(false);
        let min = self.bound()?.ok_or_else(|| self.expected("a number"))?;
        self.skip(false);
        let max = if self.take(",") {
            self.skip(false);
            self.bound()?
        } else {
            Some(min)
        };
        self.skip(false);
        if !self.take("}") || max.is_some_and(|max| max < min) {
            return Err(self.expected("bounds as `{m}`, `{m,}` or `{m,n}`"));
        }
        Ok(Some((min, max)))
    }

    fn bound(&mut self) -> Result<Option<u32>, ConstraintError> {
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(self.rest.len());
        if end == 0 {
            return Ok(None);
        }
        let number: u64 = self.rest[..end].parse().unwrap_or(u64::MAX);
        limits::check(
            "a repetition of the GBNF grammar",
            number,
            MAX_REPETITION,
            "times",
        )?;
        self.rest = &self.rest[end..];
        Ok(Some(number as u32))
    }

    fn add(&mut self, node: Node) -> Result<NodeId, ConstraintError> {
        let size = self.grammar.len() as u64 + 1;
        limits::check("the GBNF grammar", size, MAX_SYMBOLS as u64, "symbols long")?;
        Ok(self.grammar.add(node))
    }

    fn name(&mut self) -> Option<&'s str> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!name.is_empty()).then_some(name)
    }

    fn take(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Skips spaces and comments, and line ends where they mean nothing.
    fn skip(&mut self, newlines: bool) {
        loop {
            self.rest = self.rest.trim_start_matches(|c| {
                c == ' ' || c == '\t' || (newlines && (c == '\n' || c == '\r'))
            });
            if !self.rest.starts_with('#') {
                return;
            }
            let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
            self.rest = &self.rest[end..];
        }
    }

    fn expected(&self, what: &str) -> ConstraintError {
        let before = &self.source[..self.source.len() - self.rest.len()];
        let line = before.matches('\n').count() + 1;
        let found: String = self
            .rest
            .chars()
            .take_while(|&c| c != '\n')
            .take(20)
            .collect();
        invalid(&format!("line {line}: expected {what} at `{found}`"))
    }
}

fn escaped(kind: char) -> Option<char> {
    Some(match kind {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '\\' | '"' | '[' | ']' | '-' | '^' | '/' | '\'' => kind,
        _ => return None,
    })
}

fn invalid(problem: &str) -> ConstraintError {
    ConstraintError::Invalid {
        what: "GBNF grammar",
        problem: problem.to_owned(),
    }
}
