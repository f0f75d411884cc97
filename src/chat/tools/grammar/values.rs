//! Arguments in tags: a text for strings, JSON for everything else.

use serde_json::Value;

use super::super::declared::{DeclaredTool, Kinds};
use super::super::text::quoted;
use super::ToolGrammarError;
use super::builder::Builder;
use super::markup::Tags;

/// Keywords of strings that free text does not enforce.
const TEXT_KEYWORDS: &[&str] = &["pattern", "format", "minLength", "maxLength"];

/// A property of a schema of arguments.
#[derive(Debug)]
pub(super) struct Property<'s> {
    pub(super) name: &'s str,
    pub(super) schema: &'s Value,
    pub(super) required: bool,
}

/// What may be given, in the order of the schema.
pub(super) fn properties(schema: &Value) -> Vec<Property<'_>> {
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|list| list.iter().any(|key| key == name));
    let listed = schema.get("properties").and_then(Value::as_object);
    let listed = listed.into_iter().flatten();
    listed
        .map(|(name, schema)| Property {
            name,
            schema,
            required: is_required(name),
        })
        .collect()
}

/// An error about a part of a tool's schema.
pub(super) fn unsupported(tool: &DeclaredTool, problem: impl Into<String>) -> ToolGrammarError {
    ToolGrammarError::Schema {
        tool: tool.name.clone(),
        problem: problem.into(),
    }
}

/// All required properties must be listed: others could not be written.
pub(super) fn check_required(tool: &DeclaredTool, schema: &Value) -> Result<(), ToolGrammarError> {
    let required = schema.get("required").and_then(Value::as_array);
    let listed = schema.get("properties").and_then(Value::as_object);
    for key in required.into_iter().flatten().filter_map(Value::as_str) {
        if !listed.is_some_and(|listed| listed.contains_key(key)) {
            return Err(unsupported(tool, format!("the required property {key:?}")));
        }
    }
    Ok(())
}

impl Builder<'_> {
    /// The tags of all arguments.
    pub(super) fn tags(
        &mut self,
        tags: &'static Tags,
        tool: &DeclaredTool,
    ) -> Result<String, ToolGrammarError> {
        check_required(tool, &tool.parameters)?;
        let mut body = Vec::new();
        for property in properties(&tool.parameters) {
            let key = property.name;
            if key.is_empty() || key.contains(['<', '>', '"', '\n']) {
                return Err(unsupported(tool, format!("the property {key:?}")));
            }
            let parts = [
                self.parts(tags.before_key),
                quoted(key),
                self.parts(tags.before_value),
                self.value(tags, tool, &property)?,
                self.parts(tags.after),
            ];
            let rule = self.rule(&parts.join(" "));
            let optional = if property.required { "" } else { "?" };
            body.push(format!("{rule}{optional}"));
        }
        Ok(body.join(" "))
    }

    /// A value and what ends it.
    fn value(
        &mut self,
        tags: &'static Tags,
        tool: &DeclaredTool,
        property: &Property<'_>,
    ) -> Result<String, ToolGrammarError> {
        let Property { name, schema, .. } = property;
        let kinds = Kinds::of(schema, &tool.parameters, 0);
        let end = [self.parts(tags.behind_value), self.parts(&[tags.end])].join(" ");
        if let Some(choices) = text_choices(schema) {
            let choices: Vec<String> = choices.iter().map(|text| quoted(text)).collect();
            return Ok(format!("({}) {end}", choices.join(" | ")));
        }
        if kinds.string || kinds == Kinds::default() {
            let ignored = TEXT_KEYWORDS.iter().find(|key| schema.get(**key).is_some());
            if let Some(keyword) = ignored.filter(|_| self.is_strict()) {
                let problem = format!("{keyword:?} of the parameter {name:?}");
                return Err(unsupported(tool, problem));
            }
            return Ok(self.text_until(tags.end));
        }
        let schema = with_definitions(schema, &tool.parameters);
        Ok(format!("%json {schema} {end}"))
    }
}

/// The texts that a string must be one of.
pub(super) fn text_choices(schema: &Value) -> Option<Vec<&str>> {
    let values = match (schema.get("const"), schema.get("enum")) {
        (Some(value), _) => std::slice::from_ref(value),
        (None, Some(Value::Array(values))) => values.as_slice(),
        _ => return None,
    };
    values.iter().map(Value::as_str).collect()
}

/// A part of a schema that still finds what it refers to.
fn with_definitions(schema: &Value, root: &Value) -> Value {
    let (Value::Object(schema), Some(definitions)) = (schema, root.get("$defs")) else {
        return schema.clone();
    };
    let mut schema = schema.clone();
    schema.insert("$defs".to_owned(), definitions.clone());
    Value::Object(schema)
}
