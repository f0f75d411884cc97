use proptest::prelude::*;
use serde_json::{Value, json};

use super::prepare;
use crate::constraint::testing::{END, accepts, compile, words};
use crate::constraint::{Constraint, ConstraintError, Word};
use crate::llama::Token;

fn check(schema: &Value, good: &[&str], bad: &[&str]) {
    let constraint = Constraint::JsonSchema(schema.clone());
    for text in good {
        assert!(accepts(&constraint, text), "{text} is valid under {schema}");
    }
    for text in bad {
        assert!(
            !accepts(&constraint, text),
            "{text} is not valid under {schema}"
        );
    }
}

fn refused(schema: &Value) -> ConstraintError {
    prepare(schema).expect_err("refused")
}

#[test]
fn what_llguidance_sees_holds_only_what_it_enforces() {
    let prepared = prepare(&json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "https://example.com/person",
        "title": "Person",
        "type": "object",
        "properties": {"a/b": {"$ref": "#/definitions/x~1y"}, "self": {"$ref": "#"}, "title": {"type": "null"}},
        "uniqueItems": false,
        "definitions": {"x/y": {"type": "string", "default": "z", "x-note": 1}, "unused": {"not": {}}},
    }));
    let mut prepared = prepared.expect("enforceable");
    assert!(prepared["x-guidance"]["lenient"].is_null());
    prepared
        .as_object_mut()
        .expect("an object")
        .remove("x-guidance");
    assert_eq!(
        prepared,
        json!({
            "type": "object",
            "properties": {"a/b": {"$ref": "#/$defs/0"}, "self": {"$ref": "#"}, "title": {"type": "null"}},
            "$schema": "http://json-schema.org/draft-07/schema",
            "$defs": {"0": {"type": "string"}},
        })
    );
}

#[test]
fn references_lead_to_schemas_anywhere_in_the_document() {
    let tree = json!({
        "type": "object",
        "properties": {"n": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["n", "next"],
        "additionalProperties": false,
    });
    check(
        &tree,
        &[r#"{"n":1,"next":{"n":2,"next":null}}"#],
        &[r#"{"n":1,"next":{"n":2}}"#],
    );
    let sibling = json!({
        "properties": {"a": {"type": "integer"}, "b": {"$ref": "#/properties/a"}, "c%": {"$ref": "#/properties/c%25/anyOf/0"}},
        "type": "object",
    });
    assert!(matches!(
        refused(&sibling),
        ConstraintError::Unsupported { .. }
    ));
    let sibling = json!({
        "properties": {"a": {"type": "integer"}, "b": {"$ref": "#/properties/a"}},
        "type": "object", "additionalProperties": false,
    });
    check(&sibling, &[r#"{"a":1,"b":2}"#], &[r#"{"b":"x"}"#]);
    for reference in [
        "#/nothing",
        "#/properties",
        "other.json",
        "#anchor",
        "#/default",
        "",
    ] {
        let schema = json!({"$ref": reference, "default": {"type": "string"}, "properties": {}});
        assert!(
            matches!(refused(&schema), ConstraintError::Unsupported { .. }),
            "{reference}"
        );
    }
}

#[test]
fn a_key_cannot_be_spelt_so_that_it_escapes_its_schema() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "null"}}});
    check(
        &schema,
        &[r#"{"a":null}"#, r#"{"b":1}"#],
        &[r#"{"\u0061":1}"#, r#"{"a":1}"#, r#"{"a":null,"a":1}"#],
    );
}

#[test]
fn patterns_see_characters_and_not_their_escapes() {
    check(
        &json!({"pattern": "^[^\"]*$", "type": "string"}),
        &["\"ab\"", r#""\\\n""#],
        &[r#""a\"b""#],
    );
    check(
        &json!({"pattern": r"^[^\\]*$", "type": "string"}),
        &["\"a\\\"\""],
        &[r#""a\\b""#],
    );
    check(
        &json!({"pattern": "^a|b$", "type": "string"}),
        &["\"ax\"", "\"xb\""],
        &["\"xa\"", "\"bx\""],
    );
    check(
        &json!({"pattern": "b", "type": "string"}),
        &["\"abc\""],
        &["\"ac\""],
    );
    check(
        &json!({"pattern": "^.{2}$", "type": "string"}),
        &[r#""\"\t""#, "\"éé\""],
        &[r#""\n\n""#, "\"é\""],
    );
    check(
        &json!({"patternProperties": {"^x": {"type": "null"}}, "additionalProperties": false}),
        &[r#"{"xa":null}"#, "{}", "3"],
        &[r#"{"a":null}"#, r#"{"x":1}"#],
    );
}

#[test]
fn dates_and_times_exist() {
    let format = |name: &str| json!({"type": "string", "format": name});
    check(
        &format("date"),
        &["\"2024-02-29\"", "\"2000-02-29\"", "\"1999-12-31\""],
        &[
            "\"2023-02-29\"",
            "\"1900-02-29\"",
            "\"2023-04-31\"",
            "\"2023-13-01\"",
            "\"23-01-01\"",
        ],
    );
    check(
        &format("date-time"),
        &[
            "\"2024-02-29T23:59:59.5Z\"",
            "\"2024-01-01T00:00:00+14:00\"",
        ],
        &[
            "\"2023-02-29T00:00:00Z\"",
            "\"2024-01-01T24:00:00Z\"",
            "\"2024-01-01\"",
        ],
    );
    check(
        &json!({"type": "string", "format": "date", "pattern": "^2"}),
        &["\"2024-01-01\""],
        &["\"1999-01-01\""],
    );
    assert!(matches!(
        refused(&format("int32")),
        ConstraintError::Unsupported { .. }
    ));
}

#[test]
fn one_of_disjoint_schemas_is_enforced() {
    let shape = |kind: &str, name: &str| {
        json!({
            "type": "object",
            "properties": {"kind": {"const": kind}, name: {"type": "integer"}},
            "required": ["kind", name],
            "additionalProperties": false,
        })
    };
    let shapes = json!({
        "oneOf": [{"$ref": "#/$defs/circle"}, {"$ref": "#/$defs/square"}],
        "discriminator": {"propertyName": "kind"},
        "$defs": {"circle": shape("circle", "r"), "square": shape("square", "a")},
    });
    check(
        &shapes,
        &[r#"{"kind":"circle","r":1}"#, r#"{"kind":"square","a":2}"#],
        &[r#"{"kind":"circle","a":1}"#],
    );
    check(
        &json!({"oneOf": [{"type": "integer"}, {"type": ["string", "null"]}]}),
        &["1", "\"a\"", "null"],
        &["true"],
    );
    let overlapping = json!({"oneOf": [{"type": "integer"}, {"type": "number"}]});
    let constraint = Constraint::JsonSchema(overlapping);
    assert!(matches!(
        compile(&constraint),
        Err(ConstraintError::Unsupported { .. })
    ));
}

#[test]
fn bounds_beyond_what_is_exact_are_drawn_in_or_refused() {
    let wide = json!({"type": "integer", "minimum": i64::MIN, "maximum": i64::MAX});
    check(
        &wide,
        &["0", "-1000000000000"],
        &["1000000000001", "9223372036854775808"],
    );
    assert!(matches!(
        refused(&json!({"minimum": 1e300})),
        ConstraintError::Invalid { .. }
    ));
    assert!(matches!(
        refused(&json!({"const": 9_007_199_254_740_993_i64})),
        ConstraintError::Unsupported { .. }
    ));
    check(
        &json!({"type": "array", "maxItems": 1e9}),
        &["[1,2]"],
        &["["],
    );
}

/// Schemas of every kind that is enforced, small enough to be walked through.
fn schemas() -> impl Strategy<Value = Value> {
    let pattern = prop::sample::select(vec![
        "^[^\"]*$",
        "a+",
        "^\\s|b$",
        "^[^\\\\a]{1,3}$",
        "^.{0,2}$",
        "\\W",
        "^(?:ab|[c-e]{2})$",
        "^[^\\n]+$",
        "é",
    ]);
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "boolean", "integer", "number", "string", "array", "object"])
            .prop_map(|name| json!({"type": name})),
        pattern.prop_map(|pattern| json!({"type": "string", "pattern": pattern})),
        (0..3u64, 0..4u64).prop_map(|(min, more)| json!({"type": "string", "minLength": min, "maxLength": min + more})),
        (-20i64..20, 0i64..30, 1..7i64).prop_map(|(min, more, of)| json!({"type": "integer", "minimum": min, "exclusiveMaximum": min + more, "multipleOf": of})),
        (-20i64..20, 0i64..30).prop_map(|(min, more)| json!({"type": "number", "exclusiveMinimum": min as f64 / 4.0, "maximum": (min + more) as f64 / 4.0})),
        prop::sample::select(vec![json!("a\"b\\"), json!([1, {"a": null}]), json!(-1.5), json!({"k\n": true}), json!(0)])
            .prop_map(|value| json!({"enum": [value, "é"]})),
        prop::sample::select(vec!["date", "time", "email", "ipv4", "uuid"]).prop_map(|name| json!({"type": "string", "format": name})),
        Just(json!(true)),
    ];
    leaf.prop_recursive(3, 14, 3, |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..3), any::<[bool; 3]>(), prop::option::of(inner.clone()))
                .prop_map(|(members, required, more)| object(&members, required, more)),
            (prop::collection::vec(inner.clone(), 1..3), inner.clone(), 0..3u64, 0..3u64).prop_map(
                |(first, rest, min, more)| json!({"type": "array", "prefixItems": first, "items": rest, "minItems": min, "maxItems": min + more})
            ),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|any| json!({"anyOf": any})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|one| json!({"oneOf": one})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({"allOf": all})),
            inner.clone().prop_map(|of| json!({"type": "object", "patternProperties": {"^[ab]": of}, "minProperties": 1})),
            inner.prop_map(|of| json!({"$ref": "#/$defs/x", "$defs": {"x": of}})),
        ]
    })
    // A reference inside another schema leads nowhere: definitions belong to the whole.
    .prop_map(lifted)
}

fn object(members: &[Value], required: [bool; 3], more: Option<Value>) -> Value {
    let names = ["a", "b\"", "\\"];
    let properties: serde_json::Map<_, _> = names
        .iter()
        .zip(members)
        .map(|(name, of)| ((*name).to_owned(), of.clone()))
        .collect();
    let required: Vec<_> = names
        .iter()
        .zip(required)
        .take(members.len())
        .filter(|pair| pair.1)
        .map(|pair| pair.0)
        .collect();
    let more = more.unwrap_or(json!(false));
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": more})
}

/// Moves all definitions to the root under names of their own.
fn lifted(mut schema: Value) -> Value {
    fn lift(value: &mut Value, definitions: &mut serde_json::Map<String, Value>) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| lift(item, definitions)),
            Value::Object(members) => {
                members
                    .values_mut()
                    .for_each(|member| lift(member, definitions));
                if let Some(Value::Object(own)) = members.remove("$defs") {
                    let name = format!("d{}", definitions.len());
                    members.insert("$ref".to_owned(), json!(format!("#/$defs/{name}")));
                    definitions.insert(name, own["x"].clone());
                }
            }
            _ => {}
        }
    }
    let mut definitions = serde_json::Map::new();
    lift(&mut schema, &mut definitions);
    if let (Value::Object(root), false) = (&mut schema, definitions.is_empty()) {
        root.insert("$defs".to_owned(), Value::Object(definitions));
    }
    schema
}

/// Writes what the masks allow, drawn by a list of numbers; `None` where it came to no end.
fn written(constraint: &Constraint, draws: &[u16]) -> Option<String> {
    let mut matcher = compile(constraint).ok()?;
    let words = words();
    let mut text = Vec::new();
    for &draw in draws {
        let may_end = matcher.may_end().expect("a matcher that works");
        if may_end && (matcher.is_complete() || draw % 3 == 0) {
            return Some(String::from_utf8(text).expect("UTF-8"));
        }
        let mask = matcher.mask().expect("a mask");
        let allowed: Vec<Token> = mask.tokens().filter(|&token| token != END).collect();
        // What closes comes first in the second half, so that most walks come to an end.
        let closing = allowed
            .iter()
            .find(|token| b"\"}]".contains(&(token.0 as u8)) && token.0 < 256);
        let token = match closing {
            Some(&token) if draw % 4 == 1 => token,
            _ => allowed[draw as usize % allowed.len()],
        };
        if let Word::Text(bytes) = &words[token.index()] {
            text.extend_from_slice(bytes);
        }
        matcher.accept(token).expect("allowed");
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_generated_text_is_valid(schema in schemas(), draws in prop::collection::vec(prop::collection::vec(any::<u16>(), 60), 4)) {
        let constraint = Constraint::JsonSchema(schema.clone());
        let judge = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
        for draws in &draws {
            if let Some(text) = written(&constraint, draws) {
                match serde_json::from_str::<Value>(&text) {
                    Ok(value) => prop_assert!(judge.is_valid(&value), "{} under {}", text, schema),
                    Err(error) => prop_assert!(error.to_string().contains("out of range"), "{text}: {error}"),
                }
            }
        }
    }

    #[test]
    fn any_json_is_prepared_or_refused(schema in schemas(), at in any::<prop::sample::Index>(), with in "[a-z$#/{}0-9]{0,6}") {
        // A valid schema, damaged in one place.
        let mut text = schema.to_string();
        let at = at.index(text.len());
        if text.is_char_boundary(at) {
            text.insert_str(at, &with);
        }
        if let Ok(value) = serde_json::from_str(&text) {
            let _ = prepare(&value);
        }
    }
}
