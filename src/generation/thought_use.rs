//! [`ThoughtUse`]: what a request wants of the model's thoughts.

/// What becomes of the thoughts of an answer. The default lets the model think as long as it will, and keeps thoughts apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThoughtUse {
    /// The most tokens that an answer's thoughts may have together; then they are ended, and the model goes on with the
    /// answer. 0 ends a thought as soon as it begins; `None` never.
    pub budget: Option<u32>,
    /// Text that is put at the end of a thought that the budget ends, such as `Time to answer.`
    pub closing_message: String,
    /// The answer begins with a thought, also where the template leaves it to the model to open one: a form that the
    /// answer keeps to would not let it.
    pub opens: bool,
    /// Thoughts are part of the text, as `<think>`, the thought, `</think>`; there are no
    /// [`Delta::Reasoning`](super::Delta::Reasoning) then.
    pub inline: bool,
}
