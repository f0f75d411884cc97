//! [`ToolUse`]: the tools that a request offers; [`ToolCallDelta`]: what an answer does with them.

use crate::chat::tools::DeclaredTool;

/// The tools that the model may call, and how.
///
/// A choice of one named tool is [`ToolUse::must_call`] with that tool alone; a request that forbids calls has none.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolUse {
    /// The tools; at least one.
    pub declared: Vec<DeclaredTool>,
    /// The answer is calls and nothing else.
    pub must_call: bool,
    /// An answer may make several calls. Where not, it ends behind the first.
    pub parallel: bool,
    /// A call has to keep to its tool's schema, or the request is refused.
    pub strict: bool,
    /// Tolerate what models get nearly right (`docs/tool-calls.md`, "Healing").
    pub auto_heal: bool,
}

impl ToolUse {
    /// True where a grammar makes the model write valid calls.
    #[must_use]
    pub fn is_enforced(&self) -> bool {
        self.must_call || self.strict
    }
}

/// A piece of a tool call. Of one call: begun, any number of arguments, then ended or abandoned. Calls do not overlap;
/// they are numbered from 0 in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolCallDelta {
    /// The model calls a declared tool.
    Begun {
        /// Number of the call.
        index: usize,
        /// Ties the call to its result.
        id: String,
        /// The tool.
        name: String,
    },
    /// More of the arguments' JSON text. Joined they are valid JSON if and only if the call ended.
    Arguments {
        /// Number of the call.
        index: usize,
        /// Never empty.
        json: String,
    },
    /// The call is whole.
    Ended {
        /// Number of the call.
        index: usize,
    },
    /// The call broke off, and must not be executed.
    Abandoned {
        /// Number of the call.
        index: usize,
    },
}

/// What became of the calls of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallTally {
    ended: usize,
    abandoned: usize,
}

impl CallTally {
    /// Counts a piece of a call.
    pub fn learn(&mut self, delta: &ToolCallDelta) {
        match delta {
            ToolCallDelta::Ended { .. } => self.ended += 1,
            ToolCallDelta::Abandoned { .. } => self.abandoned += 1,
            ToolCallDelta::Begun { .. } | ToolCallDelta::Arguments { .. } => {}
        }
    }

    /// True where the client is to execute calls: there are some, and all are whole.
    #[must_use]
    pub fn calls_tools(self) -> bool {
        self.ended > 0 && self.abandoned == 0
    }
}
