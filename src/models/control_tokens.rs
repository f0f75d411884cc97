//! [`control_tokens`]: the control tokens that a way of writing needs, as far as a model has them.

use crate::llama::{LlamaError, Token, TokenizeOptions, Vocab};

/// The control tokens with these texts, each once. Texts that are no token are left out, and tokens that end an answer:
/// their text is never part of one.
pub(super) fn control_tokens(
    vocab: &Vocab,
    texts: impl IntoIterator<Item = &'static str>,
) -> Result<Vec<(&'static str, Token)>, LlamaError> {
    let options = TokenizeOptions {
        add_special: false,
        parse_special: true,
    };
    let mut tokens = Vec::new();
    for text in texts {
        if let [token] = vocab.tokenize(text, options)?[..]
            && vocab.is_control(token)
            && !vocab.is_end_of_generation(token)
            && !tokens.contains(&(text, token))
        {
            tokens.push((text, token));
        }
    }
    Ok(tokens)
}
