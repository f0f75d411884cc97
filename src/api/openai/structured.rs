//! `response_format` and its relatives → [`Constraint`].
//!
//! Only what a field may hold is checked here; whether the form can be enforced is found out where it is
//! compiled, which is before anything is generated.

use serde_json::Value;

use crate::api::errors::ApiError;
use crate::api::fields::{Fields, wrong_type};
use crate::constraint::Constraint;

/// The form that a request asks its answer to have.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Form {
    /// The field that asks for it, for errors that are found later.
    pub(super) field: &'static str,
    /// What it asks for.
    pub(super) constraint: Constraint,
}

impl Form {
    /// True where the answer is JSON, and not a text that a grammar describes.
    pub(super) fn is_of_json(&self) -> bool {
        matches!(
            self.constraint,
            Constraint::JsonObject | Constraint::JsonSchema(_)
        )
    }
}

/// What the answer of `{"type": …}` is.
#[derive(Debug, Clone, Copy)]
enum Format {
    Text,
    Object,
    Schema,
}

/// Reads every field that asks for a form; at most one of them may.
pub(super) fn form(request: &Fields<'_>) -> Result<Option<Form>, ApiError> {
    let text = |name, make: fn(String) -> Constraint| {
        let text = request.string(name)?.filter(|text| !text.is_empty());
        Ok::<_, ApiError>(text.map(|text| make(text.to_owned())))
    };
    let all = [
        ("response_format", response_format(request)?),
        ("json_schema", schema(request, "json_schema")?),
        ("grammar", text("grammar", Constraint::Gbnf)?),
        ("lark", text("lark", Constraint::Lark)?),
        ("regex", text("regex", Constraint::Regex)?),
    ];
    let mut forms = all.into_iter().filter_map(|(field, constraint)| {
        let constraint = constraint?;
        Some(Form { field, constraint })
    });
    let first = forms.next();
    if let (Some(first), Some(second)) = (&first, forms.next()) {
        let message = format!(
            "`{}` and `{}` both ask for a form of the answer. Send one of them.",
            first.field, second.field
        );
        return Err(ApiError::invalid_value(second.field, message));
    }
    Ok(first)
}

/// `{"type": "text"}`, `{"type": "json_object"}`, or `{"type": "json_schema", "json_schema": {"schema": …}}`. The
/// answer keeps to the schema whether `strict` is sent or not.
fn response_format(request: &Fields<'_>) -> Result<Option<Constraint>, ApiError> {
    let Some(format) = request.fields("response_format")? else {
        return Ok(None);
    };
    let kind = format.choice(
        "type",
        &[
            ("text", Format::Text),
            ("json_object", Format::Object),
            ("json_schema", Format::Schema),
        ],
    )?;
    // What the type has no use for is checked all the same.
    let of_object = schema(&format, "schema")?;
    let of_schema = match format.fields("json_schema")? {
        Some(definition) => Some(definition_schema(&definition)?),
        None => None,
    };
    match kind {
        None => Err(format.missing("type", "\"text\", \"json_object\" or \"json_schema\"")),
        Some(Format::Text) => Ok(None),
        // llama.cpp's server takes a schema here too.
        Some(Format::Object) => Ok(Some(of_object.unwrap_or(Constraint::JsonObject))),
        Some(Format::Schema) => {
            let wanted = "an object with a `schema`";
            of_schema
                .ok_or_else(|| format.missing("json_schema", wanted))
                .map(Some)
        }
    }
}

/// The schema of `json_schema`; its other fields change nothing.
fn definition_schema(definition: &Fields<'_>) -> Result<Constraint, ApiError> {
    definition.string("name")?;
    definition.string("description")?;
    definition.boolean("strict")?;
    let schema = schema(definition, "schema")?;
    schema.ok_or_else(|| definition.missing("schema", "a JSON Schema"))
}

/// A JSON Schema; the ones that are `true` or `false` are of no use as a whole.
fn schema(fields: &Fields<'_>, name: &str) -> Result<Option<Constraint>, ApiError> {
    match fields.get(name) {
        None => Ok(None),
        Some(schema @ Value::Object(_)) => Ok(Some(Constraint::JsonSchema(schema.clone()))),
        Some(other) => Err(wrong_type(&fields.path(name), "an object", other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<Option<Form>, ApiError> {
        form(&Fields::root(body).expect("an object"))
    }

    #[test]
    fn every_way_to_ask_for_a_form_is_read() {
        let schema = json!({"type": "object", "properties": {"b": {}, "a": {}}});
        let strict = json!({"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": schema}});
        let bare = json!({"type": "json_schema", "json_schema": {"schema": schema}});
        let of_llama = json!({"type": "json_object", "schema": schema});
        let any = json!({"type": "json_object"});
        let cases = [
            (
                "response_format",
                strict,
                Constraint::JsonSchema(schema.clone()),
            ),
            (
                "response_format",
                bare,
                Constraint::JsonSchema(schema.clone()),
            ),
            (
                "response_format",
                of_llama,
                Constraint::JsonSchema(schema.clone()),
            ),
            ("response_format", any, Constraint::JsonObject),
            (
                "json_schema",
                schema.clone(),
                Constraint::JsonSchema(schema),
            ),
            (
                "grammar",
                json!("root ::= \"x\""),
                Constraint::Gbnf("root ::= \"x\"".to_owned()),
            ),
            (
                "lark",
                json!("start: \"x\""),
                Constraint::Lark("start: \"x\"".to_owned()),
            ),
            ("regex", json!("x+"), Constraint::Regex("x+".to_owned())),
        ];
        for (field, value, constraint) in cases {
            let wanted = Form { field, constraint };
            assert_eq!(read(&json!({ field: value })), Ok(Some(wanted)), "{field}");
        }
    }

    #[test]
    fn what_asks_for_no_form_asks_for_none() {
        for body in [
            json!({}),
            json!({"response_format": null, "grammar": null}),
            json!({"response_format": {"type": "text"}}),
            json!({"grammar": "", "lark": "", "regex": ""}),
        ] {
            assert_eq!(read(&body), Ok(None), "{body}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let format = |value: Value| json!({"response_format": value});
        let cases = [
            (format(json!("json")), "response_format"),
            (format(json!({})), "response_format.type"),
            (format(json!({"type": "xml"})), "response_format.type"),
            (
                format(json!({"type": "json_schema"})),
                "response_format.json_schema",
            ),
            (
                format(json!({"type": "json_schema", "json_schema": {"name": "x"}})),
                "response_format.json_schema.schema",
            ),
            (
                format(json!({"type": "json_schema", "json_schema": {"schema": "x"}})),
                "response_format.json_schema.schema",
            ),
            (
                format(json!({"type": "json_schema", "json_schema": {"schema": {}, "strict": 1}})),
                "response_format.json_schema.strict",
            ),
            (
                format(json!({"type": "json_object", "schema": []})),
                "response_format.schema",
            ),
            (
                format(json!({"type": "text", "schema": "x"})),
                "response_format.schema",
            ),
            (
                format(json!({"type": "json_object", "json_schema": {}})),
                "response_format.json_schema.schema",
            ),
            (json!({"json_schema": true}), "json_schema"),
            (json!({"grammar": {"root": 1}}), "grammar"),
            (json!({"regex": ["a"]}), "regex"),
            (
                json!({"response_format": {"type": "json_object"}, "regex": "x"}),
                "regex",
            ),
            (
                json!({"grammar": "root ::= \"x\"", "lark": "start: \"x\""}),
                "lark",
            ),
        ];
        for (body, param) in cases {
            let error = read(&body).expect_err(param);
            assert_eq!(error.status, 400);
            assert_eq!(error.param.as_deref(), Some(param), "{}", error.message);
        }
    }
}
