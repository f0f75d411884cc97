//! Checks of regular expressions, of a request or inside a JSON schema.

use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{Ast, RepetitionKind, RepetitionRange};

use super::ConstraintError;
use super::limits::{self, MAX_DEPTH, MAX_REGEX_SIZE, MAX_REPETITION, MAX_SOURCE_BYTES};

/// Checks syntax, nesting and size. `place` says whose regex it is (`regex`, `pattern of #/a`).
///
/// Look-around and back-references are no regular languages: they are errors of syntax here.
pub(super) fn check(place: &str, source: &str) -> Result<(), ConstraintError> {
    let what = format!("the {place}");
    let invalid = |problem: String| ConstraintError::Invalid {
        what: "regex",
        problem: format!("{place}: {problem}"),
    };
    limits::check(
        &what,
        source.len() as u64,
        MAX_SOURCE_BYTES as u64,
        "bytes long",
    )?;
    if source.is_empty() {
        return Err(invalid("it is empty".to_owned()));
    }
    let ast = ParserBuilder::new()
        .nest_limit(MAX_DEPTH as u32)
        .build()
        .parse(source)
        .map_err(|error| invalid(error.kind().to_string()))?;
    let size = size(&ast, &what)?;
    limits::check(
        &what,
        size,
        MAX_REGEX_SIZE,
        "characters with its repetitions written out",
    )
}

/// Characters of the regex with its repetitions written out. Recurses no deeper than the parser's limit.
fn size(ast: &Ast, what: &str) -> Result<u64, ConstraintError> {
    let sum = |parts: &[Ast]| {
        parts.iter().try_fold(0_u64, |sum, part| {
            Ok::<_, ConstraintError>(sum.saturating_add(size(part, what)?))
        })
    };
    Ok(match ast {
        Ast::Group(group) => size(&group.ast, what)?,
        Ast::Concat(concat) => sum(&concat.asts)?,
        Ast::Alternation(alternation) => sum(&alternation.asts)?,
        Ast::Repetition(repetition) => {
            let times = times(&repetition.op.kind);
            let what = format!("a repetition in {what}");
            limits::check(&what, times, MAX_REPETITION, "times")?;
            size(&repetition.ast, &what)?.saturating_mul(times.max(1))
        }
        _ => 1,
    })
}

fn times(kind: &RepetitionKind) -> u64 {
    match kind {
        RepetitionKind::Range(
            RepetitionRange::Exactly(n)
            | RepetitionRange::AtLeast(n)
            | RepetitionRange::Bounded(_, n),
        ) => u64::from(*n),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regexes_are_accepted_within_their_limits_only() {
        let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        let good = [
            r"\d+",
            "^a|b$",
            "(?i)x{2,9}",
            "[^a-z]*?",
            &nested(MAX_DEPTH - 1),
        ];
        for source in good {
            assert_eq!(check("regex", source), Ok(()), "{source}");
        }
        let bad = [
            ("", "empty"),
            ("(", "unclosed"),
            ("(?=a)b", "look-around"),
            (r"(a)\1", "backreferences"),
            ("a{1,1000000}", "1000000 times"),
            ("(a{1000}){1000}", "written out"),
            (&nested(MAX_DEPTH + 1), "nest"),
            (&"a".repeat(MAX_SOURCE_BYTES + 1), "bytes long"),
        ];
        for (source, word) in bad {
            let error = check("regex", source).expect_err(word).to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
