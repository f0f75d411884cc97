//! [`RunThoughts`]: where a run's thoughts are, and the text that has to end one.

use crate::chat::reasoning::ThoughtBudget;

/// The thoughts of a run; of one whose model has none, too.
#[derive(Debug, Default)]
pub(super) struct RunThoughts {
    budget: Option<ThoughtBudget>,
    /// Text that comes next instead of what would be drawn.
    forced: Option<String>,
}

impl RunThoughts {
    pub(super) fn new(mut budget: Option<ThoughtBudget>) -> Self {
        let forced = budget
            .as_mut()
            .and_then(|budget| budget.at_start().map(str::to_owned));
        Self { budget, forced }
    }

    /// True where the next token comes before the answer.
    pub(super) fn come_first(&self) -> bool {
        self.budget
            .as_ref()
            .is_some_and(ThoughtBudget::awaits_answer)
    }

    /// True where a text may have to come next at a place that is not known beforehand.
    pub(super) fn may_force(&self) -> bool {
        self.budget.as_ref().is_some_and(ThoughtBudget::may_force)
    }

    /// The answer goes on with these bytes.
    pub(super) fn follow(&mut self, bytes: &[u8]) {
        if let Some(budget) = &mut self.budget {
            self.forced = budget.after_token(bytes).map(str::to_owned);
        }
    }

    /// The text that has to come next, with its control tokens.
    pub(super) fn take_forced(&mut self) -> Option<String> {
        self.forced.take()
    }

    /// Makes the answer come next. False where that cannot be.
    pub(super) fn end(&mut self) -> bool {
        if let Some(budget) = &mut self.budget {
            self.forced = budget.answer_instead().map(str::to_owned);
        }
        self.forced.is_some()
    }

    /// Tokens of thoughts so far.
    pub(super) fn used(&self) -> u32 {
        self.budget
            .as_ref()
            .map_or(0, |budget| budget.used() as u32)
    }
}
