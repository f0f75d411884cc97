//! [`Delta`]: the one stream that every protocol's encoder reads.

use crate::engine::{PromptProgress, Summary};
use crate::llama::Token;

/// A piece of an answer, in order. The last one is always [`Delta::Done`] or [`Delta::Failed`].
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// More of the prompt is read; only before the first text, and only where it was asked for.
    Progress(PromptProgress),
    /// More text. Never empty, always whole characters; stop strings are held back.
    Text {
        /// The characters.
        text: String,
        /// The tokens drawn since the previous delta (text may lag behind tokens).
        tokens: Vec<Token>,
    },
    /// The answer is over.
    Done(Summary),
    /// The run failed after it had begun.
    Failed {
        /// The cause, fit to be shown to the client.
        message: String,
    },
}
