use std::time::Duration;

use super::*;
use crate::generation::{FinishReason, PromptProgress, ScoredToken, Timings, Usage};
use crate::llama::Token;
use crate::stop::StopCause;

fn head() -> CompletionHead {
    CompletionHead {
        id: "chatcmpl-0123456789ab".into(),
        created: 1_700_000_000,
        model: "tiny \"Q4\"".into(),
        fingerprint: "fp_0".into(),
    }
}

fn text(text: &str) -> Delta {
    Delta::Text {
        text: text.into(),
        tokens: vec![Token(1)],
        logprobs: Vec::new(),
    }
}

fn summary(reason: FinishReason, completion_tokens: u32) -> Summary {
    let ran = |ms| Duration::from_millis(if completion_tokens == 0 { 0 } else { ms });
    Summary {
        reason,
        usage: Usage {
            prompt_tokens: 12,
            cached_tokens: 4,
            completion_tokens,
            reasoning_tokens: completion_tokens / 2,
        },
        timings: Timings {
            queued: Duration::from_millis(1),
            prompt_computed: if completion_tokens == 0 { 0 } else { 8 },
            prompt: ran(40),
            decode: ran(100),
            ..Timings::default()
        },
    }
}

fn done(reason: FinishReason, completion_tokens: u32) -> Delta {
    Delta::Done(summary(reason, completion_tokens))
}

/// All frames of a stream, with the part that every chunk repeats shortened.
fn frames(include_usage: Option<bool>, surface: Surface, deltas: &[Delta]) -> String {
    let mut encoder = ChatStreamEncoder::new(&head(), 1, include_usage, surface);
    let mut bytes = encoder.start().to_vec();
    for delta in deltas {
        bytes.extend_from_slice(&encoder.delta(0, delta));
    }
    assert!(encoder.is_ended());
    assert!(encoder.delta(0, &text("late")).is_empty());
    let stream = String::from_utf8(bytes).expect("UTF-8");
    let repeated = concat!(
        r#"{"id":"chatcmpl-0123456789ab","object":"chat.completion.chunk","created":1700000000,"#,
        r#""model":"tiny \"Q4\"","system_fingerprint":"fp_0","#,
    );
    for frame in stream.split_terminator("\n\n") {
        let data = frame.strip_prefix("data: ").expect("a data frame");
        let json = serde_json::from_str::<Value>(data);
        assert!(data == "[DONE]" || json.is_ok(), "{data}");
    }
    stream.replace(repeated, "{HEAD,")
}

#[test]
fn progress_is_a_chunk_without_text() {
    let progress = Delta::Progress(PromptProgress {
        total: 100,
        cached: 10,
        processed: 74,
        elapsed: Duration::from_millis(250),
    });
    let stream = frames(
        None,
        Surface::OpenAi,
        &[progress, text("Hi"), done(FinishReason::EndOfTurn, 1)],
    );
    let chunk = concat!(
        r#""choices":[{"index":0,"delta":{}}],"#,
        r#""prompt_progress":{"total":100,"cache":10,"processed":74,"time_ms":250.0}}"#,
    );
    assert!(stream.contains(chunk), "{stream}");
}

#[test]
fn thoughts_have_a_field_of_their_own() {
    let thought = Delta::Reasoning {
        text: "A \"plan\".".into(),
    };
    let deltas = [thought, text("Hi"), done(FinishReason::EndOfTurn, 2)];
    let stream = frames(Some(false), Surface::OpenAi, &deltas);
    insta::assert_snapshot!(stream, @r#"
    data: {HEAD,"choices":[{"index":0,"delta":{"role":"assistant"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"reasoning_content":"A \"plan\"."}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"content":"Hi"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

    data: [DONE]
    "#);
}

fn call(deltas: &mut Vec<Delta>, index: usize, name: &str, arguments: &[&str]) {
    let begun = ToolCallDelta::Begun {
        index,
        id: format!("call_{index}"),
        name: name.into(),
    };
    deltas.push(Delta::ToolCall(begun));
    deltas.extend(arguments.iter().map(|json| {
        let json = (*json).into();
        Delta::ToolCall(ToolCallDelta::Arguments { index, json })
    }));
}

#[test]
fn calls_of_tools_come_with_the_name_first_and_end_with_a_reason_of_their_own() {
    let mut deltas = vec![text("I look.")];
    call(&mut deltas, 0, "look", &["{\"at\":", "\"ü\"}"]);
    deltas.push(Delta::ToolCall(ToolCallDelta::Ended { index: 0 }));
    call(&mut deltas, 1, "go", &["{"]);
    let ended = |mut deltas: Vec<Delta>, last| {
        deltas.push(Delta::ToolCall(last));
        deltas.push(done(FinishReason::EndOfTurn, 9));
        frames(None, Surface::OpenAi, &deltas)
    };
    let whole = ended(deltas.clone(), ToolCallDelta::Ended { index: 1 });
    insta::assert_snapshot!(whole, @r#"
    data: {HEAD,"choices":[{"index":0,"delta":{"role":"assistant"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"content":"I look."}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_0","type":"function","function":{"name":"look","arguments":""}}]}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"at\":"}}]}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"ü\"}"}}]}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_1","type":"function","function":{"name":"go","arguments":""}}]}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{"}}]}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

    data: [DONE]
    "#);
    // One that broke off: nothing is to be executed.
    let broken = ended(deltas, ToolCallDelta::Abandoned { index: 1 });
    assert_eq!(broken, whole.replace("\"tool_calls\"}]}", "\"stop\"}]}"));
}

#[test]
fn an_answer_in_one_piece_has_the_calls_that_are_whole() {
    let mut choice = Choice {
        summary: Some(summary(FinishReason::EndOfTurn, 5)),
        ..Choice::default()
    };
    let mut deltas = Vec::new();
    call(&mut deltas, 0, "look", &["{", "}"]);
    deltas.push(Delta::ToolCall(ToolCallDelta::Ended { index: 0 }));
    for delta in deltas {
        if let Delta::ToolCall(delta) = delta {
            choice.take_call(delta);
        }
    }
    let shown = |choice: &Choice| {
        let response = chat_response(&head(), std::slice::from_ref(choice), false);
        response["choices"][0].clone()
    };
    let calls = json!([{"id": "call_0", "type": "function", "function": {"name": "look", "arguments": "{}"}}]);
    let message = json!({"role": "assistant", "content": null, "tool_calls": calls});
    let expected = json!({"index": 0, "message": message, "finish_reason": "tool_calls"});
    assert_eq!(shown(&choice), expected);
    choice.text = "So.".into();
    choice.take_call(ToolCallDelta::Abandoned { index: 1 });
    assert_eq!(shown(&choice)["message"]["content"], "So.");
    assert_eq!(shown(&choice)["finish_reason"], "stop");
}

#[test]
fn a_stream_under_v1_has_no_usage_unless_asked() {
    let deltas = [text("Hel"), text("lo."), done(FinishReason::EndOfTurn, 3)];
    insta::assert_snapshot!(frames(None, Surface::OpenAi, &deltas), @r#"
    data: {HEAD,"choices":[{"index":0,"delta":{"role":"assistant"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"content":"Hel"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"content":"lo."}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

    data: [DONE]
    "#);
    let not_wanted = frames(Some(false), Surface::Studio, &deltas);
    assert_eq!(not_wanted, frames(None, Surface::OpenAi, &deltas));
}

#[test]
fn usage_comes_when_asked_and_by_default_under_api() {
    let deltas = [text("Hi"), done(FinishReason::StopString, 2)];
    let asked = frames(Some(true), Surface::OpenAi, &deltas);
    insta::assert_snapshot!(asked, @r#"
    data: {HEAD,"choices":[{"index":0,"delta":{"role":"assistant"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"content":"Hi"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

    data: {HEAD,"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":2,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":1}},"timings":{"prompt_n":8,"cache_n":4,"prompt_ms":40.0,"prompt_per_token_ms":5.0,"prompt_per_second":200.0,"predicted_n":2,"predicted_ms":100.0,"predicted_per_token_ms":50.0,"predicted_per_second":20.0}}

    data: [DONE]
    "#);
    assert_eq!(frames(None, Surface::Studio, &deltas), asked);
}

#[test]
fn limits_end_with_length() {
    for reason in [
        FinishReason::Length,
        FinishReason::Stopped(StopCause::Deadline),
    ] {
        let deltas = [text("one"), done(reason, 1)];
        insta::allow_duplicates! {
            insta::assert_snapshot!(frames(None, Surface::OpenAi, &deltas), @r#"
            data: {HEAD,"choices":[{"index":0,"delta":{"role":"assistant"}}]}

            data: {HEAD,"choices":[{"index":0,"delta":{"content":"one"}}]}

            data: {HEAD,"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}

            data: [DONE]
            "#);
        }
    }
}

#[test]
fn a_stop_before_the_first_token_is_a_whole_stream_without_content() {
    let deltas = [done(FinishReason::Stopped(StopCause::User), 0)];
    insta::assert_snapshot!(frames(None, Surface::Studio, &deltas), @r#"
    data: {HEAD,"choices":[{"index":0,"delta":{"role":"assistant"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

    data: {HEAD,"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":0,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":0}},"timings":{"prompt_n":0,"cache_n":4,"prompt_ms":0.0,"prompt_per_token_ms":0.0,"prompt_per_second":0.0,"predicted_n":0,"predicted_ms":0.0,"predicted_per_token_ms":0.0,"predicted_per_second":0.0}}

    data: [DONE]
    "#);
}

#[test]
fn a_failure_is_one_error_frame_in_the_surfaces_envelope() {
    let deltas = [
        text("Hel"),
        Delta::Failed {
            message: "the context could not be extended".into(),
        },
    ];
    insta::assert_snapshot!(frames(Some(true), Surface::OpenAi, &deltas), @r#"
    data: {HEAD,"choices":[{"index":0,"delta":{"role":"assistant"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"content":"Hel"}}]}

    data: {"error":{"message":"the context could not be extended","type":"api_error","param":null,"code":null}}

    data: [DONE]
    "#);
    insta::assert_snapshot!(frames(None, Surface::Studio, &deltas[1..]), @r#"
    data: {HEAD,"choices":[{"index":0,"delta":{"role":"assistant"}}]}

    data: {"error":{"message":"the context could not be extended","type":"api_error","param":null,"code":null},"detail":"the context could not be extended"}

    data: [DONE]
    "#);
}

#[test]
fn text_is_escaped_and_stays_on_one_line() {
    let deltas = [
        text("é 漢 😀"),
        text("\"q\" \\ \n\r\n\t\u{1}"),
        text("\u{2028}data: [DONE]\n\n"),
        done(FinishReason::EndOfTurn, 3),
    ];
    insta::assert_snapshot!(frames(None, Surface::OpenAi, &deltas).replace('\u{2028}', "<U+2028>"), @r#"
    data: {HEAD,"choices":[{"index":0,"delta":{"role":"assistant"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"content":"é 漢 😀"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"content":"\"q\" \\ \n\r\n\t\u0001"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{"content":"<U+2028>data: [DONE]\n\n"}}]}

    data: {HEAD,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

    data: [DONE]
    "#);
}

#[test]
fn an_ended_stream_writes_nothing_more() {
    let mut encoder = ChatStreamEncoder::new(&head(), 1, None, Surface::OpenAi);
    assert!(!encoder.fail(&ApiError::internal("gone")).is_empty());
    assert!(encoder.fail(&ApiError::internal("gone")).is_empty());
    assert!(encoder.delta(0, &done(FinishReason::Length, 1)).is_empty());
}

#[test]
fn several_answers_are_told_apart_by_number_and_counted_together() {
    let mut encoder = ChatStreamEncoder::new(&head(), 2, Some(true), Surface::OpenAi);
    let start = String::from_utf8(encoder.start().to_vec()).expect("UTF-8");
    assert_eq!(start.matches(r#""role":"assistant""#).count(), 2);
    let mut frames = |choice, delta: &Delta| {
        let bytes = encoder.delta(choice, delta);
        String::from_utf8(bytes.to_vec()).expect("UTF-8")
    };
    assert!(frames(1, &text("b")).contains(r#"{"index":1,"delta":{"content":"b"}}"#));
    assert!(frames(0, &text("a")).contains(r#"{"index":0,"delta":{"content":"a"}}"#));
    let first = frames(1, &done(FinishReason::Length, 3));
    assert!(first.contains(r#"{"index":1,"delta":{},"finish_reason":"length"}"#));
    assert!(!first.contains("[DONE]") && !first.contains("usage"));
    let last = frames(0, &done(FinishReason::EndOfTurn, 4));
    assert!(
        last.contains(r#""prompt_tokens":12,"completion_tokens":7"#),
        "{last}"
    );
    assert!(last.ends_with("data: [DONE]\n\n"));

    let answers = [
        whole("a", FinishReason::EndOfTurn, 4),
        whole("b", FinishReason::Length, 3),
    ];
    let response = chat_response(&head(), &answers, false);
    assert_eq!(response["choices"][1]["message"]["content"], "b");
    assert_eq!(response["choices"][1]["index"], 1);
    assert_eq!(response["usage"]["total_tokens"], 19);
}

fn whole(text: &str, reason: FinishReason, completion_tokens: u32) -> Choice {
    Choice {
        text: text.into(),
        summary: Some(summary(reason, completion_tokens)),
        ..Choice::default()
    }
}

#[test]
fn the_answer_in_one_piece_has_real_usage_and_reason() {
    let answer = whole("Hello.", FinishReason::Length, 2);
    let response = chat_response(&head(), &[answer], false);
    insta::assert_json_snapshot!(response, @r#"
    {
      "id": "chatcmpl-0123456789ab",
      "object": "chat.completion",
      "created": 1700000000,
      "model": "tiny \"Q4\"",
      "system_fingerprint": "fp_0",
      "choices": [
        {
          "index": 0,
          "message": {
            "role": "assistant",
            "content": "Hello."
          },
          "finish_reason": "length"
        }
      ],
      "usage": {
        "prompt_tokens": 12,
        "completion_tokens": 2,
        "total_tokens": 14,
        "prompt_tokens_details": {
          "cached_tokens": 4
        },
        "completion_tokens_details": {
          "reasoning_tokens": 1
        }
      },
      "timings": {
        "prompt_n": 8,
        "cache_n": 4,
        "prompt_ms": 40.0,
        "prompt_per_token_ms": 5.0,
        "prompt_per_second": 200.0,
        "predicted_n": 2,
        "predicted_ms": 100.0,
        "predicted_per_token_ms": 50.0,
        "predicted_per_second": 20.0
      }
    }
    "#);
}

#[test]
fn logprobs_stand_beside_the_text_and_only_where_they_are_wanted() {
    let scored = |text: &str, logprob| ScoredToken {
        token: Token(1),
        bytes: text.into(),
        logprob,
    };
    let logprobs = vec![TokenLogprob {
        drawn: scored("Hi", -0.5),
        top: vec![scored("Ho", -0.25)],
    }];
    let delta = Delta::Text {
        text: "Hi".into(),
        tokens: vec![Token(1)],
        logprobs: logprobs.clone(),
    };
    let deltas = [delta, text("!"), done(FinishReason::EndOfTurn, 2)];
    let stream = frames(None, Surface::OpenAi, &deltas);
    let chunk = r#"data: {HEAD,"choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":{"content":[{"token":"Hi","logprob":-0.5,"bytes":[72,105],"#;
    assert!(stream.contains(chunk), "{stream}");
    assert_eq!(stream.matches("logprobs\":{").count(), 1, "{stream}");

    let answer = Choice {
        logprobs,
        ..whole("Hi!", FinishReason::EndOfTurn, 2)
    };
    let whole = chat_response(&head(), &[answer], true);
    let entry = &whole["choices"][0]["logprobs"]["content"][0];
    assert_eq!(
        (&entry["token"], &entry["top_logprobs"][0]["token"]),
        (&json!("Hi"), &json!("Ho"))
    );
}
