//! Arguments in Gemma 4's notation: `{key:<|"|>text<|"|>,other:[1,true]}`.

use serde_json::Value;

use super::super::declared::{DeclaredTool, Kinds};
use super::super::format::GEMMA_QUOTE;
use super::super::text::quoted;
use super::ToolGrammarError;
use super::builder::Builder;
use super::markup::Part;
use super::values::{Property, check_required, properties, text_choices, unsupported};

/// Deepest schema.
const MAX_DEPTH: usize = 32;

/// What this notation can enforce.
const KEYWORDS: &[&str] = &[
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "nullable",
    "additionalProperties",
    "title",
    "description",
    "default",
    "examples",
    "$schema",
    "$defs",
];

impl Builder<'_> {
    /// All arguments of a tool.
    pub(super) fn gemma(&mut self, tool: &DeclaredTool) -> Result<String, ToolGrammarError> {
        self.gemma_object(tool, &tool.parameters, 0)
    }

    fn gemma_object(
        &mut self,
        tool: &DeclaredTool,
        schema: &Value,
        depth: usize,
    ) -> Result<String, ToolGrammarError> {
        self.check_keywords(tool, schema, depth)?;
        check_required(tool, schema)?;
        let properties = properties(schema);
        // From the last property back: behind each, what may still follow, with and without a comma before it.
        let (mut first, mut next) = (quoted(""), quoted(""));
        for property in properties.iter().rev() {
            let pair = self.gemma_pair(tool, property, depth)?;
            let next_rule = self.rule(&next);
            let first_rule = self.rule(&first);
            if property.required {
                first = format!("{pair} {next_rule}");
                next = format!("\",\" {pair} {next_rule}");
            } else {
                first = format!("{pair} {next_rule} | {first_rule}");
                next = format!("(\",\" {pair})? {next_rule}");
            }
        }
        let inside = self.rule(&first);
        Ok(format!("\"{{\" {inside} \"}}\""))
    }

    fn gemma_pair(
        &mut self,
        tool: &DeclaredTool,
        property: &Property<'_>,
        depth: usize,
    ) -> Result<String, ToolGrammarError> {
        let key = property.name;
        let writable = |c: char| c.is_alphanumeric() || "_-.$".contains(c);
        if key.is_empty() || !key.chars().all(writable) {
            return Err(unsupported(tool, format!("the property {key:?}")));
        }
        let value = self.gemma_value(tool, property.schema, depth + 1)?;
        Ok(self.rule(&format!("{} {value}", quoted(&format!("{key}:")))))
    }

    fn check_keywords(
        &self,
        tool: &DeclaredTool,
        schema: &Value,
        depth: usize,
    ) -> Result<(), ToolGrammarError> {
        if depth > MAX_DEPTH {
            return Err(unsupported(tool, "the nesting"));
        }
        let unknown = schema
            .as_object()
            .into_iter()
            .flat_map(|schema| schema.keys());
        let mut unknown = unknown.filter(|key| !KEYWORDS.contains(&key.as_str()));
        match unknown.next() {
            Some(key) if self.is_strict() || key == "$ref" => {
                Err(unsupported(tool, format!("the keyword {key:?}")))
            }
            _ => Ok(()),
        }
    }

    fn gemma_value(
        &mut self,
        tool: &DeclaredTool,
        schema: &Value,
        depth: usize,
    ) -> Result<String, ToolGrammarError> {
        self.check_keywords(tool, schema, depth)?;
        let quote = self.marker(GEMMA_QUOTE);
        if let Some(choices) = text_choices(schema) {
            let choices: Vec<String> = choices.iter().map(|text| quoted(text)).collect();
            return Ok(format!("{quote} ({}) {quote}", choices.join(" | ")));
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return scalars(values).ok_or_else(|| unsupported(tool, "an enum of several kinds"));
        }
        if let Some(value) = schema.get("const") {
            let value = std::slice::from_ref(value);
            return scalars(value).ok_or_else(|| unsupported(tool, "a const"));
        }
        let union = schema.get("anyOf").or_else(|| schema.get("oneOf"));
        if let Some(schemas) = union.and_then(Value::as_array) {
            let mut choices = Vec::new();
            for schema in schemas {
                let choice = self.gemma_value(tool, schema, depth + 1)?;
                choices.push(self.rule(&choice));
            }
            return Ok(format!("({})", choices.join(" | ")));
        }
        let kinds = Kinds::of(schema, schema, 0);
        let mut choices = Vec::new();
        if kinds.string || kinds == Kinds::default() {
            let text = self.text_until(Part::Marker(GEMMA_QUOTE));
            choices.push(format!("{quote} {text}"));
        }
        if kinds.number {
            let whole = !may_be_fraction(schema);
            choices.push(if whole { INTEGER } else { NUMBER }.to_owned());
        }
        if kinds.boolean {
            choices.push("\"true\" | \"false\"".to_owned());
        }
        if kinds.null {
            choices.push("\"null\"".to_owned());
        }
        if kinds.array {
            choices.push(self.gemma_array(tool, schema, depth)?);
        }
        if kinds.object {
            choices.push(self.gemma_object(tool, schema, depth + 1)?);
        }
        Ok(self.rule(&choices.join(" | ")))
    }

    fn gemma_array(
        &mut self,
        tool: &DeclaredTool,
        schema: &Value,
        depth: usize,
    ) -> Result<String, ToolGrammarError> {
        let free = Value::Bool(true);
        let items = schema.get("items").unwrap_or(&free);
        let item = self.gemma_value(tool, items, depth + 1)?;
        let item = self.rule(&item);
        Ok(format!("\"[\" ({item} (\",\" {item})*)? \"]\""))
    }
}

const INTEGER: &str = "/-?(0|[1-9][0-9]{0,18})/";
const NUMBER: &str = "/-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?/";

fn may_be_fraction(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(name)) => name != "integer",
        Some(Value::Array(names)) => names.iter().any(|name| name == "number"),
        _ => true,
    }
}

/// Numbers, booleans and `null`, as JSON writes them.
fn scalars(values: &[Value]) -> Option<String> {
    let scalar = |value: &Value| match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(quoted(&value.to_string())),
        _ => None,
    };
    let choices: Option<Vec<String>> = values.iter().map(scalar).collect();
    choices.map(|choices| format!("({})", choices.join(" | ")))
}
