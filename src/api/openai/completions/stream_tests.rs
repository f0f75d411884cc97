use std::time::Duration;

use super::*;
use crate::generation::{FinishReason, ScoredToken, Timings, Usage};
use crate::llama::Token;
use crate::stop::StopCause;

fn head() -> CompletionHead {
    CompletionHead {
        id: "cmpl-0123456789ab".into(),
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

fn scored(text: &str) -> Delta {
    Delta::Text {
        text: text.into(),
        tokens: vec![Token(1)],
        logprobs: vec![logprob(text)],
    }
}

fn logprob(text: &str) -> TokenLogprob {
    let token = |text: &str, logprob| ScoredToken {
        token: Token(1),
        bytes: text.as_bytes().to_vec(),
        logprob,
    };
    TokenLogprob {
        drawn: token(text, -0.5),
        top: vec![token("x", -0.25)],
    }
}

fn summary(reason: FinishReason, completion_tokens: u32) -> Summary {
    Summary {
        reason,
        usage: Usage {
            prompt_tokens: 12,
            cached_tokens: 4,
            reasoning_tokens: 0,
            completion_tokens,
        },
        timings: Timings {
            prompt_computed: 8,
            prompt: Duration::from_millis(40),
            decode: Duration::from_millis(100),
            ..Timings::default()
        },
    }
}

fn done(reason: FinishReason, completion_tokens: u32) -> Delta {
    Delta::Done(summary(reason, completion_tokens))
}

/// All frames of a stream, with the part that every chunk repeats shortened.
fn frames(
    echo: Echo,
    include_usage: Option<bool>,
    surface: Surface,
    deltas: &[(usize, Delta)],
) -> String {
    let mut encoder = CompletionStreamEncoder::new(&head(), echo, include_usage, surface);
    let mut bytes = encoder.start().to_vec();
    for (run, delta) in deltas {
        assert!(!encoder.is_ended());
        bytes.extend_from_slice(&encoder.delta(*run, delta));
    }
    assert!(encoder.is_ended());
    assert!(encoder.delta(0, &text("late")).is_empty());
    assert!(encoder.fail(&ApiError::internal("late")).is_empty());
    let stream = String::from_utf8(bytes).expect("UTF-8");
    for frame in stream.split_terminator("\n\n") {
        let data = frame.strip_prefix("data: ").expect("a data frame");
        let json = serde_json::from_str::<Value>(data);
        assert!(data == "[DONE]" || json.is_ok(), "{data}");
    }
    let repeated = concat!(
        r#"{"id":"cmpl-0123456789ab","object":"text_completion","created":1700000000,"#,
        r#""model":"tiny \"Q4\"","system_fingerprint":"fp_0","#,
    );
    stream.replace(repeated, "{HEAD,")
}

#[test]
fn a_stream_under_v1_has_no_usage_unless_asked() {
    let deltas = [
        (0, text("Hel")),
        (0, text("lo \"\n")),
        (0, done(FinishReason::Length, 3)),
    ];
    let one = || Echo::none(1, 1);
    let stream = frames(one(), None, Surface::OpenAi, &deltas);
    insta::assert_snapshot!(stream, @r#"
    data: {HEAD,"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":null}]}

    data: {HEAD,"choices":[{"text":"Hel","index":0,"logprobs":null,"finish_reason":null}]}

    data: {HEAD,"choices":[{"text":"lo \"\n","index":0,"logprobs":null,"finish_reason":null}]}

    data: {HEAD,"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"length"}]}

    data: [DONE]
    "#);
    assert_eq!(frames(one(), Some(false), Surface::Studio, &deltas), stream);
    let asked = frames(one(), Some(true), Surface::OpenAi, &deltas);
    assert_eq!(frames(one(), None, Surface::Studio, &deltas), asked);
    let usage = r#"data: {HEAD,"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15,"#;
    assert!(
        asked.contains(usage) && asked.contains(r#""timings":{"prompt_n":8,"#),
        "{asked}"
    );
    assert!(asked.ends_with("data: [DONE]\n\n"));
}

#[test]
fn answers_are_numbered_prompt_by_prompt_and_begin_with_their_prompt() {
    let echo = Echo::new(vec!["One".into(), "Two".into()], 2);
    let deltas = [
        (3, text(" d")),
        (0, text(" a")),
        (0, done(FinishReason::EndOfTurn, 1)),
        (1, done(FinishReason::Stopped(StopCause::User), 0)),
        (3, done(FinishReason::Stopped(StopCause::Deadline), 2)),
        (2, done(FinishReason::StopString, 3)),
    ];
    insta::assert_snapshot!(frames(echo, Some(true), Surface::OpenAi, &deltas), @r#"
    data: {HEAD,"choices":[{"text":"One","index":0,"logprobs":null,"finish_reason":null}]}

    data: {HEAD,"choices":[{"text":"One","index":1,"logprobs":null,"finish_reason":null}]}

    data: {HEAD,"choices":[{"text":"Two","index":2,"logprobs":null,"finish_reason":null}]}

    data: {HEAD,"choices":[{"text":"Two","index":3,"logprobs":null,"finish_reason":null}]}

    data: {HEAD,"choices":[{"text":" d","index":3,"logprobs":null,"finish_reason":null}]}

    data: {HEAD,"choices":[{"text":" a","index":0,"logprobs":null,"finish_reason":null}]}

    data: {HEAD,"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}]}

    data: {HEAD,"choices":[{"text":"","index":1,"logprobs":null,"finish_reason":"stop"}]}

    data: {HEAD,"choices":[{"text":"","index":3,"logprobs":null,"finish_reason":"length"}]}

    data: {HEAD,"choices":[{"text":"","index":2,"logprobs":null,"finish_reason":"stop"}]}

    data: {HEAD,"choices":[],"usage":{"prompt_tokens":24,"completion_tokens":6,"total_tokens":30,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":0}},"timings":{"prompt_n":16,"cache_n":8,"prompt_ms":40.0,"prompt_per_token_ms":2.5,"prompt_per_second":400.0,"predicted_n":6,"predicted_ms":100.0,"predicted_per_token_ms":16.666666666666668,"predicted_per_second":60.0}}

    data: [DONE]
    "#);
}

#[test]
fn logprobs_come_with_their_text_and_count_on() {
    let deltas = [
        (0, scored("Hi")),
        (0, scored("!")),
        (0, done(FinishReason::EndOfTurn, 2)),
    ];
    let stream = frames(Echo::none(1, 1), None, Surface::OpenAi, &deltas);
    for (piece, offset) in [("Hi", 0), ("!", 2)] {
        let chunk = format!(
            r#""text":"{piece}","index":0,"logprobs":{{"tokens":["{piece}"],"token_logprobs":[-0.5],"top_logprobs":[{{"x":-0.25,"{piece}":-0.5}}],"text_offset":[{offset}]}}"#
        );
        assert!(stream.contains(&chunk), "{chunk}\n{stream}");
    }
}

#[test]
fn progress_is_a_chunk_without_text() {
    let progress = Delta::Progress(PromptProgress {
        total: 100,
        cached: 10,
        processed: 74,
        elapsed: Duration::from_millis(250),
    });
    let deltas = [(0, progress), (0, done(FinishReason::EndOfTurn, 1))];
    let stream = frames(Echo::none(1, 1), None, Surface::OpenAi, &deltas);
    let chunk = concat!(
        r#""choices":[{"text":"","index":0,"logprobs":null,"finish_reason":null}],"#,
        r#""prompt_progress":{"total":100,"cache":10,"processed":74,"time_ms":250.0}}"#,
    );
    assert!(stream.contains(chunk), "{stream}");
}

#[test]
fn a_failure_is_one_error_frame_in_the_surfaces_envelope() {
    let failed = Delta::Failed {
        message: "the context could not be extended".into(),
    };
    let deltas = [(1, failed)];
    let stream = frames(Echo::none(1, 2), Some(true), Surface::Studio, &deltas);
    let error = r#"data: {"error":{"message":"the context could not be extended","type":"api_error","param":null,"code":null},"detail":"the context could not be extended"}"#;
    assert!(
        stream.ends_with(&format!("{error}\n\ndata: [DONE]\n\n")),
        "{stream}"
    );
}

#[test]
fn the_answers_in_one_piece_have_usage_reasons_and_logprobs() {
    let run = |text: &str, completion_tokens| Choice {
        text: text.into(),
        logprobs: vec![logprob(text)],
        summary: Some(summary(FinishReason::Length, completion_tokens)),
        ..Choice::default()
    };
    let echo = Echo::new(vec!["A".into(), "B".into()], 1);
    let runs = [run("1", 2), run("2", 3)];
    let mut response = completion_response(&head(), &echo, &runs, true);
    assert_eq!(response["timings"]["predicted_n"], 5);
    response
        .as_object_mut()
        .expect("an object")
        .remove("timings");
    insta::assert_snapshot!(response, @r#"{"id":"cmpl-0123456789ab","object":"text_completion","created":1700000000,"model":"tiny \"Q4\"","system_fingerprint":"fp_0","choices":[{"text":"A1","index":0,"logprobs":{"tokens":["1"],"token_logprobs":[-0.5],"top_logprobs":[{"x":-0.25,"1":-0.5}],"text_offset":[0]},"finish_reason":"length"},{"text":"B2","index":1,"logprobs":{"tokens":["2"],"token_logprobs":[-0.5],"top_logprobs":[{"x":-0.25,"2":-0.5}],"text_offset":[0]},"finish_reason":"length"}],"usage":{"prompt_tokens":24,"completion_tokens":5,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":0}}}"#);
    let plain = completion_response(&head(), &Echo::none(2, 1), &runs, false);
    assert_eq!(plain["choices"][1]["text"], "2");
    assert!(plain["choices"][1]["logprobs"].is_null());
}
