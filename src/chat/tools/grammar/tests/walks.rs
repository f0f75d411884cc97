//! Random walks through the grammars: whatever they allow, the parser reads as valid calls.

use llguidance::Matcher;
use serde_json::Value;

use super::super::super::{Ending, ToolCallParser, ToolEvent, ToolParserOptions};
use super::super::{ToolGrammar, tool_grammar};
use super::forms::{FORMS, Forms};
use super::vocabulary::Bytes;
use super::{matcher, otherwise, tools};

/// A walk's next choice, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// What ends values and calls, so that a walk comes to its end.
const ENDS: &[&str] = &[
    "\n</parameter>\n",
    "</arg_value>",
    "<|\"|>",
    "\"",
    "}",
    "]",
    "</function>",
    "</tool_call>",
    ",",
    "<tool_call>\n",
];

/// A text that the grammar allows, and whether the answer may end with it.
fn walk(vocabulary: &Bytes, mut matcher: Matcher, dice: &mut Dice) -> (String, bool) {
    let mut text = String::new();
    for _ in 0..400 {
        if matcher.is_accepting().expect("no error") && dice.roll(4) == 0 {
            return (text, true);
        }
        if dice.roll(4) == 0 {
            let end = ENDS[dice.roll(ENDS.len())];
            let tokens = vocabulary.tokens(end);
            if matcher.validate_tokens(&tokens).expect("no error") == tokens.len() {
                matcher.consume_tokens(&tokens).expect("allowed tokens");
                text.push_str(end);
                continue;
            }
        }
        let mask = matcher.compute_mask_or_eos().expect("a mask");
        let ids = (32..127)
            .chain([10])
            .chain(257..257 + vocabulary.control.len() as u32);
        let allowed: Vec<u32> = ids.filter(|&id| mask.is_allowed(id)).collect();
        // Letters of other alphabets begin with other bytes.
        if allowed.is_empty() {
            break;
        }
        let id = allowed[dice.roll(allowed.len())];
        matcher.consume_token(id).expect("an allowed token");
        match id.checked_sub(257) {
            Some(control) => text.push_str(&vocabulary.control[control as usize]),
            None => text.extend(char::from_u32(id)),
        }
    }
    let ended = matcher.is_accepting().expect("no error");
    (text, ended)
}

/// What a schema says of the arguments in these tests.
fn fits(name: &str, arguments: &Value) -> bool {
    let known = |key: &String| ["city", "days", "unit", "tags"].contains(&key.as_str());
    let Some(arguments) = arguments.as_object() else {
        return false;
    };
    let optional = |key: &str, check: fn(&Value) -> bool| arguments.get(key).is_none_or(check);
    match name {
        "ping" => arguments.is_empty(),
        _ => {
            arguments.keys().all(known)
                && arguments.get("city").is_some_and(Value::is_string)
                && optional("days", |days| {
                    days.as_f64().is_some_and(|days| days.fract() == 0.0)
                })
                && optional("unit", |unit| unit == "C" || unit == "F")
                && optional("tags", |tags| {
                    tags.as_array()
                        .is_some_and(|tags| tags.iter().all(Value::is_string))
                })
        }
    }
}

/// Reads an allowed answer; returns how many calls it holds.
fn check_walk(forms: &Forms, required: bool, text: &str, ended: bool) -> usize {
    let strict = ToolParserOptions { auto_heal: false };
    let mut parser = ToolCallParser::new(&[forms.format], &tools(), strict);
    let mut events = parser.push(text);
    let ending = if ended { Ending::Natural } else { Ending::Cut };
    events.extend(parser.finish(ending));
    let (mut names, mut arguments, mut calls) = (Vec::new(), String::new(), 0);
    for event in events {
        match event {
            ToolEvent::Text(shown) => assert!(!required, "{shown:?} of {text:?}"),
            ToolEvent::CallBegun { name, .. } => {
                names.push(name);
                arguments.clear();
            }
            ToolEvent::Arguments { json, .. } => arguments.push_str(&json),
            ToolEvent::CallEnded { .. } => {
                let value = serde_json::from_str(&arguments).expect(text);
                assert!(fits(&names[calls], &value), "{text:?}: {value}");
                calls += 1;
            }
            ToolEvent::CallAbandoned { .. } => assert!(!ended, "{text:?}"),
        }
    }
    assert!(!ended || calls == names.len(), "{text:?}");
    assert!(!(ended && required) || calls > 0, "{text:?}");
    calls
}

#[test]
fn whatever_a_grammar_allows_the_parser_reads_as_valid_calls() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for forms in FORMS {
        let mut calls = 0;
        for control in [forms.control, &[]] {
            let vocabulary = Bytes::new(control);
            let factory = vocabulary.factory();
            let tools = tools();
            for required in [true, false] {
                let grammar = tool_grammar(&ToolGrammar {
                    format: forms.format,
                    tools: &tools,
                    otherwise: otherwise(required),
                    parallel: true,
                    strict: true,
                    control_token: &|name| vocabulary.id(name),
                });
                let start = matcher(&factory, &grammar.expect("a grammar"));
                for _ in 0..30 {
                    let (text, ended) = walk(&vocabulary, start.deep_clone(), &mut dice);
                    calls += check_walk(forms, required, &text, ended);
                }
            }
        }
        assert!(calls >= 10, "{:?}: {calls} calls", forms.format);
    }
}
