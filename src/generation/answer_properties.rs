//! What holds for every answer that is read for thoughts and calls, whatever is in it. Unit tests and `fuzz/` ask for the
//! same.

use super::answer_reader::AnswerReader;
use super::answer_start::AnswerStart;
use super::tool_reader::ToolReader;
use super::{CallTally, Delta, FinishReason, ThoughtUse, ToolCallDelta, ToolUse};
use crate::chat::PromptPiece;
use crate::chat::reasoning::{ReasoningFormat, properties as reasoning};
use crate::chat::tools::{ToolFormat, corpus, properties as tool_calls};
use crate::fuzz_input::{FuzzInput, pieces};
use crate::llama::Token;

/// How an answer is read.
#[derive(Debug, Clone, Copy)]
struct Way {
    thoughts: Option<ReasoningFormat>,
    tools: Option<ToolFormat>,
    /// The prompt has begun a thought.
    in_thought: bool,
    inline: bool,
    parallel: bool,
    reason: FinishReason,
}

/// Reads any bytes in any way; panics where a promise is broken. The first bytes choose the way and the pieces.
pub(crate) fn check(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let formats = ReasoningFormat::ALL.map(Some);
    let thoughts = input.choice(&[&formats[..], &[None]].concat());
    let formats = ToolFormat::ALL.map(Some);
    let tools = input.choice(&[&formats[..], &[None]].concat());
    let how = input.byte();
    let way = Way {
        thoughts,
        tools,
        in_thought: how & 1 != 0,
        inline: how & 2 != 0,
        parallel: how & 4 == 0,
        reason: if how & 8 == 0 {
            FinishReason::EndOfTurn
        } else {
            FinishReason::Length
        },
    };
    let size = usize::from(input.byte()) % 32 + 1;
    let text = String::from_utf8_lossy(input.rest());
    let whole = read(way, &pieces(&text, usize::MAX));
    let in_pieces = read(way, &pieces(&text, size));
    assert_eq!(whole, in_pieces, "{way:?} {text:?}");
    if way.inline {
        // The same calls; and as nothing but a thought comes within a call there, nothing else does here.
        let apart = read(
            Way {
                inline: false,
                ..way
            },
            &pieces(&text, size),
        );
        assert_eq!(whole.calls, apart.calls, "{way:?} {text:?}");
    }
    let thinks = way.thoughts.is_some() && !way.inline;
    assert!(thinks || whole.reasoning.is_empty(), "{way:?} {text:?}");
    assert!(
        way.tools.is_some() || whole.calls.is_empty(),
        "{way:?} {text:?}"
    );
    let made = whole.calls.iter().filter(|(_, _, ended)| *ended).count();
    assert!(way.parallel || made <= 1, "{way:?} {text:?}");
}

/// What a client has in the end.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    reasoning: String,
    text: String,
    /// Names, arguments, and whether they ended.
    calls: Vec<(String, String, bool)>,
}

/// Reads an answer in these pieces, each with a token.
fn read(way: Way, pieces: &[&str]) -> Reading {
    let opening = way
        .thoughts
        .filter(|_| way.in_thought)
        .and_then(|format| format.open_thought(""));
    let prompt = [PromptPiece::Template(format!(
        "assistant\n{}",
        opening.unwrap_or_default()
    ))];
    let start = way
        .thoughts
        .map(|format| AnswerStart::of(format, &prompt, None));
    let thoughts = ThoughtUse {
        inline: way.inline,
        ..ThoughtUse::default()
    };
    let tools = way.tools.map(|format| {
        let tools = ToolUse {
            declared: corpus::tools(),
            must_call: false,
            parallel: way.parallel,
            strict: false,
            auto_heal: true,
        };
        ToolReader::new(&[format], &tools)
    });
    let mut reader = AnswerReader::new(start.as_ref(), &thoughts, tools);
    let mut taker = Taker {
        inline: way.inline,
        ..Taker::default()
    };
    for (index, piece) in pieces.iter().enumerate() {
        let deltas = reader.read((*piece).to_owned(), vec![Token(index as i32)], Vec::new());
        taker.take(deltas);
    }
    taker.take(reader.finish(way.reason));
    assert!(taker.open.is_none(), "every call ends or is abandoned");
    let made = taker.reading.calls.iter().all(|(_, _, ended)| *ended);
    assert_eq!(
        taker.tally.calls_tools(),
        made && !taker.reading.calls.is_empty()
    );
    taker.reading
}

/// Puts deltas together, as a client would.
#[derive(Debug, Default)]
struct Taker {
    reading: Reading,
    open: Option<(String, String)>,
    tally: CallTally,
    /// Of the tokens that were told, the last.
    last: Option<Token>,
    /// Thoughts are told as text.
    inline: bool,
}

impl Taker {
    fn take(&mut self, deltas: Vec<Delta>) {
        for delta in deltas {
            match delta {
                Delta::Text { text, tokens, .. } => {
                    // Only a thought may come in the middle of a call, where the model opens one there.
                    assert!(!text.is_empty() && (self.inline || self.open.is_none()));
                    self.reading.text.push_str(&text);
                    for token in tokens {
                        assert!(self.last < Some(token), "each token is told once, in order");
                        self.last = Some(token);
                    }
                }
                Delta::Reasoning { text } => {
                    assert!(!text.is_empty());
                    self.reading.reasoning.push_str(&text);
                }
                Delta::ToolCall(call) => self.take_call(call),
                other => panic!("{other:?}"),
            }
        }
    }

    fn take_call(&mut self, call: ToolCallDelta) {
        self.tally.learn(&call);
        match call {
            ToolCallDelta::Begun { index, name, .. } => {
                assert_eq!(index, self.reading.calls.len());
                let before = self.open.replace((name, String::new()));
                assert_eq!(before, None, "calls do not overlap");
            }
            ToolCallDelta::Arguments { json, .. } => {
                let open = self.open.as_mut().expect("a call is open");
                open.1.push_str(&json);
            }
            ToolCallDelta::Ended { .. } => self.end(true),
            ToolCallDelta::Abandoned { .. } => self.end(false),
        }
    }

    fn end(&mut self, ended: bool) {
        let (name, json) = self.open.take().expect("a call is open");
        assert_eq!(tool_calls::is_value(&json), ended, "{name} {json}");
        self.reading.calls.push((name, json, ended));
    }
}

/// Inputs for [`check`] to begin with: thoughts with calls behind them.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let calls = tool_calls::seeds();
    for (index, thought) in reasoning::seeds().iter().enumerate() {
        let call = &calls[index * 5 % calls.len()];
        seeds.push(
            [
                &[thought[0], call[0], thought[1] & 1, 3],
                &thought[3..],
                b"\n",
                &call[3..],
            ]
            .concat(),
        );
    }
    seeds
}

/// What means something in an answer.
pub(crate) fn words() -> String {
    reasoning::words() + &tool_calls::words()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_fuzzing_begins_with_holds() {
        for seed in seeds() {
            check(&seed);
        }
        assert!(words().lines().count() > 100);
    }

    #[test]
    fn a_thought_in_the_middle_of_a_call_is_told_inline() {
        let call =
            b"<function=get_weather>\n<parameter=city>Par<think>a</think>is</parameter></function>";
        for how in [0, 2] {
            check(&[&[0, 1, how, 9], &call[..]].concat());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_mixture_of_answers_is_survived(
            head in any::<[u8; 4]>(), parts in proptest::collection::vec((0..100_usize, 0..200_usize, 0..60_usize), 1..5)
        ) {
            let seeds = seeds();
            let mut data = head.to_vec();
            for (seed, at, length) in parts {
                let text = &seeds[seed % seeds.len()][4..];
                let at = at.min(text.len());
                data.extend(&text[at..(at + length).min(text.len())]);
            }
            check(&data);
        }
    }
}
