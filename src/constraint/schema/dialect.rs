//! Which draft of JSON Schema a schema is written in.

use serde_json::Value;

use crate::constraint::ConstraintError;

/// The dialects that are read as what they are.
pub(super) const DIALECTS: &[&str] = &[
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-04/schema",
];

/// The first of [`DIALECTS`] in which `contentEncoding` may be asserted.
pub(super) const DRAFT_7: usize = 2;

/// The dialect, as an index into [`DIALECTS`].
pub(super) fn dialect(schema: &Value) -> Result<usize, ConstraintError> {
    let Some(name) = schema.get("$schema") else {
        return Ok(0);
    };
    let known = name.as_str().map(|name| name.trim_end_matches('#'));
    DIALECTS
        .iter()
        .position(|&dialect| known == Some(dialect))
        .or_else(|| (known == Some("http://json-schema.org/schema")).then_some(0))
        .ok_or_else(|| {
            let problem = format!("`$schema` names a dialect that is not known: {name}");
            let advice = format!("leave it out, or use one of {}", DIALECTS.join(", "));
            ConstraintError::Unsupported { problem, advice }
        })
}
