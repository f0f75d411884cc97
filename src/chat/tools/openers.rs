//! [`Openers`]: what may open a call in the shown text.

use super::call::Opener;
use super::declared::Declared;
use super::feed::{Feed, Look};
use super::format::{
    DEEPSEEK_CALL, DEEPSEEK_SECTION, INKLING_CALL, INKLING_MESSAGE, KIMI_CALL, KIMI_SECTION,
    PYTHON_TAG, ToolFormat,
};
use super::page::Page;

/// The texts that open calls in the expected formats.
#[derive(Debug)]
pub(super) struct Openers {
    marked: Vec<(String, Opener)>,
    /// With the name of a declared tool instead of a marker; only at the start of a word, and not in code.
    named: Vec<(String, Opener)>,
    /// Bare JSON; only at the start of a line, and not in code.
    bare_json: bool,
    /// Mistral's thoughts may come, in which nothing opens a call.
    pub(super) thoughts: bool,
}

impl Openers {
    pub(super) fn new(formats: &[ToolFormat], declared: &Declared) -> Self {
        let mut openers = Self {
            marked: Vec::new(),
            named: Vec::new(),
            bare_json: false,
            thoughts: false,
        };
        // Without tools everything is text.
        if declared.names().next().is_some() {
            for &format in formats {
                openers.add(format, declared);
            }
        }
        openers
    }

    fn add(&mut self, format: ToolFormat, declared: &Declared) {
        match format {
            ToolFormat::HermesJson | ToolFormat::Glm => {
                self.mark(&["<tool_call>"], &Opener::ToolCallTag);
            }
            ToolFormat::FunctionXml => {
                self.mark(&["<tool_call>"], &Opener::ToolCallTag);
                self.mark(&["<function="], &Opener::Function);
            }
            ToolFormat::NamedXml => {
                self.mark(&["<tool_call>"], &Opener::ToolCallTag);
                self.mark(&["<minimax:tool_call>"], &Opener::MiniMaxSection);
                let named = ["<function name=\"", "<invoke name=\""];
                self.mark(&named, &Opener::NamedFunction);
            }
            ToolFormat::LlamaCall | ToolFormat::LlamaTagJson => {
                self.mark(&[PYTHON_TAG], &Opener::Python);
            }
            ToolFormat::LlamaBareJson => self.bare_json = true,
            ToolFormat::MistralJson
            | ToolFormat::MistralName
            | ToolFormat::MistralArgs
            | ToolFormat::MistralCallId => {
                self.mark(&["[TOOL_CALLS]"], &Opener::Mistral);
                self.thoughts = true;
                if format == ToolFormat::MistralArgs {
                    let literal = |name: &str| format!("{name}[ARGS]");
                    self.name(declared, literal, Opener::BareArgs);
                }
            }
            ToolFormat::Gemma4 => {
                self.mark(&["<|tool_call>"], &Opener::Gemma);
                let literal = |name: &str| format!("call:{name}{{");
                self.name(declared, literal, Opener::BareCall);
            }
            ToolFormat::DeepSeekFenced | ToolFormat::DeepSeekPlain => {
                self.mark(DEEPSEEK_SECTION, &Opener::DeepSeekSection);
                self.mark(DEEPSEEK_CALL, &Opener::DeepSeekCall);
            }
            ToolFormat::Kimi => {
                self.mark(KIMI_SECTION, &Opener::KimiSection);
                self.mark(&[KIMI_CALL], &Opener::KimiCall);
            }
            ToolFormat::Inkling => {
                self.mark(&[INKLING_MESSAGE], &Opener::InklingMessage);
                self.mark(&[INKLING_CALL], &Opener::Inkling);
                let literal = |name: &str| format!("{name}{INKLING_CALL}");
                self.name(declared, literal, |_| Opener::Inkling);
            }
        }
    }

    fn mark(&mut self, texts: &[&str], opener: &Opener) {
        for text in texts {
            if self.marked.iter().all(|(known, _)| known != text) {
                self.marked.push(((*text).to_owned(), opener.clone()));
            }
        }
    }

    fn name(
        &mut self,
        declared: &Declared,
        literal: impl Fn(&str) -> String,
        opener: impl Fn(String) -> Opener,
    ) {
        for name in declared.names() {
            let entry = (literal(name), opener(name.to_owned()));
            self.named.push(entry);
        }
    }

    /// What opens a call here. Bare JSON has no text of its own.
    pub(super) fn look(&self, feed: &Feed, page: &Page) -> Look<(String, Opener)> {
        let word = page.at_word_start() && !page.in_code();
        self.marker(feed).or(|| match feed.peek() {
            Some('{') if self.bare_json && page.at_line_start() && !page.in_code() => {
                Look::Yes((String::new(), Opener::Bare))
            }
            Some(_) if word => find(&self.named, feed),
            _ => Look::No,
        })
    }

    /// Which marker opens a call here.
    pub(super) fn marker(&self, feed: &Feed) -> Look<(String, Opener)> {
        // All markers begin with one of these.
        match feed.peek() {
            Some('<' | '[') => find(&self.marked, feed),
            _ => Look::No,
        }
    }

    /// The bytes of the longest opener: no other text waits longer to be shown.
    #[cfg(test)]
    pub(super) fn longest(&self) -> usize {
        let all = self.marked.iter().chain(&self.named);
        all.map(|(text, _)| text.len()).max().unwrap_or_default()
    }
}

fn find(openers: &[(String, Opener)], feed: &Feed) -> Look<(String, Opener)> {
    let mut waiting = false;
    for (text, opener) in openers {
        match feed.look(text) {
            Look::Yes(()) => return Look::Yes((text.clone(), opener.clone())),
            Look::Maybe => waiting = true,
            Look::No => {}
        }
    }
    if waiting { Look::Maybe } else { Look::No }
}
