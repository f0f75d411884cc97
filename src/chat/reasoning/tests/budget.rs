//! Budgets of thoughts.

use super::Reading;
use crate::chat::reasoning::{ReasoningFormat, ReasoningSplitter, ThoughtBudget, ThoughtStart};
use crate::chat::tools::Ending;
use ReasoningFormat::{Granite, Harmony, Think};
use ThoughtStart::{Absent, Closed, Open};

/// After which tokens (from 1; 0 is the start) what is forced; and the count at the end.
fn forced(mut budget: ThoughtBudget, tokens: &[&[u8]]) -> (Vec<(usize, String)>, usize) {
    let mut all = Vec::new();
    let mut next = budget.at_start().map(str::to_owned);
    for (index, token) in tokens.iter().enumerate() {
        if let Some(text) = next.take() {
            for c in super::chars(&text) {
                assert_eq!(budget.after_token(c.as_bytes()), None, "while it is forced");
            }
            all.push((index, text));
        }
        next = budget.after_token(token).map(str::to_owned);
    }
    all.extend(next.map(|text| (tokens.len(), text)));
    (all, budget.used())
}

fn check(
    what: (ReasoningFormat, ThoughtStart, Option<usize>),
    tokens: &[&[u8]],
    expected: &[(usize, &str)],
    used: usize,
) {
    let (format, start, limit) = what;
    let (found, count) = forced(ThoughtBudget::new(limit, format, start), tokens);
    let expected: Vec<_> = expected
        .iter()
        .map(|(at, text)| (*at, (*text).to_owned()))
        .collect();
    assert_eq!(found, expected, "{what:?} {tokens:?}");
    assert_eq!(count, used, "{what:?} {tokens:?}");
}

#[test]
fn a_thought_is_closed_when_its_budget_is_used_up() {
    let close = "\n</think>\n\n";
    check(
        (Think, Open, Some(2)),
        &[b"a", b"b", b"c"],
        &[(2, close)],
        2,
    );
    check((Think, Open, Some(0)), &[b"c"], &[(0, close)], 0);
    check((Think, Open, None), &[b"a", b"b", b"c"], &[], 3);
    check((Think, Closed, Some(0)), &[b"a", b"b"], &[], 0);
    // The model opens the thought itself; its tag is no thought.
    check(
        (Think, Absent, Some(0)),
        &[b"<think>", b"c"],
        &[(1, close)],
        0,
    );
    check(
        (Think, Absent, Some(1)),
        &[b"<th", b"ink>", b"a", b"c"],
        &[(3, close)],
        1,
    );
    check((Think, Absent, Some(1)), &[b"a", b"b", b"c"], &[], 0);
    // It closes the thought in time.
    check(
        (Think, Open, Some(3)),
        &[b"a", b"</think>", b"b", b"c"],
        &[],
        1,
    );
    // It thinks again.
    check(
        (Think, Open, Some(1)),
        &[b"a", b"b\n", b"<think>", b"c"],
        &[(1, close), (3, close)],
        1,
    );
}

#[test]
fn nothing_is_forced_within_a_character_or_a_tag() {
    let close = "\n</think>\n\n";
    let emoji: [&[u8]; 4] = [b"\xf0", b"\x9f", b"\x98", b"\x80"];
    check((Think, Open, Some(1)), &emoji, &[(4, close)], 4);
    check(
        (Think, Open, Some(1)),
        &[b"a\xc3", b"\xa9", b"b"],
        &[(2, close)],
        2,
    );
    check(
        (Think, Open, Some(1)),
        &[b"a <", b"b", b"c"],
        &[(2, close)],
        2,
    );
    check(
        (Think, Open, Some(1)),
        &[b"a\n</", b"thi", b"nk>", b"b"],
        &[],
        2,
    );
    // Bytes that are no text are not waited for.
    check((Think, Open, Some(1)), &[b"\xff", b"b"], &[(1, close)], 1);
    // Waiting has an end.
    let tokens: Vec<&[u8]> = vec![b"<"; 40];
    check((Think, Open, Some(1)), &tokens[..17], &[(17, close)], 17);
}

#[test]
fn every_format_is_closed_in_its_own_way() {
    check(
        (Harmony, Absent, Some(1)),
        &[
            b"<|channel|>",
            b"analysis",
            b"<|message|>",
            b"a",
            b"<|channel|>",
            b"analysis",
            b"<|message|>",
        ],
        &[
            (4, "<|end|><|start|>assistant"),
            (7, "<|end|><|start|>assistant<|channel|>final<|message|>"),
        ],
        1,
    );
    check(
        (Granite, Open, Some(1)),
        &[b"a", b"b"],
        &[(1, "\n\nHere is my response:\n")],
        1,
    );
    for format in ReasoningFormat::ALL {
        let mut budget = ThoughtBudget::new(Some(3), format, Open).with_message(" Enough.");
        let mut splitter = ReasoningSplitter::new(format, Open);
        let mut reading = Reading::default();
        for token in ["one", " two", " three"] {
            reading.take(splitter.push(token));
            if let Some(text) = budget.after_token(token.as_bytes()) {
                reading.take(splitter.push(text));
            }
        }
        let lead = if format == Harmony {
            "<|channel|>final<|message|>"
        } else {
            ""
        };
        reading.take(splitter.push(lead));
        reading.take(splitter.push("The answer."));
        reading.take(splitter.finish(Ending::Natural));
        assert_eq!(reading.reasoning, "one two three Enough.", "{format:?}");
        assert_eq!(reading.content, "The answer.", "{format:?}");
    }
}

#[test]
fn a_client_may_end_a_thought() {
    let mut budget = ThoughtBudget::new(None, Think, Open);
    assert_eq!(budget.after_token(b"a"), None);
    budget.end_thought();
    assert_eq!(budget.after_token(b"b"), Some("\n</think>\n\n"));
}
