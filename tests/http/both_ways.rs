//! [`both_ways`]: one request, answered in one piece and as a stream.

use serde_json::{Value, json};

use crate::common::server::{CHAT, TestServer, with};

/// What a streamed answer's deltas add up to, as the message of an answer in one piece.
fn joined(chunks: &[Value]) -> (Value, Value) {
    let (mut content, mut reasoning) = (String::new(), String::new());
    let mut calls: Vec<Value> = Vec::new();
    let mut reason = Value::Null;
    for choice in chunks
        .iter()
        .filter_map(|chunk| chunk["choices"].as_array())
        .flatten()
    {
        let delta = &choice["delta"];
        content.push_str(delta["content"].as_str().unwrap_or_default());
        reasoning.push_str(delta["reasoning_content"].as_str().unwrap_or_default());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().expect("a number") as usize;
            let arguments = call["function"]["arguments"].as_str().expect("a text");
            if index == calls.len() {
                // The first piece has the id and the name, and no arguments.
                assert_eq!(arguments, "", "{call}");
                let mut call = call.clone();
                call.as_object_mut().expect("an object").remove("index");
                calls.push(call);
            } else {
                assert!(call.get("id").is_none() && call["function"].get("name").is_none());
                let so_far = calls[index]["function"]["arguments"]
                    .as_str()
                    .unwrap_or_default();
                calls[index]["function"]["arguments"] = format!("{so_far}{arguments}").into();
            }
        }
        if let Some(said) = choice.get("finish_reason").filter(|it| !it.is_null()) {
            reason = said.clone();
        }
    }
    let mut message = json!({"role": "assistant", "content": content});
    if !reasoning.is_empty() {
        message["reasoning_content"] = reasoning.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
        if content.is_empty() {
            message["content"] = Value::Null;
        }
    }
    (message, reason)
}

/// The message and the reason, asked for in one piece and as a stream. They are the same but for the ids.
pub async fn both_ways(server: &TestServer, body: &Value) -> (Value, Value) {
    let reply = server.post(CHAT, body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let choice = &reply.json()["choices"][0];
    let stream = server
        .chat(&with(body.clone(), json!({"stream": true})))
        .await;
    let chunks: Vec<Value> = stream
        .rest()
        .await
        .iter()
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect();
    let (mut streamed, reason) = joined(&chunks);
    let mut whole = choice["message"].clone();
    assert_eq!(reason, choice["finish_reason"]);
    let shown = whole.clone();
    for message in [&mut streamed, &mut whole] {
        for call in message["tool_calls"].as_array_mut().into_iter().flatten() {
            let id = call["id"].take();
            assert!(
                id.as_str().is_some_and(|id| id.starts_with("call_")),
                "{id}"
            );
        }
    }
    assert_eq!(streamed, whole);
    (shown, reason)
}
