//! [`RawPrompt`]: what a completion continues: a text or tokens, without a template.

use crate::llama::Token;

/// A prompt that a client wrote as a whole, control tokens included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawPrompt {
    /// Control tokens may be written out in it. BOS is put before it where the model wants that and the text
    /// does not begin with it.
    Text(String),
    /// Used as they are.
    Tokens(Vec<Token>),
}
