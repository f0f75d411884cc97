//! Errors of constraints: those of a request, and the one that ends a run.

use crate::llama::{LlamaError, Token};

/// Why a constraint cannot be enforced. Nothing is generated then: every variant is an error of the
/// request, except [`Self::Busy`] and [`Self::Vocabulary`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// Something is larger than its limit.
    #[error("{what} is {size} {unit}, but at most {limit} are accepted; make it smaller")]
    TooLarge {
        /// What was measured.
        what: String,
        /// How large it is; at least this where counting ended early.
        size: u64,
        /// The limit.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// It is not what it claims to be.
    #[error("the {what} cannot be read: {problem}; correct it and send it again")]
    Invalid {
        /// `regex`, `GBNF grammar`, …
        what: &'static str,
        /// What is wrong, and where.
        problem: String,
    },
    /// It means something that could not be guaranteed for every generated text.
    #[error("{problem}; {advice}")]
    Unsupported {
        /// What cannot be enforced, and where.
        problem: String,
        /// What to do instead.
        advice: String,
    },
    /// No text can ever fulfil it.
    #[error("no text can fulfil this {what}: {problem}; relax it")]
    Empty {
        /// `JSON schema`, `GBNF grammar`, …
        what: &'static str,
        /// Where the contradiction is.
        problem: String,
    },
    /// Compiling it takes more time or memory than one request may take.
    #[error("the {what} is too complex to be enforced: {problem}; simplify it")]
    TooComplex {
        /// `JSON schema`, `GBNF grammar`, …
        what: &'static str,
        /// Which bound was reached.
        problem: String,
    },
    /// Too many constraints are being compiled at this moment.
    #[error("{0} constraints are being compiled already; send the request again in a moment")]
    Busy(usize),
    /// The model's vocabulary cannot be constrained at all.
    #[error(
        "this model's vocabulary cannot be constrained: {0}; send the request without a constraint"
    )]
    Vocabulary(String),
}

impl From<LlamaError> for ConstraintError {
    fn from(error: LlamaError) -> Self {
        Self::Vocabulary(error.to_string())
    }
}

/// Why a run's constraint cannot be followed further. The run ends with it: it never goes on without
/// its constraint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatchError {
    /// The token is not one that the mask allowed.
    #[error("token {token} does not fit the constraint")]
    Rejected {
        /// The token.
        token: Token,
    },
    /// No token of the vocabulary can continue the text, and it is not complete.
    #[error("no token of this model continues the text as the constraint wants it")]
    Stuck,
    /// The next mask is too expensive.
    #[error("the constraint became too complex while generating: {0}; simplify it")]
    TooComplex(String),
    /// The matcher failed.
    #[error("the constraint could not be followed: {0}")]
    Failed(String),
}
