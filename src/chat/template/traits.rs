//! [`TemplateTraits`]: what a template accepts, found by rendering small conversations with it.
//!
//! A template's text does not tell: it may mention a role only to refuse it, or print a dict where it was
//! meant to print JSON. So every trait is an experiment: a conversation with telltale words goes in, and the
//! trait holds if the words come out in the form that a model can read.

use serde_json::{Value, json};

use super::input::{PromptEnd, RenderInput};
use crate::chat::message::{ChatMessage, Content, Part, Role, ToolCall};

/// The form in which a template wants the arguments of a tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ArgumentStyle {
    /// As an object, which it prints as JSON or walks through.
    #[default]
    Object,
    /// As a string of JSON, which it prints as it is.
    Text,
}

/// What a template accepts. Where it does not, messages are put in another form before rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TemplateTraits {
    /// Instructions at the beginning. Without: they go into the first user turn.
    pub system: bool,
    /// Instructions between other turns. Without: they are joined to those at the beginning.
    pub late_system: bool,
    /// Tools on offer. Without: they are described in the instructions.
    pub tools: bool,
    /// Tool calls and their results in the history. Without: both become plain turns.
    pub tool_turns: bool,
    /// Several calls in one turn. Without: each call gets a turn, followed by its result.
    pub parallel_calls: bool,
    /// How arguments are passed.
    pub arguments: ArgumentStyle,
    /// Arguments that are no object. Without: they become `{"raw": …}`.
    pub raw_arguments: bool,
    /// Calls without content. Without: their content is an empty string.
    pub null_content: bool,
    /// Call ids of any form. Without: they become nine letters and digits.
    pub any_call_id: bool,
    /// Content as a string. Without: it becomes a list with one part.
    pub text_content: bool,
    /// Content as a list of parts. Without: texts are joined by line breaks.
    pub part_content: bool,
}

impl Default for TemplateTraits {
    /// A template that takes everything but parts.
    fn default() -> Self {
        Self {
            part_content: false,
            ..Self::EVERYTHING
        }
    }
}

impl TemplateTraits {
    /// A template that takes everything, parts too.
    pub(super) const EVERYTHING: Self = Self {
        system: true,
        late_system: true,
        tools: true,
        tool_turns: true,
        parallel_calls: true,
        arguments: ArgumentStyle::Object,
        raw_arguments: true,
        null_content: true,
        any_call_id: true,
        text_content: true,
        part_content: true,
    };
}

/// What the telltale words are; none occurs in a template by chance.
mod telltale {
    pub(super) const SYSTEM: &str = "qzsystem";
    pub(super) const LATE: &str = "qzlate";
    pub(super) const USER: &str = "qzuser";
    pub(super) const NAME: &str = "qzname";
    pub(super) const KEY: &str = "qzkey";
    pub(super) const VALUE: &str = "qzvalue";
    pub(super) const RESULT: &str = "qzresult";
    pub(super) const SECOND: &str = "qzsecond";
    pub(super) const OTHER_VALUE: &str = "qzother";
}

/// One shape of a call in the history.
#[derive(Clone, Copy)]
struct CallShape {
    arguments: ArgumentStyle,
    null_content: bool,
    any_id: bool,
}

/// The shapes, the most natural first.
const SHAPES: [CallShape; 8] = {
    const fn shape(arguments: ArgumentStyle, null_content: bool, any_id: bool) -> CallShape {
        CallShape {
            arguments,
            null_content,
            any_id,
        }
    }
    use ArgumentStyle::{Object, Text};
    [
        shape(Object, true, true),
        shape(Object, false, true),
        shape(Object, true, false),
        shape(Object, false, false),
        shape(Text, true, true),
        shape(Text, false, true),
        shape(Text, true, false),
        shape(Text, false, false),
    ]
};

/// Renders under given traits; `None` where the template refuses.
type Trial<'t> = &'t dyn Fn(&TemplateTraits, &RenderInput<'_>) -> Option<String>;

impl TemplateTraits {
    /// Finds the traits by trial. A template that cannot even render one user turn gets the default.
    pub(super) fn find(trial: Trial<'_>) -> Self {
        let mut found = Self::default();
        if !content_traits(trial, &mut found) {
            return Self::default();
        }
        system_traits(trial, &mut found);
        tool_traits(trial, &mut found);
        found
    }
}

fn render(trial: Trial<'_>, traits: &TemplateTraits, messages: &[ChatMessage]) -> Option<String> {
    trial(traits, &RenderInput::new(messages))
}

/// Text, parts, or both; false if the template renders neither.
fn content_traits(trial: Trial<'_>, found: &mut TemplateTraits) -> bool {
    let with = |traits: &TemplateTraits, content: Content| {
        let mut message = ChatMessage::user("");
        message.content = Some(content);
        render(trial, traits, &[message])
    };
    let as_text = with(found, telltale::USER.into());
    let parts = TemplateTraits {
        text_content: false,
        part_content: true,
        ..found.clone()
    };
    let as_parts = with(&parts, vec![Part::Text(telltale::USER.to_owned())].into());
    let says = |prompt: &Option<String>| {
        prompt
            .as_ref()
            .is_some_and(|prompt| prompt.contains(telltale::USER))
    };
    // A template that prints the list as it is shows the words too, among the marks of a dict.
    let prints_dict = as_parts.as_ref().is_some_and(|prompt| {
        ["'type'", "\"type\""]
            .iter()
            .any(|key| prompt.contains(key))
    });
    found.part_content = says(&as_parts) && !prints_dict;
    found.text_content = says(&as_text) || !found.part_content;
    as_text.is_some() || found.part_content
}

fn system_traits(trial: Trial<'_>, found: &mut TemplateTraits) {
    let system = ChatMessage::system(telltale::SYSTEM);
    let user = ChatMessage::user(telltale::USER);
    let says = |messages: &[ChatMessage], words: &[&str]| {
        render(trial, found, messages)
            .is_some_and(|prompt| words.iter().all(|word| prompt.contains(word)))
    };
    let takes_system = says(
        &[system.clone(), user.clone()],
        &[telltale::SYSTEM, telltale::USER],
    );
    let late = [
        system,
        user.clone(),
        ChatMessage::assistant("a"),
        ChatMessage::system(telltale::LATE),
        user,
    ];
    let takes_late = takes_system && says(&late, &[telltale::SYSTEM, telltale::LATE]);
    found.system = takes_system;
    found.late_system = takes_late;
}

fn tool_traits(trial: Trial<'_>, found: &mut TemplateTraits) {
    let tools = [tool(telltale::NAME), tool(telltale::SECOND)];
    let offers = |messages: &[ChatMessage]| {
        let input = RenderInput {
            tools: &tools,
            ..RenderInput::new(messages)
        };
        trial(found, &input).is_some_and(|prompt| {
            prompt.contains(telltale::NAME) && prompt.contains(telltale::SECOND)
        })
    };
    let user = ChatMessage::user(telltale::USER);
    let takes_tools = offers(std::slice::from_ref(&user))
        || found.system && offers(&[ChatMessage::system(telltale::SYSTEM), user]);
    let shape = SHAPES
        .into_iter()
        .find(|shape| called(trial, found, &tools[..1], *shape));
    found.tools = takes_tools;
    found.tool_turns = shape.is_some();
    let Some(shape) = shape else {
        return;
    };
    found.arguments = shape.arguments;
    found.null_content = shape.null_content;
    found.any_call_id = shape.any_id;
    found.raw_arguments = shape.arguments == ArgumentStyle::Text
        || history(trial, found, &tools[..1], shape, &[json!("not json")])
            .is_some_and(|prompt| prompt.contains("not json"));
    let both = [telltale::VALUE, telltale::OTHER_VALUE];
    found.parallel_calls = history(
        trial,
        found,
        &tools,
        shape,
        &both.map(|value| arguments(shape, value)),
    )
    .is_some_and(|prompt| both.iter().all(|value| prompt.contains(value)));
}

fn tool(name: &str) -> Value {
    let parameters = json!({
        "type": "object",
        "properties": {telltale::KEY: {"type": "string", "description": "A key."}},
        "required": [telltale::KEY],
    });
    let function = json!({"name": name, "description": "A tool.", "parameters": parameters});
    json!({"type": "function", "function": function})
}

fn arguments(shape: CallShape, value: &str) -> Value {
    let object = json!({telltale::KEY: value});
    match shape.arguments {
        ArgumentStyle::Object => object,
        ArgumentStyle::Text => Value::String(object.to_string()),
    }
}

/// Whether a call and its result come out well in this shape.
fn called(trial: Trial<'_>, traits: &TemplateTraits, tools: &[Value], shape: CallShape) -> bool {
    let Some(prompt) = history(
        trial,
        traits,
        tools,
        shape,
        &[arguments(shape, telltale::VALUE)],
    ) else {
        return false;
    };
    let key = telltale::KEY;
    // Neither Python's form of a dict, nor JSON within a JSON string. The second may be right for a whole
    // message in JSON, so it counts against an object only if the object was not shown well elsewhere.
    let is_python = prompt.contains(&format!("'{key}'"));
    let is_escaped = prompt.contains(&format!("\\\"{key}"));
    let is_json = prompt.contains(&format!("\"{key}\""));
    let well = match shape.arguments {
        ArgumentStyle::Object => !is_python && (is_json || !is_escaped),
        ArgumentStyle::Text => !is_escaped,
    };
    // Tools are offered along, so their name and key are there anyway: the value and the result tell.
    well && [telltale::VALUE, telltale::RESULT]
        .iter()
        .all(|word| prompt.contains(word))
        && !(shape.null_content && prints_none(trial, traits, tools, shape, &prompt))
}

/// Whether a missing content shows as Python's `None`.
fn prints_none(
    trial: Trial<'_>,
    traits: &TemplateTraits,
    tools: &[Value],
    shape: CallShape,
    prompt: &str,
) -> bool {
    let with_empty_content = CallShape {
        null_content: false,
        ..shape
    };
    let nones = |prompt: &str| prompt.matches("None").count();
    nones(prompt) > 0
        && history(
            trial,
            traits,
            tools,
            with_empty_content,
            &[arguments(shape, telltale::VALUE)],
        )
        .is_some_and(|other| nones(prompt) > nones(&other))
}

/// A question, calls with these arguments, and their results.
fn history(
    trial: Trial<'_>,
    traits: &TemplateTraits,
    tools: &[Value],
    shape: CallShape,
    arguments: &[Value],
) -> Option<String> {
    let id = |index: usize| {
        if shape.any_id {
            format!("call_{index:08x}")
        } else {
            format!("call{index:05x}")
        }
    };
    let names = [telltale::NAME, telltale::SECOND];
    let mut call = ChatMessage::assistant("");
    call.content = call.content.filter(|_| !shape.null_content);
    let mut messages = vec![ChatMessage::user(telltale::USER)];
    let mut results = Vec::new();
    for (index, (name, arguments)) in names.into_iter().zip(arguments).enumerate() {
        call.tool_calls.push(ToolCall {
            id: id(index),
            name: name.to_owned(),
            arguments: arguments.clone(),
        });
        let mut result = ChatMessage::text(Role::Tool, telltale::RESULT);
        result.tool_call_id = Some(id(index));
        result.name = Some(name.to_owned());
        results.push(result);
    }
    messages.push(call);
    messages.append(&mut results);
    let input = RenderInput {
        tools,
        end: PromptEnd::NewTurn,
        ..RenderInput::new(&messages)
    };
    trial(traits, &input)
}
