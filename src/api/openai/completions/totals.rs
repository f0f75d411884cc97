//! [`Totals`]: what the answers to several prompts took together.

use crate::api::openai::usage::Total;
use crate::generation::Summary;

/// Adds up answers: each prompt counts once. Prompts are read beside each other, so their times are not added up: the
/// longest counts.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    prompts: Vec<Total>,
}

impl Totals {
    /// Nothing yet, of so many prompts.
    pub(super) fn new(prompts: usize) -> Self {
        Self {
            prompts: vec![Total::default(); prompts],
        }
    }

    /// Adds an answer to a prompt.
    pub(super) fn add(&mut self, prompt: usize, summary: &Summary) {
        if let Some(total) = self.prompts.get_mut(prompt) {
            total.add(summary);
        }
    }

    /// All that was added; `None` where nothing was.
    pub(super) fn summary(&self) -> Option<Summary> {
        let mut prompts = self.prompts.iter().filter_map(Total::summary);
        let first = prompts.next()?.clone();
        Some(prompts.fold(first, sum))
    }
}

fn sum(mut all: Summary, more: &Summary) -> Summary {
    let (counts, added) = (&mut all.usage, more.usage);
    counts.prompt_tokens = counts.prompt_tokens.saturating_add(added.prompt_tokens);
    counts.cached_tokens = counts.cached_tokens.saturating_add(added.cached_tokens);
    counts.completion_tokens = counts
        .completion_tokens
        .saturating_add(added.completion_tokens);
    counts.reasoning_tokens = counts
        .reasoning_tokens
        .saturating_add(added.reasoning_tokens);
    let (times, added) = (&mut all.timings, more.timings);
    times.prompt_computed = times.prompt_computed.saturating_add(added.prompt_computed);
    times.prompt = times.prompt.max(added.prompt);
    times.decode = times.decode.max(added.decode);
    times.drafts.drafted += added.drafts.drafted;
    times.drafts.accepted += added.drafts.accepted;
    all
}
