//! Templates in the manner of the main families, rendered as Jinja2 renders them, byte for byte.
//!
//! The data is in `tests/data/templates`, whose README.md describes it. What Jinja2 says is committed there;
//! `oracle.py` checks that it does say so.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rein::chat::{
    ArgumentStyle, ChatMessage, ChatTemplate, Content, Media, Part, PromptEnd, PromptPiece,
    RenderInput, Role, SpecialTokens, TemplateError, TemplateTraits, ToolCall,
};
use serde_json::{Map, Value, json};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/templates")
        .join(name)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read_json(name: &str) -> Value {
    serde_json::from_str(&read(&data(name))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn object(name: &str) -> Map<String, Value> {
    match read_json(name) {
        Value::Object(fields) => fields,
        other => panic!("{name}: expected an object, found {other}"),
    }
}

/// The names of all templates, in order.
fn names() -> Vec<String> {
    let entries = std::fs::read_dir(data("")).expect("the folder can be read");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("the entry can be read").path())
        .filter(|path| path.extension().is_some_and(|end| end == "jinja"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// The time that the oracle's clock shows.
fn now() -> chrono::NaiveDateTime {
    chrono::NaiveDate::from_ymd_opt(2026, 3, 7)
        .and_then(|day| day.and_hms_opt(16, 5, 9))
        .expect("is a time")
}

fn compiled(source: &str) -> Result<ChatTemplate, TemplateError> {
    compiled_with(source, &[])
}

fn compiled_with(source: &str, control_tokens: &[&str]) -> Result<ChatTemplate, TemplateError> {
    let specials = SpecialTokens {
        bos: "<s>".to_owned(),
        eos: "</s>".to_owned(),
    };
    let control_tokens = control_tokens
        .iter()
        .map(|&token| token.to_owned())
        .collect();
    Ok(ChatTemplate::new(source, specials, control_tokens)?.with_clock(now))
}

fn template(name: &str, control_tokens: &[&str]) -> ChatTemplate {
    let source = read(&data(&format!("{name}.jinja")));
    compiled_with(&source, control_tokens).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A conversation of conversations.json.
struct Conversation {
    messages: Vec<ChatMessage>,
    tools: Vec<Value>,
    documents: Vec<Value>,
    kwargs: BTreeMap<String, Value>,
    end: PromptEnd,
}

impl Conversation {
    fn read(wire: &Value, tools: &[Value]) -> Self {
        let list = |name: &str| wire[name].as_array().cloned().unwrap_or_default();
        let kwargs = wire["kwargs"].as_object().cloned().unwrap_or_default();
        Self {
            messages: list("messages").iter().map(message).collect(),
            tools: if wire["tools"] == true {
                tools.to_vec()
            } else {
                Vec::new()
            },
            documents: list("documents"),
            kwargs: kwargs.into_iter().collect(),
            end: match wire["end"].as_str() {
                Some("open") => PromptEnd::OpenTurn,
                Some("closed") => PromptEnd::Closed,
                _ => PromptEnd::NewTurn,
            },
        }
    }

    fn input(&self) -> RenderInput<'_> {
        RenderInput {
            tools: &self.tools,
            documents: &self.documents,
            kwargs: &self.kwargs,
            end: self.end,
            ..RenderInput::new(&self.messages)
        }
    }
}

fn message(wire: &Value) -> ChatMessage {
    let string = |value: &Value| value.as_str().map(str::to_owned);
    let role = match wire["role"].as_str() {
        Some("system") => Role::System,
        Some("assistant") => Role::Assistant,
        Some("tool") => Role::Tool,
        _ => Role::User,
    };
    let part = |part: &Value| match part["text"].as_str() {
        Some(text) => Part::Text(text.to_owned()),
        None => Part::Media(Media::Image),
    };
    let content = match &wire["content"] {
        Value::String(text) => Some(text.as_str().into()),
        Value::Array(parts) => Some(Content::Parts(parts.iter().map(part).collect())),
        _ => None,
    };
    let call = |call: &Value| ToolCall {
        id: string(&call["id"]).expect("a call has an id"),
        name: string(&call["function"]["name"]).expect("a call has a name"),
        arguments: call["function"]["arguments"].clone(),
    };
    let calls = wire["tool_calls"].as_array();
    ChatMessage {
        role,
        content,
        reasoning: string(&wire["reasoning_content"]),
        tool_calls: calls.into_iter().flatten().map(call).collect(),
        tool_call_id: string(&wire["tool_call_id"]),
        name: string(&wire["name"]),
    }
}

/// The prompt; the oracle writes the places of media with this character too.
fn joined(pieces: &[PromptPiece]) -> String {
    let text = |piece: &PromptPiece| match piece {
        PromptPiece::Media(_) => "\u{fffc}".to_owned(),
        text => text.as_str().to_owned(),
    };
    pieces.iter().map(text).collect()
}

/// What came out, in the form in which the oracle writes it down.
fn outcome(rendered: Result<Vec<PromptPiece>, TemplateError>) -> Value {
    match rendered {
        Ok(pieces) => Value::String(joined(&pieces)),
        Err(TemplateError::Raised(message)) => json!({"raises": message}),
        Err(other) => json!({"fails": other.to_string()}),
    }
}

/// Whether both are the same prompt, the same message of the template, or both a failure.
fn agrees(ours: &Value, theirs: &Value) -> bool {
    let fails = |value: &Value| value.get("fails").is_some();
    ours == theirs || fails(ours) && fails(theirs)
}

/// Traits in the form of traits.json: only what differs from the default.
fn written(traits: &TemplateTraits) -> Value {
    let flags = |traits: &TemplateTraits| {
        let arguments = match traits.arguments {
            ArgumentStyle::Object => "object",
            ArgumentStyle::Text => "text",
        };
        [
            ("system", Value::from(traits.system)),
            ("late_system", traits.late_system.into()),
            ("tools", traits.tools.into()),
            ("tool_turns", traits.tool_turns.into()),
            ("parallel_calls", traits.parallel_calls.into()),
            ("arguments", arguments.into()),
            ("raw_arguments", traits.raw_arguments.into()),
            ("null_content", traits.null_content.into()),
            ("any_call_id", traits.any_call_id.into()),
            ("text_content", traits.text_content.into()),
            ("part_content", traits.part_content.into()),
        ]
    };
    let usual = flags(&TemplateTraits::default());
    let unusual = flags(traits).into_iter().zip(usual);
    let unusual = unusual.filter(|(found, usual)| found != usual);
    let unusual = unusual.map(|((name, value), _)| (name.to_owned(), value));
    Value::Object(unusual.collect())
}

/// Compares all prompts of all templates.
fn check(as_given: bool, control_tokens: &[&str]) {
    let conversations = object("conversations.json");
    let tools = read_json("tools.json");
    let tools = tools.as_array().expect("tools.json is a list");
    let mut wrong = Vec::new();
    for name in names() {
        let template = template(&name, control_tokens);
        let expected = read_json(&format!("expected/{name}.json"));
        for (title, wire) in &conversations {
            let conversation = Conversation::read(wire, tools);
            let input = RenderInput {
                as_given,
                ..conversation.input()
            };
            let ours = outcome(template.render(&input));
            let theirs = expected["as given"]
                .get(title)
                .filter(|_| as_given)
                .unwrap_or(&expected["adapted"][title]);
            if !agrees(&ours, theirs) {
                wrong.push(format!(
                    "{name}, {title}:\n  Jinja2: {theirs}\n  rein:   {ours}"
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_template_renders_every_conversation_as_jinja_does() {
    check(true, &[]);
}

#[test]
fn what_a_template_cannot_take_is_put_in_another_form_first() {
    check(false, &[]);
}

#[test]
fn control_tokens_in_client_text_change_nothing_but_the_pieces() {
    check(false, &["<b>", "Bern", "3 + 3", "man", "\u{fffc}"]);
}

#[test]
fn traits_are_found_by_trial() {
    let declared = object("traits.json");
    let mut wrong = Vec::new();
    for name in names() {
        let found = written(template(&name, &[]).traits());
        let declared = declared.get(&name).cloned().unwrap_or(json!({}));
        if found != declared {
            wrong.push(format!(" \"{name}\": {found},"));
        }
    }
    assert!(wrong.is_empty(), "traits.json lacks\n{}", wrong.join("\n"));
}

#[test]
fn snippets_of_the_language_mean_what_they_mean_to_jinja() {
    let snippets = read_json("language.json");
    let messages = [
        ChatMessage::user("Hi Zoë"),
        ChatMessage::assistant("Hello"),
        ChatMessage::user("Bye"),
    ];
    let render = |case: &Value| {
        let source = case["source"].as_str().expect("a snippet has a source");
        let rendered =
            compiled(source).and_then(|template| template.render(&RenderInput::new(&messages)));
        outcome(rendered)
    };
    let list = |name: &str| snippets[name].as_array().cloned().unwrap_or_default();
    for case in list("same") {
        let ours = render(&case);
        assert!(agrees(&ours, &case["jinja"]), "{case}\nrein gives {ours}");
    }
    for case in list("different") {
        let ours = render(&case);
        assert!(agrees(&ours, &case["rein"]), "{case}\nrein gives {ours}");
        assert!(
            !agrees(&ours, &case["jinja"]),
            "no difference any more: {case}"
        );
    }
}
