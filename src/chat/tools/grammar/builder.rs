//! [`Builder`]: markup and tools → rules.

use std::fmt::Write;

use serde_json::Value;

use super::super::declared::DeclaredTool;
use super::super::text::quoted;
use super::markup::{Arguments, Markup, Part};
use super::values::unsupported;
use super::{Otherwise, ToolGrammar, ToolGrammarError};

/// Collects rules.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    request: &'a ToolGrammar<'a>,
    rules: String,
    count: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(request: &'a ToolGrammar<'a>) -> Self {
        Self {
            request,
            rules: String::new(),
            count: 0,
        }
    }

    pub(super) fn is_strict(&self) -> bool {
        self.request.strict
    }

    /// Adds a rule and returns its name.
    pub(super) fn rule(&mut self, body: &str) -> String {
        self.rule_with("", body)
    }

    fn rule_with(&mut self, attributes: &str, body: &str) -> String {
        let name = format!("r{}", self.count);
        self.count += 1;
        self.define(&format!("{name}{attributes}"), body);
        name
    }

    /// Adds a rule or terminal under a name.
    pub(super) fn define(&mut self, name: &str, body: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.rules, "{name}: {body}");
    }

    /// A marker as the vocabulary has it.
    pub(super) fn marker(&self, text: &str) -> String {
        match (self.request.control_token)(text) {
            Some(id) => format!("<[{id}]>"),
            None => quoted(text),
        }
    }

    fn part(&self, part: Part) -> String {
        match part {
            Part::Marker(text) => self.marker(text),
            Part::Text(text) => quoted(text),
            Part::Regex(regex) => format!("/{regex}/"),
            Part::Name | Part::Arguments(_) => String::new(),
        }
    }

    pub(super) fn parts(&self, parts: &[Part]) -> String {
        let parts: Vec<_> = parts.iter().map(|part| self.part(*part)).collect();
        parts.join(" ")
    }

    /// Free text up to and with `end`, which does not occur before, neither as a token nor spelt out.
    pub(super) fn text_until(&mut self, end: Part) -> String {
        match end {
            Part::Marker(text) if (self.request.control_token)(text).is_some() => {
                let free = format!("T{}", self.count);
                self.count += 1;
                self.define(&free, &text_without(text));
                format!("{free} {}", self.marker(text))
            }
            end => {
                let end = self.part(end);
                self.rule_with("[lazy]", &format!("/(?s:.*)/ {end}"))
            }
        }
    }

    /// The rule of a call of any of the tools, without what opens it where free text does that.
    pub(super) fn calls(&mut self, markup: &Markup) -> Result<String, ToolGrammarError> {
        let tools = self.request.tools;
        let mut calls = Vec::new();
        for tool in tools {
            let writable = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            if tool.name.is_empty() || !tool.name.chars().all(writable) {
                return Err(ToolGrammarError::Name(tool.name.clone()));
            }
            let body = self.call(markup, tool)?;
            calls.push(self.rule(&body));
        }
        Ok(self.rule(&calls.join(" | ")))
    }

    fn call(&mut self, markup: &Markup, tool: &DeclaredTool) -> Result<String, ToolGrammarError> {
        let opens_itself = markup.open.is_empty();
        // Free text reads the opener: see finish.
        let skipped = usize::from(opens_itself);
        let mut body = Vec::new();
        for part in &markup.call[skipped..] {
            body.push(match part {
                Part::Name => quoted(&tool.name),
                Part::Arguments(Arguments::Json) => format!("%json {}", object_schema(tool)?),
                Part::Arguments(Arguments::Tags(tags)) => self.tags(tags, tool)?,
                Part::Arguments(Arguments::Gemma) => self.gemma(tool)?,
                part => self.part(*part),
            });
        }
        Ok(body.join(" "))
    }

    /// Puts the calls and the free text together.
    pub(super) fn finish(mut self, markup: &Markup, call: &str) -> String {
        let opener = markup.opener();
        let open = self.part(opener);
        let between = self.parts(markup.between);
        let close = self.parts(markup.close);
        // From behind the opener to the end of a section, or of a call that needs none.
        let (first, next) = if markup.open.is_empty() {
            (String::new(), format!("{between} {open} {call}"))
        } else {
            (self.parts(&markup.open[1..]), format!("{between} {call}"))
        };
        let more = if self.request.parallel {
            format!("({next})*")
        } else {
            String::new()
        };
        let section = self.rule(&format!("{first} {call} {more} {close}"));
        let start = match self.request.otherwise {
            Otherwise::Nothing => format!("{open} {section}"),
            Otherwise::Text => self.free_text(opener, &section),
            Otherwise::Json(schema) => {
                let answer = self.rule(&format!("%json {schema}"));
                format!("{open} {section} | {answer}")
            }
        };
        format!("start: {start}\n{}", self.rules)
    }

    fn free_text(&mut self, opener: Part, section: &str) -> String {
        let repeated = if self.request.parallel { "*" } else { "?" };
        if let Part::Marker(text) = opener {
            self.define("TEXT", &text_without(text));
            let lead = self.text_until(opener);
            format!("({lead} {section}){repeated} TEXT")
        } else {
            // Bare JSON opens a call only where the answer begins with it.
            self.define("TEXT", "/[^{](?s:.*)/");
            let open = self.part(opener);
            format!("TEXT? | {open} {section}")
        }
    }
}

/// The schema of a tool's arguments, which are an object whether it says so or not.
fn object_schema(tool: &DeclaredTool) -> Result<Value, ToolGrammarError> {
    let mut schema = tool.parameters.as_object().cloned().unwrap_or_default();
    let may_be_object = match schema.get("type") {
        None => true,
        Some(Value::Array(types)) => types.iter().any(|name| name == "object"),
        Some(name) => name == "object",
    };
    if !may_be_object || tool.parameters == Value::Bool(false) {
        return Err(unsupported(tool, "a schema that allows no object"));
    }
    schema.insert("type".to_owned(), "object".into());
    Ok(Value::Object(schema))
}

/// Free text without this text.
fn text_without(text: &str) -> String {
    format!("/(?s:.*)/ & ~/(?s:.*){}(?s:.*)/", regex_of(text))
}

/// A regex that matches just this text, to stand between slashes.
fn regex_of(text: &str) -> String {
    let mut regex = String::new();
    for c in text.chars() {
        if r"\.+*?()|[]{}^$#&-~/".contains(c) {
            regex.push('\\');
        }
        regex.push(c);
    }
    regex
}
