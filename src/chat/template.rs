//! [`ChatTemplate`]: a model's template, parsed once, that turns messages into a prompt.
//!
//! A template comes with the model file, so it is foreign code. It runs with a step limit (fuel), a limit on
//! the text that it makes and reads (`budget`), and in a language whose operators are bounded (`compile`).
//! Rendering takes no locks and may run on any thread, but not on one that serves other requests.
//!
//! `docs/templates.md` tells what is rendered as the Transformers library renders it, and what is not.

mod adapt;
mod arguments;
mod arithmetic;
mod budget;
mod builtins;
mod clock;
mod compare;
mod compile;
mod context;
#[cfg(any(test, fuzzing))]
mod conversation;
mod error;
mod filters;
mod input;
mod kinds;
mod methods;
mod open_turn;
mod ops;
mod pieces;
#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
mod python;
mod rewrite;
mod slice;
mod source;
mod strings;
#[cfg(test)]
mod tests;
mod text;
mod traits;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use minijinja::machinery::{Vm, make_string_output};
use minijinja::{AutoEscape, Environment};

pub use self::clock::Clock;
pub use self::error::TemplateError;
pub use self::input::{MediaStyle, PromptEnd, RenderInput};
pub use self::pieces::PromptPiece;
pub use self::traits::{ArgumentStyle, TemplateTraits};

use self::budget::Limits;
use self::compile::Compiled;
use self::context::World;
use self::pieces::{Marks, Neutraliser};

/// Largest prompt, in bytes.
const MAX_PROMPT: usize = 16 << 20;
/// Depth of calls and blocks. A macro call counts as five, and takes under 10 KiB of stack.
const RECURSION: usize = 200;

/// What a model without a template gets.
const CHATML: &str = "\
{%- for message in messages -%}
{{- '<|im_start|>' ~ message.role ~ '\\n' ~ (message.content or '') ~ '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
";

/// The texts of the tokens that begin and end a sequence; empty where the model has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// `bos_token` of templates.
    pub bos: String,
    /// `eos_token` of templates.
    pub eos: String,
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
    traits: TemplateTraits,
    clock: Clock,
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatTemplate")
            .field("source", &self.source())
            .field("specials", &self.specials)
            .field("traits", &self.traits)
            .finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// Parses a template of at most 1 MiB, and tries out what it accepts (see [`TemplateTraits`]).
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
        let source = source::prepared(source);
        let parse = || Program::try_new(source, |source| compile::compile(source));
        let program = catch_unwind(AssertUnwindSafe(parse)).unwrap_or_else(|_| {
            Err(TemplateError::Parse(
                "the template engine failed".to_owned(),
            ))
        })?;
        let mut template = Self {
            program,
            neutraliser: Neutraliser::new(&control_tokens)?,
            specials,
            traits: TemplateTraits::default(),
            clock: clock::local,
        };
        template.traits = TemplateTraits::find(&|traits, input| {
            let mut marks = Marks::new(&template.neutraliser);
            template
                .prompt(traits, input, Limits::TRIAL, &mut marks)
                .ok()
        });
        Ok(template)
    }

    /// `ChatML`, for models that come without a template.
    pub fn chatml(
        specials: SpecialTokens,
        control_tokens: Vec<String>,
    ) -> Result<Self, TemplateError> {
        Self::new(CHATML, specials, control_tokens)
    }

    /// The same template with another clock for `strftime_now`.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The template's text, as it was compiled.
    #[must_use]
    pub fn source(&self) -> &str {
        self.program.borrow_owner()
    }

    /// What the template accepts; what it does not is put in another form before rendering.
    #[must_use]
    pub fn traits(&self) -> &TemplateTraits {
        &self.traits
    }

    /// The prompt. Without media and lookalikes of control tokens in the messages it is one
    /// [`PromptPiece::Template`]; an empty prompt has no pieces.
    pub fn render(&self, input: &RenderInput<'_>) -> Result<Vec<PromptPiece>, TemplateError> {
        let traits = if input.as_given {
            &TemplateTraits::EVERYTHING
        } else {
            &self.traits
        };
        let adapted = adapt::adapted(traits, input.messages, input.tools);
        let limits = Limits::of(input.messages.len(), input.size());
        let input = RenderInput {
            messages: &adapted.messages,
            tools: adapted.tools,
            ..*input
        };
        let mut marks = Marks::new(&self.neutraliser);
        match self.prompt(traits, &input, limits, &mut marks) {
            Ok(prompt) => Ok(marks.split(&prompt)),
            Err(error) => Err(error.shown(&marks)),
        }
    }

    /// The prompt with its marks.
    fn prompt(
        &self,
        traits: &TemplateTraits,
        input: &RenderInput<'_>,
        limits: Limits,
        marks: &mut Marks<'_>,
    ) -> Result<String, TemplateError> {
        let world = World {
            specials: &self.specials,
            traits,
            clock: self.clock,
        };
        let open = match input.end {
            PromptEnd::OpenTurn => Some(open_turn::Ending::of(input.messages, marks)?),
            PromptEnd::NewTurn | PromptEnd::Closed => None,
        };
        let context = world.context(input, marks)?;
        let run = || self.run(limits.fuel, context);
        let prompt = budget::with(limits.bytes, || catch_unwind(AssertUnwindSafe(run)))
            .unwrap_or_else(|_| {
                Err(TemplateError::Render(
                    "the template engine failed".to_owned(),
                ))
            })?;
        match open {
            Some(ending) => ending.cut(prompt),
            None => Ok(prompt),
        }
    }

    fn run(&self, fuel: u64, context: minijinja::Value) -> Result<String, TemplateError> {
        let mut env = environment().clone();
        env.set_fuel(Some(fuel));
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
            .map_err(|error| TemplateError::of(&error))?;
        if prompt.len() > MAX_PROMPT {
            return Err(TemplateError::TooLarge("it exceeds 16 MiB"));
        }
        Ok(prompt)
    }
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
