//! Thoughts, over HTTP: `SmolLM2` with templates that open thoughts, and forms that make it say what a test needs.

use rein::LoadOptions;
use rein::server::ServerConfig;
use serde_json::{Value, json};

use crate::both_ways::both_ways;
use crate::common::server::{CHAT, Setup, TestServer, chat, with};

/// ChatML as thinking models have it: thoughts of earlier turns are dropped, and the switch writes a closed thought.
const THINKS: &str = "{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.reasoning_content and preserve_thinking %}<think>
{{ message.reasoning_content }}
</think>

{% endif %}{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% endif -%}
{%- endif -%}";

/// The same, always beginning with a thought.
const ALWAYS: &str = "{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
<think>
{% endif -%}";

fn server(template: &str) -> TestServer {
    let config = ServerConfig {
        load: LoadOptions {
            chat_template: Some(template.to_owned()),
            ..Setup::default().config.load
        },
        ..Setup::default().config
    };
    TestServer::with(Setup {
        config,
        ..Setup::default()
    })
}

fn says(text: &str) -> Value {
    json!({"grammar": format!("root ::= {}", json!(text))})
}

async fn check(server: &TestServer, fields: Value, message: Value) {
    let body = with(chat("x", 60), fields);
    let (mut answered, _) = both_ways(server, &body).await;
    answered.as_object_mut().expect("an object").remove("role");
    assert_eq!(answered, message, "{body}");
}

#[tokio::test]
async fn thoughts_come_in_a_field_of_their_own_or_within_the_content() {
    let server = server(THINKS);
    let text = "<think>\nA plan.\n</think>\n\nAn answer.";
    let apart = json!({"reasoning_content": "A plan.", "content": "An answer."});
    check(&server, says(text), apart.clone()).await;
    check(
        &server,
        with(says(text), json!({"reasoning_format": "deepseek"})),
        apart,
    )
    .await;
    let inline = with(says(text), json!({"reasoning_format": "inline"}));
    check(&server, inline, json!({"content": text})).await;
    let only = json!({"reasoning_content": "All.", "content": "All."});
    check(&server, says("<think>All."), only).await;
    check(
        &server,
        says("No thought."),
        json!({"content": "No thought."}),
    )
    .await;
}

#[tokio::test]
async fn a_thought_that_is_too_long_is_ended_and_the_answer_comes_in_its_form() {
    for (template, fields) in [
        (ALWAYS, json!({})),
        (THINKS, json!({"enable_thinking": true})),
    ] {
        let server = server(template);
        let limited = json!({
            "reasoning_budget_tokens": 5,
            "reasoning_budget_message": " Enough.",
            "regex": "Yes, [0-9]{2}\\.",
            "logprobs": true,
            "deterministic": true,
        });
        let body = with(with(chat("Think!", 60), limited), fields);
        let (message, reason) = both_ways(&server, &body).await;
        assert_eq!(reason, "stop");
        let thought = message["reasoning_content"].as_str().expect("a thought");
        assert!(thought.ends_with(" Enough."), "{message}");
        let content = message["content"].as_str().expect("an answer");
        assert!(
            content.starts_with("Yes, ") && content.len() == 8,
            "{message}"
        );

        let answer = server.post(CHAT, &body).await.json();
        let details = &answer["usage"]["completion_tokens_details"];
        assert_eq!(details["reasoning_tokens"], 5, "{answer}");
        let entries = answer["choices"][0]["logprobs"]["content"].as_array();
        let texts = entries.expect("a list").iter();
        let texts: String = texts.filter_map(|it| it["token"].as_str()).collect();
        assert!(
            texts.ends_with(content) && !texts.contains("Enough"),
            "{texts}"
        );
    }
}

#[tokio::test]
async fn with_a_budget_of_nothing_there_is_no_thought() {
    let server = server(ALWAYS);
    let fields = with(says("At once."), json!({"reasoning_budget_tokens": 0}));
    check(&server, fields, json!({"content": "At once."})).await;
}

#[tokio::test]
async fn a_form_leaves_no_room_for_thoughts_unless_they_are_asked_for() {
    let server = server(THINKS);
    let prompt = async |fields: Value| {
        let body = with(with(chat("x", 4), json!({"regex": "[ab]{4}"})), fields);
        server.post(CHAT, &body).await.json()["usage"]["prompt_tokens"].clone()
    };
    let (silent, off) = (json!({}), json!({"enable_thinking": false}));
    assert_eq!(prompt(silent).await, prompt(off.clone()).await);
    let on = json!({"enable_thinking": true, "reasoning_budget_tokens": 1});
    assert_ne!(prompt(on).await, prompt(off).await);
}

/// A model that would end its answer within the thought still owes the form.
#[tokio::test]
async fn the_form_comes_even_if_the_model_would_end_in_its_thought() {
    let server = server(ALWAYS);
    let fields = json!({"json_schema": {"enum": ["yes", "no"]}, "logit_bias": {"2": 100}});
    let reply = server.post(CHAT, &with(chat("x", 60), fields)).await;
    let message = &reply.json()["choices"][0]["message"];
    let content = message["content"].as_str().expect("an answer");
    assert!(["\"yes\"", "\"no\""].contains(&content), "{message}");
}

#[tokio::test]
async fn earlier_thoughts_are_for_the_template_however_they_are_sent() {
    let server = server(THINKS);
    let prompt = async |answer: Value, fields: Value| {
        let body = json!({"max_tokens": 1, "messages": [
            {"role": "user", "content": "x"},
            answer,
            {"role": "user", "content": "y"},
        ]});
        let reply = server.post(CHAT, &with(body, fields)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()["usage"]["prompt_tokens"]
            .as_u64()
            .expect("a number")
    };
    let plain = json!({"role": "assistant", "content": "A"});
    let field = json!({"role": "assistant", "content": "A", "reasoning_content": "r"});
    let inline = json!({"role": "assistant", "content": "<think>\nr\n</think>\n\nA"});
    let dropped = prompt(plain, json!({})).await;
    let keep = json!({"preserve_thinking": true});
    let kept = prompt(field.clone(), keep.clone()).await;
    assert!(kept > dropped);
    assert_eq!(prompt(field, json!({})).await, dropped);
    assert_eq!(prompt(inline.clone(), json!({})).await, dropped);
    assert_eq!(prompt(inline, keep).await, kept);
}

#[tokio::test]
async fn a_thought_that_was_stopped_goes_on() {
    let server = server(ALWAYS);
    let ask = |messages: Value, fields: Value| {
        let body = json!({"messages": messages, "temperature": 0, "deterministic": true});
        with(body, fields)
    };
    let question = json!({"role": "user", "content": "Name three animals."});
    let read = async |body: Value| {
        let answer = server.post(CHAT, &body).await.json();
        let message = &answer["choices"][0]["message"];
        assert_eq!(message["content"], "", "{answer}");
        message["reasoning_content"]
            .as_str()
            .expect("a thought")
            .to_owned()
    };
    let whole = read(ask(json!([question]), json!({"max_tokens": 20}))).await;
    let half = read(ask(json!([question]), json!({"max_tokens": 8}))).await;
    let stopped = json!({"role": "assistant", "content": "", "reasoning_content": half});
    let more = json!({"continue_final_message": true, "max_tokens": 12});
    let rest = read(ask(json!([question, stopped]), more)).await;
    assert_eq!(format!("{half}{rest}"), whole);
}

#[tokio::test]
async fn one_call_ends_an_answer_that_may_have_only_one() {
    let server = TestServer::start();
    let call = "<tool_call>{\"name\": \"go\", \"arguments\": {}}</tool_call>";
    let tools = json!([{"type": "function", "function": {"name": "go"}}]);
    let fields = json!({"tools": tools, "parallel_tool_calls": false, "ignore_eos": true});
    let said = with(says(call), fields);
    // Text that the model could go on with for as long as the context lasts.
    let endless = with(
        said,
        json!({"grammar": format!("root ::= {} [a-z ]*", json!(call))}),
    );
    let body = with(chat("x", 1500), endless);
    let (message, reason) = both_ways(&server, &body).await;
    assert_eq!(reason, "tool_calls");
    assert_eq!(message["tool_calls"].as_array().map(Vec::len), Some(1));
    let used = server.post(CHAT, &body).await.json()["usage"]["completion_tokens"].clone();
    assert!(used.as_u64().expect("a number") < 100, "{used}");
}
