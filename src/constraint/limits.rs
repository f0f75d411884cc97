//! The bounds of constraints. Everything here is checked before llguidance sees anything, except what it may
//! spend: it checks that itself while it works.

use std::time::Duration;

use llguidance::api::ParserLimits;

use super::ConstraintError;

/// The longest grammar or regex, in bytes.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;

/// The largest JSON schema, in bytes of compact JSON.
pub const MAX_SCHEMA_BYTES: usize = 256 * 1024;

/// How many schemas a schema may consist of, nested ones included.
pub const MAX_SCHEMAS: usize = 5_000;

/// How deep schemas, groups of a grammar and groups of a regex may be nested.
pub const MAX_DEPTH: usize = 48;

/// The most values in all `enum`s of a schema together.
pub const MAX_ENUM_VALUES: usize = 5_000;

/// The most different targets of `$ref` in a schema.
pub const MAX_REFERENCES: usize = 500;

/// The most rules (productions) of a grammar.
pub const MAX_RULES: usize = 1_000;

/// The most symbols (literals' characters, classes, references, groups) in all rules of a GBNF grammar.
pub const MAX_SYMBOLS: usize = 20_000;

/// The largest bound of a repetition (`{m,n}`) in a grammar or regex, and of `minItems`, `maxItems`,
/// `minProperties` and `maxProperties`.
pub const MAX_REPETITION: u64 = 10_000;

/// The largest `minLength` and `maxLength`.
pub const MAX_STRING_LENGTH: u64 = 1_000_000;

/// How many characters a regex may hold once its repetitions are written out.
pub const MAX_REGEX_SIZE: u64 = 50_000;

/// How long a constraint may compile. Its thread cannot be stopped and goes on to its next bound.
pub const COMPILE_TIME: Duration = Duration::from_secs(3);

/// How many constraints compile at the same time in this process, abandoned ones included.
pub const COMPILE_SLOTS: usize = 4;

/// How long a run's step may take on the worker: the token that was drawn and the mask of the next. A step
/// that takes longer ends its run, so that one run cannot hold up the others.
pub const STEP_TIME: Duration = Duration::from_millis(250);

/// The stack of a compiling thread, in bytes of address space. Compilation recurses over references.
pub(super) const COMPILE_STACK_BYTES: usize = 256 << 20;

/// What llguidance may spend. By its own figures one mask takes at most about 15 ms of lexer work (14,000
/// units a millisecond) and 3 ms of parser work (20,000 items a millisecond); ambiguous grammars take
/// much longer, which is what [`STEP_TIME`] is for.
pub(super) fn parser_limits() -> ParserLimits {
    ParserLimits {
        max_items_in_row: 2_000,
        initial_lexer_fuel: 1_000_000,
        step_lexer_fuel: 200_000,
        step_max_items: 50_000,
        max_lexer_states: 50_000,
        max_grammar_size: 100_000,
        precompute_large_lexemes: true,
        verbose_errors: false,
    }
}

/// An error where `size` is above `limit`.
pub(super) fn check(
    what: &str,
    size: u64,
    limit: u64,
    unit: &'static str,
) -> Result<(), ConstraintError> {
    if size <= limit {
        return Ok(());
    }
    Err(ConstraintError::TooLarge {
        what: what.to_owned(),
        size,
        limit,
        unit,
    })
}
