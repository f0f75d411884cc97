//! Every grammar accepts valid calls byte by byte and refuses invalid ones; and what it accepts is read back.

mod forms;
mod vocabulary;
mod walks;

use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use toktrie::TokenId;

use super::super::{
    DeclaredTool, Ending, ToolCallParser, ToolEvent, ToolFormat, ToolParserOptions,
};
use super::{Otherwise, ToolGrammar, ToolGrammarError, tool_grammar};
use forms::{FORMS, Forms};
use vocabulary::Bytes;

fn tools() -> Vec<DeclaredTool> {
    let tool = |name: &str, parameters: Value| DeclaredTool {
        name: name.to_owned(),
        parameters,
    };
    vec![
        tool(
            "get_weather",
            json!({
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "days": {"type": "integer"},
                    "unit": {"enum": ["C", "F"]},
                    "tags": {"type": "array", "items": {"type": "string"}}
                },
                "required": ["city"],
                "additionalProperties": false
            }),
        ),
        tool(
            "ping",
            json!({"type": "object", "properties": {}, "additionalProperties": false}),
        ),
    ]
}

/// A matcher at the beginning of an answer.
fn matcher(factory: &ParserFactory, grammar: &str) -> Matcher {
    let parser = factory.create_parser(TopLevelGrammar::from_lark(grammar.to_owned()));
    Matcher::new(Ok(
        parser.unwrap_or_else(|error| panic!("{error}\n{grammar}"))
    ))
}

/// Whether the text can be generated, and whether the answer may end there.
fn accepts(mut matcher: Matcher, tokens: &[TokenId]) -> (bool, bool) {
    for &token in tokens {
        let mask = matcher.compute_mask_or_eos().expect("a mask");
        if !mask.is_allowed(token) {
            return (false, false);
        }
        matcher.consume_token(token).expect("an allowed token");
    }
    (true, matcher.is_accepting().expect("no error"))
}

#[derive(Clone, Copy)]
struct Case {
    required: bool,
    parallel: bool,
}

fn otherwise(required: bool) -> Otherwise<'static> {
    if required {
        Otherwise::Nothing
    } else {
        Otherwise::Text
    }
}

fn check(forms: &Forms, control: &[&'static str], case: Case) {
    let vocabulary = Bytes::new(control);
    let tools = tools();
    let Case { required, parallel } = case;
    let grammar = tool_grammar(&ToolGrammar {
        format: forms.format,
        tools: &tools,
        otherwise: otherwise(required),
        parallel,
        strict: true,
        control_token: &|name| vocabulary.id(name),
    });
    let grammar = grammar.expect("a grammar");
    let start = matcher(&vocabulary.factory(), &grammar);
    let check = |text: &str, expected: (bool, bool)| {
        let found = accepts(start.deep_clone(), &vocabulary.tokens(text));
        assert_eq!(
            found, expected,
            "{text:?} required {required} parallel {parallel}\n{grammar}"
        );
    };
    check(forms.full, (true, true));
    check(forms.ping, (true, true));
    // The last marker may be one token: there is no part of it.
    if !control.iter().any(|name| forms.ping.ends_with(name)) {
        let last = forms.ping.char_indices().last().map_or(0, |(at, _)| at);
        check(&forms.ping[..last], (true, false));
    }
    let bare = forms.format == ToolFormat::LlamaBareJson;
    check(forms.two, (parallel, parallel));
    for bad in forms.bad {
        check(bad, (false, false));
    }
    let free = (!required, !required);
    check("Hello, <tool> [x] {y}", free);
    check("", (true, !required));
    if !bare {
        let text = format!("Let me see.\n{}", forms.full);
        check(&text, free);
        let text = format!("{} Done.", forms.ping);
        check(&text, free);
        let text = format!("{}\n{} and {}", forms.ping, forms.ping, forms.full);
        let several = parallel && !required;
        check(&text, (several, several));
    }
}

#[test]
fn valid_calls_are_accepted_and_others_refused() {
    for forms in FORMS {
        for required in [true, false] {
            for parallel in [true, false] {
                let case = Case { required, parallel };
                check(forms, forms.control, case);
                if !forms.control.is_empty() {
                    check(forms, &[], case);
                }
            }
        }
    }
}

#[test]
fn an_answer_is_calls_or_json_where_it_is_to_be_json() {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": false});
    for forms in FORMS {
        let vocabulary = Bytes::new(forms.control);
        let grammar = tool_grammar(&ToolGrammar {
            format: forms.format,
            tools: &tools(),
            otherwise: Otherwise::Json(&schema),
            parallel: true,
            strict: true,
            control_token: &|name| vocabulary.id(name),
        });
        if forms.format == ToolFormat::LlamaBareJson {
            let ambiguous = ToolGrammarError::AmongJson(forms.format);
            assert_eq!(grammar, Err(ambiguous));
            continue;
        }
        let start = matcher(&vocabulary.factory(), &grammar.expect("a grammar"));
        for (text, expected) in [
            (forms.full, (true, true)),
            (forms.two, (true, true)),
            ("{\"n\": 7}", (true, true)),
            ("{\"n\": 7", (true, false)),
            ("{\"m\": 7}", (false, false)),
            ("Hello", (false, false)),
        ] {
            let found = accepts(start.deep_clone(), &vocabulary.tokens(text));
            assert_eq!(found, expected, "{:?} {text}", forms.format);
        }
    }
}

#[test]
fn what_a_grammar_forces_is_what_the_parser_reads() {
    let expected = json!({"city": "Berlin", "days": 3, "unit": "C", "tags": ["a", "b"]});
    for forms in FORMS {
        let strict = ToolParserOptions { auto_heal: false };
        let mut parser = ToolCallParser::new(&[forms.format], &tools(), strict);
        let mut events = parser.push(forms.full);
        events.extend(parser.finish(Ending::Cut));
        let Some(ToolEvent::Arguments { json, .. }) = events.get(1) else {
            panic!("{:?}: {events:?}", forms.format);
        };
        let arguments: Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(arguments, expected, "{:?}", forms.format);
        assert_eq!(events.len(), 3, "{:?}: {events:?}", forms.format);
    }
}

#[test]
fn arguments_are_objects_whatever_the_schema_says() {
    let vocabulary = Bytes::new(&[]);
    for schema in [
        json!({}),
        json!(true),
        json!(null),
        json!({"type": ["object", "null"]}),
    ] {
        let tool = DeclaredTool {
            name: "a".to_owned(),
            parameters: schema,
        };
        let grammar = tool_grammar(&ToolGrammar {
            format: ToolFormat::MistralName,
            tools: &[tool],
            otherwise: Otherwise::Nothing,
            parallel: false,
            strict: true,
            control_token: &|_| None,
        });
        let start = matcher(&vocabulary.factory(), &grammar.expect("a grammar"));
        for (text, expected) in [
            ("{}", true),
            ("{\"x\": 1}", true),
            ("1", false),
            ("null", false),
        ] {
            let tokens = vocabulary.tokens(&format!("[TOOL_CALLS]a{text}"));
            assert_eq!(
                accepts(start.deep_clone(), &tokens),
                (expected, expected),
                "{text}"
            );
        }
    }
}

#[test]
fn what_cannot_be_enforced_is_an_error() {
    let none = |_: &str| None;
    let tool = |name: &str, parameters: Value| DeclaredTool {
        name: name.to_owned(),
        parameters,
    };
    let pattern =
        json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "x"}}});
    let cases = [
        (ToolFormat::HermesJson, vec![], "no tool"),
        (ToolFormat::Inkling, tools(), "Inkling"),
        (ToolFormat::HermesJson, vec![tool("a b", json!({}))], "a b"),
        (
            ToolFormat::FunctionXml,
            vec![tool("a", pattern.clone())],
            "pattern",
        ),
        (
            ToolFormat::Gemma4,
            vec![tool("a", pattern.clone())],
            "pattern",
        ),
        (
            ToolFormat::Gemma4,
            vec![tool("a", json!({"properties": {"b": {"$ref": "#"}}}))],
            "$ref",
        ),
        (
            ToolFormat::Glm,
            vec![tool("a", json!({"required": ["z"]}))],
            "z",
        ),
    ];
    for (format, tools, word) in cases {
        let request = ToolGrammar {
            format,
            tools: &tools,
            otherwise: Otherwise::Nothing,
            parallel: true,
            strict: true,
            control_token: &none,
        };
        let error: ToolGrammarError = tool_grammar(&request).expect_err(word);
        assert!(error.to_string().contains(word), "{error}");
    }
    let request = ToolGrammar {
        format: ToolFormat::FunctionXml,
        tools: &[tool("a", pattern)],
        otherwise: Otherwise::Nothing,
        parallel: true,
        strict: false,
        control_token: &none,
    };
    assert!(tool_grammar(&request).is_ok());
}
