//! The values of `format` that are enforced. In JSON Schema a format is only a hint by default.

use serde_json::{Map, Value, json};

use crate::constraint::ConstraintError;

/// Enforced by llguidance's own regexes.
const BUILT_IN: &[&str] = &[
    "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri",
];

/// Enforced by the regexes here, which know leap years; leap seconds are left out.
const WITH_PATTERN: &[&str] = &["date", "time", "date-time"];

const DATE: &str = "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])\
    |(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))\
    |(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";

const TIME: &str = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?\
    (?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";

/// Refuses formats that cannot be enforced.
pub(super) fn check(value: &Value, place: &str) -> Result<(), ConstraintError> {
    let known = |name: &str| BUILT_IN.contains(&name) || WITH_PATTERN.contains(&name);
    if value.as_str().is_some_and(known) {
        return Ok(());
    }
    let all: Vec<&str> = WITH_PATTERN.iter().chain(BUILT_IN).copied().collect();
    Err(ConstraintError::Unsupported {
        problem: format!("the format {value} at {place} cannot be enforced"),
        advice: format!("leave it out, or use one of {}", all.join(", ")),
    })
}

/// Puts a pattern in the place of a format that has one here.
pub(super) fn replace(object: &mut Map<String, Value>) {
    let regex = match object.get("format").and_then(Value::as_str) {
        Some("date") => DATE.to_owned(),
        Some("time") => TIME.to_owned(),
        Some("date-time") => format!("{DATE}T{TIME}"),
        _ => return,
    };
    object.remove("format");
    let pattern = json!(format!("^(?:{regex})$"));
    if !object.contains_key("pattern") {
        object.insert("pattern".to_owned(), pattern);
        return;
    }
    // Beside a pattern of its own it becomes a schema of its own.
    let all = object.entry("allOf").or_insert_with(|| json!([]));
    if let Value::Array(all) = all {
        all.push(json!({ "pattern": pattern }));
    }
}
