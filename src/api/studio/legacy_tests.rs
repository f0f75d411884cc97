use super::*;
use crate::generation::{FinishReason, Summary, Timings, Usage};
use crate::stop::StopCause;

fn with(field: &str, value: Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": "hi"}]});
    body[field] = value;
    body
}

fn good(field: &str, value: Value) -> LegacyRequest {
    let body = with(field, value);
    LegacyRequest::parse(&body).unwrap_or_else(|error| panic!("{body}: {}", error.message))
}

fn refused(field: &str, value: Value, code: &str) {
    let body = with(field, value);
    let error = LegacyRequest::parse(&body).expect_err(&body.to_string());
    assert_eq!(
        (error.status, error.code),
        (400, Some(code)),
        "{}",
        error.message
    );
    assert_eq!(error.param.as_deref(), Some(field));
}

fn chat(request: &LegacyRequest) -> &[ChatMessage] {
    match &request.generate.prompt {
        Prompt::Chat(chat) => &chat.messages,
        other => panic!("not a chat: {other:?}"),
    }
}

#[test]
fn a_bare_request_has_the_defaults_of_the_route() {
    let request = good("image_base64", Value::Null);
    assert_eq!(request.generate.max_tokens, Some(2048));
    assert_eq!(
        request.generate.sampling,
        SamplingParams {
            min_p: 0.0,
            ..SamplingParams::default()
        }
    );
    assert_eq!(chat(&request), [ChatMessage::user("hi")]);
}

#[test]
fn numbers_are_held_to_their_ranges() {
    let ranges = [
        ("temperature", 0.0, 2.0, -0.1, 2.1),
        ("top_p", 0.0, 1.0, -0.1, 1.1),
        ("top_k", -1.0, 100.0, -2.0, 101.0),
        ("max_new_tokens", 1.0, 4096.0, 0.0, 4097.0),
        ("repetition_penalty", 1.0, 2.0, 0.9, 2.1),
        ("presence_penalty", 0.0, 2.0, -0.1, 2.1),
    ];
    for (field, low, high, below, above) in ranges {
        good(field, json!(low));
        good(field, json!(high));
        refused(field, json!(below), "invalid_value");
        refused(field, json!(above), "invalid_value");
        refused(field, json!("1"), "invalid_type");
    }
    refused("image_base64", json!("AAAA"), "unsupported_parameter");
    refused("messages", Value::Null, "invalid_value");
    refused("system_prompt", json!(1), "invalid_type");
}

#[test]
fn the_system_prompt_comes_first() {
    let request = good("system_prompt", json!("one"));
    assert_eq!(
        chat(&request),
        [ChatMessage::system("one"), ChatMessage::user("hi")]
    );
    let body = json!({"system_prompt": "one", "messages": [
        {"role": "system", "content": "two"},
        {"role": "user", "content": "hi"},
    ]});
    let request = LegacyRequest::parse(&body).expect("good");
    assert_eq!(
        chat(&request),
        [ChatMessage::system("one\n\ntwo"), ChatMessage::user("hi")]
    );
    assert_eq!(chat(&good("system_prompt", json!(""))).len(), 1);
}

fn frames(deltas: &[Delta]) -> String {
    let mut encoder = LegacyStreamEncoder::new();
    let frames = deltas.iter().map(|delta| encoder.delta(delta));
    let bytes: Vec<u8> = frames.flat_map(|frame| frame.to_vec()).collect();
    String::from_utf8(bytes).expect("UTF-8")
}

fn text(text: &str) -> Delta {
    Delta::Text {
        text: text.into(),
        tokens: Vec::new(),
        logprobs: Vec::new(),
    }
}

#[test]
fn a_stream_is_content_frames_and_done() {
    let done = Delta::Done(Summary {
        reason: FinishReason::Stopped(StopCause::User),
        usage: Usage::default(),
        timings: Timings::default(),
    });
    insta::assert_snapshot!(frames(&[text("Hé"), text("\n"), done.clone(), done]), @r#"
    data: {"content":"Hé"}

    data: {"content":"\n"}

    data: [DONE]
    "#);
}

#[test]
fn a_failure_is_an_error_frame_and_done() {
    let failed = Delta::Failed {
        message: "out of memory".into(),
    };
    insta::assert_snapshot!(frames(&[text("H"), failed]), @r#"
    data: {"content":"H"}

    data: {"error":"out of memory"}

    data: [DONE]
    "#);
}
