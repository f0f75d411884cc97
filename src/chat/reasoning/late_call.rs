//! [`LateCall`]: a tool call at the end of a thought that was never closed.
//!
//! Some models call a tool without closing the thought before; all of them draft calls in their thoughts. Which it
//! was shows at the end only: behind a draft the thought goes on, behind a call the model ends the answer.

/// Texts that open a call at the start of a line, where they are no control tokens of their own.
pub(super) const OPENERS: &[&str] = &["<tool_call>", "<function=", "<minimax:tool_call>"];
const CLOSERS: &[&str] = &["</tool_call>", "</function>", "</minimax:tool_call>"];

/// Bytes of calls that are remembered. What is longer stays a thought.
const MAX_BYTES: usize = 64 * 1024;

/// Remembers what may be such a call.
#[derive(Debug, Default)]
pub(super) struct LateCall {
    text: Option<String>,
}

impl LateCall {
    /// A text that opens a call was read. Calls in a row belong together, and a
    /// function in a call; anything else before it was a draft.
    pub(super) fn open(&mut self, opener: &str) {
        let kept = self.text.take().filter(|text| {
            let is_inside = text.trim_end() == OPENERS[0];
            is_whole(text) || is_inside
        });
        self.text = Some(kept.unwrap_or_default() + opener);
    }

    /// The thought goes on.
    pub(super) fn push(&mut self, c: char) {
        if let Some(text) = &mut self.text {
            text.push(c);
            if text.len() > MAX_BYTES {
                self.text = None;
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.text = None;
    }

    /// The calls, if the thought ends with them.
    pub(super) fn take(&mut self) -> Option<String> {
        let text = self.text.take().filter(|text| is_whole(text))?;
        Some(text.trim_end().to_owned())
    }
}

fn is_whole(text: &str) -> bool {
    let text = text.trim_end();
    CLOSERS.iter().any(|closer| text.ends_with(closer))
}
