//! Answers that nobody would write.

use proptest::prelude::*;
use serde_json::Value;

use crate::chat::tools::corpus::{SAMPLES, Sample};
use crate::chat::tools::properties::{HEAL, check, read, seeds, strict, words};
use crate::chat::tools::text::quoted;
use crate::chat::tools::{Ending, ToolFormat};

/// Answers made of parts that mean something to a parser.
fn fragments() -> impl Strategy<Value = String> {
    let parts: Vec<&str> = SAMPLES
        .iter()
        .flat_map(|sample| {
            sample
                .text
                .split_inclusive(['>', '|', '{', '}', '"', ',', ':', ']', ')', '\n', '｜'])
        })
        .collect();
    proptest::collection::vec(proptest::sample::select(parts), 0..24)
        .prop_map(|parts| parts.concat())
}

#[test]
fn what_fuzzing_begins_with_holds() {
    for seed in seeds() {
        check(&seed);
    }
    assert!(words().contains("\"<tool_call>\"\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_do_not_matter(sample in 0..SAMPLES.len(), cuts in proptest::collection::vec(0usize..400, 0..8)) {
        let Sample { format, text, .. } = &SAMPLES[sample];
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|&cut| text.is_char_boundary(cut)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&str> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
        let whole = read(&[*format], &[text], HEAL, Ending::Natural);
        prop_assert_eq!(&whole, &read(&[*format], &pieces, HEAL, Ending::Natural));
    }

    #[test]
    fn any_bytes_are_survived(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&data);
    }

    #[test]
    fn any_mixture_of_markup_is_survived(head in any::<[u8; 3]>(), text in fragments()) {
        let formats = if head[0] < 128 { head[0] % 16 } else { 255 };
        check(&[&[formats, head[1], head[2]], text.as_bytes()].concat());
    }

    #[test]
    fn a_damaged_answer_is_survived(sample in 0..SAMPLES.len(), at in 0usize..400, with in "[\\[\\]{}<>|\"',:;a1\\\\\n ]{0,3}", length in 0usize..8, how in any::<[u8; 2]>()) {
        let text = SAMPLES[sample].text.as_bytes();
        let at = at.min(text.len());
        let rest = &text[(at + length).min(text.len())..];
        check(&[&[255, how[0], how[1]], &text[..at], with.as_bytes(), rest].concat());
    }

    #[test]
    fn arguments_of_any_text_come_back(city in "\\PC{0,20}", content in "[^\u{0}]{0,40}") {
        let texts = [
            (ToolFormat::HermesJson, format!("<tool_call>{{\"name\": \"write_file\", \"arguments\": {{\"path\": {}, \"content\": {}}}}}</tool_call>", quoted(&city), quoted(&content))),
            (ToolFormat::FunctionXml, format!("<function=write_file>\n<parameter=path>\n{city}\n</parameter>\n<parameter=content>\n{content}\n</parameter>\n</function>")),
            (ToolFormat::Glm, format!("<tool_call>write_file\n<arg_key>path</arg_key><arg_value>{city}</arg_value><arg_key>content</arg_key><arg_value>{content}</arg_value></tool_call>")),
            (ToolFormat::Gemma4, format!("<|tool_call>call:write_file{{path:<|\"|>{city}<|\"|>,content:<|\"|>{content}<|\"|>}}<tool_call|>")),
        ];
        for (format, text) in texts {
            let calls = strict(format, &text).calls();
            prop_assert_eq!(calls.len(), 1, "{}", text);
            prop_assert_eq!(&calls[0].1["path"], &Value::from(city.as_str()));
            prop_assert_eq!(&calls[0].1["content"], &Value::from(content.as_str()));
        }
    }
}
