//! Fields that are known and not supported, from the tables by which the parsers refuse them.

use serde_json::{Map, Value, json};

use crate::api::openai::unsupported_fields;

/// Adds the fields to the schemas of the requests that know them. Each may have its neutral values only.
pub(super) fn add_unsupported(schemas: &mut Map<String, Value>) {
    for (schema, fields) in unsupported_fields() {
        let Some(properties) = schemas
            .get_mut(schema)
            .and_then(|schema| schema.get_mut("properties"))
            .and_then(Value::as_object_mut)
        else {
            continue;
        };
        for (name, neutral) in fields {
            let mut allowed: Vec<Value> = neutral.iter().map(|value| value.schema()).collect();
            allowed.push(json!({"type": "null"}));
            let field = json!({
                "description": "Known, and not supported yet: only values that change nothing are accepted.",
                "anyOf": allowed,
                "x-unsupported": true,
            });
            properties.insert((*name).to_owned(), field);
        }
    }
}
