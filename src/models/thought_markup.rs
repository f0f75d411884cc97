//! [`ThoughtMarkup`]: how a model marks its thoughts, and its control tokens for that.

use super::control_tokens::control_tokens;
use crate::chat::reasoning::ReasoningFormat;
use crate::llama::{LlamaError, Token, Vocab};

/// How a model marks its thoughts.
#[derive(Debug, Clone)]
pub struct ThoughtMarkup {
    format: ReasoningFormat,
    shown: Vec<Token>,
}

impl ThoughtMarkup {
    /// Tells the format from a template's text and from the model's id; `None` for a model that does not think.
    pub(super) fn of_model(
        template: &str,
        model_id: &str,
        vocab: &Vocab,
    ) -> Result<Option<Self>, LlamaError> {
        let Some(format) = ReasoningFormat::detect(template, model_id) else {
            return Ok(None);
        };
        let tokens = control_tokens(vocab, format.control_texts())?;
        Ok(Some(Self {
            format,
            shown: tokens.into_iter().map(|(_, token)| token).collect(),
        }))
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> ReasoningFormat {
        self.format
    }

    /// The control tokens whose text has to be part of an answer's, for thoughts to be told from it.
    #[must_use]
    pub fn shown(&self) -> &[Token] {
        &self.shown
    }
}
