use super::*;
use serde_json::json;

fn parse(messages: &Value) -> Result<Vec<ChatMessage>, ApiError> {
    parse_messages(messages.as_array().expect("a list"), "messages")
}

/// The content, where it is text.
fn plain_text(message: &ChatMessage) -> Option<&str> {
    match &message.content {
        Some(Content::Text(text)) => Some(text),
        _ => None,
    }
}

fn good(messages: &Value) -> Vec<ChatMessage> {
    parse(messages).unwrap_or_else(|error| panic!("{messages}: {}", error.message))
}

fn refused(messages: &Value, code: &str, param: &str) {
    let error = parse(messages).expect_err(&messages.to_string());
    assert_eq!(error.status, 400);
    assert_eq!(error.code, Some(code), "{messages}: {}", error.message);
    assert_eq!(
        error.param.as_deref(),
        Some(param),
        "{messages}: {}",
        error.message
    );
}

#[test]
fn plain_turns_keep_their_order() {
    let messages = good(&json!([
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": "bye"},
    ]));
    assert_eq!(
        messages,
        [
            ChatMessage::system("be brief"),
            ChatMessage::user("hi"),
            ChatMessage::assistant("hello"),
            ChatMessage::user("bye"),
        ]
    );
}

#[test]
fn system_and_developer_messages_become_one_at_the_front() {
    let messages = good(&json!([
        {"role": "system", "content": "one"},
        {"role": "user", "content": "hi"},
        {"role": "developer", "content": "two"},
    ]));
    assert_eq!(
        messages,
        [ChatMessage::system("one\n\ntwo"), ChatMessage::user("hi")]
    );
}

#[test]
fn text_parts_are_joined_by_newlines() {
    let messages = good(&json!([{"role": "user", "content": [
        {"type": "text", "text": "one"},
        {"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}},
    ]}]));
    assert_eq!(messages, [ChatMessage::user("one\ntwo")]);
}

#[test]
fn bad_roles_and_contents_are_refused_with_their_path() {
    let cases = [
        (json!([]), "invalid_value", "messages"),
        (
            json!([{"role": "system", "content": "x"}]),
            "invalid_value",
            "messages",
        ),
        (json!(["hi"]), "invalid_type", "messages[0]"),
        (
            json!([{"content": "x"}]),
            "invalid_value",
            "messages[0].role",
        ),
        (
            json!([{"role": 1, "content": "x"}]),
            "invalid_type",
            "messages[0].role",
        ),
        (
            json!([{"role": "function", "content": "x"}]),
            "invalid_value",
            "messages[0].role",
        ),
        (
            json!([{"role": "user"}]),
            "invalid_value",
            "messages[0].content",
        ),
        (
            json!([{"role": "user", "content": null}]),
            "invalid_value",
            "messages[0].content",
        ),
        (
            json!([{"role": "user", "content": ""}]),
            "invalid_value",
            "messages[0].content",
        ),
        (
            json!([{"role": "user", "content": []}]),
            "invalid_value",
            "messages[0].content",
        ),
        (
            json!([{"role": "system", "content": ""}]),
            "invalid_value",
            "messages[0].content",
        ),
        (
            json!([{"role": "user", "content": 5}]),
            "invalid_type",
            "messages[0].content",
        ),
        (
            json!([{"role": "user", "content": {"type": "text"}}]),
            "invalid_type",
            "messages[0].content",
        ),
        (
            json!([{"role": "user", "content": ["x"]}]),
            "invalid_type",
            "messages[0].content[0]",
        ),
        (
            json!([{"role": "user", "content": [{"text": "x"}]}]),
            "invalid_value",
            "messages[0].content[0].type",
        ),
        (
            json!([{"role": "user", "content": [{"type": "text"}]}]),
            "invalid_value",
            "messages[0].content[0].text",
        ),
        (
            json!([{"role": "user", "content": [{"type": "text", "text": 1}]}]),
            "invalid_type",
            "messages[0].content[0].text",
        ),
        (
            json!([{"role": "user", "content": [{"type": "poem", "text": "x"}]}]),
            "invalid_value",
            "messages[0].content[0].type",
        ),
        (
            json!([{"role": "user", "content": "x"}, {"role": "assistant"}]),
            "invalid_value",
            "messages[1].content",
        ),
    ];
    for (messages, code, param) in cases {
        refused(&messages, code, param);
    }
}

#[test]
fn media_parts_are_known_and_not_supported_yet() {
    let parts = [
        json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
        json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        json!({"type": "video_url", "video_url": {"url": "x"}}),
    ];
    for part in parts {
        refused(
            &json!([{"role": "user", "content": [{"type": "text", "text": "x"}, part]}]),
            "unsupported_parameter",
            "messages[0].content[1].type",
        );
    }
}

#[test]
fn fields_of_another_role_are_refused_unless_empty() {
    let calls =
        json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
    let cases = [
        (
            json!({"role": "user", "content": "x", "tool_calls": calls}),
            "messages[0].tool_calls",
        ),
        (
            json!({"role": "assistant", "content": "x", "tool_call_id": "a"}),
            "messages[0].tool_call_id",
        ),
    ];
    for (message, param) in cases {
        refused(&json!([message]), "invalid_value", param);
    }
    good(
        &json!([{"role": "user", "content": "x", "name": null, "tool_calls": [], "tool_call_id": ""}]),
    );
}

#[test]
fn a_message_may_say_who_speaks() {
    let messages = good(&json!([
        {"role": "user", "content": "x", "name": "ada"},
        {"role": "assistant", "content": "y", "name": ""},
    ]));
    let names: Vec<_> = messages.iter().map(|it| it.name.as_deref()).collect();
    assert_eq!(names, [Some("ada"), None]);
}

#[test]
fn an_assistant_turn_may_be_empty_text_or_nothing_but_calls() {
    let call = json!([{"id": "a", "function": {"name": "f", "arguments": "{\"x\":1}"}}]);
    let messages = good(&json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": "", "tool_calls": call},
        {"role": "assistant", "tool_calls": call},
    ]));
    let contents: Vec<_> = messages.iter().map(|message| plain_text(message)).collect();
    assert_eq!(contents, [Some("hi"), Some(""), None, None]);
    assert_eq!(messages[3].tool_calls[0].arguments, json!({"x": 1}));
}

#[test]
fn call_arguments_become_an_object_where_they_are_one() {
    let cases = [
        (json!("{\"a\": 1}"), json!({"a": 1})),
        (json!({"a": 1}), json!({"a": 1})),
        (json!(""), json!({})),
        (Value::Null, json!({})),
        (json!("{broken"), json!("{broken")),
        (json!("[1]"), json!("[1]")),
        (json!("[".repeat(10_000)), json!("[".repeat(10_000))),
    ];
    for (written, read) in cases {
        let messages = good(&json!([{"role": "assistant", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": written}},
        ]}]));
        assert_eq!(messages[0].tool_calls[0].arguments, read, "{written}");
    }
}

#[test]
fn malformed_calls_are_refused_with_their_path() {
    let cases = [
        (json!("x"), "invalid_type", "messages[0].tool_calls[0]"),
        (
            json!({"id": "a"}),
            "invalid_value",
            "messages[0].tool_calls[0].function",
        ),
        (
            json!({"function": {"arguments": "{}"}}),
            "invalid_value",
            "messages[0].tool_calls[0].function.name",
        ),
        (
            json!({"function": {"name": 1}}),
            "invalid_type",
            "messages[0].tool_calls[0].function.name",
        ),
        (
            json!({"function": {"name": "f", "arguments": 1}}),
            "invalid_type",
            "messages[0].tool_calls[0].function.arguments",
        ),
        (
            json!({"type": "custom", "function": {"name": "f"}}),
            "invalid_value",
            "messages[0].tool_calls[0].type",
        ),
    ];
    for (call, code, param) in cases {
        refused(
            &json!([{"role": "assistant", "tool_calls": [call]}]),
            code,
            param,
        );
    }
}

#[test]
fn a_tool_result_finds_the_call_that_it_answers() {
    let messages = good(&json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [
            {"id": "a", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "function": {"name": "g", "arguments": "{}"}},
            {"id": "c", "function": {"name": "g", "arguments": "{}"}},
        ]},
        {"role": "tool", "name": "g", "content": "by name"},
        {"role": "tool", "tool_call_id": "c", "content": ""},
        {"role": "tool", "content": null},
        {"role": "tool", "content": "nothing left to answer"},
    ]));
    let results: Vec<_> = messages[2..]
        .iter()
        .map(|message| {
            (
                message.tool_call_id.as_deref().expect("an id"),
                message.name.as_deref(),
                plain_text(message).expect("text"),
            )
        })
        .collect();
    assert_eq!(
        results,
        [
            ("b", Some("g"), "by name"),
            ("c", Some("g"), ""),
            ("a", Some("f"), ""),
            ("call_00050000", None, "nothing left to answer"),
        ]
    );
}
