//! The messages of a conversation.

use utoipa::ToSchema;

use super::ToolCall;

/// A message. System messages, wherever they are, become one at the front; there must be another one besides.
#[derive(Debug, ToSchema)]
pub struct ChatMessage {
    /// Who speaks.
    #[schema(inline)]
    pub role: MessageRole,
    /// What is said. System and user messages need it; an assistant's may have `tool_calls` instead.
    pub content: Option<MessageContent>,
    /// On assistant messages: what the model thought.
    pub reasoning_content: Option<String>,
    /// Another name for `reasoning_content`.
    pub reasoning: Option<String>,
    /// On assistant messages: the calls that the model made.
    pub tool_calls: Option<Vec<ToolCall>>,
    /// On tool messages: which call this answers. Without it, the first unanswered one of that `name`, else the first.
    pub tool_call_id: Option<String>,
    /// Who of several speaks, for templates that show it; on tool messages: the function that was called.
    pub name: Option<String>,
}

/// Who speaks. `developer` is a newer word for `system`.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MessageRole {
    /// Instructions.
    System,
    /// The same.
    Developer,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// What a called function gave.
    Tool,
}

/// A text, or parts of one, which are joined by line breaks.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum MessageContent {
    /// A text.
    Text(String),
    /// Parts of one.
    Parts(Vec<ContentPart>),
}

/// A part of a message.
#[derive(Debug, ToSchema)]
pub struct ContentPart {
    /// `text`. Other types, such as `image_url`, are known and answered 400 for now.
    #[schema(examples("text"))]
    pub r#type: String,
    /// The text; required.
    pub text: Option<String>,
}
