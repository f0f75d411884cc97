//! Thoughts, text and calls of whole answers.

use serde_json::json;

use super::*;
use crate::chat::PromptPiece;
use crate::chat::reasoning::ReasoningFormat;
use crate::chat::tools::{DeclaredTool, ToolFormat};
use crate::generation::{ToolCallDelta, ToolUse};
use crate::stop::StopCause;

fn tools(parallel: bool) -> ToolReader {
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

fn reader(format: ReasoningFormat, inline: bool, with_tools: bool) -> AnswerReader {
    let start = AnswerStart::of(format, &[PromptPiece::Template("assistant\n".into())], None);
    let thoughts = ThoughtUse {
        inline,
        ..ThoughtUse::default()
    };
    AnswerReader::new(Some(&start), &thoughts, with_tools.then(|| tools(true)))
}

/// The deltas in short: `(thought)`, text, `look{…}`.
fn shown(deltas: Vec<Delta>) -> String {
    let mut shown = String::new();
    let mut in_thought = false;
    for delta in deltas {
        let thinks = matches!(delta, Delta::Reasoning { .. });
        if thinks != in_thought {
            shown.push(if thinks { '(' } else { ')' });
            in_thought = thinks;
        }
        match delta {
            Delta::Reasoning { text } | Delta::Text { text, .. } => {
                assert!(!text.is_empty());
                shown.push_str(&text);
            }
            Delta::ToolCall(ToolCallDelta::Begun { name, .. }) => shown.push_str(&name),
            Delta::ToolCall(ToolCallDelta::Arguments { json, .. }) => shown.push_str(&json),
            _ => {}
        }
    }
    shown.push_str(if in_thought { ")" } else { "" });
    shown
}

const END: FinishReason = FinishReason::EndOfTurn;
const CALL: &str = r#"<tool_call>{"name": "look", "arguments": {"at": "x"}}</tool_call>"#;

/// Reads a text as a whole and by characters.
fn check(make: impl Fn() -> AnswerReader, text: &str, reason: FinishReason, expected: &str) {
    let by_characters: Vec<String> = text.chars().map(String::from).collect();
    for pieces in [vec![text.to_owned()], by_characters] {
        let mut reader = make();
        let mut deltas = Vec::new();
        for piece in pieces {
            deltas.extend(reader.read(piece, Vec::new(), Vec::new()));
        }
        deltas.extend(reader.finish(reason));
        assert_eq!(shown(deltas), expected, "{text:?}");
    }
}

#[test]
fn thoughts_text_and_calls_come_apart() {
    let apart = || reader(ReasoningFormat::Think, false, true);
    let answer = format!("<think>\nA draft: {CALL}\n</think>\n\nI look. {CALL}");
    let expected = format!(r#"(A draft: {CALL})I look. look{{"at": "x"}}"#);
    check(apart, &answer, END, &expected);
    check(apart, "No thought.", END, "No thought.");
    let called = format!("<think>r</think>{CALL}");
    check(apart, &called, END, r#"(r)look{"at": "x"}"#);
}

#[test]
fn without_tools_calls_are_text_and_harmonys_are_nothing() {
    let without = || reader(ReasoningFormat::Think, false, false);
    check(without, CALL, END, CALL);
    let harmony = || reader(ReasoningFormat::Harmony, false, false);
    let answer = "<|channel|>analysis<|message|>r<|end|><|start|>assistant<|channel|>commentary to=functions.look <|constrain|>json<|message|>{}<|call|>";
    check(harmony, answer, FinishReason::Length, "(r)");
}

#[test]
fn an_answer_of_nothing_but_thoughts_is_shown_unless_it_was_cut() {
    let apart = || reader(ReasoningFormat::Think, false, false);
    check(apart, "<think>r", END, "(r)r");
    check(apart, "<think>r</think>", END, "(r)r");
    check(apart, "<think>r", FinishReason::Length, "(r)");
    let stopped = FinishReason::Stopped(StopCause::User);
    check(apart, "<think>r", stopped, "(r)");
    let with_tools = || reader(ReasoningFormat::Think, false, true);
    let called = format!("<think>r\n{CALL}");
    check(
        with_tools,
        &called,
        END,
        &format!(r#"(r{CALL})look{{"at": "x"}}"#).replace(CALL, &format!("\n{CALL}")),
    );
}

#[test]
fn thoughts_are_part_of_the_text_where_that_is_wanted() {
    let inline = || reader(ReasoningFormat::Mistral, true, true);
    check(
        inline,
        "[THINK]r[/THINK]A",
        END,
        "<think>\nr\n</think>\n\nA",
    );
    check(inline, "[THINK]r", END, "<think>\nr\n</think>\n\n");
    let called = format!("[THINK]r[/THINK]{CALL}");
    let expected = r#"<think>
r
</think>

look{"at": "x"}"#;
    check(inline, &called, END, expected);
}

#[test]
fn tokens_go_with_the_text_and_not_with_thoughts_and_calls() {
    let mut reader = reader(ReasoningFormat::Think, false, true);
    let mut kept = Vec::new();
    let texts = ["<think>", "r", "</think>", "A", "<", "b", CALL, " c"];
    for (id, piece) in texts.iter().enumerate() {
        for delta in reader.read((*piece).to_owned(), vec![Token(id as i32)], Vec::new()) {
            if let Delta::Text { text, tokens, .. } = delta {
                kept.push((text, tokens.into_iter().map(|it| it.0).collect::<Vec<_>>()));
            }
        }
    }
    let texts: String = kept.iter().map(|(text, _)| text.as_str()).collect();
    let tokens: Vec<i32> = kept.into_iter().flat_map(|(_, tokens)| tokens).collect();
    assert_eq!(texts, "A<b c");
    assert!(
        tokens.starts_with(&[3, 4, 5]) || tokens.starts_with(&[0, 3, 4, 5]),
        "{tokens:?}"
    );
    assert!(
        tokens.ends_with(&[7]) && !tokens.contains(&1) && !tokens.contains(&6),
        "{tokens:?}"
    );
}

#[test]
fn an_answer_with_one_call_is_over_behind_it() {
    let mut reader = AnswerReader::new(None, &ThoughtUse::default(), Some(tools(false)));
    reader.read("I look. ".into(), Vec::new(), Vec::new());
    assert!(!reader.is_over());
    reader.read(CALL.into(), Vec::new(), Vec::new());
    assert!(reader.is_over());
    let mut many = AnswerReader::new(None, &ThoughtUse::default(), Some(tools(true)));
    many.read(CALL.into(), Vec::new(), Vec::new());
    assert!(!many.is_over());
}
