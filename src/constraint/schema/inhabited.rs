//! Whether a schema has finite instances at all: one that contains itself in every instance has none.

use serde_json::{Map, Value};

/// False only where it is certain that no instance exists because of endless nesting. Expects references
/// to `#` and `#/$defs/…` only.
pub(super) fn has_instances(root: &Value) -> bool {
    let none = Map::new();
    let definitions = root
        .get("$defs")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let mut known = Known {
        definitions: definitions
            .keys()
            .map(|name| (name.as_str(), false))
            .collect(),
        root: false,
    };
    // The least fixpoint: what is shown to have an instance with what was shown before.
    loop {
        let mut changed = false;
        for (name, schema) in definitions {
            if !known.get(name) && known.inhabited(schema) {
                known.definitions.insert(name.as_str(), true);
                changed = true;
            }
        }
        if !known.root && known.inhabited(root) {
            return true;
        }
        if !changed {
            return false;
        }
    }
}

struct Known<'v> {
    definitions: std::collections::HashMap<&'v str, bool>,
    root: bool,
}

impl Known<'_> {
    fn get(&self, name: &str) -> bool {
        self.definitions.get(name).copied().unwrap_or(true)
    }

    fn inhabited(&self, schema: &Value) -> bool {
        let Some(object) = schema.as_object() else {
            // `false` is reported by its own name elsewhere.
            return true;
        };
        let list = |name: &str| object.get(name).and_then(Value::as_array);
        let by_reference = match object.get("$ref").and_then(Value::as_str) {
            Some("#") => self.root,
            Some(reference) => self.get(reference.trim_start_matches("#/$defs/")),
            None => true,
        };
        by_reference
            && list("allOf").is_none_or(|all| all.iter().all(|schema| self.inhabited(schema)))
            && list("anyOf").is_none_or(|any| any.iter().any(|schema| self.inhabited(schema)))
            && list("oneOf").is_none_or(|one| one.iter().any(|schema| self.inhabited(schema)))
            && self.by_type(object)
    }

    fn by_type(&self, object: &Map<String, Value>) -> bool {
        if object.contains_key("const") || object.contains_key("enum") {
            return true;
        }
        let fits = |name: &str| match name {
            "object" => self.object(object),
            "array" => self.array(object),
            _ => true,
        };
        match object.get("type") {
            Some(Value::String(name)) => fits(name),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(fits),
            _ => true,
        }
    }

    fn object(&self, object: &Map<String, Value>) -> bool {
        let required = object.get("required").and_then(Value::as_array);
        required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .all(|name| {
                let schema = object.get("properties").and_then(|all| all.get(name));
                schema.is_none_or(|schema| self.inhabited(schema))
            })
    }

    fn array(&self, object: &Map<String, Value>) -> bool {
        let least = object.get("minItems").and_then(Value::as_u64).unwrap_or(0) as usize;
        let first = object.get("prefixItems").and_then(Value::as_array);
        let first = first.map_or(&[][..], Vec::as_slice);
        let rest = object.get("items");
        first
            .iter()
            .take(least)
            .all(|schema| self.inhabited(schema))
            && (least <= first.len()
                || rest.is_none_or(|schema| schema.is_array() || self.inhabited(schema)))
    }
}
