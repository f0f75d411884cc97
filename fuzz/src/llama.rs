//! What is pure of `src/llama`, and a vocabulary that cannot be had without a model.

#[path = "../../src/llama/error.rs"]
mod error;
#[path = "../../src/llama/kv_type.rs"]
mod kv_type;
#[path = "../../src/llama/token.rs"]
mod token;

pub use error::LlamaError;
pub use kv_type::{KvType, UnknownKvType};
pub use token::Token;

/// How a text becomes tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenizeOptions {
    /// Add BOS/EOS as the model wants them.
    pub add_special: bool,
    /// Read the texts of control tokens as those tokens.
    pub parse_special: bool,
}

/// A model's vocabulary: there is none.
#[derive(Debug)]
pub enum Vocab {}

#[expect(missing_docs, reason = "never called")]
#[expect(
    clippy::missing_errors_doc,
    clippy::len_without_is_empty,
    reason = "never called"
)]
impl Vocab {
    #[must_use]
    pub fn len(&self) -> usize {
        match *self {}
    }

    #[must_use]
    pub fn is_end_of_generation(&self, _: Token) -> bool {
        match *self {}
    }

    #[must_use]
    pub fn is_control(&self, _: Token) -> bool {
        match *self {}
    }

    pub fn text(&self, _: Token) -> Result<String, LlamaError> {
        match *self {}
    }

    pub fn tokenize(&self, _: &str, _: TokenizeOptions) -> Result<Vec<Token>, LlamaError> {
        match *self {}
    }

    pub fn append_bytes(&self, _: Token, _: bool, _: &mut Vec<u8>) -> Result<(), LlamaError> {
        match *self {}
    }
}
