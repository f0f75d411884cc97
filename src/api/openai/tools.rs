//! `tools`, `tool_choice` and what belongs to them → [`OfferedTools`].

use serde_json::Value;

use crate::api::errors::{ApiError, quoted};
use crate::api::fields::{Fields, wrong_type};
use crate::chat::tools::DeclaredTool;
use crate::generation::ToolUse;

/// The most tools of a request.
pub const MAX_TOOLS: usize = 128;

/// The longest name of a tool, in bytes.
pub const MAX_TOOL_NAME_BYTES: usize = 256;

/// The largest `tools`, in bytes of JSON: they all become part of the prompt.
pub const MAX_TOOLS_BYTES: usize = 512 * 1024;

/// The tools of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OfferedTools {
    /// What the template gets: `{"type": "function", "function": {…}}`.
    pub(super) shown: Vec<Value>,
    /// How they may be called; `None` where no call may be made.
    pub(super) usage: Option<ToolUse>,
}

/// What `tool_choice` says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    None,
    Auto,
    Required,
    Named(String),
}

/// Reads the tools. With `tool_choice: "none"` the prompt does not mention them, so that the model is not tempted.
pub(super) fn offered(request: &Fields<'_>) -> Result<OfferedTools, ApiError> {
    let heal = request.boolean("auto_heal_tool_calls")?;
    let parallel = request.boolean("parallel_tool_calls")?;
    let list = request.list("tools")?.unwrap_or_default();
    let tools = parse_tools(list)?;
    let choice = parse_choice(request)?;
    if tools.is_empty() {
        return match choice {
            Choice::None | Choice::Auto => Ok(OfferedTools::default()),
            Choice::Required | Choice::Named(_) => {
                let message = "`tool_choice` asks for a call, but `tools` offers none. Send `tools`, or leave `tool_choice` out.";
                Err(ApiError::invalid_value("tool_choice", message))
            }
        };
    }
    let strict = tools.iter().any(|tool| tool.strict);
    let shown = tools.iter().map(|tool| tool.shown.clone()).collect();
    let mut declared: Vec<DeclaredTool> = tools.into_iter().map(|tool| tool.declared).collect();
    let must_call = match choice {
        Choice::None => return Ok(OfferedTools::default()),
        Choice::Auto => false,
        Choice::Required => true,
        Choice::Named(name) => {
            declared.retain(|tool| tool.name == name);
            if declared.is_empty() {
                let name = quoted(&name);
                let message = format!("`tool_choice` names {name}, which `tools` does not offer.");
                return Err(ApiError::invalid_value("tool_choice", message));
            }
            true
        }
    };
    let usage = ToolUse {
        declared,
        must_call,
        parallel: parallel.unwrap_or(true),
        strict,
        auto_heal: heal.unwrap_or(true),
    };
    Ok(OfferedTools {
        shown,
        usage: Some(usage),
    })
}

struct Tool {
    shown: Value,
    declared: DeclaredTool,
    strict: bool,
}

fn parse_tools(list: &[Value]) -> Result<Vec<Tool>, ApiError> {
    if list.len() > MAX_TOOLS {
        let message = format!("`tools` must not hold more than {MAX_TOOLS} tools.");
        return Err(ApiError::invalid_value("tools", message));
    }
    let size: usize = list.iter().map(|tool| tool.to_string().len()).sum();
    if size > MAX_TOOLS_BYTES {
        let message = format!("`tools` must not be larger than {MAX_TOOLS_BYTES} bytes of JSON.");
        return Err(ApiError::invalid_value("tools", message));
    }
    let mut tools: Vec<Tool> = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let tool = parse_tool(&Fields::at(value, format!("tools[{index}]"))?)?;
        let name = &tool.declared.name;
        if tools.iter().any(|other| other.declared.name == *name) {
            let path = format!("tools[{index}].function.name");
            let name = quoted(name);
            let message =
                format!("`{path}` is {name}, as that of another tool. Names must differ.");
            return Err(ApiError::invalid_value(path, message));
        }
        tools.push(tool);
    }
    Ok(tools)
}

/// A tool without a type is a function, as clients that leave it out mean it.
fn parse_tool(tool: &Fields<'_>) -> Result<Tool, ApiError> {
    match tool.string("type")? {
        None | Some("function") => {}
        Some(other) => {
            let path = tool.path("type");
            let other = quoted(other);
            let message = format!("`{path}` is {other}; only \"function\" is supported.");
            return Err(ApiError::unsupported_parameter(path, message));
        }
    }
    let function = tool
        .fields("function")?
        .ok_or_else(|| tool.missing("function", "an object with a `name`"))?;
    let name = function
        .string("name")?
        .filter(|name| !name.is_empty())
        .ok_or_else(|| function.missing("name", "the name of the function"))?;
    if name.len() > MAX_TOOL_NAME_BYTES {
        let path = function.path("name");
        let message = format!("`{path}` must not be longer than {MAX_TOOL_NAME_BYTES} bytes.");
        return Err(ApiError::invalid_value(path, message));
    }
    function.string("description")?;
    let parameters = match function.get("parameters") {
        None => Value::Null,
        Some(schema @ Value::Object(_)) => schema.clone(),
        Some(other) => {
            return Err(wrong_type(
                &function.path("parameters"),
                "a JSON Schema",
                other,
            ));
        }
    };
    let mut shown = serde_json::json!({"type": "function"});
    shown["function"] = Value::Object(function.object().clone());
    Ok(Tool {
        shown,
        declared: DeclaredTool {
            name: name.to_owned(),
            parameters,
        },
        strict: function.boolean("strict")?.unwrap_or(false),
    })
}

fn parse_choice(request: &Fields<'_>) -> Result<Choice, ApiError> {
    if !matches!(request.get("tool_choice"), Some(Value::Object(_))) {
        let words = [("none", 0), ("auto", 1), ("required", 2)];
        return Ok(match request.choice("tool_choice", &words)? {
            Some(0) => Choice::None,
            Some(2) => Choice::Required,
            _ => Choice::Auto,
        });
    }
    let Some(named) = request.fields("tool_choice")? else {
        return Ok(Choice::Auto);
    };
    named.choice("type", &[("function", ())])?;
    let function = named
        .fields("function")?
        .ok_or_else(|| named.missing("function", "an object with the `name` of a tool"))?;
    let name = function
        .string("name")?
        .ok_or_else(|| function.missing("name", "the name of a tool"))?;
    Ok(Choice::Named(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Result<OfferedTools, ApiError> {
        offered(&Fields::root(body).expect("an object"))
    }

    fn tool(name: &str) -> Value {
        json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}})
    }

    fn usage(body: &Value) -> ToolUse {
        let offered = read(body).unwrap_or_else(|error| panic!("{body}: {}", error.message));
        offered.usage.expect("tools may be called")
    }

    #[test]
    fn the_choice_says_whether_a_tool_must_be_called_and_which() {
        let tools = json!([tool("f"), tool("g")]);
        let names = |body: &Value| -> Vec<String> {
            usage(body)
                .declared
                .into_iter()
                .map(|tool| tool.name)
                .collect()
        };
        for (choice, must_call) in [
            (json!(null), false),
            (json!("auto"), false),
            (json!("required"), true),
        ] {
            let body = json!({"tools": tools, "tool_choice": choice});
            assert_eq!(usage(&body).must_call, must_call, "{choice}");
            assert_eq!(names(&body), ["f", "g"]);
        }
        let only_g = json!({"type": "function", "function": {"name": "g"}});
        let body = json!({"tools": tools, "tool_choice": only_g});
        assert!(usage(&body).must_call);
        assert_eq!(names(&body), ["g"]);
        assert_eq!(
            read(&body).expect("good").shown.len(),
            2,
            "the prompt shows all"
        );
        let none = json!({"tools": tools, "tool_choice": "none"});
        assert_eq!(read(&none), Ok(OfferedTools::default()));
        assert_eq!(read(&json!({"tools": []})), Ok(OfferedTools::default()));
    }

    #[test]
    fn a_tool_is_shown_as_templates_expect_it() {
        let bare = json!({"function": {"name": "f", "description": "d", "x": 1}});
        let offered = read(&json!({"tools": [bare]})).expect("good");
        let shown =
            json!({"type": "function", "function": {"name": "f", "description": "d", "x": 1}});
        assert_eq!(offered.shown, [shown]);
        let settings = json!({
            "tools": [{"function": {"name": "f", "strict": true}}],
            "parallel_tool_calls": false,
            "auto_heal_tool_calls": false,
        });
        let usage = usage(&settings);
        assert!(usage.strict && !usage.parallel && !usage.auto_heal && !usage.must_call);
    }

    #[test]
    fn what_is_no_tool_is_refused_with_its_place() {
        let many: Vec<Value> = (0..=MAX_TOOLS).map(|i| tool(&format!("f{i}"))).collect();
        let large = json!({"function": {"name": "f", "description": "x".repeat(MAX_TOOLS_BYTES)}});
        for (body, param) in [
            (json!({"tools": {}}), "tools"),
            (json!({"tools": many}), "tools"),
            (json!({"tools": [large]}), "tools"),
            (json!({"tools": ["f"]}), "tools[0]"),
            (json!({"tools": [{"type": "web_search"}]}), "tools[0].type"),
            (json!({"tools": [{}]}), "tools[0].function"),
            (
                json!({"tools": [{"function": {"name": ""}}]}),
                "tools[0].function.name",
            ),
            (
                json!({"tools": [tool(&"n".repeat(257))]}),
                "tools[0].function.name",
            ),
            (
                json!({"tools": [tool("f"), tool("f")]}),
                "tools[1].function.name",
            ),
            (
                json!({"tools": [{"function": {"name": "f", "parameters": []}}]}),
                "tools[0].function.parameters",
            ),
            (json!({"tool_choice": "required"}), "tool_choice"),
            (
                json!({"tools": [tool("f")], "tool_choice": "any"}),
                "tool_choice",
            ),
            (
                json!({"tools": [tool("f")], "tool_choice": {"function": {"name": "g"}}}),
                "tool_choice",
            ),
            (
                json!({"tools": [tool("f")], "tool_choice": {"type": "allowed_tools"}}),
                "tool_choice.type",
            ),
        ] {
            let error = read(&body).expect_err(&body.to_string());
            assert_eq!(error.status, 400);
            assert_eq!(error.param.as_deref(), Some(param), "{body}");
        }
    }
}
