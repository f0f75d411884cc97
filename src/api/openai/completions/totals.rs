//! [`Totals`]: what the answers to several prompts took together.

use crate::api::openai::usage::Total;
use crate::generation::{Summary, Usage};

/// Adds up answers: each prompt counts once, and the timings are those of the first answer that ended.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    first: Option<Summary>,
    prompts: Vec<Total>,
}

impl Totals {
    /// Nothing yet, of so many prompts.
    pub(super) fn new(prompts: usize) -> Self {
        Self {
            first: None,
            prompts: vec![Total::default(); prompts],
        }
    }

    /// Adds an answer to a prompt.
    pub(super) fn add(&mut self, prompt: usize, summary: &Summary) {
        self.first.get_or_insert_with(|| summary.clone());
        if let Some(total) = self.prompts.get_mut(prompt) {
            total.add(summary);
        }
    }

    /// All that was added; `None` where nothing was.
    pub(super) fn summary(&self) -> Option<Summary> {
        let ended = self.prompts.iter().filter_map(Total::summary);
        let usage = ended.fold(Usage::default(), |sum, summary| {
            let usage = &summary.usage;
            Usage {
                prompt_tokens: sum.prompt_tokens.saturating_add(usage.prompt_tokens),
                cached_tokens: sum.cached_tokens.saturating_add(usage.cached_tokens),
                completion_tokens: sum
                    .completion_tokens
                    .saturating_add(usage.completion_tokens),
            }
        });
        let first = self.first.clone()?;
        Some(Summary { usage, ..first })
    }
}
