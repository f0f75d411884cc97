//! The document, held to what the parsers of requests do.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::build;
use crate::api::ApiError;
use crate::api::fields::recorder::fields_seen;
use crate::api::openai::ChatRequest;
use crate::api::openai::completions::CompletionRequest;
use crate::api::openai::embeddings::EmbeddingsRequest;
use crate::api::openai::rerank::RerankBody;
use crate::api::studio::{
    LegacyRequest, LoadRequest, UnloadRequest, ValidateRequest, parse_cancel,
};
use crate::api::tokens::{TokenizeRequest, parse_detokenize};

/// What a parser makes of a body, in words that differ where it does.
type Parser = fn(&Value) -> Result<String, ApiError>;

/// A request's schema and its parser.
const REQUESTS: [(&str, Parser); 10] = [
    ("ChatCompletionRequest", |it| shown(ChatRequest::parse(it))),
    ("CompletionRequest", |it| {
        shown(CompletionRequest::parse(it))
    }),
    ("EmbeddingsRequest", |it| {
        shown(EmbeddingsRequest::parse(it))
    }),
    ("RerankRequest", |it| shown(RerankBody::parse(it))),
    ("TokenizeRequest", |it| shown(TokenizeRequest::parse(it))),
    ("DetokenizeRequest", |it| shown(parse_detokenize(it))),
    ("LoadRequest", |it| shown(LoadRequest::parse(it))),
    ("UnloadRequest", |it| shown(UnloadRequest::parse(it))),
    ("ValidateRequest", |it| shown(ValidateRequest::parse(it))),
    ("GenerateStreamRequest", |it| {
        shown(LegacyRequest::parse(it))
    }),
];

fn shown<T: std::fmt::Debug>(parsed: Result<T, ApiError>) -> Result<String, ApiError> {
    parsed.map(|request| format!("{request:?}"))
}

/// Fields that some fields cannot do without.
fn companions(field: &str) -> Value {
    match field {
        "top_logprobs" => json!({"logprobs": true}),
        "tool_choice" => json!({"tools": [{"function": {"name": "f"}}]}),
        _ => json!({}),
    }
}

/// The document, and ways through it.
struct Document(Value);

impl Document {
    fn new() -> Self {
        Self(build())
    }

    /// A schema by its name, or the one that a reference refers to.
    fn schema<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let pointer = reference.strip_prefix('#').expect("a reference to here");
                self.0.pointer(pointer).expect("a schema")
            }
            None => schema,
        }
    }

    fn named(&self, name: &str) -> &Value {
        &self.0["components"]["schemas"][name]
    }

    /// The alternatives of a schema, or itself.
    fn alternatives<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        let schema = self.schema(schema);
        let several = schema.get("oneOf").or_else(|| schema.get("anyOf"));
        match several.and_then(Value::as_array) {
            Some(several) => several
                .iter()
                .flat_map(|it| self.alternatives(it))
                .collect(),
            None => vec![schema],
        }
    }

    fn properties(&self, name: &str) -> impl Iterator<Item = (&String, &Value)> {
        let properties = self.named(name)["properties"].as_object();
        properties
            .unwrap_or_else(|| panic!("{name} has fields"))
            .iter()
    }

    fn examples(&self, name: &str) -> &[Value] {
        let examples = self.named(name)["examples"].as_array();
        examples.unwrap_or_else(|| panic!("{name} has examples"))
    }

    /// The paths of all fields within a schema: `messages[].content`.
    fn paths(&self, schema: &Value, path: &str, found: &mut BTreeSet<String>) {
        for schema in self.alternatives(schema) {
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                self.paths(field, &path, found);
                found.insert(path);
            }
            if let Some(items) = schema.get("items") {
                self.paths(items, &format!("{path}[]"), found);
            }
        }
    }

    /// A small body that the parser accepts, and in it what belongs to a field, but not the field itself.
    fn body_for(&self, name: &str, field: &str) -> Value {
        let mut body = self.examples(name)[0].clone();
        let object = body.as_object_mut().expect("an object");
        object.remove(field);
        object.extend(companions(field).as_object().expect("fields").clone());
        body
    }
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

/// Every request, every one of its fields.
fn for_each_field(mut check: impl FnMut(&Document, &str, Parser, &str, &Value)) {
    let document = Document::new();
    for (name, parse) in REQUESTS {
        for (field, schema) in document.properties(name) {
            if schema.get("x-unsupported").is_none() {
                check(&document, name, parse, field, schema);
            }
        }
    }
}

#[test]
fn examples_are_accepted_by_their_parsers_and_by_their_schemas() {
    let document = Document::new();
    for (name, parse) in REQUESTS {
        let schema = json!({
            "$ref": format!("#/components/schemas/{name}"),
            "components": document.0["components"],
        });
        let judge = jsonschema::validator_for(&schema).expect("a schema");
        for example in document.examples(name) {
            let parsed = parse(example);
            assert!(parsed.is_ok(), "{name}: {example}: {parsed:?}");
            let wrong: Vec<_> = judge
                .iter_errors(example)
                .map(|it| it.to_string())
                .collect();
            assert!(wrong.is_empty(), "{name}: {example}: {wrong:?}");
        }
    }
}

#[test]
fn what_is_documented_is_what_is_read() {
    let document = Document::new();
    let conversation = json!([
        {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]},
        {"role": "user", "content": [{"type": "text", "text": "x"}]},
    ]);
    // What the examples leave out.
    let more = [
        json!({"messages": conversation, "response_format": {"type": "json_object"}, "chat_template_kwargs": {}}),
        json!({"prompt": "x", "response_format": {"type": "json_object"}}),
        json!({"prompt": "x", "response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}),
    ];
    for (name, parse) in REQUESTS {
        let mut documented = BTreeSet::new();
        document.paths(document.named(name), "", &mut documented);
        let read = fields_seen(|| {
            for body in document.examples(name).iter().chain(&more) {
                let _ = parse(body);
            }
        });
        let only = |these: &BTreeSet<String>, those: &BTreeSet<String>| -> Vec<String> {
            these.difference(those).cloned().collect()
        };
        let unread = only(&documented, &read);
        assert!(
            unread.is_empty(),
            "{name}: documented, and not read: {unread:?}"
        );
        let undocumented = only(&read, &documented);
        assert!(
            undocumented.is_empty(),
            "{name}: read, and not documented: {undocumented:?}"
        );
    }
}

#[test]
fn every_id_of_a_cancel_is_read() {
    let document = Document::new();
    let nothing = parse_cancel(b"{}");
    for (field, _) in document.properties("CancelRequest") {
        let body = json!({ field: "x" }).to_string();
        assert_ne!(parse_cancel(body.as_bytes()), nothing, "{field}");
    }
}

#[test]
fn null_is_the_same_as_leaving_a_field_out() {
    for_each_field(|document, name, parse, field, _| {
        let required = document.named(name)["required"].as_array();
        if required.is_some_and(|names| names.iter().any(|it| it == field)) {
            return;
        }
        let body = document.body_for(name, field);
        let null = with(body.clone(), field, Value::Null);
        assert_eq!(parse(&null), parse(&body), "{name}.{field}");
    });
}

#[test]
fn what_is_required_cannot_be_left_out() {
    let document = Document::new();
    for (name, parse) in REQUESTS {
        let required = document.named(name)["required"].as_array().expect("names");
        for field in required.iter().filter_map(Value::as_str) {
            let error = parse(&document.body_for(name, field)).expect_err(field);
            assert_eq!(error.param.as_deref(), Some(field), "{name}");
        }
    }
}

#[test]
fn a_default_is_what_happens_without_the_field() {
    for_each_field(|document, name, parse, field, schema| {
        if let Some(default) = schema.get("default") {
            let body = document.body_for(name, field);
            let sent = with(body.clone(), field, default.clone());
            assert_eq!(parse(&sent), parse(&body), "{name}.{field}");
        }
    });
}

/// Values at the ends of what a schema allows, and beyond them.
fn ends(schema: &Value) -> (Vec<Value>, Vec<Value>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    let is_a = |kind: &str| schema["type"] == kind || schema["type"] == json!([kind, "null"]);
    let number = |value: f64| {
        if is_a("integer") {
            whole(value)
        } else {
            json!(value)
        }
    };
    let step = if is_a("integer") { 1.0 } else { 1e-9 };
    let mut end = |limit: Option<f64>, outwards: f64, make: &dyn Fn(f64) -> Value| {
        if let Some(limit) = limit {
            good.push(make(limit));
            if limit + outwards >= 0.0 || is_a("integer") || is_a("number") {
                bad.push(make(limit + outwards));
            }
        }
    };
    if is_a("integer") || is_a("number") {
        end(limit("minimum"), -step, &number);
        // The next number that there is, where 1 is too little.
        let above = limit("maximum").map_or(step, |limit| step.max(limit.next_up() - limit));
        end(limit("maximum"), above, &number);
    }
    let text = |length: f64| json!("x".repeat(length as usize));
    if is_a("string") {
        end(limit("minLength"), -1.0, &text);
        end(limit("maxLength"), 1.0, &text);
    }
    let item = match schema["items"]["type"].as_str() {
        Some("integer") => json!(1),
        _ => json!("x"),
    };
    let list = |length: f64| json!(vec![&item; length as usize]);
    if is_a("array") {
        end(limit("minItems"), -1.0, &list);
        end(limit("maxItems"), 1.0, &list);
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        good.extend(words.iter().filter(|word| !word.is_null()).cloned());
        bad.push(json!("no such word"));
    }
    (good, bad)
}

/// A whole number as JSON has it; a float where it is too large for the others.
fn whole(value: f64) -> Value {
    match value {
        value if value < i64::MAX as f64 => json!(value as i64),
        value if value <= u64::MAX as f64 => json!(value as u64),
        value => json!(value),
    }
}

#[test]
fn limits_are_the_ones_that_are_enforced() {
    let mut checked = 0;
    for_each_field(|document, name, parse, field, schema| {
        // Lists of objects need good objects to be accepted.
        let of_objects = ["messages", "tools"];
        for schema in document.alternatives(schema) {
            let (good, bad) = ends(schema);
            checked += bad.len();
            // A format is a limit too, and larger numbers are read where there is none.
            let is_unlimited = schema.get("maximum").is_none();
            assert!(
                !is_unlimited || schema.get("format").is_none(),
                "{name}.{field}: {schema}"
            );
            for value in good.into_iter().filter(|_| !of_objects.contains(&field)) {
                let body = with(document.body_for(name, field), field, value);
                let parsed = parse(&body);
                assert!(parsed.is_ok(), "{name}: {}: {parsed:?}", clipped(&body));
            }
            for value in bad {
                let body = with(document.body_for(name, field), field, value);
                let error = parse(&body).expect_err(&format!("{name}: {}", clipped(&body)));
                assert_eq!(
                    error.param.as_deref(),
                    Some(field),
                    "{name}: {}",
                    error.message
                );
            }
        }
    });
    assert!(checked > 100, "only {checked} limits were found");
}

fn clipped(body: &Value) -> String {
    body.to_string().chars().take(300).collect()
}

#[test]
fn fields_that_are_not_supported_have_the_values_that_are_accepted() {
    let document = Document::new();
    let mut checked = 0;
    for (name, parse) in REQUESTS {
        for (field, schema) in document.properties(name) {
            if schema.get("x-unsupported").is_none() {
                continue;
            }
            checked += 1;
            let schema = jsonschema::validator_for(schema).expect("a schema");
            for value in [
                json!(null),
                json!(true),
                json!(false),
                json!(0),
                json!(0.5),
                json!(1),
                json!(-1),
                json!(2),
                json!(""),
                json!("x"),
                json!("none"),
                json!("auto"),
                json!("inline"),
                json!("float"),
                json!([]),
                json!(["text"]),
                json!({}),
                json!({"a": 1}),
            ] {
                let body = with(document.examples(name)[0].clone(), field, value.clone());
                let allowed = schema.is_valid(&value);
                assert_eq!(parse(&body).is_ok(), allowed, "{name}.{field}: {value}");
            }
        }
    }
    assert!(checked > 50, "only {checked} fields were found");
}

#[test]
fn every_operation_has_an_id_of_its_own_and_says_who_may_call() {
    let document = Document::new();
    let mut ids = BTreeSet::new();
    let paths = document.0["paths"].as_object().expect("paths");
    for (path, operation) in paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().into_iter().flat_map(Map::values);
        operations.map(move |operation| (path, operation))
    }) {
        let id = operation["operationId"].as_str().expect("an id");
        assert!(ids.insert(id), "{id} is the id of two operations");
        let responses = operation["responses"].as_object().expect("responses");
        let is_open = super::OPEN_PATHS.contains(&path.as_str());
        assert_eq!(responses.contains_key("401"), !is_open, "{path}");
        assert_eq!(operation.get("security").is_some(), is_open, "{path}");
        assert!(responses.contains_key("403"), "{path}");
        for (status, response) in responses {
            let reference = response["$ref"].as_str().unwrap_or_default();
            let is_of_studio = reference.contains("/StudioError");
            assert!(
                reference.is_empty() || is_of_studio == path.starts_with("/api/"),
                "{path}: {status}: {reference}"
            );
            // Nothing is referred to that is not there.
            document.schema(response);
        }
    }
    for path in super::OPEN_PATHS {
        assert!(
            paths.contains_key(path),
            "{path} needs no key and is no route"
        );
    }
}

#[test]
fn the_page_has_all_that_it_needs() {
    let page = String::from_utf8(super::PAGE.to_vec()).expect("text");
    assert!(
        !page.contains("{style}") && !page.contains("{script}"),
        "a part is missing"
    );
    for word in ["http://", "https://", "//cdn", "@import", "url("] {
        assert!(!page.contains(word), "the page refers to {word}");
    }
}
