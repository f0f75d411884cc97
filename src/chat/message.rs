//! [`ChatMessage`]: one turn of a conversation, as every protocol delivers it.

use serde_json::Value;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Instructions (`developer` is an alias on the wire).
    System,
    /// The human.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

impl Role {
    /// The name that templates and the wire use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message. Which fields may be set with which role is checked where the message enters (`api`).
#[derive(Debug, Clone, PartialEq)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: Role,
    /// The text; `None` only for an assistant turn that is nothing but tool calls.
    pub content: Option<String>,
    /// Calls that the assistant made.
    pub tool_calls: Vec<ToolCall>,
    /// For [`Role::Tool`]: the call that this answers.
    pub tool_call_id: Option<String>,
    /// For [`Role::Tool`]: the tool's name.
    pub name: Option<String>,
}

/// A call in the history of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// Ties the call to its result.
    pub id: String,
    /// The function's name.
    pub name: String,
    /// The arguments: an object, or the raw string where it was no JSON object.
    pub arguments: Value,
}

impl ChatMessage {
    /// A message of plain text.
    #[must_use]
    pub fn text(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: Some(content.into()),
            tool_calls: Vec::new(),
            tool_call_id: None,
            name: None,
        }
    }

    /// Instructions.
    #[must_use]
    pub fn system(content: impl Into<String>) -> Self {
        Self::text(Role::System, content)
    }

    /// The human's turn.
    #[must_use]
    pub fn user(content: impl Into<String>) -> Self {
        Self::text(Role::User, content)
    }

    /// The model's turn.
    #[must_use]
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::text(Role::Assistant, content)
    }
}
