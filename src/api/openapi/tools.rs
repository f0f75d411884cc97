//! Tools: what a request offers, and the calls that a model makes of them.

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// A function that the model may call. The client executes it.
#[derive(Debug, ToSchema)]
pub struct Tool {
    /// `function`, which it also is where it is not sent.
    #[schema(inline, default = "function")]
    pub r#type: Option<ToolType>,
    /// The function.
    pub function: FunctionDefinition,
}

/// The only kind of tool.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolType {
    /// A function that the client executes.
    Function,
}

/// A function as the model is told about it.
#[derive(Debug, ToSchema)]
pub struct FunctionDefinition {
    /// Its name, of up to 256 bytes, different from those of the other tools.
    #[schema(min_length = 1, max_length = 256, example = "weather")]
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// A JSON Schema of its arguments.
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<serde_json::Value>,
    /// Whether calls must keep to `parameters`, enforced token by token.
    #[schema(default = false)]
    pub strict: Option<bool>,
}

/// Whether tools are called: a word, or the function to call.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum ToolChoice {
    /// In general.
    Word(#[schema(inline)] ToolChoiceWord),
    /// That function.
    Named(NamedTool),
}

/// Whether tools are called.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToolChoiceWord {
    /// Never: the prompt does not mention them.
    None,
    /// As the model likes.
    Auto,
    /// At least one.
    Required,
}

/// The tool to call.
#[derive(Debug, ToSchema)]
pub struct NamedTool {
    /// `function`.
    #[schema(inline)]
    pub r#type: Option<ToolType>,
    /// The function to call.
    pub function: NamedFunction,
}

/// A function by its name.
#[derive(Debug, ToSchema)]
pub struct NamedFunction {
    /// The name of one of `tools`.
    pub name: String,
}

/// A call that the model made earlier in the conversation.
#[derive(Debug, ToSchema)]
pub struct ToolCall {
    /// What its answer refers to. One is made up where it is not sent.
    pub id: Option<String>,
    /// `function`.
    #[schema(inline)]
    pub r#type: Option<ToolType>,
    /// What was called.
    pub function: CalledFunction,
}

/// A function as it was called.
#[derive(Debug, ToSchema)]
pub struct CalledFunction {
    /// Its name.
    #[schema(min_length = 1)]
    pub name: String,
    /// An object, or a string that holds one as JSON. Without it there are no arguments.
    pub arguments: Option<CallArguments>,
}

/// What a function is called with.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum CallArguments {
    /// JSON in a string, as models write it.
    Json(String),
    /// The arguments themselves.
    Object(BTreeMap<String, serde_json::Value>),
}

/// A call that the model made in an answer.
#[derive(Debug, ToSchema)]
pub struct MadeCall {
    /// What the message with the result refers to as `tool_call_id`.
    pub id: String,
    /// Always `function`.
    #[schema(inline)]
    pub r#type: ToolType,
    /// What to call.
    pub function: MadeFunction,
}

/// A function to call.
#[derive(Debug, ToSchema)]
pub struct MadeFunction {
    /// Its name.
    pub name: String,
    /// Its arguments, as JSON in a string. Check them: without `strict` a model may write anything.
    pub arguments: String,
}

/// A piece of a call. The first has the id and the name; the arguments of all pieces together are JSON.
#[derive(Debug, ToSchema)]
pub struct MadeCallPiece {
    /// Which call of the answer this is.
    pub index: u32,
    /// In the first piece.
    #[schema(nullable = false)]
    pub id: Option<String>,
    /// In the first piece.
    #[schema(inline, nullable = false)]
    pub r#type: Option<ToolType>,
    /// More of the function.
    pub function: MadeFunctionPiece,
}

/// More of a function that is called.
#[derive(Debug, ToSchema)]
pub struct MadeFunctionPiece {
    /// In the first piece.
    #[schema(nullable = false)]
    pub name: Option<String>,
    /// What comes next of the arguments.
    pub arguments: String,
}
