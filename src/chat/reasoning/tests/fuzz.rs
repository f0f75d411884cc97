//! Answers that nobody would write.

use proptest::prelude::*;

use crate::chat::reasoning::corpus::{SAMPLES, Sample};
use crate::chat::reasoning::properties::{check, read, seeds, words};
use crate::chat::reasoning::{ReasoningFormat, ThoughtStart};
use crate::chat::tools::Ending;

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

#[test]
fn what_fuzzing_begins_with_holds() {
    for seed in seeds() {
        check(&seed);
    }
    assert!(words().contains("\"<think>\"\n"));
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
        check(&data);
    }

    #[test]
    fn any_mixture_of_markup_is_survived(head in any::<[u8; 3]>(), text in fragments()) {
        check(&[&head, text.as_bytes()].concat());
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
