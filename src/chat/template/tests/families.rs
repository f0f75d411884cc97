//! Templates in the manner of the main families, rendered as the Python engine renders them.
//!
//! `testdata/expected.json` holds what Jinja2, set up as the Transformers library does, makes of each
//! template for each of `conversations.json`.

use serde_json::json;

use super::*;
use crate::chat::{ChatMessage, Content, Role, ToolCall};

fn message_from(wire: &Value) -> ChatMessage {
    let string = |value: &Value| value.as_str().map(str::to_owned);
    let role = match wire["role"].as_str() {
        Some("system") => Role::System,
        Some("assistant") => Role::Assistant,
        Some("tool") => Role::Tool,
        _ => Role::User,
    };
    let calls = wire["tool_calls"].as_array().cloned().unwrap_or_default();
    let call = |call: &Value| ToolCall {
        id: string(&call["id"]).expect("is valid"),
        name: string(&call["function"]["name"]).expect("is valid"),
        arguments: call["function"]["arguments"].clone(),
    };
    ChatMessage {
        role,
        content: string(&wire["content"]).map(Content::Text),
        reasoning: None,
        tool_calls: calls.iter().map(call).collect(),
        tool_call_id: string(&wire["tool_call_id"]),
        name: string(&wire["name"]),
    }
}

#[test]
fn templates_render_as_they_do_in_python() {
    let conversations: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("../testdata/conversations.json")).expect("is valid");
    let expected: Value =
        serde_json::from_str(include_str!("../testdata/expected.json")).expect("is valid");
    for (family, source) in TEMPLATES {
        let template = template(source).expect("is valid");
        for (name, conversation) in &conversations {
            let messages: Vec<_> = conversation["messages"]
                .as_array()
                .expect("is valid")
                .iter()
                .map(message_from)
                .collect();
            let kwargs = conversation["kwargs"]
                .as_object()
                .cloned()
                .unwrap_or_default();
            let got = template.render(&RenderInput {
                kwargs: &kwargs.into_iter().collect(),
                end: match conversation["add_generation_prompt"] {
                    Value::Bool(false) => PromptEnd::Closed,
                    _ => PromptEnd::NewTurn,
                },
                as_given: true,
                ..RenderInput::new(&messages)
            });
            match (&expected[family][name], got) {
                (Value::String(expected), Ok(pieces)) => {
                    for (line, (ours, theirs)) in
                        joined(&pieces).lines().zip(expected.lines()).enumerate()
                    {
                        assert_eq!(ours, theirs, "{family}, {name}, line {line}");
                    }
                    assert_eq!(&joined(&pieces), expected, "{family}, {name}");
                    assert_eq!(pieces.len(), 1, "{family}, {name}");
                }
                (Value::Object(failure), Err(error)) => {
                    let raised = failure
                        .get("raised")
                        .and_then(Value::as_str)
                        .map(str::to_owned);
                    let ours = if let TemplateError::Raised(message) = error {
                        Some(message)
                    } else {
                        None
                    };
                    assert_eq!(ours, raised, "{family}, {name}");
                }
                (expected, got) => panic!("{family}, {name}: expected {expected}, got {got:?}"),
            }
        }
    }
}

#[test]
fn a_model_without_a_template_gets_chatml() {
    let template = ChatTemplate::chatml(SpecialTokens::default(), Vec::new()).expect("is valid");
    let mut call = ChatMessage::assistant("");
    call.content = None;
    let messages = [
        ChatMessage::system("Be brief.\n"),
        ChatMessage::user(" Hi "),
        call,
    ];
    let mut input = RenderInput::new(&messages);
    let history = "<|im_start|>system\nBe brief.\n<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n\
                   <|im_start|>assistant\n<|im_end|>\n";
    assert_eq!(
        joined(&template.render(&input).expect("is valid")),
        format!("{history}<|im_start|>assistant\n")
    );
    input.end = PromptEnd::Closed;
    assert_eq!(joined(&template.render(&input).expect("is valid")), history);
}

#[test]
fn a_long_conversation_renders_in_every_family() {
    let turn = |index: usize| {
        let text = format!(
            "<think>\nStep {index}\n</think>\n\n{}",
            "Some text. ".repeat(100)
        );
        if index.is_multiple_of(2) {
            ChatMessage::user(text)
        } else {
            ChatMessage::assistant(text)
        }
    };
    let messages: Vec<_> = (0..2_001).map(turn).collect();
    for (family, source) in TEMPLATES {
        let result = on_a_small_stack({
            let messages = messages.clone();
            move || render(source, &messages)
        });
        assert!(result.is_ok(), "{family}: {:?}", result.err());
    }
}

#[test]
fn deep_but_honest_arguments_render() {
    let mut arguments = json!(1);
    for _ in 0..60 {
        arguments = json!({"a": [arguments]});
    }
    let mut call = ChatMessage::assistant("");
    call.tool_calls.push(ToolCall {
        id: "1".to_owned(),
        name: "f".to_owned(),
        arguments,
    });
    let source = "{{ messages[0].tool_calls | tojson }}{{ messages[0].tool_calls | list }}";
    assert!(on_a_small_stack(move || render(source, &[call])).is_ok());
}
