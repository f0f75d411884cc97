//! [`RunSpec`]: what a run is asked for.

use std::time::Instant;

use crate::chat::reasoning::ThoughtBudget;
use crate::constraint::Matcher;
use crate::llama::Token;
use crate::sampling::SamplingParams;
use crate::stop::StopFlag;

/// What is asked of the engine: tokens in, and how to go on from them.
#[derive(Debug)]
pub struct RunSpec {
    /// The prompt; not empty.
    pub prompt: Vec<Token>,
    /// How tokens are drawn.
    pub sampling: SamplingParams,
    /// The form that the answer keeps to; see [`Engine::compile`](crate::engine::Engine::compile).
    pub matcher: Option<Matcher>,
    /// Upper bound on generated tokens; `None` means what is left of the context.
    pub max_tokens: Option<u32>,
    /// Stop strings.
    pub stop: Vec<String>,
    /// Control tokens whose text is part of the answer's text; that of others is not.
    pub shown: Vec<Token>,
    /// Follows the model's thoughts and ends those that grow too long; `None` where it has none. What it needs of control
    /// tokens' texts has to be [shown](Self::shown).
    pub thoughts: Option<ThoughtBudget>,
    /// Tokens that must come before the answer may end; `usize::MAX` means that it never ends by itself.
    pub min_tokens: usize,
    /// Whether the text has to be the same whatever else is computed.
    pub deterministic: bool,
    /// Whether to report how much of the prompt is read.
    pub report_progress: bool,
    /// Prefixes are shared only between runs of the same namespace.
    pub namespace: u64,
    /// When the run's wall clock runs out.
    pub deadline: Option<Instant>,
    /// The run's one flag.
    pub flag: StopFlag,
}
