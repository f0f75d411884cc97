//! Whatever the format: the whole answer, its pieces and its beginnings are read alike.

mod budget;
mod fuzz;

use super::corpus::{SAMPLES, Sample};
use super::properties::{Reading, chars, read};
use super::{ReasoningFormat, ReasoningSplitter, ThoughtStart};
use crate::chat::tools::Ending;

/// Everything that holds for every answer.
fn check(sample: &Sample) {
    let Sample {
        format,
        start,
        text,
        ..
    } = *sample;
    let whole = read(format, start, &[text], Ending::Natural);
    let expected = Reading {
        reasoning: sample.reasoning.to_owned(),
        content: sample.content.to_owned(),
        calls: sample.calls.to_owned(),
    };
    assert_eq!(whole, expected, "{format:?} {start:?} {text:?}");
    for end in (0..=text.len()).filter(|&end| text.is_char_boundary(end)) {
        for ending in [Ending::Natural, Ending::Cut] {
            check_beginning(sample, end, ending);
        }
    }
}

/// What holds for the beginning of an answer.
fn check_beginning(sample: &Sample, end: usize, ending: Ending) {
    let Sample { format, start, .. } = *sample;
    let text = &sample.text[..end];
    let what = format!("{format:?} {start:?} {text:?} {ending:?}");
    let part = read(format, start, &[text], ending);
    assert_eq!(part, read(format, start, &chars(text), ending), "{what}");
    if format == ReasoningFormat::Granite {
        // The beginning of its sentences is a sentence.
        return;
    }
    let all = format!("{}\n{}", sample.reasoning, sample.content);
    for markup in format.control_texts() {
        let leaks = part.reasoning.contains(markup) || part.content.contains(markup);
        assert!(!leaks || all.contains(markup), "{what}: {markup} leaks");
    }
    // A single character of a tag is text; blanks wait for a tag, and are text where none comes. The first word of
    // an answer may have been `to=`.
    let may_be_tag = |c: char| "<[◁".contains(c) || c.is_whitespace();
    let may_be_recipient = |c: char| format == ReasoningFormat::Harmony && "to".contains(c);
    let half_tag = |c: char| may_be_tag(c) || may_be_recipient(c);
    if ending == Ending::Cut {
        let pairs = [
            (&part.reasoning, sample.reasoning),
            (&part.content, sample.content),
        ];
        for (shown, full) in pairs {
            let shown = shown.trim_end_matches(half_tag);
            assert!(full.starts_with(shown), "{what}: {shown:?}");
        }
        assert!(
            sample.calls.starts_with(&part.calls) || part.calls.ends_with('<'),
            "{what}: {part:?}"
        );
    }
}

#[test]
fn every_format_is_read_whole_in_pieces_and_cut_off() {
    for sample in SAMPLES {
        check(sample);
    }
    for format in ReasoningFormat::ALL {
        assert!(SAMPLES.iter().any(|sample| sample.format == format));
    }
}

#[test]
fn text_that_can_be_no_tag_waits_for_nothing() {
    use ReasoningFormat::{Command, Harmony, Think};
    use ThoughtStart::{Absent, Closed, Open};
    let cases = [
        (Think, Absent, "<think>Hm", "Hm", ""),
        (Think, Open, "a\n\n", "a", ""),
        (Think, Open, "a <", "a", ""),
        (Think, Open, "a <b", "a <b", ""),
        (Think, Closed, "a <", "", "a <"),
        (Think, Closed, "a\n\n", "", "a\n\n"),
        (Think, Closed, "a\n<thin", "", "a\n"),
        (Think, Closed, "a <thin", "", "a <thin"),
        (Command, Absent, "a <|STA", "", "a "),
        (
            Harmony,
            Absent,
            "<|channel|>analysis<|message|>Hm",
            "Hm",
            "",
        ),
    ];
    for (format, start, text, reasoning, content) in cases {
        let mut splitter = ReasoningSplitter::new(format, start);
        let mut reading = Reading::default();
        reading.take(splitter.push(text));
        assert_eq!(
            (&*reading.reasoning, &*reading.content),
            (reasoning, content),
            "{text:?}"
        );
    }
}

#[test]
fn blanks_keep_their_order_where_more_come_than_may_wait() {
    let text = format!("{}{}4", "\t".repeat(17), "\n".repeat(17));
    for format in ReasoningFormat::ALL {
        let read = read(format, ThoughtStart::Absent, &[&text], Ending::Natural);
        assert_eq!(read.content, text, "{format:?}");
    }
}

#[test]
fn the_end_of_a_cut_answer_is_no_tag() {
    use ReasoningFormat::Think;
    let cases = [
        (ThoughtStart::Open, "a </thi", "a ", ""),
        (ThoughtStart::Open, "a <", "a <", ""),
        (ThoughtStart::Closed, "a\n<think", "", "a\n"),
        (ThoughtStart::Closed, "a <think", "", "a <think"),
    ];
    for (start, text, reasoning, content) in cases {
        let read = read(Think, start, &[text], Ending::Cut);
        assert_eq!((&*read.reasoning, &*read.content), (reasoning, content));
    }
}

#[test]
fn a_resumed_answer_goes_on_where_it_was() {
    let texts = [
        ("<think>\nHm, ", "so.\n</think>\n\nA"),
        ("<think>\nHm, so.\n</think>\n\nA", " is B"),
        ("<think>\nHm, so.</th", "ink>A"),
    ];
    for (said, rest) in texts {
        let start = ThoughtStart::Absent;
        let mut splitter = ReasoningSplitter::resumed(ReasoningFormat::Think, start, said);
        let mut reading = Reading::default();
        reading.take(splitter.push(rest));
        reading.take(splitter.finish(Ending::Natural));
        let all = format!("{said}{rest}");
        let whole = read(ReasoningFormat::Think, start, &[&all], Ending::Natural);
        assert!(whole.reasoning.ends_with(&reading.reasoning), "{said:?}");
        assert!(whole.content.ends_with(&reading.content), "{said:?}");
        assert!(!reading.content.is_empty(), "{said:?}");
    }
}

#[test]
fn an_answer_of_nothing_but_thoughts_is_known() {
    let cases = [
        ("<think>Hm", true),
        ("<think>Hm</think>", true),
        ("<think>Hm</think>4", false),
        ("4", false),
        ("", false),
    ];
    for (text, expected) in cases {
        let start = ThoughtStart::Absent;
        let mut splitter = ReasoningSplitter::new(ReasoningFormat::Think, start);
        splitter.push(text);
        splitter.finish(Ending::Natural);
        assert_eq!(splitter.only_thoughts(), expected, "{text:?}");
    }
}

#[test]
fn the_work_grows_with_the_text_and_no_faster() {
    let parts = [
        "<",
        "<think>",
        "</think>",
        "\n",
        " ",
        "\n<",
        "<|",
        "<|start|>",
        "<|channel|>",
        "`",
        "```\n",
        "<tool_call>",
        "\n<tool_call>",
        "\n<function=",
        "[THINK",
        "◁",
        "Here is my ",
        "\nHere",
        "<|message|>",
        "to=",
        "<|channel|>a to=f<|message|>",
    ];
    for format in ReasoningFormat::ALL {
        for start in [ThoughtStart::Open, ThoughtStart::Absent] {
            for part in parts {
                let text = part.repeat(20_000 / part.len());
                let mut splitter = ReasoningSplitter::new(format, start);
                splitter.push(&text);
                splitter.finish(Ending::Natural);
                assert!(splitter.steps <= text.chars().count() + 2);
            }
        }
    }
}
