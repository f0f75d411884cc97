use serde_json::json;

use super::*;

fn parse(body: &Value) -> EmbeddingsRequest {
    EmbeddingsRequest::parse(body).unwrap_or_else(|error| panic!("{body}: {}", error.message))
}

fn refused(body: &Value, code: &str, param: &str) {
    let error = EmbeddingsRequest::parse(body).expect_err(&body.to_string());
    assert_eq!(error.status, 400);
    assert_eq!(
        (error.code, error.param.as_deref()),
        (Some(code), Some(param)),
        "{body}"
    );
}

fn response(fields: &Value) -> String {
    let mut body = json!({"input": ["a", "b"]});
    body.as_object_mut()
        .expect("an object")
        .extend(fields.as_object().expect("fields").clone());
    let request = parse(&body);
    let mut rows = vec![vec![3.0, 4.0, 12.0], vec![0.5, 0.0, 0.0]];
    for row in &mut rows {
        request.normalize.apply(row);
    }
    let response = EmbeddingsResponse::new(&request, "tiny", rows, &[2, 3]);
    serde_json::to_string(&response).expect("JSON")
}

#[test]
fn a_bare_request_has_the_defaults_of_the_route() {
    let request = parse(&json!({"input": "x", "model": "m", "user": "u"}));
    assert!(matches!(&request.inputs[..], [EmbedInput::Text(text)] if text == "x"));
    assert_eq!(request.format, EncodingFormat::Float);
    assert_eq!(
        (request.dimensions, request.normalize),
        (None, Normalize::Euclidean)
    );
    assert_eq!(request.ids, RunIds::default());
    assert_eq!(parse(&json!({"input": [[1, 2], [3]]})).inputs.len(), 2);
}

#[test]
fn wrong_values_are_named() {
    let with = |field: &str, value: Value| json!({"input": "x", field: value});
    for (body, code, param) in [
        (json!({}), "invalid_value", "input"),
        (json!({"input": []}), "invalid_value", "input"),
        (
            json!({"input": vec!["x"; MAX_INPUTS + 1]}),
            "invalid_value",
            "input",
        ),
        (json!({"input": ["x", 7]}), "invalid_type", "input[1]"),
        (
            with("encoding_format", json!("int8")),
            "invalid_value",
            "encoding_format",
        ),
        (with("dimensions", json!(0)), "invalid_value", "dimensions"),
        (with("dimensions", json!("x")), "invalid_type", "dimensions"),
        (
            with("embd_normalize", json!(-2)),
            "invalid_value",
            "embd_normalize",
        ),
        (
            with("embd_normalize", json!(65_536)),
            "invalid_value",
            "embd_normalize",
        ),
        (with("cancel_id", json!(7)), "invalid_type", "cancel_id"),
        (with("model", json!(7)), "invalid_type", "model"),
    ] {
        refused(&body, code, param);
    }
    let request = parse(&with("dimensions", json!(65)));
    assert!(request.check_dimensions(65).is_ok());
    let error = request.check_dimensions(64).expect_err("too many");
    assert_eq!(
        (error.status, error.param.as_deref()),
        (400, Some("dimensions"))
    );
}

#[test]
fn every_field_that_is_not_supported_may_be_null_and_is_refused_with_an_odd_value() {
    for (field, _) in NOT_YET {
        parse(&json!({"input": "x", *field: null}));
        refused(
            &json!({"input": "x", *field: {"odd": true}}),
            "unsupported_parameter",
            field,
        );
    }
}

#[test]
fn numbers_are_written_short() {
    insta::assert_snapshot!(response(&json!({"embd_normalize": -1})), @r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[3.0,4.0,12.0]},{"object":"embedding","index":1,"embedding":[0.5,0.0,0.0]}],"model":"tiny","usage":{"prompt_tokens":5,"total_tokens":5}}"#);
    // In as many digits as tell a 32-bit number from its neighbours.
    assert!(response(&json!({})).contains("[0.23076925,0.30769232,0.923077]"));
}

#[test]
fn fewer_dimensions_are_scaled_anew() {
    let short = response(&json!({"dimensions": 2}));
    assert!(
        short.contains(r#""embedding":[0.6,0.8]"#) && short.contains(r#""embedding":[1.0,0.0]"#),
        "{short}"
    );
    let raw = response(&json!({"dimensions": 2, "embd_normalize": -1}));
    assert!(raw.contains(r#""embedding":[3.0,4.0]"#), "{raw}");
}

#[test]
fn base64_is_of_little_endian_floats() {
    let text =
        response(&json!({"encoding_format": "base64", "dimensions": 1, "embd_normalize": -1}));
    // 3.0 is 0x40400000, 0.5 is 0x3f000000.
    assert!(
        text.contains(r#""embedding":"AABAQA==""#) && text.contains(r#""embedding":"AAAAPw==""#),
        "{text}"
    );
}
