//! [`GenerateRequest`]: what every protocol becomes before anything is computed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ThoughtUse, ToolUse};
use crate::chat::{ChatMessage, PromptEnd};
use crate::constraint::Constraint;
use crate::llama::Token;
use crate::sampling::SamplingParams;

/// One generation, whichever protocol or command asked for it. All values are validated already.
#[derive(Debug, Clone)]
pub struct GenerateRequest {
    /// What to continue.
    pub prompt: Prompt,
    /// How tokens are drawn.
    pub sampling: SamplingParams,
    /// What becomes of the thoughts of a model that has some; only in conversations.
    pub thoughts: ThoughtUse,
    /// The form that the answer keeps to, from the first character behind its thoughts to its last. Beside tools, JSON is
    /// one of two things that the answer may be; other forms hold for calls too, so they do not go beside tools that are
    /// enforced ([`ToolUse::is_enforced`]).
    pub constraint: Option<Constraint>,
    /// The tools that the answer may call; `None` reads everything as text.
    pub tools: Option<ToolUse>,
    /// Upper bound on generated tokens; `None` means what is left of the context.
    pub max_tokens: Option<u32>,
    /// Strings that end the answer; they are not part of it. At most [`MAX_STOP_STRINGS`].
    pub stop: Vec<String>,
    /// Tokens that must come before the answer may end by itself (a stop string still ends it);
    /// `usize::MAX` means never.
    pub min_tokens: usize,
    /// Whether the same seed has to give the same text whatever else is computed. Slower: prompts are read in small
    /// pieces, and nothing is computed together with other runs.
    pub deterministic: bool,
    /// Whether to report how much of the prompt is read ([`super::Delta::Progress`]).
    pub report_progress: bool,
    /// Runs with different namespaces never share cached prefixes (0 = the default).
    pub namespace: u64,
}

/// The most stop strings a request may carry.
pub const MAX_STOP_STRINGS: usize = 16;

/// The longest stop string, in bytes.
pub const MAX_STOP_BYTES: usize = 1024;

/// What a generation continues.
#[derive(Debug, Clone)]
pub enum Prompt {
    /// A conversation, rendered by the model's chat template.
    Chat(ChatPrompt),
    /// Plain text; special tokens in it are text, and the model's BOS is added as it wants.
    Text(String),
    /// Token ids, used as they are.
    Tokens(Vec<Token>),
}

/// A conversation and what its template is told.
#[derive(Debug, Clone, Default)]
pub struct ChatPrompt {
    /// The messages in order; at least one.
    pub messages: Vec<ChatMessage>,
    /// The tools on offer, as on the wire.
    pub tools: Vec<Value>,
    /// Documents to answer from.
    pub documents: Vec<Value>,
    /// Extra variables for the template (`enable_thinking`, …).
    pub template_kwargs: BTreeMap<String, Value>,
    /// How the prompt ends: with the beginning of a new turn, or within the last one.
    pub end: PromptEnd,
}

impl ChatPrompt {
    /// A conversation with default template variables.
    #[must_use]
    pub fn new(messages: Vec<ChatMessage>) -> Self {
        Self {
            messages,
            ..Self::default()
        }
    }
}

impl GenerateRequest {
    /// A request with default sampling and no limit but the context.
    #[must_use]
    pub fn new(prompt: Prompt) -> Self {
        Self {
            prompt,
            sampling: SamplingParams::default(),
            thoughts: ThoughtUse::default(),
            constraint: None,
            tools: None,
            max_tokens: None,
            stop: Vec::new(),
            min_tokens: 0,
            deterministic: false,
            report_progress: false,
            namespace: 0,
        }
    }

    /// One user message.
    #[must_use]
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Prompt::Chat(ChatPrompt::new(vec![ChatMessage::user(text)])))
    }
}
