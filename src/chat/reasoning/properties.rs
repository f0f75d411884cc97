//! What holds for every answer, whatever is in it. Unit tests and `fuzz/` ask for the same.

use super::corpus::SAMPLES;
use super::late_call;
use super::piece::{Fate, Kind, MAX_BLANKS};
use super::tags::{Mark, Style};
use super::{
    InlineThoughts, Piece, ReasoningFormat, ReasoningSplitter, ThoughtBudget, ThoughtStart,
    harmony, split_history,
};
use crate::chat::tools::Ending;
use crate::fuzz_input::{FuzzInput, dictionary, pieces};

/// What a client has in the end.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) reasoning: String,
    pub(super) content: String,
    pub(super) calls: String,
}

impl Reading {
    pub(super) fn take(&mut self, pieces: Vec<Piece>) {
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
pub(super) fn read(
    format: ReasoningFormat,
    start: ThoughtStart,
    pieces: &[&str],
    ending: Ending,
) -> Reading {
    let mut splitter = ReasoningSplitter::new(format, start);
    let mut reading = Reading::default();
    let mut pushed = 0;
    // A blank has up to three bytes.
    let most = longest_tag(format) + 3 * MAX_BLANKS;
    for piece in pieces {
        reading.take(splitter.push(piece));
        pushed += piece.len();
        let waiting = pushed - splitter.decided();
        assert!(waiting < most, "{waiting} bytes wait");
    }
    reading.take(splitter.finish(ending));
    let text = pieces.concat();
    let accounted: String = fate_texts(splitter.fates()).collect();
    assert_eq!(accounted, text, "something is lost");
    let chars = text.chars().count();
    let most = chars + pieces.len();
    assert!(splitter.steps <= most, "{} steps", splitter.steps);
    check_kept(splitter.fates(), &reading);
    check_tags(format, &text, splitter.fates());
    reading
}

/// No tag that counts is shown. Code and quotations may speak of tags.
fn check_tags(format: ReasoningFormat, text: &str, fates: &[Fate]) {
    let Some(tags) = format.tags() else { return };
    let quotes = text.contains(['`', '~', '"', '\'', '“', '‘']);
    let counts = |kind: Kind, mark: Mark| match (kind, mark) {
        (Kind::Reasoning, Mark::Close) => tags.style != Style::Prose,
        (Kind::Reasoning, Mark::Open) | (Kind::Content, Mark::AnswerClose) => {
            tags.style == Style::Control
        }
        (Kind::Content, Mark::Open | Mark::Close | Mark::AnswerOpen) => {
            tags.style == Style::Control && !quotes
        }
        _ => false,
    };
    for fate in fates {
        let Fate::Kept(kind, text) = fate else {
            continue;
        };
        let mut shown = tags
            .marks
            .iter()
            .filter(|(tag, mark)| counts(*kind, *mark) && text.contains(tag));
        assert_eq!(shown.next(), None, "in {text:?}");
    }
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
    let written = format.tags().map_or(harmony::TOKENS.to_vec(), |tags| {
        tags.marks.iter().map(|(text, _)| *text).collect()
    });
    let texts = written.iter().chain(late_call::OPENERS);
    texts.map(|text| text.len()).max().unwrap_or_default()
}

pub(super) fn chars(text: &str) -> Vec<&str> {
    text.split("").filter(|c| !c.is_empty()).collect()
}

const STARTS: [ThoughtStart; 3] = [
    ThoughtStart::Open,
    ThoughtStart::Closed,
    ThoughtStart::Absent,
];

/// Reads any bytes in any way; panics where a promise is broken. The first bytes choose format, start and pieces.
pub(crate) fn check(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let format = input.choice(&ReasoningFormat::ALL);
    let how = input.byte();
    let size = usize::from(input.byte());
    let start = STARTS[usize::from(how) % STARTS.len()];
    let ending = if how < 128 {
        Ending::Natural
    } else {
        Ending::Cut
    };
    let bytes = input.rest();
    let text = String::from_utf8_lossy(bytes);
    let whole = read(format, start, &[&text], ending);
    let in_pieces = read(format, start, &pieces(&text, size % 32 + 1), ending);
    assert_eq!(whole, in_pieces, "{text:?}");
    check_inline(&whole);
    let _ = split_history(&text, Some(format));
    check_budget(format, start, bytes, size);
}

/// Inputs for [`check`] to begin with.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let seed = |sample: &super::corpus::Sample| {
        let format = ReasoningFormat::ALL
            .iter()
            .position(|&format| format == sample.format);
        let start = STARTS.iter().position(|&start| start == sample.start);
        let head = [
            format.unwrap_or_default() as u8,
            start.unwrap_or_default() as u8,
            0,
        ];
        [&head, sample.text.as_bytes()].concat()
    };
    SAMPLES.iter().map(seed).collect()
}

/// What means something in an answer.
pub(crate) fn words() -> String {
    let tags = ReasoningFormat::ALL
        .into_iter()
        .flat_map(ReasoningFormat::control_texts);
    let more = [
        "```\n",
        "~~~\n",
        "to=f",
        "assistant",
        "analysis",
        "final",
        "commentary",
        "<tool_call>",
        "</tool_call>",
        "<function=",
    ];
    let granite = ReasoningFormat::Granite
        .tags()
        .into_iter()
        .flat_map(|tags| tags.marks);
    dictionary(tags.chain(more).chain(granite.map(|(text, _)| *text)))
}

/// Thoughts that hold no tag themselves can be written into the content and found there again.
fn check_inline(reading: &Reading) {
    let Reading {
        reasoning, content, ..
    } = reading;
    let is_plain = |text: &str| !text.contains(['<', '`', '~']) && text.trim() == text;
    if is_plain(reasoning) && is_plain(content) && !reasoning.is_empty() {
        let mut inline = InlineThoughts::default();
        let shown = [inline.reasoning(reasoning), inline.content(content)].concat();
        let found = split_history(&shown, None);
        assert_eq!(found, Some((reasoning.clone(), content.clone())));
    }
}

/// However tokens are cut, a budget is kept to within its grace.
fn check_budget(format: ReasoningFormat, start: ThoughtStart, bytes: &[u8], size: usize) {
    let limit = size % 8;
    let mut budget = ThoughtBudget::new(Some(limit), format, start);
    let mut forced = budget.at_start().map(str::to_owned);
    for token in bytes.chunks(size % 5 + 1) {
        if let Some(text) = forced.take() {
            let after = budget.after_token(text.as_bytes());
            assert_eq!(after, None, "the thought is closed");
        }
        forced = budget.after_token(token).map(str::to_owned);
        assert!(budget.used() <= limit + 17, "{} tokens", budget.used());
    }
}
