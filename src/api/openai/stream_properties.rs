//! What holds for every stream, whatever comes: clients read back what was said. Unit tests and `fuzz/` ask for the same.

use bytes::Bytes;
use serde_json::Value;

use super::completions::{CompletionStreamEncoder, Echo, completion_response};
use super::said::Said;
use super::{ChatStreamEncoder, CompletionHead, chat_response};
use crate::api::errors::{ApiError, Surface};
use crate::api::sse;
use crate::api::sse_reader::{Frame, frames};
use crate::api::studio::LegacyStreamEncoder;
use crate::fuzz_input::{FuzzInput, dictionary};
use crate::generation::{Delta, MadeCall};

/// The most answers to a request in here.
const MAX_ANSWERS: usize = 3;

/// Makes answers of any bytes, streams them, and reads the streams back; panics where something differs.
pub(crate) fn check(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let surface = input.choice(&[Surface::OpenAi, Surface::Studio]);
    let include_usage = input.choice(&[None, Some(true), Some(false)]);
    let answers = usize::from(input.byte()) % MAX_ANSWERS + 1;
    let head = CompletionHead {
        id: input.text(),
        created: input.number(),
        model: input.text(),
        fingerprint: input.text(),
    };
    let said = Said::make(&mut input, answers);
    check_chat(&head, &said, surface, include_usage);
    check_completions(&head, &said, surface, &head.model);
    for answer in 0..answers {
        check_legacy(&said, answer);
    }
    check_comment(&head.model);
}

/// The frames of all that is said. Behind the end nothing is written.
fn streamed(said: &Said, start: &[u8], mut encode: impl FnMut(usize, &Delta) -> Bytes) -> Vec<u8> {
    let mut stream = start.to_vec();
    for (answer, delta) in &said.deltas {
        stream.extend_from_slice(&encode(*answer, delta));
    }
    let late = Delta::Text {
        text: "late".to_owned(),
        tokens: Vec::new(),
        logprobs: Vec::new(),
    };
    assert!(encode(0, &late).is_empty());
    stream
}

/// A stream as clients read it.
#[derive(Debug, Default)]
struct Chunks {
    /// The elements of all chunks' `choices`, with the number of the answer.
    choices: Vec<(usize, Value)>,
    usage: Option<Value>,
}

impl Chunks {
    /// Reads a stream, which ends as it should.
    fn read(stream: &[u8], head: &CompletionHead, said: &Said) -> Self {
        let mut frames = frames(stream).into_iter();
        assert_eq!(frames.next_back(), Some(Frame::Done));
        if let Some(message) = &said.failure {
            let Some(Frame::Json(error)) = frames.next_back() else {
                panic!("a failure is told");
            };
            assert_eq!(error["error"]["message"], Value::from(message.as_str()));
        }
        let mut chunks = Self::default();
        for frame in frames {
            let Frame::Json(chunk) = frame else {
                panic!("{frame:?}");
            };
            assert_eq!(chunk["id"], Value::from(head.id.as_str()));
            assert_eq!(chunk["model"], Value::from(head.model.as_str()));
            assert_eq!(chunk["created"], Value::from(head.created));
            assert_eq!(
                chunk["system_fingerprint"],
                Value::from(head.fingerprint.as_str())
            );
            for choice in chunk["choices"].as_array().expect("a list of answers") {
                let answer = choice["index"].as_u64().expect("a number") as usize;
                chunks.choices.push((answer, choice.clone()));
            }
            assert_eq!(chunks.usage, None, "usage comes last");
            chunks.usage = chunk.get("usage").cloned();
        }
        chunks
    }
}

/// What a client has of one answer.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    begun: bool,
    reasoning: String,
    content: String,
    calls: Vec<MadeCall>,
    /// The bytes of the tokens whose probabilities were told.
    scored: Vec<Value>,
    finish_reason: Option<String>,
}

fn check_chat(head: &CompletionHead, said: &Said, surface: Surface, include_usage: Option<bool>) {
    let mut encoder = ChatStreamEncoder::new(head, said.choices.len(), include_usage, surface);
    let start = encoder.start();
    let stream = streamed(said, &start, |answer, delta| encoder.delta(answer, delta));
    assert!(encoder.is_ended(), "{said:?}");
    assert!(encoder.fail(&ApiError::internal("late")).is_empty());
    let chunks = Chunks::read(&stream, head, said);
    let mut clients: Vec<Heard> = said.choices.iter().map(|_| Heard::default()).collect();
    for (answer, choice) in &chunks.choices {
        clients[*answer].hear(choice);
    }
    let whole = chat_response(head, &said.choices, true);
    for (answer, client) in clients.iter().enumerate() {
        check_heard(client, said, answer, &whole["choices"][answer]);
    }
    if said.failure.is_none() {
        let wanted = include_usage.unwrap_or(surface == Surface::Studio);
        assert_eq!(chunks.usage, wanted.then(|| whole["usage"].clone()));
    }
}

/// Completions have texts, each behind its prompt, and lists of log-probabilities.
fn check_completions(head: &CompletionHead, said: &Said, surface: Surface, before: &str) {
    let echo = Echo::new(vec![before.to_owned()], said.choices.len());
    let mut encoder = CompletionStreamEncoder::new(head, echo.clone(), None, surface);
    let start = encoder.start();
    let stream = streamed(said, &start, |answer, delta| encoder.delta(answer, delta));
    assert!(encoder.is_ended(), "{said:?}");
    assert!(encoder.fail(&ApiError::internal("late")).is_empty());
    let chunks = Chunks::read(&stream, head, said);
    let whole = completion_response(head, &echo, &said.choices, true);
    for (answer, choice) in said.choices.iter().enumerate() {
        let whole = &whole["choices"][answer];
        let of_answer = chunks.choices.iter().filter(|(of, _)| *of == answer);
        let of_answer: Vec<&Value> = of_answer.map(|(_, chunk)| chunk).collect();
        let text: String = of_answer
            .iter()
            .filter_map(|chunk| chunk["text"].as_str())
            .collect();
        assert_eq!(text, format!("{before}{}", choice.text), "{said:?}");
        assert_eq!(whole["text"], text, "{said:?}");
        for list in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
            let lists = of_answer
                .iter()
                .filter_map(|chunk| chunk["logprobs"][list].as_array());
            let joined: Vec<Value> = lists.flatten().cloned().collect();
            assert_eq!(whole["logprobs"][list], Value::from(joined), "{said:?}");
        }
        let reasons: Vec<&Value> = of_answer
            .iter()
            .map(|chunk| &chunk["finish_reason"])
            .collect();
        let ended = reasons.iter().position(|reason| !reason.is_null());
        assert_eq!(
            ended,
            choice.summary.as_ref().map(|_| reasons.len() - 1),
            "{said:?}"
        );
        assert!(
            ended.is_none_or(|at| *reasons[at] == whole["finish_reason"]),
            "{said:?}"
        );
    }
    if said.failure.is_none() {
        let wanted = surface == Surface::Studio;
        assert_eq!(chunks.usage, wanted.then(|| whole["usage"].clone()));
    }
}

impl Heard {
    fn hear(&mut self, chunk: &Value) {
        assert_eq!(
            self.finish_reason, None,
            "something behind the end: {chunk}"
        );
        let delta = &chunk["delta"];
        assert_eq!(delta.get("role").is_some(), !self.begun, "{chunk}");
        self.begun = true;
        if let Some(text) = delta.get("content") {
            self.content.push_str(text.as_str().expect("a text"));
        }
        if let Some(text) = delta.get("reasoning_content") {
            self.reasoning.push_str(text.as_str().expect("a text"));
        }
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            self.hear_call(call);
        }
        for token in chunk["logprobs"]["content"]
            .as_array()
            .into_iter()
            .flatten()
        {
            self.scored.push(token["bytes"].clone());
        }
        if let Some(reason) = chunk.get("finish_reason") {
            self.finish_reason = Some(reason.as_str().expect("a word").to_owned());
        }
    }

    /// As clients put calls together: by their numbers.
    fn hear_call(&mut self, call: &Value) {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let index = call["index"].as_u64().expect("a number") as usize;
        let arguments = text(&call["function"]["arguments"]);
        if let Some(id) = call.get("id") {
            let made = MadeCall {
                id: text(id),
                name: text(&call["function"]["name"]),
                arguments,
            };
            assert_eq!(self.calls.len(), index, "{call}");
            self.calls.push(made);
        } else {
            assert_eq!(self.calls.len(), index + 1, "{call}");
            self.calls[index].arguments.push_str(&arguments);
        }
    }
}

/// The stream says what was said, and so does the answer in one piece.
fn check_heard(client: &Heard, said: &Said, answer: usize, whole: &Value) {
    let choice = &said.choices[answer];
    assert_eq!(client.content, choice.text, "{said:?}");
    assert_eq!(client.reasoning, choice.reasoning, "{said:?}");
    let scored: Vec<Value> = choice
        .logprobs
        .iter()
        .map(|token| token.drawn.bytes.clone().into())
        .collect();
    assert_eq!(client.scored, scored, "{said:?}");
    let made = client.calls.iter().zip(&said.calls[answer]);
    let made: Vec<&MadeCall> = made
        .filter_map(|(call, made)| made.then_some(call))
        .collect();
    assert_eq!(
        made,
        choice.tool_calls.iter().collect::<Vec<_>>(),
        "{said:?}"
    );
    let Some(summary) = &choice.summary else {
        assert_eq!(client.finish_reason, None, "{said:?}");
        return;
    };
    let reason = if choice.calls_tools() {
        "tool_calls"
    } else {
        summary.reason.as_openai()
    };
    assert_eq!(client.finish_reason.as_deref(), Some(reason), "{said:?}");
    assert_eq!(whole["finish_reason"], reason, "{said:?}");
    let content = &whole["message"]["content"];
    assert!(
        content.as_str().unwrap_or_default() == choice.text,
        "{said:?}"
    );
}

/// Studio's old protocol has texts and nothing else.
fn check_legacy(said: &Said, answer: usize) {
    let mut encoder = LegacyStreamEncoder::new();
    let mut stream = Vec::new();
    for (_, delta) in said.deltas.iter().filter(|(of, _)| *of == answer) {
        stream.extend_from_slice(&encoder.delta(delta));
    }
    let failed_here = !encoder.is_ended();
    if failed_here {
        stream.extend_from_slice(&encoder.fail("It failed."));
    }
    assert!(encoder.fail("late").is_empty());
    let mut content = String::new();
    let mut frames = frames(&stream).into_iter();
    assert_eq!(frames.next_back(), Some(Frame::Done));
    for frame in frames {
        let Frame::Json(chunk) = frame else {
            panic!("{frame:?}");
        };
        match chunk.get("content") {
            Some(text) => content.push_str(text.as_str().expect("a text")),
            None => assert!(
                chunk["error"].is_string() && said.failure.is_some(),
                "{chunk}"
            ),
        }
    }
    assert_eq!(content, said.choices[answer].text);
}

fn check_comment(text: &str) {
    let shown = text.replace(['\r', '\n'], " ");
    assert_eq!(frames(&sse::comment(text)), [Frame::Comment(shown)]);
}

/// Inputs for [`check`] to begin with.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let head =
        b"\x00\x00\x00chatcmpl-1\xff\x00\x00\x00\x00\x00\x00\x00\x00tiny \"Q4\"\xff0a\xff".to_vec();
    let bodies: [&[u8]; 4] = [
        b"\x00\x0aHello\xff\x00\x0a\xc3\xa9\n\r\xff",
        b"\x00\x00call_0\xfflook\xff\x00\x00{\"at\":\xff\x00\x01\"x\"}\xff\x00\x05",
        b"\x00\x00call_0\xfflook\xff\x00\x04\x00\x00call_1\xffgo\xff\x00\x00{}\xff\x00\x0f",
        b"\x00\x06Hi\xff\x01\x01Hi\xff\x02\x03\xc3\xff\x00\x05no memory\xff",
    ];
    bodies.iter().map(|body| [&head, *body].concat()).collect()
}

/// What means something in a stream, and would if it were not escaped.
pub(crate) fn words() -> String {
    dictionary([
        "data: ",
        "\n\n",
        "\r",
        "data: [DONE]\n\n",
        "\"}",
        "\\",
        "\0",
        "\u{2028}",
        "\u{85}",
        ": ",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_are_read_back() {
        for seed in seeds() {
            check(&seed);
        }
        assert!(words().contains("\"data: \""));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_said_is_read_back(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            check(&data);
        }

        #[test]
        fn whatever_is_called_is_read_back(
            head in any::<[u8; 2]>(), parts in proptest::collection::vec((0..16_u8, "[a\"\\\\\n\r\u{2028}é]{0,4}"), 0..20)
        ) {
            let mut data = vec![head[0], head[1], 0, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF];
            for (kind, text) in parts {
                data.extend([0, kind]);
                data.extend(text.as_bytes());
                data.push(0xFF);
            }
            check(&data);
        }
    }
}
