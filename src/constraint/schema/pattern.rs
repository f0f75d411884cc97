//! Patterns of JSON Schema, which are ECMAScript's, as the crate `regex` writes them.
//!
//! The two notations look alike and differ in places: `\s`, `.`, `[a&&b]`, `{,3}`. Each character and class
//! is therefore written anew. A pattern is matched against the text that a JSON string stands for, which
//! is generated without `\u`; so characters that need `\u` are taken out of every class, and are refused as
//! literals.

use std::fmt::Write as _;

use super::data::invalid;
use crate::constraint::{ConstraintError, regex};

/// Members of a class: characters that cannot be generated in a JSON string.
const NEEDS_U: &str = r"\x{0}-\x{7}\x{b}\x{e}-\x{1f}\x{7f}";

/// Members of `\s` in ECMAScript: its white space and its line ends.
const SPACE: &str = r"\t\n\x{b}\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}";

const DIGIT: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";

/// Translates a pattern. Errors name the place in the schema.
pub(super) fn translate(pattern: &str, place: &str) -> Result<String, ConstraintError> {
    let what = format!("pattern at {place}");
    if pattern.is_empty() {
        return Ok("(?:)".to_owned());
    }
    let mut translator = Translator {
        rest: pattern,
        out: String::new(),
    };
    translator
        .run()
        .map_err(|problem| invalid(format!("{what}: {problem}")))?;
    regex::check(&what, &translator.out)?;
    Ok(translator.out)
}

struct Translator<'p> {
    rest: &'p str,
    out: String,
}

/// What an escape stands for.
enum Escape {
    Char(char),
    /// A class by its members, and whether all others are meant.
    Members(String, bool),
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.next() {
            match c {
                '\\' => match self.escape()? {
                    Escape::Char(c) => self.literal(c)?,
                    Escape::Members(members, negated) => self.class(&members, negated),
                },
                '[' => self.bracketed()?,
                '.' => self.class(r"\n\r\x{2028}\x{2029}", true),
                '(' => self.group()?,
                '{' if !self.is_quantifier() => self.literal('{')?,
                ')' | '|' | '^' | '$' | '*' | '+' | '?' => self.out.push(c),
                '{' => {
                    let end = self.rest.find('}').map_or(self.rest.len(), |end| end + 1);
                    let (bounds, rest) = self.rest.split_at(end);
                    self.out.push('{');
                    self.out.push_str(bounds);
                    self.rest = rest;
                }
                other => self.literal(other)?,
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        Some(c)
    }

    /// `{m}`, `{m,}` or `{m,n}` after the brace; everything else is a brace.
    fn is_quantifier(&self) -> bool {
        let Some((bounds, _)) = self.rest.split_once('}') else {
            return false;
        };
        let (min, max) = bounds.split_once(',').unwrap_or((bounds, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        !min.is_empty() && digits(min) && digits(max)
    }

    fn group(&mut self) -> Result<(), String> {
        if let Some(rest) = self.rest.strip_prefix('?') {
            let named = rest
                .strip_prefix('<')
                .filter(|rest| !rest.starts_with(['=', '!']));
            self.rest = match (rest.strip_prefix(':'), named) {
                (Some(rest), _) => rest,
                (None, Some(named)) => named.split_once('>').ok_or("an unclosed group name")?.1,
                (None, None) => {
                    return Err("look-around and flags cannot be enforced".to_owned());
                }
            };
        }
        self.out.push_str("(?:");
        Ok(())
    }

    fn literal(&mut self, c: char) -> Result<(), String> {
        if needs_u(c) {
            return Err(format!(
                "the control character U+{:04X} cannot be generated",
                c as u32
            ));
        }
        self.write_char(c);
        Ok(())
    }

    fn write_char(&mut self, c: char) {
        let _ = if c.is_ascii_alphanumeric() {
            write!(self.out, "{c}")
        } else {
            write!(self.out, r"\x{{{:x}}}", c as u32)
        };
    }

    fn class(&mut self, members: &str, negated: bool) {
        let sign = if negated { "^" } else { "" };
        let _ = write!(self.out, "[[{sign}{members}]&&[^{NEEDS_U}]]");
    }

    fn bracketed(&mut self) -> Result<(), String> {
        let negated = self.rest.starts_with('^');
        if negated {
            self.next();
        }
        let mut members = String::new();
        let mut some_can_be_generated = negated;
        loop {
            let first = match self.member()? {
                None => break,
                Some(Escape::Members(inner, inverse)) => {
                    let sign = if inverse { "^" } else { "" };
                    let _ = write!(members, "[{sign}{inner}]");
                    some_can_be_generated = true;
                    continue;
                }
                Some(Escape::Char(first)) => first,
            };
            let mut last = first;
            if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                self.next();
                match self.member()? {
                    Some(Escape::Char(c)) if c >= first => last = c,
                    _ => return Err("a range in a class that is none".to_owned()),
                }
            }
            some_can_be_generated |= (first..=last).any(|c| !needs_u(c));
            let _ = write!(members, r"\x{{{:x}}}-\x{{{:x}}}", first as u32, last as u32);
        }
        if members.is_empty() && negated {
            self.class(NEEDS_U, true);
        } else if some_can_be_generated {
            self.class(&members, negated);
        } else {
            return Err("a class without a character that can be generated".to_owned());
        }
        Ok(())
    }

    /// The next member of a class; `None` at its end.
    fn member(&mut self) -> Result<Option<Escape>, String> {
        Ok(match self.next().ok_or("an unclosed class")? {
            ']' => None,
            '\\' if self.rest.starts_with('b') => {
                self.next();
                Some(Escape::Char('\u{8}'))
            }
            '\\' => Some(self.escape()?),
            c => Some(Escape::Char(c)),
        })
    }

    fn escape(&mut self) -> Result<Escape, String> {
        let kind = self.next().ok_or("a backslash at its end")?;
        let members = |members: &str, negated| Ok(Escape::Members(members.to_owned(), negated));
        let c = match kind {
            'd' => return members(DIGIT, false),
            'D' => return members(DIGIT, true),
            'w' => return members(WORD, false),
            'W' => return members(WORD, true),
            's' => return members(SPACE, false),
            'S' => return members(SPACE, true),
            'p' | 'P' => return self.property(kind),
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\u{c}',
            'v' => '\u{b}',
            'c' => {
                let letter = self.next().filter(char::is_ascii_alphabetic);
                (letter.ok_or("an unknown control character")? as u8 % 32) as char
            }
            'x' => char::from_u32(self.hex(2)?).ok_or("no character")?,
            'u' => self.unicode()?,
            '1'..='9' | 'k' => return Err("backreferences cannot be enforced".to_owned()),
            'b' | 'B' => return Err("word boundaries cannot be enforced".to_owned()),
            '0' => '\0',
            other if !other.is_alphanumeric() => other,
            other => return Err(format!(r"the unknown escape \{other}")),
        };
        Ok(Escape::Char(c))
    }

    /// `\p{…}`: the same names in both notations.
    fn property(&mut self, kind: char) -> Result<Escape, String> {
        let inner = self
            .rest
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'));
        let (name, rest) = inner.ok_or("a property without a name in braces")?;
        if !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '=')
        {
            return Err("an unknown property".to_owned());
        }
        self.rest = rest;
        Ok(Escape::Members(format!(r"\{kind}{{{name}}}"), false))
    }

    fn unicode(&mut self) -> Result<char, String> {
        let braced = self
            .rest
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'));
        if let Some((hex, rest)) = braced {
            self.rest = rest;
            let number = u32::from_str_radix(hex, 16).map_err(|_| "no hexadecimal number")?;
            return char::from_u32(number).ok_or_else(|| "no character".to_owned());
        }
        let first = self.hex(4)?;
        let mut units = vec![first as u16];
        if (0xD800..0xDC00).contains(&first) && self.rest.starts_with("\\u") {
            self.rest = &self.rest[2..];
            units.push(self.hex(4)? as u16);
        }
        let text = String::from_utf16(&units).map_err(|_| "half a surrogate pair")?;
        text.chars().next().ok_or_else(|| "no character".to_owned())
    }

    fn hex(&mut self, digits: usize) -> Result<u32, String> {
        let hex = self
            .rest
            .get(..digits)
            .ok_or("too few hexadecimal digits")?;
        let number = u32::from_str_radix(hex, 16).map_err(|_| "no hexadecimal number")?;
        self.rest = &self.rest[digits..];
        Ok(number)
    }
}

/// True for characters that JSON can only write with `\u`.
pub(super) fn needs_u(c: char) -> bool {
    (c < ' ' && !matches!(c, '\u{8}' | '\t' | '\n' | '\u{c}' | '\r')) || c == '\u{7f}'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constraint::Constraint;
    use crate::constraint::testing::accepts;

    fn check(pattern: &str, good: &[&str], bad: &[&str]) {
        let schema = serde_json::json!({"type": "string", "pattern": pattern});
        let constraint = Constraint::JsonSchema(schema);
        for (texts, expected) in [(good, true), (bad, false)] {
            for text in texts {
                let json = serde_json::json!(text).to_string();
                let accepted = accepts(&constraint, &json);
                assert_eq!(accepted, expected, "{pattern} on {text:?}");
            }
        }
    }

    #[test]
    fn patterns_mean_what_they_mean_in_ecmascript() {
        check("^a.b$", &["a-b", "a\u{85}b"], &["a\nb", "a\u{2028}b"]);
        check(r"^\s$", &[" ", "\u{feff}"], &["\u{85}", "x"]);
        check(r"^\S\D\W$", &["\u{85}é-"], &["\u{feff}a-", "a1-", "aaa"]);
        check("^[a&&b]+$", &["a&b"], &["c"]);
        check(r"^[\w.-]+\/$", &["a.b-/"], &["/"]);
        check("^[[]x]$", &["[x]"], &["x"]);
        check(r"^[^\d\s]{2,3}$", &["ab", "äöü"], &["a1", "abcd", "a "]);
        check(r"^\u00e9\x41(?:b|c)(?<n>d)?$", &["éAb", "éAcd"], &["éAd"]);
        check(r"^\p{Lu}\P{L}$", &["Ä1"], &["ä1", "ÄA"]);
        check("^(a|b)*?c+$", &["c", "abcc"], &["ab"]);
    }

    #[test]
    fn what_cannot_be_enforced_is_refused() {
        let bad = [
            ("(?=a)", "look-around"),
            ("(?!a)", "look-around"),
            ("(?<=a)", "look-around"),
            ("(?i)a", "flags"),
            (r"(a)\1", "backreferences"),
            (r"\bword", "boundaries"),
            (r"a\x01", "U+0001"),
            (r"[\x00-\x07]", "can be generated"),
            (r"\q", "unknown escape"),
            (r"\ud800", "surrogate"),
            ("[a", "unclosed"),
            ("[z-a]", "range"),
            ("a\\", "backslash"),
            (")", "unopened"),
        ];
        for (pattern, word) in bad {
            let error = translate(pattern, "#/a").expect_err(pattern).to_string();
            assert!(
                error.contains(word) && error.contains("#/a"),
                "{pattern}: {error}"
            );
        }
    }
}
