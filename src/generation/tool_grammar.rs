//! [`constraint`]: the form of an answer that has to call tools, or whose calls have to be valid.

use serde_json::{Value, json};

use super::ToolUse;
use crate::chat::tools::{DeclaredTool, ToolGrammar, ToolGrammarError, tool_grammar};
use crate::constraint::{Constraint, ConstraintError, enforceable_schema};
use crate::models::ToolMarkup;

/// Why calls cannot be enforced.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The schema of a tool's parameters.
    #[error("the parameters of tool {tool:?}: {error}")]
    Schema {
        /// The tool.
        tool: String,
        /// What is wrong with it.
        error: ConstraintError,
    },
    /// The format of the model's calls.
    #[error(transparent)]
    Grammar(#[from] ToolGrammarError),
}

/// The form; `None` where the request does not need one.
pub(super) fn constraint(
    tools: &ToolUse,
    markup: &ToolMarkup,
) -> Result<Option<Constraint>, ToolError> {
    if !tools.is_enforced() {
        return Ok(None);
    }
    let declared: Vec<DeclaredTool> = tools
        .declared
        .iter()
        .map(enforceable)
        .collect::<Result<_, _>>()?;
    let control_token = |text: &str| markup.control_token(text);
    let lark = tool_grammar(&ToolGrammar {
        format: markup.main_format(),
        tools: &declared,
        required: tools.must_call,
        parallel: tools.parallel,
        strict: tools.strict,
        control_token: &control_token,
    })?;
    Ok(Some(Constraint::ToolCalls(lark)))
}

/// The tool with a schema that is checked, and written as it can be enforced: always one of an object. A tool without
/// parameters takes none, as OpenAI has it.
fn enforceable(tool: &DeclaredTool) -> Result<DeclaredTool, ToolError> {
    let mut schema = match &tool.parameters {
        Value::Object(schema) if !schema.is_empty() => schema.clone(),
        _ => {
            let nothing =
                json!({"type": "object", "properties": {}, "additionalProperties": false});
            nothing.as_object().cloned().unwrap_or_default()
        }
    };
    schema
        .entry("type")
        .or_insert_with(|| Value::String("object".into()));
    let parameters =
        enforceable_schema(&Value::Object(schema)).map_err(|error| ToolError::Schema {
            tool: tool.name.clone(),
            error,
        })?;
    Ok(DeclaredTool {
        name: tool.name.clone(),
        parameters,
    })
}
