//! [`ToolMarkup`]: how a model writes tool calls, and its control tokens for that.

use super::control_tokens::control_tokens;
use crate::chat::ChatTemplate;
use crate::chat::tools::ToolFormat;
use crate::llama::{LlamaError, Token, Vocab};

/// How a model writes tool calls.
#[derive(Debug, Clone)]
pub struct ToolMarkup {
    formats: Vec<ToolFormat>,
    /// The control tokens of these formats, by their text.
    control: Vec<(&'static str, Token)>,
}

impl ToolMarkup {
    /// Tells the formats from a template and from the model's id. A template that knows no tools gets them described
    /// with the format of Hermes (`docs/templates.md`), so that one is expected then.
    pub(super) fn of_model(
        template: &ChatTemplate,
        model_id: &str,
        vocab: &Vocab,
    ) -> Result<Self, LlamaError> {
        let formats = if template.traits().tools {
            ToolFormat::detect(template.source(), model_id)
        } else {
            vec![ToolFormat::HermesJson, ToolFormat::FunctionXml]
        };
        let texts = formats.iter().flat_map(|format| format.control_texts());
        let control = control_tokens(vocab, texts)?;
        Ok(Self { formats, control })
    }

    /// The formats to expect, the likeliest first; at least one.
    #[must_use]
    pub fn formats(&self) -> &[ToolFormat] {
        &self.formats
    }

    /// The format that calls are enforced in.
    #[must_use]
    pub fn main_format(&self) -> ToolFormat {
        self.formats
            .first()
            .copied()
            .unwrap_or(ToolFormat::HermesJson)
    }

    /// The id of the control token with this text, where the model has one.
    #[must_use]
    pub fn control_token(&self, text: &str) -> Option<u32> {
        let found = self.control.iter().find(|(known, _)| *known == text);
        found.and_then(|(_, token)| u32::try_from(token.0).ok())
    }

    /// The control tokens whose text has to be part of an answer's, for calls to be read.
    #[must_use]
    pub fn shown(&self) -> Vec<Token> {
        self.control.iter().map(|(_, token)| *token).collect()
    }
}
