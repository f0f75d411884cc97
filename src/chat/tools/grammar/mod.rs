//! [`tool_grammar`]: grammars that let a model write nothing but valid calls.
//!
//! They are llguidance's Lark, for rein's own use: `%json` in them takes schemas as they are, so schemas must
//! have been checked and rewritten before (`constraint::schema`).

mod builder;
mod gemma;
mod markup;
#[cfg(test)]
mod tests;
mod values;

use serde_json::Value;

use super::declared::DeclaredTool;
use super::format::ToolFormat;
use builder::Builder;
use markup::{Markup, Part};

/// What an answer may be that is not calls and nothing else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Otherwise<'a> {
    /// There have to be calls.
    Nothing,
    /// Free text until a call begins, and between calls.
    Text,
    /// JSON that is valid under this schema, and no calls.
    Json(&'a Value),
}

/// What a grammar is to allow.
#[derive(Clone, Copy)]
pub struct ToolGrammar<'a> {
    /// How the model writes calls.
    pub format: ToolFormat,
    /// The tools that may be called; one for a named choice. Their schemas are enforced.
    pub tools: &'a [DeclaredTool],
    /// What the answer may be instead of calls.
    pub otherwise: Otherwise<'a>,
    /// Several calls may follow each other.
    pub parallel: bool,
    /// Refuse schemas that the format cannot enforce. False: enforce what can be. Only formats that write values as
    /// text are concerned.
    pub strict: bool,
    /// The id of the control token with this text, where the vocabulary has one. Other markers are text.
    pub control_token: &'a dyn Fn(&str) -> Option<u32>,
}

impl std::fmt::Debug for ToolGrammar<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToolGrammar")
            .field("format", &self.format)
            .field("tools", &self.tools)
            .field("otherwise", &self.otherwise)
            .field("parallel", &self.parallel)
            .field("strict", &self.strict)
            .finish_non_exhaustive()
    }
}

/// Why there is no grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolGrammarError {
    /// A call was asked for, but there is nothing to call.
    #[error("no tool is declared; declare one or set tool_choice to \"none\"")]
    NoTools,
    /// Not built for this format.
    #[error(
        "calls cannot be enforced in this model's format ({0:?}); use tool_choice \"auto\" without strict tools"
    )]
    Format(ToolFormat),
    /// Calls are JSON too, and nothing says which is which.
    #[error(
        "an answer in JSON cannot be told from a call in this model's tool format ({0:?}); leave out the form of the answer or the tools"
    )]
    AmongJson(ToolFormat),
    /// The format writes the name as it is, and this one would be read otherwise.
    #[error(
        "the name {0:?} cannot be written in this model's tool format; use letters, digits, _, - and ."
    )]
    Name(String),
    /// The format cannot enforce a part of a schema.
    #[error(
        "{problem} of tool {tool:?} cannot be enforced in this model's tool format; leave it out or do not set strict"
    )]
    Schema {
        /// The tool.
        tool: String,
        /// The part.
        problem: String,
    },
}

/// The grammar, starting at `start`.
///
/// One call or more (exactly one without `parallel`), each of one of the tools, with arguments that its schema
/// allows. With [`Otherwise::Text`] the answer is free text in which the opener of the format occurs only where
/// a call follows; the other ways in which a model might begin a call stay text.
///
/// # Errors
///
/// Where the request cannot be enforced: [`ToolGrammarError`].
pub fn tool_grammar(request: &ToolGrammar<'_>) -> Result<String, ToolGrammarError> {
    if request.tools.is_empty() {
        return Err(ToolGrammarError::NoTools);
    }
    let markup = Markup::of(request.format).ok_or(ToolGrammarError::Format(request.format))?;
    // Without a marker a call begins as any JSON does.
    let has_marker = matches!(markup.opener(), Part::Marker(_));
    if !has_marker && matches!(request.otherwise, Otherwise::Json(_)) {
        return Err(ToolGrammarError::AmongJson(request.format));
    }
    let mut builder = Builder::new(request);
    let calls = builder.calls(markup)?;
    Ok(builder.finish(markup, &calls))
}
