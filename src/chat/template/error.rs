//! [`TemplateError`]: why there is no template, or no prompt.

use std::error::Error as _;

use minijinja::ErrorKind;

use super::pieces::Marks;
use super::{budget, filters};

/// Longest message of an error, in characters.
const MAX_ERROR: usize = 500;

/// Why there is no template, or no prompt. All are for a 400: each message says what the client can change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The source is no template that can be run.
    #[error(
        "the model's chat template cannot be used: {0}; load the model with another chat template"
    )]
    Parse(String),
    /// The template itself refused, by `raise_exception`.
    #[error("the model's chat template refuses these messages: {0}")]
    Raised(String),
    /// The step limit.
    #[error(
        "the model's chat template took too many steps; send fewer messages, or load the model with another chat template"
    )]
    OutOfFuel,
    /// A size limit; says which.
    #[error("the prompt is too large: {0}; send shorter messages")]
    TooLarge(&'static str),
    /// A template argument with a name of the template's own world.
    #[error("chat_template_kwargs: `{0}` is set by the server; leave it out")]
    Reserved(String),
    /// The last message cannot be left open; says why.
    #[error("the last message cannot be continued: {0}; leave continue_final_message out")]
    NotContinued(&'static str),
    /// Anything else that went wrong in the template: an undefined variable, a wrong type.
    #[error("the model's chat template cannot render these messages: {0}")]
    Render(String),
}

impl TemplateError {
    /// The error for people: with the client's own text in place of its marks, and short enough to answer.
    pub(super) fn shown(self, marks: &Marks<'_>) -> Self {
        match self {
            Self::Raised(message) => Self::Raised(brief(&marks.show(&message))),
            Self::Render(message) => Self::Render(brief(&marks.show(&message))),
            other => other,
        }
    }

    /// The engine's error, or what stands behind it.
    pub(super) fn of(error: &minijinja::Error) -> Self {
        if error.kind() == ErrorKind::OutOfFuel {
            return Self::OutOfFuel;
        }
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(filters::Raised(message)) = cause.downcast_ref() {
                return Self::Raised(message.clone());
            }
            if cause.is::<budget::Exhausted>() {
                return Self::TooLarge("the chat template makes too much text of it");
            }
            if cause
                .downcast_ref::<minijinja::Error>()
                .is_some_and(|e| e.kind() == ErrorKind::OutOfFuel)
            {
                return Self::OutOfFuel;
            }
            source = cause.source();
        }
        Self::Render(error.to_string())
    }
}

/// A message at a length that fits a response.
fn brief(message: &str) -> String {
    match message.char_indices().nth(MAX_ERROR) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
