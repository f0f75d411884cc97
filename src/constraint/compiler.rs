//! [`ConstraintCompiler`]: from a [`Constraint`] to the [`Matcher`] of one run.

use std::sync::{Arc, OnceLock};

use llguidance::{Matcher as Engine, ParserFactory};
use static_assertions::assert_impl_all;

use super::guard::{self, GuardError};
use super::limits::{self, COMPILE_SLOTS, COMPILE_TIME};
use super::{Constraint, ConstraintError, MatchError, Matcher, Vocabulary};
use crate::llama::Vocab;

/// Compiles constraints for one model. Building it reads the whole vocabulary (tens to hundreds of
/// milliseconds), so there is one a model: see [`LazyCompiler`].
#[derive(Clone)]
pub struct ConstraintCompiler {
    factory: Arc<ParserFactory>,
    n_tokens: usize,
}

assert_impl_all!(ConstraintCompiler: Send, Sync);

impl std::fmt::Debug for ConstraintCompiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConstraintCompiler")
            .field("n_tokens", &self.n_tokens)
            .finish_non_exhaustive()
    }
}

impl ConstraintCompiler {
    /// Prepares a vocabulary.
    pub fn new(vocabulary: &Vocabulary) -> Result<Self, ConstraintError> {
        let mut factory = ParserFactory::new_simple(vocabulary.env())
            .map_err(|error| ConstraintError::Vocabulary(error.to_string()))?;
        *factory.limits_mut() = limits::parser_limits();
        factory.quiet();
        Ok(Self {
            factory: Arc::new(factory),
            n_tokens: vocabulary.len(),
        })
    }

    /// Checks and compiles. Blocks for milliseconds, at most for [`COMPILE_TIME`]; not for async code.
    ///
    /// Where this succeeds the first mask exists; every error is the request's, except
    /// [`ConstraintError::Busy`].
    pub fn compile(&self, constraint: &Constraint) -> Result<Matcher, ConstraintError> {
        let kind = constraint.kind();
        let constraint = constraint.clone();
        let compiler = self.clone();
        let outcome = guard::run(COMPILE_TIME, move || compiler.compile_here(&constraint));
        outcome.unwrap_or_else(|error| Err(guard_error(kind, error)))
    }

    pub(super) fn compile_here(&self, constraint: &Constraint) -> Result<Matcher, ConstraintError> {
        let kind = constraint.kind();
        let grammar = constraint.grammar()?;
        let parser = self
            .factory
            .create_parser(grammar)
            .map_err(|error| compile_error(kind, &error))?;
        let mut matcher = Matcher::new(Engine::new(Ok(parser)).into_cancellable(), self.n_tokens);
        matcher
            .mask()
            .map_err(|error| first_mask_error(kind, error))?;
        Ok(matcher)
    }
}

fn guard_error(what: &'static str, error: GuardError) -> ConstraintError {
    let problem = match error {
        GuardError::Busy => return ConstraintError::Busy(COMPILE_SLOTS),
        GuardError::TimedOut => format!("it takes longer than {} s", COMPILE_TIME.as_secs()),
        GuardError::Panicked => "its compilation failed".to_owned(),
    };
    ConstraintError::TooComplex { what, problem }
}

/// llguidance reports by text only: the kind of error is told by its words.
fn compile_error(what: &'static str, error: &anyhow::Error) -> ConstraintError {
    let text = format!("{error:#}");
    let line = clipped(&text);
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["disjoint"]) {
        return ConstraintError::Unsupported {
            problem: "two patterns of `patternProperties` may match the same key".to_owned(),
            advice: "anchor them so that they cannot".to_owned(),
        };
    }
    if text.starts_with("panic") {
        let problem = "its compilation failed".to_owned();
        ConstraintError::TooComplex { what, problem }
    } else if says(&["Unsatisfiable", "unsatisfiable", "is empty"]) {
        let problem = line;
        ConstraintError::Empty { what, problem }
    } else if says(&[
        "too big",
        "too large",
        "limit",
        "fuel",
        "exceeded",
        "too deeply",
    ]) {
        let problem = line;
        ConstraintError::TooComplex { what, problem }
    } else if says(&[
        "not supported",
        "Unimplemented",
        "Unknown format",
        "can't determine",
    ]) {
        ConstraintError::Unsupported {
            problem: line,
            advice: "leave that part out".to_owned(),
        }
    } else {
        let problem = line;
        ConstraintError::Invalid { what, problem }
    }
}

fn first_mask_error(what: &'static str, error: MatchError) -> ConstraintError {
    match error {
        MatchError::TooComplex(problem) => ConstraintError::TooComplex { what, problem },
        MatchError::Stuck => {
            let problem = "no token of this model can begin it".to_owned();
            ConstraintError::Empty { what, problem }
        }
        error => ConstraintError::TooComplex {
            what,
            problem: error.to_string(),
        },
    }
}

/// The first line, cut to a length that fits an error message.
fn clipped(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// The compiler of one model, built when it is first needed. A failure is kept: it would be the same again.
#[derive(Debug, Default)]
pub struct LazyCompiler(OnceLock<Result<ConstraintCompiler, ConstraintError>>);

impl LazyCompiler {
    /// The compiler; the first call builds it and others wait for that.
    pub fn get(&self, vocab: &Vocab) -> Result<&ConstraintCompiler, ConstraintError> {
        self.0
            .get_or_init(|| ConstraintCompiler::new(&Vocabulary::of_model(vocab)?))
            .as_ref()
            .map_err(Clone::clone)
    }
}
