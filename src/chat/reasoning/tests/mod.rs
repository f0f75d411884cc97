//! Whatever the format: the whole answer, its pieces and its beginnings are read alike.

mod budget;
mod corpus;
mod fuzz;

use super::piece::{Fate, Kind, MAX_BLANKS};
use super::{Piece, ReasoningFormat, ReasoningSplitter, ThoughtStart};
use crate::chat::tools::Ending;
use corpus::{SAMPLES, Sample};

/// What a client has in the end.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Reading {
    reasoning: String,
    content: String,
    calls: String,
}

impl Reading {
    fn take(&mut self, pieces: Vec<Piece>) {
        for piece in pieces {
            let (all, text) = match piece {
                Piece::Reasoning(text) => (&mut self.reasoning, text),
                Piece::Content(text) => (&mut self.content, text),
                Piece::Call(text) => (&mut self.calls, text),
            };
            assert!(!text.is_empty());
            all.push_str(&text);
        }
    }
}

/// Reads an answer in these pieces. Nothing may be lost, and little may wait.
fn read(format: ReasoningFormat, start: ThoughtStart, pieces: &[&str], ending: Ending) -> Reading {
    let mut splitter = ReasoningSplitter::new(format, start);
    let mut reading = Reading::default();
    let mut pushed = 0;
    for piece in pieces {
        reading.take(splitter.push(piece));
        pushed += piece.len();
        let read: usize = fate_texts(splitter.fates()).map(str::len).sum();
        // A blank has up to three bytes.
        let most = longest_tag(format) + 3 * MAX_BLANKS;
        assert!(pushed - read < most, "{} bytes wait", pushed - read);
    }
    reading.take(splitter.finish(ending));
    let text = pieces.concat();
    let accounted: String = fate_texts(splitter.fates()).collect();
    assert_eq!(accounted, text, "something is lost");
    let chars = text.chars().count();
    let most = chars + pieces.len();
    assert!(splitter.steps <= most, "{} steps", splitter.steps);
    check_kept(splitter.fates(), &reading);
    reading
}

fn fate_texts(fates: &[Fate]) -> impl Iterator<Item = &str> {
    fates.iter().map(|fate| match fate {
        Fate::Kept(_, text) | Fate::Markup(text) => text.as_str(),
    })
}

/// What is kept came out, and nothing else but for line breaks between parts, and calls at the end.
fn check_kept(fates: &[Fate], reading: &Reading) {
    let kept = |wanted: Kind| -> String {
        let texts = fates.iter().filter_map(|fate| match fate {
            Fate::Kept(kind, text) if *kind == wanted => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    };
    let without_breaks = |text: &str| text.replace('\n', "");
    let (content, reasoning) = (kept(Kind::Content), kept(Kind::Reasoning));
    assert_eq!(
        without_breaks(&reading.reasoning),
        without_breaks(&reasoning)
    );
    let shown = without_breaks(&reading.content);
    let late_call = shown.strip_prefix(&without_breaks(&content));
    let late_call = late_call.expect("all content comes out first");
    assert!(without_breaks(&reasoning).trim_end().ends_with(late_call));
}

fn longest_tag(format: ReasoningFormat) -> usize {
    let written = format
        .tags()
        .map_or(super::harmony::TOKENS.to_vec(), |tags| {
            tags.marks.iter().map(|(text, _)| *text).collect()
        });
    let texts = written.iter().chain(super::late_call::OPENERS);
    texts.map(|text| text.len()).max().unwrap_or_default()
}

fn chars(text: &str) -> Vec<&str> {
    text.split("").filter(|c| !c.is_empty()).collect()
}

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
