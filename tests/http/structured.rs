//! Answers of a given form, over HTTP.

use serde_json::{Value, json};

use crate::common::server::{Answer, CHAT, TestServer, chat, with};
use crate::witness::beside_a_stream;

fn person() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": "^[A-Z][a-z]{1,10}$"},
            "age": {"type": "integer", "minimum": 1, "maximum": 120},
            "kind": {"enum": ["cat", "dog"]},
        },
        "required": ["name", "age", "kind"],
        "additionalProperties": false,
    })
}

fn json_schema(schema: &Value) -> Value {
    json!({"response_format": {"type": "json_schema", "json_schema": {
        "name": "person", "strict": true, "schema": schema,
    }}})
}

/// The text of an answer that is whole, sent at once and as a stream.
async fn both_ways(server: &TestServer, fields: &Value) -> [String; 2] {
    let body = with(chat("Describe somebody, as JSON.", 200), fields.clone());
    let reply = server.post(CHAT, &body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let choice = &reply.json()["choices"][0];
    assert_eq!(choice["finish_reason"], "stop", "{choice}");
    let at_once = choice["message"]["content"].as_str().expect("text");
    let stream: Answer = server
        .chat(&with(body, json!({"stream": true})))
        .await
        .answer()
        .await;
    assert_eq!(stream.reason, "stop", "{stream:?}");
    [at_once.to_owned(), stream.text]
}

#[tokio::test]
async fn an_answer_is_valid_under_the_schema_that_was_sent() {
    let server = TestServer::start();
    let schema = person();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for fields in [
        json_schema(&schema),
        json!({"json_schema": schema}),
        json!({"response_format": {"type": "json_object", "schema": schema}}),
    ] {
        for text in both_ways(&server, &fields).await {
            let value: Value = serde_json::from_str(&text).expect("JSON");
            assert!(validator.is_valid(&value), "{text}");
            let keys: Vec<_> = value.as_object().expect("an object").keys().collect();
            assert_eq!(keys, ["name", "age", "kind"]);
        }
    }
}

#[tokio::test]
async fn an_answer_is_a_text_of_the_grammar_that_was_sent() {
    let server = TestServer::start();
    let forms = [
        json!({"grammar": "root ::= \"<\" [0-9]{2} \">\""}),
        json!({"lark": "start: \"<\" /[0-9]{2}/ \">\""}),
        json!({"regex": "<[0-9]{2}>"}),
    ];
    for form in &forms {
        for text in both_ways(&server, form).await {
            let inner = text
                .strip_prefix('<')
                .and_then(|rest| rest.strip_suffix('>'));
            let digits = inner.is_some_and(|inner| inner.len() == 2 && inner.parse::<u8>().is_ok());
            assert!(digits, "{form}: {text}");
        }
    }
}

#[tokio::test]
async fn any_object_is_one_from_its_first_character_on() {
    let server = TestServer::start();
    let format = json!({"response_format": {"type": "json_object"}});
    let reply = server
        .post(CHAT, &with(chat("Describe somebody, as JSON.", 60), format))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let choice = reply.json()["choices"][0].clone();
    let text = choice["message"]["content"].as_str().expect("text");
    if choice["finish_reason"] == "stop" {
        let value: Value = serde_json::from_str(text).expect("JSON");
        assert!(value.is_object(), "{text}");
    } else {
        assert!(text.starts_with('{'), "{text}");
    }
}

#[tokio::test]
async fn a_form_that_cannot_be_enforced_is_refused_and_the_cause_is_named() {
    let server = TestServer::start();
    let cases = [
        (json_schema(&json!({"not": {}})), "response_format", "`not`"),
        (
            json_schema(&json!({"requird": ["a"]})),
            "response_format",
            "`requird`",
        ),
        (
            json_schema(&json!({"type": "string", "pattern": "(?<=a)b"})),
            "response_format",
            "look-around",
        ),
        (
            json_schema(&json!({"allOf": [{"type": "string"}, {"type": "null"}]})),
            "response_format",
            "fulfil",
        ),
        (
            json!({"json_schema": {"$ref": "https://example.com"}}),
            "json_schema",
            "document",
        ),
        (json!({"grammar": "root ::= nobody"}), "grammar", "nobody"),
        (json!({"grammar": "x ::= \"x\""}), "grammar", "root"),
        (json!({"lark": "start: nobody"}), "lark", "nobody"),
        (json!({"regex": "(a{1000}){1000}"}), "regex", "written out"),
        (json!({"regex": "("}), "regex", "regex"),
    ];
    beside_a_stream(&server, async {
        for (fields, param, cause) in &cases {
            for stream in [true, false] {
                let body = with(chat("x", 5), fields.clone());
                let reply = server
                    .post(CHAT, &with(body, json!({"stream": stream})))
                    .await;
                assert_eq!(reply.status, 400, "{fields}: {}", reply.body);
                let error = &reply.json()["error"];
                assert_eq!(
                    (&error["code"], &error["param"]),
                    (&json!("invalid_constraint"), &json!(param)),
                    "{error}"
                );
                let message = error["message"].as_str().expect("a message");
                assert!(message.contains(cause), "{fields}: {message}");
            }
        }
    })
    .await;
}
