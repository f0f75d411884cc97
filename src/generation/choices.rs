//! [`Choices`]: the answers to one request, as they come.

use futures_util::future::select_all;

use super::{CallTally, Delta, Generation, Summary, TokenLogprob, ToolCallDelta};

/// An answer as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// What the model thought before it, where thoughts are kept apart.
    pub reasoning: String,
    /// Its text.
    pub text: String,
    /// The calls of tools that it makes, in their order; those that broke off are left out.
    pub tool_calls: Vec<MadeCall>,
    /// The call that is going on.
    pub(crate) open_call: Option<MadeCall>,
    /// What became of all of them.
    pub(crate) tally: CallTally,
    /// Of every token; empty where nobody asked.
    pub logprobs: Vec<TokenLogprob>,
    /// How it went; `None` until it is over.
    pub summary: Option<Summary>,
}

/// A call of a tool, as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MadeCall {
    /// Ties the call to its result.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON text of an object.
    pub arguments: String,
}

impl Choice {
    /// Adds a piece of a call.
    pub fn take_call(&mut self, delta: ToolCallDelta) {
        self.tally.learn(&delta);
        match delta {
            ToolCallDelta::Begun { id, name, .. } => {
                self.open_call = Some(MadeCall {
                    id,
                    name,
                    arguments: String::new(),
                });
            }
            ToolCallDelta::Arguments { json, .. } => {
                if let Some(call) = &mut self.open_call {
                    call.arguments.push_str(&json);
                }
            }
            ToolCallDelta::Ended { .. } => self.tool_calls.extend(self.open_call.take()),
            ToolCallDelta::Abandoned { .. } => self.open_call = None,
        }
    }

    /// True where the client is to execute the calls.
    #[must_use]
    pub fn calls_tools(&self) -> bool {
        self.tally.calls_tools()
    }
}

/// One answer or several to the same prompt. Dropping it stops them all.
#[derive(Debug)]
pub struct Choices {
    /// What is still going on, by the answer's number.
    runs: Vec<Option<Generation>>,
}

impl Choices {
    /// The answers of these runs, numbered in their order.
    #[must_use]
    pub fn new(runs: Vec<Generation>) -> Self {
        Self {
            runs: runs.into_iter().map(Some).collect(),
        }
    }

    /// How many there are, ended ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The next piece of any answer, with the answer's number; `None` after the last of all. Cancel-safe.
    pub async fn next(&mut self) -> Option<(usize, Delta)> {
        loop {
            let (choice, delta) = self.next_of_any().await?;
            let is_last = matches!(delta, None | Some(Delta::Done(_) | Delta::Failed { .. }));
            if is_last {
                self.runs[choice] = None;
            }
            if let Some(delta) = delta {
                return Some((choice, delta));
            }
        }
    }

    async fn next_of_any(&mut self) -> Option<(usize, Option<Delta>)> {
        if let [only] = &mut self.runs[..] {
            return Some((0, only.as_mut()?.next().await));
        }
        let open = self.runs.iter_mut().enumerate();
        let nexts: Vec<_> = open
            .filter_map(|(choice, run)| Some((choice, run.as_mut()?)))
            .map(|(choice, run)| Box::pin(async move { (choice, run.next().await) }))
            .collect();
        if nexts.is_empty() {
            return None;
        }
        // Dropping the others loses nothing: `Generation::next` is cancel-safe.
        Some(select_all(nexts).await.0)
    }
}
