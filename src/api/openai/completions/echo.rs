//! [`Echo`]: which answer continues which prompt, and what stands before it.

/// The prompts of a request as its answers repeat them. Answers are numbered prompt by prompt: with two to each,
/// 0 and 1 continue the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Echo {
    /// By prompt; empty texts where nothing is repeated.
    before: Vec<String>,
    /// Answers to each prompt; at least 1.
    choices: usize,
}

impl Echo {
    /// What stands before the answers to each prompt, and how many there are to each.
    #[must_use]
    pub fn new(before: Vec<String>, choices: usize) -> Self {
        Self {
            before,
            choices: choices.max(1),
        }
    }

    /// For so many prompts that are not repeated.
    #[must_use]
    pub fn none(prompts: usize, choices: usize) -> Self {
        Self::new(vec![String::new(); prompts], choices)
    }

    /// How many answers there are to all prompts together.
    pub(super) fn runs(&self) -> usize {
        self.before.len() * self.choices
    }

    /// How many prompts there are.
    pub(super) fn prompts(&self) -> usize {
        self.before.len()
    }

    /// The number of the prompt that an answer continues.
    pub(super) fn prompt_of(&self, run: usize) -> usize {
        run / self.choices
    }

    /// What stands before an answer.
    pub(super) fn before(&self, run: usize) -> &str {
        self.before
            .get(self.prompt_of(run))
            .map_or("", String::as_str)
    }
}
