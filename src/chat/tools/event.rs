//! [`ToolEvent`]: what the parser makes of an answer's text, and what it is told about the answer's end.

/// A piece of an answer, in order.
///
/// Of one call the events are [`CallBegun`](Self::CallBegun), any number of
/// [`Arguments`](Self::Arguments), and one of [`CallEnded`](Self::CallEnded) and
/// [`CallAbandoned`](Self::CallAbandoned). Calls do not overlap; indices count from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolEvent {
    /// Text to show. Never empty.
    Text(String),
    /// The model calls a declared tool.
    CallBegun {
        /// Number of the call in the answer.
        index: usize,
        /// The tool.
        name: String,
    },
    /// More of the arguments. Never empty. The fragments of an ended call, joined, are a JSON object; those of
    /// a call that has not ended are never valid JSON, because the last brace comes with the end.
    Arguments {
        /// Number of the call in the answer.
        index: usize,
        /// A piece of JSON text.
        json: String,
    },
    /// The call is whole.
    CallEnded {
        /// Number of the call in the answer.
        index: usize,
    },
    /// The call broke off. What was sent of it cannot be taken back and must not be executed.
    CallAbandoned {
        /// Number of the call in the answer.
        index: usize,
    },
}

/// How the answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The model chose to end it (end of generation, stop string): what is missing was left out by the model.
    Natural,
    /// It was cut off (token limit, stop, context, failure): what is missing might still have come.
    Cut,
}

/// How the parser treats what a model gets nearly right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolParserOptions {
    /// Tolerate missing closers. What exactly: `docs/tool-calls.md`.
    pub auto_heal: bool,
}

impl Default for ToolParserOptions {
    fn default() -> Self {
        Self { auto_heal: true }
    }
}
