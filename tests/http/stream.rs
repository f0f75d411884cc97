//! Streams and whole answers: frames, reasons, counts, repeatability.

use serde_json::{Value, json};

use crate::common::server::{CHAT, Setup, TestServer, chat, with};

#[tokio::test]
async fn frames_come_in_order_and_usage_only_where_it_is_wanted() {
    let server = TestServer::start();
    let streamed = with(server.long(8), json!({"stream_options": null}));
    let plain = server.chat(&streamed).await.answer().await;
    assert!(plain.usage.is_none(), "under /v1 usage is asked for");
    assert!(plain.pieces > 0 && !plain.text.is_empty() && plain.id.starts_with("chatcmpl-"));
    let asked = server.chat(&server.long(8)).await.answer().await;
    assert_eq!(asked.tokens("completion_tokens"), 8);
    let total = asked.tokens("prompt_tokens") + asked.tokens("completion_tokens");
    assert_eq!(asked.tokens("total_tokens"), total);
    let studio = server
        .events("/api/inference/chat/completions", &streamed)
        .await
        .answer()
        .await;
    assert!(studio.usage.is_some(), "under /api it comes by itself");
    assert_ne!(asked.id, plain.id);
}

#[tokio::test]
async fn the_finish_reason_says_why_an_answer_ended() {
    let server = TestServer::start();
    let check = async |body: Value, reason: &str| {
        let answer = server.chat(&body).await.answer().await;
        assert_eq!(answer.reason, reason, "{}", answer.text);
        let whole = server
            .post(
                CHAT,
                &with(body, json!({"stream": false, "stream_options": null})),
            )
            .await;
        assert_eq!(whole.json()["choices"][0]["finish_reason"], reason);
        answer
    };
    let counted = check(server.long(12), "length").await;
    assert_eq!(counted.tokens("completion_tokens"), 12);
    let whole_turn = with(
        chat("Write one short sentence about cats.", 200),
        json!({"stream": true, "stream_options": {"include_usage": true}}),
    );
    let ended = check(whole_turn.clone(), "stop").await;
    assert!(ended.tokens("completion_tokens") < 200);

    // Stop strings taken from what the model says: within a token, and across several.
    let text: Vec<char> = ended.text.chars().collect();
    for (from, to) in [(3, 4), (5, 17)] {
        let stop: String = text[from..to.min(text.len())].iter().collect();
        let stopped = check(
            with(whole_turn.clone(), json!({"stop": [stop, "never said"]})),
            "stop",
        )
        .await;
        let (before, _) = ended.text.split_once(&stop).expect("it is in the text");
        assert_eq!(stopped.text, before, "the text ends before {stop:?}");
    }
}

#[tokio::test]
async fn a_streamed_answer_and_a_whole_one_are_the_same() {
    let server = TestServer::start();
    let body = server.long(16);
    let whole_body = with(
        body.clone(),
        json!({"stream": false, "stream_options": null}),
    );
    // The first one computes the prompt; from then on both find the same prefix cached.
    server.post(CHAT, &whole_body).await;
    let whole = server.post(CHAT, &whole_body).await.json();
    let streamed = server.chat(&body).await.answer().await;
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(
        whole["choices"][0]["message"],
        json!({"role": "assistant", "content": streamed.text})
    );
    assert_eq!(whole["usage"], streamed.usage.expect("usage"));
}

#[tokio::test]
async fn an_answer_is_at_least_as_long_as_was_asked_for() {
    let server = TestServer::start();
    let short = json!({"stream": true, "stream_options": {"include_usage": true}});
    let body = with(chat("Say only: yes", 80), short);
    let free = server.chat(&body).await.answer().await;
    assert_eq!(free.reason, "stop");
    let least = free.tokens("completion_tokens") + 10;
    let longer = server
        .chat(&with(body.clone(), json!({"min_tokens": least})))
        .await
        .answer()
        .await;
    assert!(longer.tokens("completion_tokens") >= least);
    let all = server
        .chat(&with(body, json!({"ignore_eos": true})))
        .await
        .answer()
        .await;
    assert_eq!(
        (all.reason.as_str(), all.tokens("completion_tokens")),
        ("length", 80)
    );
}

#[tokio::test]
async fn several_answers_share_one_prompt() {
    let server = TestServer::start();
    let several = with(
        server.long(10),
        json!({"n": 3, "temperature": 1, "seed": 7, "stream": false, "stream_options": null}),
    );
    let whole = server.post(CHAT, &several).await.json();
    let texts: Vec<&str> = (0..3)
        .map(|i| {
            let choice = &whole["choices"][i];
            assert_eq!(choice["index"], i);
            choice["message"]["content"].as_str().expect("a text")
        })
        .collect();
    assert!(texts[0] != texts[1] && texts[1] != texts[2], "{texts:?}");
    assert_eq!(whole["usage"]["completion_tokens"], 30);
    let one = with(several, json!({"n": 1}));
    let one = server.post(CHAT, &one).await.json();
    assert_eq!(
        whole["usage"]["prompt_tokens"],
        one["usage"]["prompt_tokens"]
    );
}

#[tokio::test]
async fn a_seed_repeats_an_answer() {
    let server = TestServer::start();
    let seeded = |seed: u64| {
        with(
            server.long(24),
            json!({"temperature": 1, "top_k": 50, "seed": seed}),
        )
    };
    server.chat(&seeded(1)).await.answer().await;
    let one = server.chat(&seeded(1)).await.answer().await;
    let again = server.chat(&seeded(1)).await.answer().await;
    let other = server.chat(&seeded(2)).await.answer().await;
    assert_eq!(one.text, again.text);
    assert_ne!(one.text, other.text);
}

#[tokio::test]
async fn without_max_tokens_the_context_is_the_bound() {
    let mut setup = Setup::default();
    setup.config.load.context = 256;
    let server = TestServer::with(setup);
    let body = with(server.long(1), json!({"max_tokens": null}));
    let answer = server.chat(&body).await.answer().await;
    let context = server.get("/v1/status").await.json()["context_length"].as_u64();
    assert_eq!(answer.reason, "length");
    assert_eq!(Some(answer.tokens("total_tokens")), context);
}

#[tokio::test]
async fn the_second_turn_computes_only_what_is_new() {
    let server = TestServer::start();
    let first = server.chat(&server.long(64)).await.answer().await;
    let mut second = server.long(4);
    second["messages"] = json!([
        {"role": "user", "content": "Tell a long story."},
        {"role": "assistant", "content": first.text},
        {"role": "user", "content": "And then?"},
    ]);
    let answer = server.chat(&second).await.answer().await;
    let cached =
        answer.usage.as_ref().expect("usage")["prompt_tokens_details"]["cached_tokens"].as_u64();
    let cached = cached.expect("a number");
    // The last token that was drawn is not computed, and text may be tokenised anew around it.
    assert!(
        cached + 4 >= first.tokens("total_tokens"),
        "{cached} cached of {:?}",
        first.usage
    );
    assert!(cached < answer.tokens("prompt_tokens"));
}

#[tokio::test]
async fn logprobs_have_an_entry_a_token_and_are_the_same_in_a_stream() {
    let server = TestServer::start();
    let asked = json!({"logprobs": true, "top_logprobs": 5, "stop": ["never said"]});
    let body = with(server.long(24), asked);
    let whole_body = with(
        body.clone(),
        json!({"stream": false, "stream_options": null}),
    );
    // The first one computes the prompt; from then on both find the same prefix cached.
    server.post(CHAT, &whole_body).await;
    let whole = server.post(CHAT, &whole_body).await.json();
    let choice = &whole["choices"][0];
    let entries = choice["logprobs"]["content"].as_array().expect("a list");
    assert_eq!(whole["usage"]["completion_tokens"], entries.len());
    let mut said = Vec::new();
    for entry in entries {
        let top = entry["top_logprobs"].as_array().expect("a list");
        let sum: f64 = top
            .iter()
            .map(|other| other["logprob"].as_f64().expect("a number").exp())
            .sum();
        assert_eq!(top.len(), 5);
        assert!(sum <= 1.001, "{sum}: {entry}");
        let bytes = entry["bytes"].as_array().expect("bytes");
        said.extend(
            bytes
                .iter()
                .map(|byte| byte.as_u64().expect("a byte") as u8),
        );
    }
    let said = String::from_utf8(said).expect("text");
    assert_eq!(choice["message"]["content"], said);

    let mut streamed = Vec::new();
    for frame in server.chat(&body).await.rest().await {
        let Ok(chunk) = serde_json::from_str::<Value>(&frame) else {
            continue; // [DONE]
        };
        if let Some(entries) = chunk["choices"][0]["logprobs"]["content"].as_array() {
            streamed.extend(entries.clone());
        }
    }
    assert_eq!(&streamed, entries);
}
