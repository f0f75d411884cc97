//! [`constraint`]: the form of an answer, that of calls included.

use serde_json::{Value, json};

use super::{GenerateError, GenerateRequest, ToolUse};
use crate::chat::tools::{DeclaredTool, Otherwise, ToolGrammar, ToolGrammarError, tool_grammar};
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

/// The form of a request's answer; `None` where it may be anything.
///
/// Calls that have to be valid have a form. So have those beside JSON: the answer is one or the other then.
pub(super) fn constraint(
    request: &GenerateRequest,
    markup: &ToolMarkup,
) -> Result<Option<Constraint>, GenerateError> {
    let Some(tools) = &request.tools else {
        return Ok(request.constraint.clone());
    };
    let schema = match &request.constraint {
        Some(Constraint::JsonObject) => Some(enforceable_schema(&json!({"type": "object"}))?),
        Some(Constraint::JsonSchema(schema)) => Some(enforceable_schema(schema)?),
        _ => None,
    };
    let otherwise = match &schema {
        _ if tools.must_call => Otherwise::Nothing,
        Some(schema) => Otherwise::Json(schema),
        None if tools.strict => Otherwise::Text,
        None => return Ok(request.constraint.clone()),
    };
    let lark = calls(tools, otherwise, markup)?;
    Ok(Some(Constraint::ToolCalls(lark)))
}

fn calls(
    tools: &ToolUse,
    otherwise: Otherwise<'_>,
    markup: &ToolMarkup,
) -> Result<String, ToolError> {
    let declared = tools.declared.iter().map(|tool| match enforceable(tool) {
        // Nobody has asked for this: the calls have a form only because the answer has one.
        Err(_) if !tools.is_enforced() => Ok(DeclaredTool {
            name: tool.name.clone(),
            parameters: json!({"type": "object"}),
        }),
        tool => tool,
    });
    let declared: Vec<DeclaredTool> = declared.collect::<Result<_, _>>()?;
    let control_token = |text: &str| markup.control_token(text);
    Ok(tool_grammar(&ToolGrammar {
        format: markup.main_format(),
        tools: &declared,
        otherwise,
        parallel: tools.parallel,
        strict: tools.strict,
        control_token: &control_token,
    })?)
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
