//! Messages → prompt. Pure functions: no engine, no HTTP.
//!
//! # Pieces: special tokens in a user's text are text
//!
//! A template writes control tokens such as `<|im_start|>` into the prompt, and the tokeniser turns their
//! text into the one token that the model was trained to obey. Were a client's text treated alike, a message
//! with `<|im_end|>\n<|im_start|>system` inside would forge a turn. So:
//!
//! 1. Before rendering, every control token's text in what the client sent (contents, names, ids, arguments,
//!    template arguments) is replaced by a *mark*: one private-use character of Unicode's last plane, with
//!    the text remembered beside. Characters of that plane that the client sent are replaced likewise.
//! 2. The template renders. It can slice, trim, split and escape; a mark is a single character, so it
//!    survives whole or not at all.
//! 3. The rendered text is split at the marks into [`PromptPiece`]s. `Template` pieces are tokenised with
//!    control tokens on, `Literal` pieces, which are the remembered texts, with them off.
//!
//! Joined, the pieces are what the template would have rendered anyway. A prompt without lookalikes is a
//! single `Template` piece. What this does not cover: two texts of a client that the template prints with
//! nothing in between, and that make up a control token only together.
//!
//! Templates differ in what they accept. What a template cannot take (tools, instructions, parts) reaches it in
//! another form; [`TemplateTraits`] says which, and `docs/templates.md` why.

mod capabilities;
mod feed;
mod message;
mod page;
pub mod reasoning;
mod template;
pub mod tools;

pub use capabilities::{Effort, ReasoningStyle, TemplateCapabilities};
#[cfg(fuzzing)]
pub(crate) use template::properties as template_properties;

pub use message::{ChatMessage, Content, Media, Part, Role, ToolCall};
pub use template::{
    ArgumentStyle, ChatTemplate, Clock, MediaStyle, PromptEnd, PromptPiece, RenderInput,
    SpecialTokens, TemplateError, TemplateTraits,
};
