//! [`AnswerReader`]: the text of an answer → thoughts, text and calls.

use super::answer_start::AnswerStart;
use super::tool_reader::{ToolReader, ending};
use super::{Delta, FinishReason, ThoughtUse, TokenLogprob};
use crate::chat::reasoning::{InlineThoughts, Piece, ReasoningSplitter};
use crate::chat::tools::Ending;
use crate::llama::Token;

/// Reads one answer.
#[derive(Debug)]
pub(super) struct AnswerReader {
    thoughts: Option<ThoughtReader>,
    tools: Option<ToolReader>,
    /// Tokens whose text has not come yet.
    tokens: Vec<Token>,
    logprobs: Vec<TokenLogprob>,
}

#[derive(Debug)]
struct ThoughtReader {
    splitter: ReasoningSplitter,
    /// Where thoughts are to be part of the text.
    inline: Option<InlineThoughts>,
    /// The thoughts of an answer that says nothing yet: if it ends like that, they are what it says.
    unanswered: String,
}

impl AnswerReader {
    /// `start` where the model thinks, `tools` where it may call some.
    pub(super) fn new(
        start: Option<&AnswerStart>,
        thoughts: &ThoughtUse,
        tools: Option<ToolReader>,
    ) -> Self {
        let thoughts = start.map(|start| ThoughtReader {
            splitter: start.splitter(),
            inline: thoughts.inline.then(InlineThoughts::default),
            unanswered: String::new(),
        });
        Self {
            thoughts,
            tools,
            tokens: Vec::new(),
            logprobs: Vec::new(),
        }
    }

    /// Takes more of the text, and the tokens that came with it; returns what is certain.
    pub(super) fn read(
        &mut self,
        text: String,
        tokens: Vec<Token>,
        logprobs: Vec<TokenLogprob>,
    ) -> Vec<Delta> {
        if self.thoughts.is_none() && self.tools.is_none() {
            let delta = Delta::Text {
                text,
                tokens,
                logprobs,
            };
            return vec![delta];
        }
        // What closes a thought is part of it.
        if !self.is_thinking() {
            self.tokens.extend(tokens);
            self.logprobs.extend(logprobs);
        }
        let deltas = match &mut self.thoughts {
            None => read_content(self.tools.as_mut(), text),
            Some(thoughts) => {
                let pieces = thoughts.splitter.push(&text);
                read_pieces(thoughts, self.tools.as_mut(), pieces)
            }
        };
        self.with_tokens(deltas)
    }

    /// The answer is over.
    pub(super) fn finish(&mut self, reason: FinishReason) -> Vec<Delta> {
        let ending = ending(reason);
        let mut deltas = Vec::new();
        if let Some(thoughts) = &mut self.thoughts {
            let pieces = thoughts.splitter.finish(ending);
            deltas.extend(read_pieces(thoughts, self.tools.as_mut(), pieces));
        }
        if let Some(tools) = &mut self.tools {
            deltas.extend(tools.finish(ending));
        }
        if let Some(thoughts) = &mut self.thoughts {
            deltas.extend(thoughts.finish(ending));
        }
        self.with_tokens(deltas)
    }

    /// True where nothing that may still come belongs to the answer.
    pub(super) fn is_over(&self) -> bool {
        self.tools.as_ref().is_some_and(ToolReader::is_over)
    }

    fn is_thinking(&self) -> bool {
        let thoughts = self.thoughts.as_ref();
        thoughts.is_some_and(|thoughts| thoughts.splitter.in_thought())
    }

    /// Gives the tokens to the first text among these; those of calls go nowhere.
    fn with_tokens(&mut self, mut deltas: Vec<Delta>) -> Vec<Delta> {
        for delta in &mut deltas {
            match delta {
                Delta::Text {
                    tokens, logprobs, ..
                } => {
                    *tokens = std::mem::take(&mut self.tokens);
                    *logprobs = std::mem::take(&mut self.logprobs);
                }
                Delta::ToolCall(_) => {
                    self.tokens.clear();
                    self.logprobs.clear();
                }
                _ => {}
            }
        }
        deltas
    }
}

impl ThoughtReader {
    fn thought(&mut self, thought: String) -> Delta {
        if let Some(inline) = &mut self.inline {
            return text(inline.reasoning(&thought));
        }
        if self.splitter.only_thoughts() {
            self.unanswered.push_str(&thought);
        } else {
            self.unanswered = String::new();
        }
        Delta::Reasoning { text: thought }
    }

    /// What is said closes the thought before it.
    fn said(&mut self, deltas: Vec<Delta>) -> Vec<Delta> {
        let Some(inline) = &mut self.inline else {
            return deltas;
        };
        let mut shown = Vec::new();
        for delta in deltas {
            match delta {
                Delta::Text { text: said, .. } => shown.push(text(inline.content(&said))),
                delta => {
                    shown.extend(Some(inline.close()).filter(|it| !it.is_empty()).map(text));
                    shown.push(delta);
                }
            }
        }
        shown.retain(|delta| !matches!(delta, Delta::Text { text, .. } if text.is_empty()));
        shown
    }

    /// Closes a thought that is shown inline; shows one as the answer where the model has ended without another.
    fn finish(&mut self, ending: Ending) -> Option<Delta> {
        let rest = match &mut self.inline {
            Some(inline) => inline.close().to_owned(),
            None if ending == Ending::Natural && self.splitter.only_thoughts() => {
                std::mem::take(&mut self.unanswered)
            }
            None => String::new(),
        };
        (!rest.is_empty()).then(|| text(rest))
    }
}

fn read_pieces(
    thoughts: &mut ThoughtReader,
    mut tools: Option<&mut ToolReader>,
    pieces: Vec<Piece>,
) -> Vec<Delta> {
    let mut deltas = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Reasoning(thought) => deltas.push(thoughts.thought(thought)),
            Piece::Content(content) => {
                let said = read_content(tools.as_deref_mut(), content);
                deltas.extend(thoughts.said(said));
            }
            // Without tools a call is nothing to show.
            Piece::Call(call) => {
                let called = tools.as_deref_mut().map(|tools| tools.read(&call));
                deltas.extend(thoughts.said(called.unwrap_or_default()));
            }
        }
    }
    deltas
}

fn read_content(tools: Option<&mut ToolReader>, content: String) -> Vec<Delta> {
    match tools {
        Some(tools) => tools.read(&content),
        None => vec![text(content)],
    }
}

fn text(text: impl Into<String>) -> Delta {
    Delta::Text {
        text: text.into(),
        tokens: Vec::new(),
        logprobs: Vec::new(),
    }
}

#[cfg(test)]
#[path = "answer_reader_tests.rs"]
mod tests;
