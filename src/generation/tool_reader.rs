//! [`ToolReader`]: the text of an answer → text to show and tool calls.

use uuid::Uuid;

use super::{Delta, FinishReason, ToolCallDelta, ToolUse};
use crate::chat::tools::{Ending, ToolCallParser, ToolEvent, ToolFormat, ToolParserOptions};
use crate::stop::StopCause;

/// Reads one answer.
#[derive(Debug)]
pub(super) struct ToolReader {
    parser: ToolCallParser,
    parallel: bool,
    /// A call has ended.
    has_called: bool,
}

impl ToolReader {
    pub(super) fn new(formats: &[ToolFormat], tools: &ToolUse) -> Self {
        let options = ToolParserOptions {
            auto_heal: tools.auto_heal,
        };
        Self {
            parser: ToolCallParser::new(formats, &tools.declared, options),
            parallel: tools.parallel,
            has_called: false,
        }
    }

    /// Takes more of the text; returns what is certain.
    pub(super) fn read(&mut self, text: &str) -> Vec<Delta> {
        let events = self.parser.push(text);
        self.deltas(events)
    }

    /// The answer is over.
    pub(super) fn finish(&mut self, ending: Ending) -> Vec<Delta> {
        let events = self.parser.finish(ending);
        self.deltas(events)
    }

    /// True where nothing that may still come is wanted.
    pub(super) fn is_over(&self) -> bool {
        self.has_called && !self.parallel
    }

    fn deltas(&mut self, events: Vec<ToolEvent>) -> Vec<Delta> {
        events
            .into_iter()
            .filter_map(|event| self.delta(event))
            .collect()
    }

    /// Nothing for what follows the first call, where only one was asked for.
    fn delta(&mut self, event: ToolEvent) -> Option<Delta> {
        if self.is_over() {
            return None;
        }
        Some(Delta::ToolCall(match event {
            ToolEvent::Text(text) => {
                return Some(Delta::Text {
                    text,
                    tokens: Vec::new(),
                    logprobs: Vec::new(),
                });
            }
            ToolEvent::CallBegun { index, name } => ToolCallDelta::Begun {
                index,
                id: call_id(),
                name,
            },
            ToolEvent::Arguments { index, json } => ToolCallDelta::Arguments { index, json },
            ToolEvent::CallEnded { index } => {
                self.has_called = true;
                ToolCallDelta::Ended { index }
            }
            ToolEvent::CallAbandoned { index } => ToolCallDelta::Abandoned { index },
        }))
    }
}

/// Whether the model has come to the end of what it wanted to say.
pub(super) fn ending(reason: FinishReason) -> Ending {
    match reason {
        FinishReason::EndOfTurn
        | FinishReason::StopString
        | FinishReason::Stopped(StopCause::Satisfied) => Ending::Natural,
        FinishReason::Length | FinishReason::Stopped(_) => Ending::Cut,
    }
}

/// An id that no other call has, as long as OpenAI's.
fn call_id() -> String {
    let digits = Uuid::new_v4().simple().to_string();
    format!("call_{}", &digits[..24])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::chat::tools::DeclaredTool;

    fn reader(parallel: bool) -> ToolReader {
        let tools = ToolUse {
            declared: vec![DeclaredTool {
                name: "look".into(),
                parameters: json!({"type": "object"}),
            }],
            must_call: false,
            parallel,
            strict: false,
            auto_heal: true,
        };
        ToolReader::new(&[ToolFormat::HermesJson], &tools)
    }

    /// What is left of the deltas in short: text, `name(arguments)` and `!` for a call that broke off.
    fn check(parallel: bool, text: &str, reason: FinishReason, expected: &str) {
        let mut reader = reader(parallel);
        let mut deltas = reader.read(text);
        deltas.extend(reader.finish(ending(reason)));
        let mut ids = Vec::new();
        let shown: String = deltas
            .into_iter()
            .map(|delta| match delta {
                Delta::Text { text, .. } => text,
                Delta::ToolCall(ToolCallDelta::Begun { id, name, .. }) => {
                    ids.push(id);
                    format!("{name}(")
                }
                Delta::ToolCall(ToolCallDelta::Arguments { json, .. }) => json,
                Delta::ToolCall(ToolCallDelta::Ended { .. }) => ")".into(),
                Delta::ToolCall(ToolCallDelta::Abandoned { .. }) => "!".into(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(shown, expected, "{text}");
        assert!(
            ids.iter()
                .all(|id| id.len() == 29 && id.starts_with("call_"))
        );
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), expected.matches("look(").count(), "ids differ");
    }

    const CALL: &str = r#"<tool_call>{"name": "look", "arguments": {"at": "x"}}</tool_call>"#;

    #[test]
    fn text_and_calls_come_apart() {
        let two = format!("I look. {CALL}\n{CALL}");
        let both = r#"I look. look({"at": "x"})look({"at": "x"})"#;
        check(true, &two, FinishReason::EndOfTurn, both);
        let first = r#"I look. look({"at": "x"})"#;
        check(false, &two, FinishReason::EndOfTurn, first);
        check(true, "No call.", FinishReason::Length, "No call.");
    }

    #[test]
    fn a_call_that_was_cut_off_is_abandoned_and_one_that_the_model_left_open_is_not() {
        let open = &CALL[..CALL.len() - "}}</tool_call>".len()];
        let shown = r#"look({"at": "x""#;
        for reason in [FinishReason::Length, FinishReason::Stopped(StopCause::User)] {
            check(true, &format!("{open},"), reason, &format!("{shown},!"));
        }
        check(true, open, FinishReason::StopString, &format!("{shown}}})"));
    }
}
