//! What holds for every grammar and schema, whatever is in it. Unit tests and `fuzz/` ask for the same.

use std::sync::OnceLock;

use serde_json::Value;

use super::limits::{COMPILE_STACK_BYTES, MAX_SOURCE_BYTES};
use super::{Constraint, ConstraintCompiler, ConstraintError, enforceable_schema, testing};
use crate::chat::tools::properties as tool_calls;
use crate::chat::tools::{
    DeclaredTool, Ending, Otherwise, ToolCallParser, ToolEvent, ToolFormat, ToolGrammar,
    ToolParserOptions, tool_grammar,
};
use crate::fuzz_input::{FuzzInput, dictionary};
use crate::llama::Token;

/// The longest text of an error. It may hold the path to a place in a schema.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// The longest constraint that is compiled here, in bytes, and the longest text that is generated under it, in tokens.
const MAX_COMPILED_BYTES: usize = 400;
const MAX_TOKENS: usize = 40;

/// The name of threads in which panics of llguidance are no failures: rein makes errors of them.
pub(crate) const TOLERANT_THREAD: &str = "llguidance";

/// Checks, converts and compiles any constraint, and generates a text under it. The first byte says what it is, and what
/// comes behind the separator chooses the text. Panics where a promise is broken.
pub(crate) fn check(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let kind = input.byte();
    let format = if kind == b't' { input.byte() } else { 0 };
    let source = input.text();
    let schema = || serde_json::from_str::<Value>(&source).ok();
    match kind {
        b'g' => check_constraint(Constraint::Gbnf(source), input),
        b'l' => check_constraint(Constraint::Lark(source), input),
        b'r' => check_constraint(Constraint::Regex(source), input),
        b't' => {
            let format = ToolFormat::ALL[usize::from(format) % ToolFormat::ALL.len()];
            if let Some(schema) = schema() {
                check_tools(format, &schema, input);
            }
        }
        _ => {
            if let Some(schema) = schema() {
                check_constraint(Constraint::JsonSchema(schema), input);
            }
        }
    }
}

fn check_constraint(constraint: Constraint, choices: FuzzInput<'_>) {
    let checked = constraint.check();
    let converted = converted(&constraint);
    if let Err(error) = checked.as_ref().and(converted.as_ref()) {
        let shown = error.to_string();
        assert!(
            shown.len() <= MAX_ERROR_BYTES,
            "{} bytes: {shown}",
            shown.len()
        );
        assert!(converted.is_err(), "{checked:?} for {constraint:?}");
        return;
    }
    let is_schema = matches!(constraint, Constraint::JsonSchema(_));
    // What `~` stands for in Lark is any other bytes; a client gets U+FFFD for those that are no text.
    let may_be_bytes = matches!(&constraint, Constraint::Lark(source) if source.contains('~'));
    if let Some((text, true)) = generated(constraint, choices) {
        let text = match String::from_utf8(text) {
            Err(_) if may_be_bytes => return,
            text => text.expect("what is generated is UTF-8"),
        };
        // As JSON has it: numbers may be greater than a float holds.
        assert!(!is_schema || tool_calls::is_value(&text), "{text}");
    }
}

/// The length of what llguidance gets to see. Converting recurses as deep as rules refer to each other.
fn converted(constraint: &Constraint) -> Result<(), ConstraintError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(COMPILE_STACK_BYTES);
        let thread = thread.spawn_scoped(scope, || constraint.grammar().map(|_| ()));
        thread.expect("a thread").join().expect("no panic")
    })
}

/// Calls of a tool with these parameters are enforced in a way that they are read back.
fn check_tools(format: ToolFormat, parameters: &Value, choices: FuzzInput<'_>) {
    let Ok(parameters) = enforceable_schema(parameters) else {
        return;
    };
    let tools = [DeclaredTool {
        name: "get_weather".to_owned(),
        parameters,
    }];
    let grammar = tool_grammar(&ToolGrammar {
        format,
        tools: &tools,
        otherwise: Otherwise::Nothing,
        parallel: true,
        strict: true,
        control_token: &|_| None,
    });
    let Ok(grammar) = grammar else { return };
    if grammar.len() > MAX_SOURCE_BYTES {
        return;
    }
    let Some((text, true)) = generated(Constraint::ToolCalls(grammar), choices) else {
        return;
    };
    let text = String::from_utf8(text).expect("what is generated is UTF-8");
    let mut parser = ToolCallParser::new(&[format], &tools, ToolParserOptions { auto_heal: false });
    let mut events = parser.push(&text);
    events.extend(parser.finish(Ending::Natural));
    let calls = events
        .iter()
        .filter(|event| matches!(event, ToolEvent::CallBegun { .. }))
        .count();
    let ended = events
        .iter()
        .filter(|event| matches!(event, ToolEvent::CallEnded { .. }))
        .count();
    assert!(
        calls > 0 && calls == ended,
        "{format:?}: {text} is read as {events:?}"
    );
}

/// A text under the constraint, and whether it may end there; `None` where the constraint cannot be compiled.
fn generated(constraint: Constraint, choices: FuzzInput<'_>) -> Option<(Vec<u8>, bool)> {
    let size = match &constraint {
        Constraint::JsonSchema(schema) => schema.to_string().len(),
        Constraint::Gbnf(source) | Constraint::Lark(source) | Constraint::Regex(source) => {
            source.len()
        }
        Constraint::ToolCalls(_) | Constraint::JsonObject => 0,
    };
    if size > MAX_COMPILED_BYTES {
        return None;
    }
    let choices = choices.rest().to_vec();
    let walk = move || walk(&constraint, &choices);
    let thread = std::thread::Builder::new()
        .name(TOLERANT_THREAD.to_owned())
        .stack_size(COMPILE_STACK_BYTES);
    let walked = thread.spawn(walk).expect("a thread").join();
    walked.ok()?.map(|walk| {
        assert_eq!(walk.broken, None);
        (walk.text, walk.may_end)
    })
}

#[derive(Debug, Default)]
struct Walk {
    text: Vec<u8>,
    tokens: usize,
    may_end: bool,
    /// What did not hold.
    broken: Option<&'static str>,
}

/// Draws allowed tokens, each chosen by a byte, as long as there are bytes; and then the first ones until it may end.
fn walk(constraint: &Constraint, choices: &[u8]) -> Option<Walk> {
    static COMPILER: OnceLock<(ConstraintCompiler, Vec<Option<Vec<u8>>>)> = OnceLock::new();
    let (compiler, words) = COMPILER.get_or_init(|| (testing::compiler(), testing::texts()));
    let mut matcher = compiler.compile_here(constraint).ok()?;
    let mut walk = Walk::default();
    let mut choices = choices.iter();
    loop {
        let (Ok(mask), Ok(may_end)) = (matcher.mask(), matcher.may_end()) else {
            return None;
        };
        walk.may_end = may_end;
        if mask.allows(testing::END) != may_end {
            walk.broken = Some("an answer may end where its end is allowed, and nowhere else");
        }
        let choice = choices.next();
        walk.tokens += 1;
        if matcher.is_complete() || (may_end && choice.is_none()) || walk.tokens > MAX_TOKENS {
            return Some(walk);
        }
        let texts = (0..).zip(words);
        let texts = texts.filter_map(|(id, text)| Some((Token(id), text.as_ref()?)));
        let allowed: Vec<_> = texts.filter(|(token, _)| mask.allows(*token)).collect();
        let chosen = usize::from(choice.copied().unwrap_or_default());
        // Else there is nothing but the end, or a control token.
        let (token, text) = *allowed.get(chosen.checked_rem(allowed.len())?)?;
        walk.text.extend(text);
        if matcher.accept(token).is_err() {
            walk.broken = Some("a token that is allowed is accepted");
            return Some(walk);
        }
    }
}

/// Constraints to begin with.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "groot ::= \"a\" [b-d]{2,3} rest*\nrest ::= \" \" (\"x\" | .) # end",
        "groot ::= (\"é\" | [^a-z\\n])+ \"\\x41\\u00e9\" other?\nother ::= root",
        "lstart: \"a\" WORD*\nWORD: /[b-d]+/ | \"x\"..\"z\"\n%ignore \" \"",
        "r(ab|c)+[^x]{2,4}\\d?",
        "s{\"type\": \"object\"}",
        "s{\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"integer\", \"minimum\": 3}}, \"required\": [\"a\"], \"additionalProperties\": false}",
        "s{\"$ref\": \"#/$defs/n\", \"$defs\": {\"n\": {\"anyOf\": [{\"const\": null}, {\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/n\"}}]}}}",
        "s{\"enum\": [1, \"a\", {\"b\": [true]}]}",
        "s{\"type\": \"string\", \"pattern\": \"^a+$\", \"maxLength\": 4}",
        "s{\"type\": \"string\", \"format\": \"date\"}",
        "s{\"oneOf\": [{\"type\": \"number\", \"multipleOf\": 0.5}, {\"type\": \"boolean\"}]}",
        "s{\"allOf\": [{\"minItems\": 1}, {\"prefixItems\": [{}], \"items\": false}], \"patternProperties\": {\"^x\": {}}}",
    ];
    let tools = (0..ToolFormat::ALL.len() as u8).map(|format| {
        let schema = r#"{"type": "object", "properties": {"city": {"type": "string"}, "n": {"type": "integer"}}, "required": ["city"], "additionalProperties": false}"#;
        [b"t", &[format][..], schema.as_bytes()].concat()
    });
    let texts = texts.map(|text| {
        [
            text.as_bytes(),
            b"\xff\x07\x23\x61\x00\x80\x05\x11\x40\x03\x1f",
        ]
        .concat()
    });
    texts.into_iter().chain(tools).collect()
}

/// What means something in grammars and schemas.
pub(crate) fn words() -> String {
    let words = [
        "root ::= ",
        "start: ",
        "::=",
        "%ignore",
        "%json",
        "%regex",
        "[^",
        "{2,}",
        "{,3}",
        "..",
        "/[a-z]+/i",
        "\\x41",
        "\\u00e9",
        "\\U0001F600",
        "<[1]>",
        "!<|tool|>",
        "(?:",
        "(?i)",
        "(?=",
        "\\p{L}",
        "\\b",
        "\\d",
        "*?",
        "$ref",
        "$defs",
        "$id",
        "#/$defs/",
        "\"type\"",
        "\"object\"",
        "\"array\"",
        "\"string\"",
        "\"integer\"",
        "\"number\"",
        "\"boolean\"",
        "\"null\"",
        "\"enum\"",
        "\"const\"",
        "\"anyOf\"",
        "\"oneOf\"",
        "\"allOf\"",
        "\"not\"",
        "\"if\"",
        "\"then\"",
        "\"properties\"",
        "\"required\"",
        "\"additionalProperties\"",
        "\"patternProperties\"",
        "\"propertyNames\"",
        "\"items\"",
        "\"prefixItems\"",
        "\"minItems\"",
        "\"maxItems\"",
        "\"uniqueItems\"",
        "\"minLength\"",
        "\"maxLength\"",
        "\"pattern\"",
        "\"format\"",
        "\"date-time\"",
        "\"uuid\"",
        "\"minimum\"",
        "\"exclusiveMaximum\"",
        "\"multipleOf\"",
        "\"description\"",
        "\"default\"",
        "true",
        "false",
        "1e9",
        "-0.5",
    ];
    dictionary(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_hold() {
        for seed in seeds() {
            check(&seed);
        }
    }

    #[test]
    fn what_lark_negates_may_be_bytes_that_are_no_text() {
        check(b"lstart:~\"items\"\xff\xff\0\0\0\0\0.\"z\"\n%ignor\n%ig\x92~\xff\xff\0\0\0\0\0\x03@\x1f");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_mixture_is_survived(
            kind in proptest::sample::select(b"glrs".to_vec()), words in proptest::collection::vec(proptest::sample::select(parts()), 0..12)
        ) {
            check(&[&[kind], words.concat().as_bytes()].concat());
        }

        #[test]
        fn a_damaged_constraint_is_survived(
            seed in 0..12_usize, at in 0..200_usize, with in "[\\[\\]{}()|\"',:;a1\\\\\n *+?]{0,3}", length in 0..8_usize
        ) {
            let seed = seeds().swap_remove(seed);
            let at = 1 + at % (seed.len() - 1);
            let rest = &seed[(at + length).min(seed.len())..];
            check(&[&seed[..at], with.as_bytes(), rest].concat());
        }
    }

    /// The dictionary's words of ASCII.
    fn parts() -> Vec<String> {
        words()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }
}
