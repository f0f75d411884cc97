//! Whether two schemas can never both be fulfilled: then `oneOf` means the same as `anyOf`.

use serde_json::Value;

use super::pointer;

/// How many references are followed before the answer is "perhaps not".
const MAX_HOPS: usize = 8;

/// How deep properties are compared.
const MAX_DEPTH: usize = 3;

/// True where no value fulfils both. False also means "not known".
pub(super) fn are_disjoint(root: &Value, a: &Value, b: &Value) -> bool {
    disjoint(root, a, b, MAX_DEPTH)
}

fn disjoint(root: &Value, a: &Value, b: &Value, depth: usize) -> bool {
    let (Some(a), Some(b)) = (resolved(root, a), resolved(root, b)) else {
        return false;
    };
    if depth == 0 {
        return false;
    }
    if let (Some(of_a), Some(of_b)) = (values(a), values(b)) {
        return !of_a.iter().any(|x| of_b.iter().any(|y| equal(x, y)));
    }
    let (types_of_a, types_of_b) = (types(a), types(b));
    if types_of_a & types_of_b == 0 {
        return true;
    }
    // Both can only be objects: one property that one of them wants and that cannot fit both is enough.
    types_of_a & types_of_b == OBJECT && different_property(root, a, b, depth)
}

fn different_property(root: &Value, a: &Value, b: &Value, depth: usize) -> bool {
    let required = [a, b]
        .into_iter()
        .filter_map(|schema| schema.get("required")?.as_array())
        .flatten()
        .filter_map(Value::as_str);
    let mut required = required;
    required.any(|name| {
        let of = |schema: &Value| schema.get("properties")?.get(name).cloned();
        match (of(a), of(b)) {
            (Some(x), Some(y)) => disjoint(root, &x, &y, depth - 1),
            _ => false,
        }
    })
}

/// Follows `$ref`. What stands beside it only narrows, so it does not matter here.
fn resolved<'v>(root: &'v Value, schema: &'v Value) -> Option<&'v Value> {
    let mut schema = schema;
    for _ in 0..MAX_HOPS {
        match schema.get("$ref") {
            Some(reference) => schema = pointer::resolve(root, reference.as_str()?)?.1,
            None => return Some(schema),
        }
    }
    None
}

/// The values that it allows, where it lists them.
fn values(schema: &Value) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(value), _) => Some(vec![value]),
        (None, Some(values)) => Some(values.as_array()?.iter().collect()),
        (None, None) => None,
    }
}

/// Equal as JSON Schema has it: 1 and 1.0 are the same number. Containers count as equal: not known.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => true,
        _ => a == b,
    }
}

const OBJECT: u8 = 32;

/// The types that it allows, as bits.
fn types(schema: &Value) -> u8 {
    let bit = |name: &str| match name {
        "null" => 1,
        "boolean" => 2,
        "number" | "integer" => 4,
        "string" => 8,
        "array" => 16,
        "object" => OBJECT,
        _ => 63,
    };
    let of_value = |value: &Value| match value {
        Value::Null => 1,
        Value::Bool(_) => 2,
        Value::Number(_) => 4,
        Value::String(_) => 8,
        Value::Array(_) => 16,
        Value::Object(_) => OBJECT,
    };
    let by_type = match schema.get("type") {
        Some(Value::String(name)) => bit(name),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .map(bit)
            .fold(0, |all, bit| all | bit),
        _ => 63,
    };
    let by_values = values(schema).map_or(63, |values| {
        values
            .into_iter()
            .map(of_value)
            .fold(0, |all, bit| all | bit)
    });
    by_type & by_values
}
