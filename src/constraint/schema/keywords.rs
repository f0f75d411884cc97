//! What each keyword of JSON Schema is to a constraint.

use serde_json::Value;

/// What is done with a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    /// It says nothing about instances: left out.
    Annotation,
    /// Its value is data and is kept.
    Data,
    /// Its value is a schema.
    Schema,
    /// Its value is an object of schemas.
    SchemaMap,
    /// Its value is a list of schemas.
    SchemaList,
    /// A schema, or in older drafts a list of them.
    Items,
    /// `$ref`.
    Reference,
    /// Definitions: kept where something refers to them.
    Definitions,
    /// Names the dialect.
    Dialect,
    /// Names this schema; only the whole one may be named.
    Identifier,
    /// It constrains instances in a way that cannot be enforced.
    Refused,
    /// Nobody knows it.
    Unknown,
}

/// Looks a keyword up.
pub(super) fn keyword(name: &str) -> Keyword {
    match name {
        "title"
        | "description"
        | "default"
        | "examples"
        | "example"
        | "deprecated"
        | "readOnly"
        | "writeOnly"
        | "$comment"
        | "$anchor"
        | "$dynamicAnchor"
        | "$recursiveAnchor"
        | "contentEncoding"
        | "contentMediaType"
        | "contentSchema"
        | "discriminator"
        | "externalDocs"
        | "xml"
        | "markdownDescription"
        | "enumNames"
        | "enumDescriptions"
        | "errorMessage"
        | "propertyOrdering" => Keyword::Annotation,
        "type" | "const" | "enum" | "required" | "minProperties" | "maxProperties" | "minItems"
        | "maxItems" | "minLength" | "maxLength" | "pattern" | "format" | "minimum" | "maximum"
        | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => Keyword::Data,
        "additionalProperties" | "additionalItems" => Keyword::Schema,
        "properties" | "patternProperties" => Keyword::SchemaMap,
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => Keyword::SchemaList,
        "items" => Keyword::Items,
        "$ref" => Keyword::Reference,
        "$defs" | "definitions" => Keyword::Definitions,
        "$schema" => Keyword::Dialect,
        "$id" | "id" => Keyword::Identifier,
        "not"
        | "if"
        | "then"
        | "else"
        | "contains"
        | "minContains"
        | "maxContains"
        | "uniqueItems"
        | "propertyNames"
        | "dependencies"
        | "dependentRequired"
        | "dependentSchemas"
        | "unevaluatedItems"
        | "unevaluatedProperties"
        | "$dynamicRef"
        | "$recursiveRef"
        | "$vocabulary"
        | "x-guidance" => Keyword::Refused,
        name if name.starts_with("x-") => Keyword::Annotation,
        _ => Keyword::Unknown,
    }
}

/// Whether a keyword that is refused changes nothing where it stands. `has` asks for its neighbours.
pub(super) fn is_neutral(name: &str, value: &Value, has: impl Fn(&str) -> bool) -> bool {
    match name {
        "uniqueItems" | "not" => value == false,
        "propertyNames" | "unevaluatedItems" | "unevaluatedProperties" => {
            value == true || is_empty_object(value)
        }
        "dependencies" | "dependentRequired" | "dependentSchemas" => is_empty_object(value),
        // Without these the others mean nothing.
        "minContains" | "maxContains" => !has("contains"),
        "then" | "else" => !has("if"),
        "if" => !has("then") && !has("else"),
        _ => false,
    }
}

fn is_empty_object(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty)
}
