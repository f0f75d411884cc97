//! Checks of Lark grammars before llguidance parses them.
//!
//! Only what bounds its work: size, nesting, number of rules, repetitions; and the parts of its variant
//! of Lark that would escape rein's own checks.

use super::limits::{self, MAX_DEPTH, MAX_REPETITION, MAX_RULES};
use super::{ConstraintError, regex};

/// Directives that cannot be allowed: other grammars inside this one, and options that change what is
/// enforced.
const REFUSED: &[&str] = &[
    "%json",
    "%lark",
    "%llguidance",
    "%regex",
    "%override",
    "%declare",
];

/// Checks a grammar. Its syntax is llguidance's business.
pub(super) fn check(source: &str) -> Result<(), ConstraintError> {
    let mut depth = 0_usize;
    let mut rules = 0_u64;
    for piece in pieces(source) {
        match piece? {
            Piece::Open => {
                depth += 1;
                limits::check(
                    "the nesting of the Lark grammar",
                    depth as u64,
                    MAX_DEPTH as u64,
                    "levels deep",
                )?;
            }
            Piece::Close => depth = depth.saturating_sub(1),
            Piece::Colon => rules += 1,
            Piece::Regex(body) => regex::check("regex of the Lark grammar", &body)?,
            Piece::Number(text) => {
                let number = text.parse().unwrap_or(u64::MAX);
                limits::check(
                    "a number of the Lark grammar",
                    number,
                    MAX_REPETITION,
                    "where repetitions are bounded",
                )?;
            }
            Piece::Directive(name) if REFUSED.contains(&name) => {
                return Err(ConstraintError::Unsupported {
                    problem: format!("`{name}` is not available in Lark grammars here"),
                    advice: "leave it out; send a schema or a regex as such instead".to_owned(),
                });
            }
            Piece::Reference(name) => {
                return Err(ConstraintError::Unsupported {
                    problem: format!("`{name}` refers to another grammar, and there is none"),
                    advice: "write its rules into this one".to_owned(),
                });
            }
            Piece::Directive(_) => {}
        }
    }
    limits::check("the Lark grammar", rules, MAX_RULES as u64, "rules long")?;
    if rules == 0 {
        return Err(invalid("it has no rules"));
    }
    Ok(())
}

fn invalid(problem: &str) -> ConstraintError {
    ConstraintError::Invalid {
        what: "Lark grammar",
        problem: problem.to_owned(),
    }
}

/// What matters of a grammar's text.
enum Piece<'s> {
    Open,
    Close,
    Colon,
    /// Without its slashes, as the regex crate reads it.
    Regex(String),
    Number(&'s str),
    Directive(&'s str),
    Reference(&'s str),
}

fn pieces(source: &str) -> impl Iterator<Item = Result<Piece<'_>, ConstraintError>> {
    let mut rest = source;
    std::iter::from_fn(move || {
        loop {
            let first = rest.chars().next()?;
            let (length, piece) = match scan(first, rest) {
                Ok(scanned) => scanned,
                Err(error) => {
                    rest = "";
                    return Some(Err(error));
                }
            };
            rest = &rest[length..];
            if let Some(piece) = piece {
                return Some(Ok(piece));
            }
        }
    })
}

/// The length of what comes first, and what it is where it matters.
fn scan(first: char, rest: &str) -> Result<(usize, Option<Piece<'_>>), ConstraintError> {
    let run = |accept: fn(char) -> bool| {
        rest[1..]
            .find(|c| !accept(c))
            .map_or(rest.len(), |end| end + 1)
    };
    Ok(match first {
        '#' => (run(|c| c != '\n'), None),
        '/' if rest.starts_with("//") => (run(|c| c != '\n'), None),
        '"' => (quoted(rest, '"')?, None),
        '/' => {
            let length = quoted(rest, '/')?;
            let body = rest[1..length - 1].replace("\\/", "/");
            (length, Some(Piece::Regex(body)))
        }
        // The name of a control token; its text may hold anything but spaces.
        '<' => (run(|c| c != '>' && !c.is_whitespace()), None),
        '(' | '[' | '{' => (1, Some(Piece::Open)),
        ')' | ']' | '}' => (1, Some(Piece::Close)),
        ':' => (1, Some(Piece::Colon)),
        '%' => {
            let length = run(|c| c.is_ascii_alphanumeric() || c == '_');
            (length, Some(Piece::Directive(&rest[..length])))
        }
        '@' => {
            let length = run(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            (length, Some(Piece::Reference(&rest[..length])))
        }
        'a'..='z' | 'A'..='Z' | '_' => (
            run(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'),
            None,
        ),
        '0'..='9' => {
            let length = run(|c| c.is_ascii_digit());
            (length, Some(Piece::Number(&rest[..length])))
        }
        other => (other.len_utf8(), None),
    })
}

/// The length of a quoted text with its quotes.
fn quoted(rest: &str, quote: char) -> Result<usize, ConstraintError> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' => break,
            _ if c == quote => return Ok(at + 1),
            _ => {}
        }
    }
    let line: String = rest.chars().take_while(|&c| c != '\n').take(40).collect();
    Err(invalid(&format!("`{line}` is never closed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammars_are_accepted_within_their_limits_only() {
        let nested = |depth| format!("start: {}\"a\"{}", "(".repeat(depth), ")".repeat(depth));
        let good = [
            "start: \"a\" // (((%json\n".to_owned(),
            "start: /[(\\/]+/ <|tool|> A{2,5} # @other\nA: \"%json (\"".to_owned(),
            "%import common.INT\nstart: INT".to_owned(),
            nested(MAX_DEPTH),
        ];
        for source in good {
            assert_eq!(check(&source), Ok(()), "{source}");
        }
        let bad = [
            (nested(MAX_DEPTH + 1), "levels deep"),
            (nested(60_000), "levels deep"),
            (
                "start: %json {\"x-guidance\": {\"lenient\": true}}".to_owned(),
                "%json",
            ),
            ("%llguidance {}\nstart: \"a\"".to_owned(), "%llguidance"),
            ("start: @other".to_owned(), "@other"),
            ("start: \"a\"{1,1000000}".to_owned(), "1000000"),
            ("start: /a{1,1000000}/".to_owned(), "1000000"),
            ("start: \"a".to_owned(), "never closed"),
            (String::new(), "no rules"),
            ("a: \"b\"\n".repeat(MAX_RULES + 1), "rules long"),
        ];
        for (source, word) in bad {
            let error = check(&source).expect_err(word).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
