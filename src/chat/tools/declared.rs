//! [`DeclaredTool`]: a tool that a request offers, and the kinds of values that its parameters take.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct DeclaredTool {
    /// Its name. Blanks, brackets and quotes in a name make it uncallable in most formats.
    pub name: String,
    /// The JSON Schema of its arguments object; anything but an object counts as no schema.
    pub parameters: Value,
}

/// The kinds of values that a parameter takes, as far as its schema tells. None at all: it does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    pub(super) string: bool,
    pub(super) number: bool,
    pub(super) boolean: bool,
    pub(super) null: bool,
    pub(super) array: bool,
    pub(super) object: bool,
}

impl Kinds {
    /// Only strings: whatever the model writes is one.
    pub(super) fn is_only_string(self) -> bool {
        self == Self {
            string: true,
            ..Self::default()
        }
    }

    /// A text stays the string that it is, unless it may be `null`; so it can be sent as it comes.
    pub(super) fn keeps_text(self) -> bool {
        !self.null && (self.string || self == Self::default())
    }

    /// Reads a schema. `$ref` is followed within the document.
    pub(super) fn of(schema: &Value, root: &Value, depth: usize) -> Self {
        let mut kinds = Self::default();
        let Some(schema) = schema.as_object().filter(|_| depth < 16) else {
            return kinds;
        };
        match schema.get("type") {
            Some(Value::String(name)) => kinds.add_type(name),
            Some(Value::Array(names)) => {
                for name in names.iter().filter_map(Value::as_str) {
                    kinds.add_type(name);
                }
            }
            _ => kinds.add_untyped(schema, root, depth),
        }
        if schema.get("nullable") == Some(&Value::Bool(true)) {
            kinds.null = true;
        }
        kinds
    }

    fn add_untyped(&mut self, schema: &Map<String, Value>, root: &Value, depth: usize) {
        for value in schema.get("const").into_iter().chain(list(schema, "enum")) {
            self.add_value(value);
        }
        for part in ["anyOf", "oneOf", "allOf"] {
            for schema in list(schema, part) {
                self.add(Self::of(schema, root, depth + 1));
            }
        }
        let target = schema.get("$ref").and_then(Value::as_str);
        let target = target.and_then(|path| path.strip_prefix('#'));
        if let Some(target) = target.and_then(|path| root.pointer(path)) {
            self.add(Self::of(target, root, depth + 1));
        }
    }

    fn add_type(&mut self, name: &str) {
        match name {
            "string" => self.string = true,
            "integer" | "number" => self.number = true,
            "boolean" => self.boolean = true,
            "null" => self.null = true,
            "array" => self.array = true,
            "object" => self.object = true,
            _ => {}
        }
    }

    fn add_value(&mut self, value: &Value) {
        self.add_type(match value {
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Bool(_) => "boolean",
            Value::Null => "null",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        });
    }

    fn add(&mut self, other: Self) {
        self.string |= other.string;
        self.number |= other.number;
        self.boolean |= other.boolean;
        self.null |= other.null;
        self.array |= other.array;
        self.object |= other.object;
    }
}

fn list<'a>(schema: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> {
    schema
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The parameters of one tool. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters(Arc<HashMap<String, Kinds>>);

impl Parameters {
    /// What a parameter takes.
    pub(super) fn kinds(&self, name: &str) -> Kinds {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// All that the schema names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// The tools of a request by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared(HashMap<String, Parameters>);

impl Declared {
    pub(super) fn new(tools: &[DeclaredTool]) -> Self {
        let parameters = |tool: &DeclaredTool| {
            let properties = tool.parameters.get("properties").and_then(Value::as_object);
            let kinds = properties
                .into_iter()
                .flatten()
                .map(|(name, schema)| (name.clone(), Kinds::of(schema, &tool.parameters, 0)));
            (tool.name.clone(), Parameters(Arc::new(kinds.collect())))
        };
        Self(tools.iter().map(parameters).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Parameters> {
        self.0.get(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_are_read_through_unions_enums_and_references() {
        let root = json!({"$defs": {"n": {"type": "integer"}, "loop": {"$ref": "#/$defs/loop"}}});
        let cases = [
            (json!({"type": "string"}), "s"),
            (json!({"type": ["integer", "null"]}), "n0"),
            (json!({"enum": ["a", 1]}), "sn"),
            (json!({"const": true}), "b"),
            (
                json!({"anyOf": [{"type": "array"}, {"$ref": "#/$defs/n"}]}),
                "na",
            ),
            (json!({"type": "object", "nullable": true}), "0o"),
            (json!({"$ref": "#/$defs/loop"}), ""),
            (json!(true), ""),
        ];
        for (schema, expected) in cases {
            let kinds = Kinds::of(&schema, &root, 0);
            let all = [
                (kinds.string, 's'),
                (kinds.number, 'n'),
                (kinds.boolean, 'b'),
                (kinds.null, '0'),
                (kinds.array, 'a'),
                (kinds.object, 'o'),
            ];
            let found: String = all.iter().filter(|(on, _)| *on).map(|(_, c)| c).collect();
            assert_eq!(found, expected, "{schema}");
        }
    }
}
