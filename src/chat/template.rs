//! [`ChatTemplate`]: a model's template, parsed once, that turns messages into a prompt.
//!
//! A template comes with the model file, so it is foreign code. It runs with a step limit (fuel), a limit on
//! the text that it makes and reads (`budget`), and in a language whose operators are bounded (`compile`).
//! Rendering takes no locks and may run on any thread, but not on one that serves other requests.

mod budget;
mod compile;
mod filters;
mod methods;
mod ops;
mod pieces;
mod python;
mod rewrite;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use minijinja::machinery::{Vm, make_string_output};
use minijinja::{AutoEscape, Environment, ErrorKind};
use serde_json::Value;

pub use self::pieces::PromptPiece;

use self::compile::Compiled;
use self::pieces::{Marks, Neutraliser};
use super::message::{ChatMessage, ToolCall};

/// Largest prompt, in bytes.
const MAX_PROMPT: usize = 16 << 20;
/// Budget of a render, in bytes: a base, and so many times what the client sent.
const BUDGET_BASE: usize = 64 << 20;
const BUDGET_FACTOR: usize = 32;
const BUDGET_MOST: usize = 1 << 30;
/// Steps of a render: a base, and so many for each message. Real templates take 50 to 300 a message.
const FUEL_BASE: u64 = 1_000_000;
const FUEL_PER_MESSAGE: u64 = 2_000;
const FUEL_MOST: u64 = 8_000_000;
/// Depth of calls and blocks. A macro call counts as five, and takes under 10 KiB of stack.
const RECURSION: usize = 200;
/// Longest message of an error, in characters.
const MAX_ERROR: usize = 500;

/// Names that a client's template arguments may not set.
const RESERVED: [&str; 14] = [
    "messages",
    "tools",
    "add_generation_prompt",
    "bos_token",
    "eos_token",
    "documents",
    "raise_exception",
    "strftime_now",
    "range",
    "namespace",
    "dict",
    "cycler",
    "joiner",
    "lipsum",
];

/// What a model without a template gets.
const CHATML: &str = "\
{%- for message in messages -%}
{{- '<|im_start|>' ~ message.role ~ '\\n' ~ (message.content or '') ~ '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
";

/// Why there is no template, or no prompt. All are for a 400: each message says what the client can change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The source is no template that can be run.
    #[error(
        "the model's chat template cannot be used: {0}; load the model with another chat template"
    )]
    Parse(String),
    /// The template itself refused, by `raise_exception`.
    #[error("the model's chat template refuses these messages: {0}")]
    Raised(String),
    /// The step limit.
    #[error(
        "the model's chat template took too many steps; send fewer messages, or load the model with another chat template"
    )]
    OutOfFuel,
    /// A size limit; says which.
    #[error("the prompt is too large: {0}; send shorter messages")]
    TooLarge(&'static str),
    /// A template argument with a name of the template's own world.
    #[error("chat_template_kwargs: `{0}` is set by the server; leave it out")]
    Reserved(String),
    /// Anything else that went wrong in the template: an undefined variable, a wrong type.
    #[error("the model's chat template cannot render these messages: {0}")]
    Render(String),
}

/// The texts of the tokens that begin and end a sequence; empty where the model has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// `bos_token` of templates.
    pub bos: String,
    /// `eos_token` of templates.
    pub eos: String,
}

/// What is rendered.
#[derive(Debug, Clone, Copy)]
pub struct RenderInput<'a> {
    /// The conversation.
    pub messages: &'a [ChatMessage],
    /// The client's template arguments, such as `enable_thinking`.
    pub kwargs: &'a BTreeMap<String, Value>,
    /// Ends the prompt with the beginning of the model's turn.
    pub add_generation_prompt: bool,
}

self_cell::self_cell!(
    struct Program {
        owner: String,
        #[covariant]
        dependent: Compiled,
    }
);

/// A model's chat template.
pub struct ChatTemplate {
    program: Program,
    neutraliser: Neutraliser,
    specials: SpecialTokens,
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatTemplate")
            .field("source", &self.source())
            .field("specials", &self.specials)
            .finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// Parses a template of at most 1 MiB.
    ///
    /// `control_tokens` are the texts of the vocabulary's control tokens (`<|im_start|>`): where a message
    /// holds one, it becomes a [`PromptPiece::Literal`]. Leave out tokens that templates look for in messages
    /// (`</think>`, `<tool_call>`: "user defined" in GGUF), else the template no longer finds them.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers make the list for this call alone"
    )]
    pub fn new(
        source: &str,
        specials: SpecialTokens,
        control_tokens: Vec<String>,
    ) -> Result<Self, TemplateError> {
        if source.len() > compile::MAX_SOURCE {
            return Err(TemplateError::Parse("it is larger than 1 MiB".to_owned()));
        }
        let source = compile::without_generation_tags(source);
        let parse = || Program::try_new(source, |source| compile::compile(source));
        let program = catch_unwind(AssertUnwindSafe(parse)).unwrap_or_else(|_| {
            Err(TemplateError::Parse(
                "the template engine failed".to_owned(),
            ))
        })?;
        Ok(Self {
            program,
            neutraliser: Neutraliser::new(&control_tokens)?,
            specials,
        })
    }

    /// `ChatML`, for models that come without a template.
    pub fn chatml(
        specials: SpecialTokens,
        control_tokens: Vec<String>,
    ) -> Result<Self, TemplateError> {
        Self::new(CHATML, specials, control_tokens)
    }

    /// The template's text.
    #[must_use]
    pub fn source(&self) -> &str {
        self.program.borrow_owner()
    }

    /// The prompt. Without lookalikes of control tokens in the messages it is one
    /// [`PromptPiece::Template`]; an empty prompt has no pieces.
    pub fn render(&self, input: &RenderInput<'_>) -> Result<Vec<PromptPiece>, TemplateError> {
        let mut marks = Marks::new(&self.neutraliser);
        let context = self.context(input, &mut marks)?;
        let run = || self.run(input, context);
        let rendered = budget::with(budget_of(input), || catch_unwind(AssertUnwindSafe(run)))
            .unwrap_or_else(|_| {
                Err(TemplateError::Render(
                    "the template engine failed".to_owned(),
                ))
            });
        match rendered {
            Ok(prompt) => Ok(marks.split(&prompt)),
            Err(TemplateError::Raised(message)) => {
                Err(TemplateError::Raised(brief(&marks.show(&message))))
            }
            Err(TemplateError::Render(message)) => {
                Err(TemplateError::Render(brief(&marks.show(&message))))
            }
            Err(other) => Err(other),
        }
    }

    fn run(
        &self,
        input: &RenderInput<'_>,
        context: minijinja::Value,
    ) -> Result<String, TemplateError> {
        let mut env = environment().clone();
        env.set_fuel(Some(fuel_of(input.messages.len())));
        let blocks = BTreeMap::new();
        let mut prompt = String::new();
        let instructions = &self.program.borrow_dependent().instructions;
        Vm::new(&env)
            .eval(
                instructions,
                context,
                &blocks,
                &mut make_string_output(&mut prompt),
                AutoEscape::None,
            )
            .map_err(|error| render_error(&error))?;
        if prompt.len() > MAX_PROMPT {
            return Err(TemplateError::TooLarge("it exceeds 16 MiB"));
        }
        Ok(prompt)
    }

    /// The template's variables.
    fn context(
        &self,
        input: &RenderInput<'_>,
        marks: &mut Marks<'_>,
    ) -> Result<minijinja::Value, TemplateError> {
        let none = minijinja::Value::from(());
        let mut variables: Vec<(String, minijinja::Value)> =
            Vec::with_capacity(input.kwargs.len() + 6);
        for (name, value) in input.kwargs {
            if RESERVED.contains(&name.as_str()) {
                return Err(TemplateError::Reserved(name.clone()));
            }
            // Other names cannot be written in a template; and those of our own functions are among them.
            if is_identifier(name) {
                variables.push((name.clone(), marks.hide_json(value)?));
            }
        }
        let messages = input
            .messages
            .iter()
            .map(|message| message_value(message, marks))
            .collect::<Result<Vec<_>, _>>()?;
        variables.extend([
            ("messages".to_owned(), messages.into()),
            ("bos_token".to_owned(), self.specials.bos.as_str().into()),
            ("eos_token".to_owned(), self.specials.eos.as_str().into()),
            (
                "add_generation_prompt".to_owned(),
                input.add_generation_prompt.into(),
            ),
            ("tools".to_owned(), none.clone()),
            ("documents".to_owned(), none),
        ]);
        Ok(variables.into_iter().collect())
    }
}

fn is_identifier(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_numeric())
}

fn message_value(
    message: &ChatMessage,
    marks: &mut Marks<'_>,
) -> Result<minijinja::Value, TemplateError> {
    let content = match &message.content {
        Some(text) => marks.hide(text)?.as_ref().into(),
        None => minijinja::Value::from(()),
    };
    let mut fields = vec![("role", message.role.as_str().into()), ("content", content)];
    if !message.tool_calls.is_empty() {
        let calls = message
            .tool_calls
            .iter()
            .map(|call| call_value(call, marks));
        fields.push(("tool_calls", calls.collect::<Result<Vec<_>, _>>()?.into()));
    }
    if let Some(id) = &message.tool_call_id {
        fields.push(("tool_call_id", marks.hide(id)?.as_ref().into()));
    }
    if let Some(name) = &message.name {
        fields.push(("name", marks.hide(name)?.as_ref().into()));
    }
    Ok(fields.into_iter().collect())
}

fn call_value(call: &ToolCall, marks: &mut Marks<'_>) -> Result<minijinja::Value, TemplateError> {
    let function: minijinja::Value = [
        ("name", marks.hide(&call.name)?.as_ref().into()),
        ("arguments", marks.hide_json(&call.arguments)?),
    ]
    .into_iter()
    .collect();
    let id: minijinja::Value = marks.hide(&call.id)?.as_ref().into();
    Ok([
        ("id", id),
        ("type", "function".into()),
        ("function", function),
    ]
    .into_iter()
    .collect())
}

/// What all templates share: filters, functions, the way of printing.
fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut env = Environment::new();
        env.set_debug(false);
        env.set_recursion_limit(RECURSION);
        env.set_formatter(ops::print);
        env.set_unknown_method_callback(methods::call);
        ops::register(&mut env);
        filters::register(&mut env);
        env
    })
}

fn fuel_of(messages: usize) -> u64 {
    let for_messages = FUEL_PER_MESSAGE.saturating_mul(messages as u64);
    FUEL_BASE.saturating_add(for_messages).min(FUEL_MOST)
}

fn budget_of(input: &RenderInput<'_>) -> usize {
    fn json(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(json).sum(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| key.len() + json(value))
                .sum(),
            _ => 8,
        }
    }
    let message = |message: &ChatMessage| {
        let calls: usize = message
            .tool_calls
            .iter()
            .map(|call| call.name.len() + json(&call.arguments))
            .sum();
        message.content.as_ref().map_or(0, String::len) + calls + 64
    };
    let sent: usize = input.messages.iter().map(message).sum::<usize>()
        + input.kwargs.values().map(json).sum::<usize>();
    sent.saturating_mul(BUDGET_FACTOR)
        .saturating_add(BUDGET_BASE)
        .min(BUDGET_MOST)
}

fn render_error(error: &minijinja::Error) -> TemplateError {
    if error.kind() == ErrorKind::OutOfFuel {
        return TemplateError::OutOfFuel;
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(filters::Raised(message)) = cause.downcast_ref() {
            return TemplateError::Raised(message.clone());
        }
        if cause.is::<budget::Exhausted>() {
            return TemplateError::TooLarge("the chat template makes too much text of it");
        }
        if cause
            .downcast_ref::<minijinja::Error>()
            .is_some_and(|e| e.kind() == ErrorKind::OutOfFuel)
        {
            return TemplateError::OutOfFuel;
        }
        source = cause.source();
    }
    TemplateError::Render(error.to_string())
}

/// An error's message at a length that fits a response.
fn brief(message: &str) -> String {
    match message.char_indices().nth(MAX_ERROR) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
