//! [`Constraint`]: what a request asks its answer to look like.

use llguidance::api::TopLevelGrammar;
use serde_json::{Value, json};

use super::limits::{self, MAX_SOURCE_BYTES};
use super::{ConstraintError, gbnf, lark, regex, schema};

/// A structure that every answer of a request has. It describes the whole answer, from its first
/// character to its last.
#[derive(Debug, Clone, PartialEq)]
pub enum Constraint {
    /// Any JSON object.
    JsonObject,
    /// JSON that is valid under a JSON Schema.
    JsonSchema(Value),
    /// A text of a grammar in llama.cpp's notation; its start is the rule `root`.
    Gbnf(String),
    /// A text of a grammar in llguidance's variant of Lark; its start is the rule `start`.
    Lark(String),
    /// A text that a regular expression matches as a whole. Syntax of the crate `regex`.
    Regex(String),
    /// Calls of tools: a Lark grammar that rein wrote itself, with schemas that were checked
    /// ([`enforceable_schema`](super::enforceable_schema)). Never a client's text.
    ToolCalls(String),
}

impl Constraint {
    /// Checks what can be checked without a model: size, nesting, syntax, and that every part can be
    /// enforced. Takes milliseconds at most. Compiling checks this and more.
    pub fn check(&self) -> Result<(), ConstraintError> {
        self.check_size()?;
        match self {
            Self::JsonObject | Self::ToolCalls(_) => Ok(()),
            Self::JsonSchema(schema) => schema::prepare(schema).map(|_| ()),
            Self::Gbnf(source) => gbnf::check(source),
            Self::Lark(source) => lark::check(source),
            Self::Regex(source) => regex::check("regex", source),
        }
    }

    fn check_size(&self) -> Result<(), ConstraintError> {
        let (Self::Gbnf(source)
        | Self::Lark(source)
        | Self::Regex(source)
        | Self::ToolCalls(source)) = self
        else {
            return Ok(());
        };
        let what = format!("the {}", self.kind());
        limits::check(
            &what,
            source.len() as u64,
            MAX_SOURCE_BYTES as u64,
            "bytes long",
        )
    }

    /// How error messages call it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::JsonObject | Self::JsonSchema(_) => "JSON schema",
            Self::Gbnf(_) => "GBNF grammar",
            Self::Lark(_) => "Lark grammar",
            Self::Regex(_) => "regex",
            Self::ToolCalls(_) => "grammar of the tools",
        }
    }

    /// The constraint in llguidance's terms, checked. Recurses deeply for grammars.
    pub(super) fn grammar(&self) -> Result<TopLevelGrammar, ConstraintError> {
        self.check_size()?;
        Ok(match self {
            Self::JsonObject => {
                TopLevelGrammar::from_json_schema(schema::prepare(&json!({"type": "object"}))?)
            }
            Self::JsonSchema(schema) => TopLevelGrammar::from_json_schema(schema::prepare(schema)?),
            Self::Gbnf(source) => TopLevelGrammar::from_lark(gbnf::to_lark(source)?),
            Self::Lark(source) => {
                lark::check(source)?;
                TopLevelGrammar::from_lark(source.clone())
            }
            Self::Regex(source) => {
                regex::check("regex", source)?;
                TopLevelGrammar::from_regex(source)
            }
            Self::ToolCalls(source) => TopLevelGrammar::from_lark(source.clone()),
        })
    }
}
