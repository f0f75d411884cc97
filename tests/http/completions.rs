//! Completions: text and tokens continued, without a template.

use serde_json::{Value, json};

use crate::common::server::{CHAT, Events, Setup, TestServer, chat, until, with};
use crate::tiny_models::{self, EMBEDDER, INFILL};
use crate::witness::beside_a_stream;

const ROUTE: &str = "/v1/completions";
const STUDIO: &str = "/api/inference/completions";

/// A greedy continuation that is the same whatever was computed before.
fn body(prompt: impl Into<Value>, max_tokens: u32) -> Value {
    json!({"prompt": prompt.into(), "max_tokens": max_tokens, "temperature": 0, "deterministic": true})
}

/// An answer in one piece.
async fn whole(server: &TestServer, body: &Value) -> Value {
    let reply = server.post(ROUTE, body).await;
    assert_eq!(reply.status, 200, "{body}: {}", reply.body);
    let answer = reply.json();
    assert_eq!(answer["object"], "text_completion");
    assert!(
        answer["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("cmpl-")),
        "{answer}"
    );
    assert!(
        answer["created"].is_u64() && answer["model"].is_string(),
        "{answer}"
    );
    assert!(answer["timings"].is_object(), "{answer}");
    answer
}

/// The texts of the answers of a stream, the reasons they ended for, and the last usage; its frames are checked.
async fn streamed(events: Events, runs: usize) -> (Vec<String>, Vec<String>, Option<Value>) {
    let frames = events.rest().await;
    let (last, chunks) = frames.split_last().expect("frames");
    assert_eq!(last, "[DONE]");
    let (mut texts, mut reasons) = (vec![String::new(); runs], vec![String::new(); runs]);
    let mut usage = None;
    for data in chunks {
        let chunk: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(chunk["object"], "text_completion");
        assert!(usage.is_none(), "usage comes last");
        if chunk["choices"] == json!([]) {
            usage = Some(chunk["usage"].clone());
            continue;
        }
        let choice = &chunk["choices"][0];
        let run = choice["index"].as_u64().expect("a number") as usize;
        assert!(reasons[run].is_empty(), "nothing follows the end: {chunk}");
        texts[run].push_str(choice["text"].as_str().expect("text"));
        if let Some(reason) = choice["finish_reason"].as_str() {
            reasons[run].push_str(reason);
        }
    }
    (texts, reasons, usage)
}

/// The texts of an answer in one piece, by number.
fn texts(answer: &Value) -> Vec<&str> {
    let choices = answer["choices"].as_array().expect("choices");
    for (index, choice) in choices.iter().enumerate() {
        assert_eq!(choice["index"], index);
    }
    let texts = choices.iter().map(|choice| choice["text"].as_str());
    texts.map(|text| text.expect("text")).collect()
}

/// The tokens of a text, as a prompt has them.
async fn tokens(server: &TestServer, text: &str) -> Value {
    let reply = server.post("/tokenize", &json!({"content": text})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()["tokens"].clone()
}

#[tokio::test]
async fn a_text_is_continued_at_once_and_as_a_stream() {
    let server = TestServer::start();
    let body = body("Once upon a time, there was", 12);
    let answer = whole(&server, &body).await;
    let choice = &answer["choices"][0];
    assert_eq!(
        (choice["finish_reason"].clone(), choice["logprobs"].clone()),
        (json!("length"), Value::Null)
    );
    assert_eq!(answer["usage"]["completion_tokens"], 12);
    let stream = with(body.clone(), json!({"stream": true}));
    let (streams, reasons, usage) = streamed(server.events(ROUTE, &stream).await, 1).await;
    assert_eq!(
        (streams[0].as_str(), reasons[0].as_str()),
        (texts(&answer)[0], "length")
    );
    assert_eq!(usage, None, "under /v1 usage is asked for");
    let asked = with(
        stream.clone(),
        json!({"stream_options": {"include_usage": true}}),
    );
    let (_, _, usage) = streamed(server.events(ROUTE, &asked).await, 1).await;
    let usage = usage.expect("usage");
    for count in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        assert_eq!(usage[count], answer["usage"][count], "{count}");
    }
    let (_, _, usage) = streamed(server.events(STUDIO, &stream).await, 1).await;
    assert!(usage.is_some(), "under /api it comes by itself");
}

#[tokio::test]
async fn an_answer_goes_on_to_the_end_of_the_context_unless_it_is_told_otherwise() {
    let mut setup = Setup::default();
    setup.config.load.context = 256;
    let server = TestServer::with(setup);
    let endless =
        json!({"prompt": vec![100; 256 - 12], "temperature": 0, "logit_bias": server.never_ends()});
    for (fields, count) in [
        (json!({}), 12),
        (json!({"n_predict": -1}), 12),
        (json!({"n_predict": 5}), 5),
        (json!({"max_tokens": 3, "n_predict": 5}), 3),
    ] {
        let answer = whole(&server, &with(endless.clone(), fields)).await;
        assert_eq!(answer["usage"]["completion_tokens"], count);
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
    }
}

#[tokio::test]
async fn tokens_are_continued_as_their_text_is() {
    let server = TestServer::start();
    let text = "The capital of France is";
    let ids = tokens(&server, text).await;
    let by_text = whole(&server, &body(text, 8)).await;
    let by_tokens = whole(&server, &body(ids.clone(), 8)).await;
    assert_eq!(texts(&by_text), texts(&by_tokens));
    assert_eq!(
        by_text["usage"]["prompt_tokens"],
        by_tokens["usage"]["prompt_tokens"]
    );
    let echoed = whole(&server, &with(body(ids, 8), json!({"echo": true}))).await;
    assert_eq!(texts(&echoed)[0], format!("{text}{}", texts(&by_text)[0]));
}

#[tokio::test]
async fn every_prompt_gets_its_answers_in_order() {
    let server = TestServer::start();
    let prompts = ["Once upon a time", "The capital of France is"];
    let mut alone = Vec::new();
    for prompt in prompts {
        alone.push(whole(&server, &body(prompt, 6)).await);
    }
    let both = with(body(json!(prompts), 6), json!({"n": 2, "echo": true}));
    let answer = whole(&server, &both).await;
    let expected: Vec<String> = (0..4)
        .map(|run| format!("{}{}", prompts[run / 2], texts(&alone[run / 2])[0]))
        .collect();
    assert_eq!(texts(&answer), expected);
    let count = |answer: &Value, name: &str| answer["usage"][name].as_u64().expect("a number");
    let of_prompts = alone
        .iter()
        .map(|one| count(one, "prompt_tokens"))
        .sum::<u64>();
    assert_eq!(
        count(&answer, "prompt_tokens"),
        of_prompts,
        "a prompt counts once"
    );
    let of_answers = alone
        .iter()
        .map(|one| 2 * count(one, "completion_tokens"))
        .sum::<u64>();
    assert_eq!(count(&answer, "completion_tokens"), of_answers);
    let stream = with(both, json!({"stream": true}));
    let (streams, reasons, _) = streamed(server.events(ROUTE, &stream).await, 4).await;
    assert_eq!(streams, expected);
    assert!(reasons.iter().all(|reason| !reason.is_empty()));
    // Lists of tokens are prompts too.
    let ids = [
        tokens(&server, prompts[0]).await,
        tokens(&server, prompts[1]).await,
    ];
    let by_tokens = whole(&server, &body(json!(ids), 6)).await;
    let wanted: Vec<&str> = alone.iter().map(|one| texts(one)[0]).collect();
    assert_eq!(texts(&by_tokens), wanted);
}

#[tokio::test]
async fn seeds_repeat_and_the_answers_to_a_prompt_differ() {
    let server = TestServer::start();
    let body = json!({
        "prompt": "My favourite animal is", "max_tokens": 12, "temperature": 1.5, "seed": 7, "n": 3, "deterministic": true,
        "top_k": 0, "top_p": 1, "min_p": 0,
    });
    let first = whole(&server, &body).await;
    let again = whole(&server, &body).await;
    assert_eq!(texts(&first), texts(&again));
    let mut distinct = texts(&first);
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 3, "{first}");
}

#[tokio::test]
async fn stop_strings_and_forms_end_an_answer() {
    let server = TestServer::start();
    let free = whole(&server, &body("One, two, three,", 12)).await;
    let text = texts(&free)[0];
    let stop: String = text.chars().skip(4).take(3).collect();
    let (before, _) = text.split_once(&stop).expect("it is in the text");
    let stopped = with(body("One, two, three,", 12), json!({"stop": stop}));
    let stopped = whole(&server, &stopped).await;
    assert_eq!(
        (texts(&stopped)[0], &stopped["choices"][0]["finish_reason"]),
        (before, &json!("stop"))
    );
    let form = with(body("The answer is", 12), json!({"regex": " [0-9]{3}"}));
    let formed = whole(&server, &form).await;
    let digits = texts(&formed)[0].strip_prefix(' ').expect("a space");
    assert!(
        digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit()),
        "{formed}"
    );
}

#[tokio::test]
async fn logprobs_lie_side_by_side_with_the_text() {
    let server = TestServer::start();
    let asked = with(
        body("Once upon a time", 10),
        json!({"logprobs": 3, "logit_bias": server.never_ends()}),
    );
    let answer = whole(&server, &asked).await;
    let text: Vec<char> = texts(&answer)[0].chars().collect();
    let logprobs = &answer["choices"][0]["logprobs"];
    let list = |name: &str| logprobs[name].as_array().expect(name).clone();
    for name in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
        assert_eq!(list(name).len(), 10, "{name}");
    }
    for index in 0..10 {
        let token = list("tokens")[index].as_str().expect("text").to_owned();
        let offset = list("text_offset")[index].as_u64().expect("a number") as usize;
        let there: String = text[offset..].iter().take(token.chars().count()).collect();
        assert_eq!(there, token);
        let top = list("top_logprobs")[index]
            .as_object()
            .expect("an object")
            .clone();
        assert_eq!(top.len(), 3, "the drawn one is among them at temperature 0");
        assert_eq!(top[&token], list("token_logprobs")[index]);
    }
    let stream = with(asked, json!({"stream": true}));
    let mut joined =
        json!({"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []});
    for data in server.events(ROUTE, &stream).await.rest().await {
        let chunk: Value = serde_json::from_str(&data).unwrap_or_default();
        for (name, list) in joined.as_object_mut().expect("an object") {
            let more = chunk["choices"][0]["logprobs"][name].as_array().cloned();
            list.as_array_mut()
                .expect("a list")
                .extend(more.unwrap_or_default());
        }
    }
    assert_eq!(&joined, logprobs);
    let none = whole(&server, &with(body("Once", 2), json!({"logprobs": 0}))).await;
    let top = &none["choices"][0]["logprobs"]["top_logprobs"][0];
    assert_eq!(
        top.as_object().map(serde_json::Map::len),
        Some(1),
        "the drawn one alone"
    );
}

/// Whoever writes a whole prompt writes its control tokens too.
#[tokio::test]
async fn a_prompt_that_a_template_wrote_is_read_as_in_a_chat() {
    let server = TestServer::start();
    let chatted = server
        .post(CHAT, &with(chat("Hi!", 8), json!({"deterministic": true})))
        .await
        .json();
    let written = server.post("/apply-template", &chat("Hi!", 8)).await.json();
    let prompt = written["prompt"].as_str().expect("a prompt");
    assert!(
        prompt.contains("<|im_start|>user\nHi!<|im_end|>"),
        "{prompt}"
    );
    let answer = whole(&server, &body(prompt, 8)).await;
    assert_eq!(
        answer["usage"]["prompt_tokens"],
        chatted["usage"]["prompt_tokens"]
    );
    assert_eq!(
        json!(texts(&answer)[0]),
        chatted["choices"][0]["message"]["content"]
    );
}

#[tokio::test]
async fn a_middle_is_written_only_by_models_that_have_tokens_for_it() {
    let server = TestServer::start();
    let infill = with(
        body("def add(a, b):", 5),
        json!({"suffix": "\n    return c"}),
    );
    let reply = server.post(ROUTE, &infill).await;
    assert_eq!(
        (reply.status, reply.code()),
        (400, json!("unsupported_parameter"))
    );
    assert_eq!(reply.json()["error"]["param"], "suffix");
    drop(server);

    let server = tiny_models::infill();
    let answer = whole(&server, &infill).await;
    let list = |value: Value| value.as_array().expect("a list").clone();
    let [before, after, middle] = INFILL.map(|token| vec![json!(token)]);
    let prefix = list(tokens(&server, "def add(a, b):").await);
    let suffix = list(tokens(&server, "\n    return c").await);
    let spelt: Vec<Value> = [before, prefix.clone(), after, suffix, middle].concat();
    let by_hand = whole(&server, &body(spelt, 5)).await;
    assert_eq!(texts(&answer), texts(&by_hand));
    assert_eq!(
        answer["usage"]["prompt_tokens"],
        by_hand["usage"]["prompt_tokens"]
    );
    let by_tokens = whole(&server, &with(infill, json!({"prompt": prefix}))).await;
    assert_eq!(texts(&by_tokens), texts(&answer));
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_before_a_stream_begins() {
    let server = TestServer::start();
    let too_long = "one two three four ".repeat(700);
    let cases = [
        (
            json!({"prompt": too_long}),
            "context_length_exceeded",
            "prompt",
        ),
        (
            json!({"prompt": ["x", too_long]}),
            "context_length_exceeded",
            "prompt",
        ),
        (
            json!({"prompt": [1, 99_999_999]}),
            "invalid_value",
            "prompt",
        ),
        (json!({"prompt": [[1], []]}), "invalid_value", "prompt[1]"),
        (json!({"prompt": null}), "invalid_value", "prompt"),
        (
            json!({"logit_bias": {"99999999": 1}}),
            "invalid_value",
            "logit_bias",
        ),
        (
            json!({"json_schema": {"not": {}}}),
            "invalid_constraint",
            "json_schema",
        ),
        (json!({"best_of": 2}), "unsupported_parameter", "best_of"),
        (
            json!({"echo": true, "logprobs": 1}),
            "unsupported_parameter",
            "echo",
        ),
        (json!({"n_probs": 3}), "unsupported_parameter", "n_probs"),
        (json!({"max_tokens": 0}), "invalid_value", "max_tokens"),
    ];
    beside_a_stream(&server, async {
        for (fields, code, param) in &cases {
            for (path, stream) in [(ROUTE, true), (STUDIO, false)] {
                let body = with(body("x", 2), json!({"stream": stream}));
                let reply = server.post(path, &with(body, fields.clone())).await;
                assert_eq!(reply.status, 400, "{code} {param}: {}", reply.body);
                let error = reply.json();
                assert_eq!(
                    (&error["error"]["code"], &error["error"]["param"]),
                    (&json!(code), &json!(param))
                );
                assert_eq!(error.get("detail").is_some(), path == STUDIO, "{error}");
            }
        }
    })
    .await;
    drop(server);
    let reply = tiny_models::encoder(EMBEDDER)
        .post(ROUTE, &body("x", 2))
        .await;
    assert_eq!(
        reply.status, 400,
        "an encoder writes nothing: {}",
        reply.body
    );
}

/// Four answers to two prompts that go on until they are stopped.
fn long(server: &TestServer, ids: &Value) -> Value {
    let long = json!({
        "prompt": ["Tell a long story.", "Tell another."], "n": 2, "max_tokens": 1800, "temperature": 0,
        "logit_bias": server.never_ends(),
    });
    with(long, ids.clone())
}

#[tokio::test]
async fn one_stop_ends_every_answer() {
    let server = TestServer::start();
    let ids = json!({"cancel_id": "all", "session_id": "s"});
    // As a stream, by each kind of id.
    let stream = with(long(&server, &ids), json!({"stream": true}));
    for by in ["cancel_id", "session_id", "completion_id"] {
        let mut events = server.events(ROUTE, &stream).await;
        server.until_decoding(4).await;
        let first = events.next().await.expect("a frame");
        let id = serde_json::from_str::<Value>(&first).expect("JSON")["id"].clone();
        let named = match by {
            "cancel_id" => json!({"cancel_id": "all"}),
            "session_id" => json!({"session_id": "s"}),
            _ => json!({"completion_id": id}),
        };
        assert_eq!(server.cancel(named).await, 1);
        assert!(
            server.busy_slots().await.is_empty(),
            "told only once it is so"
        );
        let (_, reasons, _) = streamed(events, 4).await;
        assert_eq!(reasons, ["stop"; 4]);
        server.until_idle().await;
    }
    // In one piece: what there is.
    let whole = long(&server, &ids);
    let (reply, cancelled) = tokio::join!(server.post(ROUTE, &whole), async {
        server.until_decoding(4).await;
        server.cancel(json!({"cancel_id": "all"})).await
    });
    assert_eq!((reply.status, cancelled), (200, json!(1)));
    let answer = reply.json();
    assert!(
        answer["usage"]["completion_tokens"].as_u64() < Some(4 * 1800),
        "{answer}"
    );
    server.until_idle().await;
    // A stop that came first.
    assert_eq!(server.cancel(json!({"cancel_id": "early"})).await, 0);
    let early = long(&server, &json!({"cancel_id": "early"}));
    let answer = server.post(ROUTE, &early).await.json();
    assert_eq!(answer["usage"]["completion_tokens"], 0, "{answer}");
    assert_eq!(texts(&answer), [""; 4]);
    server.until_idle().await;
    server.answers().await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_every_answer() {
    let server = TestServer::start();
    for stream in [true, false] {
        let body = with(long(&server, &json!({})), json!({"stream": stream}));
        let connection = server.post_raw(ROUTE, &body, None).await;
        until("all compute", async || server.busy_slots().await.len() == 4).await;
        drop(connection);
        server.until_idle().await;
    }
    server.answers().await;
}
