//! [`tidy`], [`merge_flattened`], [`widen_integers`] and [`drop_unused`]: schemas as readers want them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Where components are referred to.
const SCHEMAS: &str = "#/components/schemas/";

/// Mends what the derive makes of an inlined schema with a description of its own: an `allOf` of the schema and an object that
/// consists of the description, which nothing but objects can satisfy. And joins the lines of texts that were only broken to fit a
/// source file.
pub(super) fn tidy(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(schema) = described(object) {
                *object = schema;
            }
            for (key, value) in object {
                match value {
                    Value::String(text) if matches!(key.as_str(), "description" | "summary") => {
                        *text = joined(text);
                    }
                    _ => tidy(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// The schema with its description, where they come as two.
fn described(object: &Map<String, Value>) -> Option<Map<String, Value>> {
    let [Value::Object(schema), Value::Object(text)] = object.get("allOf")?.as_array()?.as_slice()
    else {
        return None;
    };
    let is_text = text.get("type").is_some_and(|kind| kind == "object")
        && text.keys().all(|key| key == "type" || key == "description");
    if !is_text || schema.contains_key("$ref") {
        return None;
    }
    let mut schema = schema.clone();
    schema.extend(
        text.get("description")
            .map(|it| ("description".to_owned(), it.clone())),
    );
    Some(schema)
}

/// Paragraphs of one line each.
fn joined(text: &str) -> String {
    let paragraphs = text
        .split("\n\n")
        .map(|paragraph| paragraph.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// Merges what `#[serde(flatten)]` made an `allOf` of into one object: its own fields first, then those of each group.
pub(super) fn merge_flattened(schemas: &mut Map<String, Value>) {
    let whole = schemas.clone();
    for schema in schemas.values_mut() {
        let Some(parts) = schema.get("allOf").and_then(Value::as_array).cloned() else {
            continue;
        };
        let (groups, own): (Vec<&Value>, Vec<&Value>) =
            parts.iter().partition(|part| part.get("$ref").is_some());
        let groups = groups.into_iter().filter_map(|part| target(part, &whole));
        let mut merged = Map::new();
        for part in own.into_iter().chain(groups) {
            add_part(&mut merged, part);
        }
        // What the whole says about itself counts, not what its groups say.
        if let Some(object) = schema.as_object_mut() {
            object.remove("allOf");
            merged.extend(std::mem::take(object));
            *object = merged;
        }
    }
}

/// The schema that a reference refers to.
fn target<'a>(reference: &Value, schemas: &'a Map<String, Value>) -> Option<&'a Value> {
    let name = reference.get("$ref")?.as_str()?.strip_prefix(SCHEMAS)?;
    schemas.get(name)
}

fn add_part(merged: &mut Map<String, Value>, part: &Value) {
    for (key, value) in part.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("description" | "examples" | "example", _) => {}
            (_, Value::Object(more)) => {
                let object = merged
                    .entry(key)
                    .or_insert_with(|| Value::Object(Map::new()));
                if let Some(object) = object.as_object_mut() {
                    object.extend(more.clone());
                }
            }
            (_, Value::Array(more)) => {
                let list = merged
                    .entry(key)
                    .or_insert_with(|| Value::Array(Vec::new()));
                if let Some(list) = list.as_array_mut() {
                    list.extend(more.iter().cloned());
                }
            }
            _ => {
                merged.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Drops the formats of a request's numbers that have no maximum: a format is one, and the parsers take any number there.
pub(super) fn widen_integers(request: &mut Value) {
    let properties = request["properties"].as_object_mut();
    for field in properties.into_iter().flat_map(Map::values_mut) {
        if let Some(field) = field.as_object_mut()
            && !field.contains_key("maximum")
        {
            field.remove("format");
        }
    }
}

/// Drops schemas that nothing refers to, until all are referred to.
pub(super) fn drop_unused(document: &mut Value) {
    loop {
        let mut used = BTreeSet::new();
        references(document, &mut used);
        let Some(schemas) = document["components"]["schemas"].as_object_mut() else {
            return;
        };
        let before = schemas.len();
        schemas.retain(|name, _| used.contains(name));
        if schemas.len() == before {
            return;
        }
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                found.extend(reference.strip_prefix(SCHEMAS).map(str::to_owned));
            }
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_inlined_schema_keeps_its_type_and_gets_its_fields_description() {
        let mut value = json!({"a": {"allOf": [
            {"type": "string", "enum": ["x"], "description": "of the type"},
            {"type": "object", "description": "of the\nfield\n\nagain"},
        ]}});
        tidy(&mut value);
        let wanted =
            json!({"a": {"type": "string", "enum": ["x"], "description": "of the field\n\nagain"}});
        assert_eq!(value, wanted);
    }

    #[test]
    fn flattened_groups_become_fields_of_the_whole() {
        let mut schemas = json!({
            "Group": {"type": "object", "description": "a group", "properties": {"b": {}, "c": {}}, "required": ["c"]},
            "Whole": {
                "description": "the whole",
                "allOf": [
                    {"$ref": "#/components/schemas/Group"},
                    {"type": "object", "properties": {"a": {}}, "required": ["a"]},
                ],
            },
        });
        let wanted = json!({
            "type": "object",
            "properties": {"a": {}, "b": {}, "c": {}},
            "required": ["a", "c"],
            "description": "the whole",
        });
        let schemas = schemas.as_object_mut().expect("an object");
        merge_flattened(schemas);
        assert_eq!(schemas["Whole"], wanted);
    }

    #[test]
    fn only_an_integer_with_a_maximum_keeps_its_format() {
        let mut request = json!({"properties": {
            "a": {"type": "integer", "format": "int64", "minimum": 1},
            "b": {"type": "integer", "format": "int32", "maximum": 2},
        }});
        widen_integers(&mut request);
        let wanted = json!({"properties": {
            "a": {"type": "integer", "minimum": 1},
            "b": {"type": "integer", "format": "int32", "maximum": 2},
        }});
        assert_eq!(request, wanted);
    }

    #[test]
    fn what_only_unused_schemas_use_is_dropped_too() {
        let mut document = json!({
            "paths": {"/": {"$ref": "#/components/schemas/A"}},
            "components": {"schemas": {
                "A": {"type": "string"},
                "B": {"$ref": "#/components/schemas/C"},
                "C": {"type": "string"},
            }},
        });
        drop_unused(&mut document);
        assert_eq!(
            document["components"]["schemas"],
            json!({"A": {"type": "string"}})
        );
    }
}
