//! The tokens of a [`RawPrompt`].

use super::{GenerateError, RawPrompt};
use crate::llama::{LlamaError, Token, TokenizeOptions, Vocab};
use crate::models::LoadedModel;

impl RawPrompt {
    /// The prompt's tokens. With a suffix, those that ask for what comes between the prompt and the suffix; within
    /// both, control tokens are text then.
    pub fn tokens(
        &self,
        model: &LoadedModel,
        suffix: Option<&str>,
    ) -> Result<Vec<Token>, GenerateError> {
        let vocab = model.engine.model().vocab();
        match (self, suffix) {
            (_, Some(suffix)) => self.infill(vocab, suffix),
            (Self::Tokens(tokens), None) => Ok(tokens.clone()),
            (Self::Text(text), None) => {
                let options = TokenizeOptions {
                    add_special: model.adds_bos_to(text),
                    parse_special: true,
                };
                Ok(vocab.tokenize(text, options)?)
            }
        }
    }

    /// `[BOS] [prefix] prompt [suffix] suffix [middle]`, the order that llama.cpp's server takes.
    fn infill(&self, vocab: &Vocab, suffix: &str) -> Result<Vec<Token>, GenerateError> {
        let marks = vocab.infill().ok_or(GenerateError::NoInfill)?;
        let plain = |text: &str| {
            let options = TokenizeOptions {
                add_special: false,
                parse_special: false,
            };
            vocab.tokenize(text, options)
        };
        let mut tokens = Vec::new();
        tokens.extend(vocab.bos().filter(|_| vocab.adds_bos()));
        tokens.push(marks.prefix);
        match self {
            Self::Text(text) => tokens.extend(plain(text)?),
            Self::Tokens(prefix) => tokens.extend(prefix),
        }
        tokens.push(marks.suffix);
        tokens.extend(plain(suffix)?);
        tokens.push(marks.middle);
        Ok(tokens)
    }

    /// The prompt as text, to be repeated before an answer. Bytes of tokens that are no characters are replaced.
    pub fn text(&self, vocab: &Vocab) -> Result<String, LlamaError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Tokens(tokens) => vocab.text_of(tokens),
        }
    }
}
