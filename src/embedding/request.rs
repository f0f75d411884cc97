//! What is asked for: [`EmbedRequest`], [`RerankRequest`].

use crate::engine::pooled::Normalize;
use crate::llama::Token;

/// What is to be embedded.
#[derive(Debug, Clone, Default)]
pub struct EmbedRequest {
    /// At least one.
    pub inputs: Vec<EmbedInput>,
    /// How the rows are scaled.
    pub normalize: Normalize,
}

/// One text to embed.
#[derive(Debug, Clone)]
pub enum EmbedInput {
    /// Plain text. What looks like a control token stays text; BOS, EOS and the like are added as the model wants.
    Text(String),
    /// Token ids, used as they are.
    Tokens(Vec<Token>),
}

impl EmbedRequest {
    /// Texts, with rows of length 1.
    #[must_use]
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        let inputs = texts.into_iter().map(|text| EmbedInput::Text(text.into()));
        Self {
            inputs: inputs.collect(),
            normalize: Normalize::default(),
        }
    }
}

/// A query, and the documents that are to be scored by how well they answer it.
#[derive(Debug, Clone, Default)]
pub struct RerankRequest {
    /// Plain text.
    pub query: String,
    /// Plain texts; at least one.
    pub documents: Vec<String>,
}
