//! Answers that nobody would write.

use proptest::prelude::*;

use super::corpus::{SAMPLES, Sample};
use super::{Reading, chars, read};
use crate::chat::reasoning::{
    InlineThoughts, ReasoningFormat, ThoughtBudget, ThoughtStart, split_history,
};
use crate::chat::tools::Ending;

/// Reads any bytes in any way; panics where a promise is broken. The first bytes choose format, start and pieces.
fn fuzz_reasoning(data: &[u8]) {
    let (&[format, how, size], rest) = data.split_first_chunk().map_or((&[0; 3], data), |x| x);
    let text = String::from_utf8_lossy(rest);
    let format = ReasoningFormat::ALL[usize::from(format) % ReasoningFormat::ALL.len()];
    let starts = [
        ThoughtStart::Open,
        ThoughtStart::Closed,
        ThoughtStart::Absent,
    ];
    let start = starts[usize::from(how) % 3];
    let ending = if how < 128 {
        Ending::Natural
    } else {
        Ending::Cut
    };
    let whole = read(format, start, &[&text], ending);
    let chars = chars(&text);
    let pieces: Vec<String> = chars
        .chunks(usize::from(size) % 32 + 1)
        .map(<[&str]>::concat)
        .collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    assert_eq!(whole, read(format, start, &pieces, ending), "{text:?}");
    check_inline(&whole);
    let _ = split_history(&text, Some(format));
    check_budget(format, start, rest, usize::from(size));
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

/// Answers made of parts that mean something to a splitter.
fn fragments() -> impl Strategy<Value = String> {
    let mut parts: Vec<&str> = SAMPLES
        .iter()
        .flat_map(|sample| sample.text.split_inclusive(['>', '|', ']', '▷', '\n', ':']))
        .collect();
    parts.extend(["`", "```\n", "\n", " ", "<", "\u{3000}", "\"", "(", "é"]);
    parts.extend(["<tool_call>", "</tool_call>", "<function=f>", "to=f"]);
    proptest::collection::vec(proptest::sample::select(parts), 0..32)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_do_not_matter(sample in 0..SAMPLES.len(), cuts in proptest::collection::vec(0usize..200, 0..8)) {
        let Sample { format, start, text, .. } = SAMPLES[sample];
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|&cut| text.is_char_boundary(cut)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&str> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
        let whole = read(format, start, &[text], Ending::Natural);
        prop_assert_eq!(whole, read(format, start, &pieces, Ending::Natural));
    }

    #[test]
    fn any_bytes_are_survived(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz_reasoning(&data);
    }

    #[test]
    fn any_mixture_of_markup_is_survived(head in any::<[u8; 3]>(), text in fragments()) {
        fuzz_reasoning(&[&head, text.as_bytes()].concat());
    }

    #[test]
    fn any_thought_and_answer_come_back(reasoning in "[a-zé][a-zé .\n]{0,30}[a-z]", content in "[a-zé][a-zé .\n]{0,30}") {
        for format in ReasoningFormat::ALL {
            let Some(tags) = format.tags() else { continue };
            let text = format!("{}\n{reasoning}\n{}{content}", tags.marks[0].0, tags.closing);
            let found = read(format, ThoughtStart::Absent, &[&text], Ending::Natural);
            prop_assert_eq!(&found.reasoning, &reasoning);
            prop_assert_eq!(&found.content, &content);
        }
    }
}
