//! Constraints of every kind on a small vocabulary.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::testing::{END, accepts, compile, compiler};
use super::{Constraint, ConstraintError, MaskWorker, MatchError, limits};
use crate::llama::Token;

fn check(constraint: &Constraint, good: &[&str], bad: &[&str]) {
    for text in good {
        assert!(accepts(constraint, text), "{text:?} fulfils {constraint:?}");
    }
    for text in bad {
        assert!(
            !accepts(constraint, text),
            "{text:?} does not fulfil {constraint:?}"
        );
    }
}

fn schema(value: Value) -> Constraint {
    Constraint::JsonSchema(value)
}

fn regex(source: &str) -> Constraint {
    Constraint::Regex(source.to_owned())
}

fn lark(source: &str) -> Constraint {
    Constraint::Lark(source.to_owned())
}

#[test]
fn any_json_object_is_an_object() {
    check(
        &Constraint::JsonObject,
        &["{}", r#"{"a": [1, {"b": null}]}"#, "{\n  \"a\": \"é\"\n}"],
        &["[]", "1", "{", "{\"a\"}", "{}}", "{'a':1}", " {}"],
    );
}

#[test]
fn a_schema_is_enforced() {
    let person = schema(json!({
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 5}, "age": {"type": "integer", "minimum": 0}},
        "required": ["name"],
        "additionalProperties": false,
    }));
    check(
        &person,
        &[
            r#"{"name":"Ann"}"#,
            r#"{"name": "Ann", "age": 3}"#,
            r#"{"name":"é\n"}"#,
        ],
        &[
            r#"{"age":3}"#,
            r#"{"name":"Annabel"}"#,
            r#"{"name":"A","age":-1}"#,
            r#"{"name":"A","x":1}"#,
        ],
    );
    check(
        &schema(json!({"enum": ["a", 1, null]})),
        &["\"a\"", "1", "null"],
        &["\"b\"", "true"],
    );
    check(&schema(json!(true)), &["1", "[]"], &["x"]);
}

#[test]
fn a_regex_matches_as_a_whole() {
    check(
        &regex(r"\d{4}-\d{2}"),
        &["2024-05"],
        &["2024-5", "2024-055", "x2024-05"],
    );
    check(&regex("a|bc"), &["a", "bc"], &["abc", "b"]);
    check(&regex("[^/]+/"), &["a b/"], &["/", "a"]);
    check(&regex("a/*\n"), &["a//\n"], &["a"]);
    check(&regex(r"(?i)yes\\"), &["YeS\\"], &["yes"]);
    check(&regex("a*"), &["", "aaa"], &["b"]);
    check(&regex("^ab$"), &["ab"], &["xab", "a"]);
}

#[test]
fn lark_grammars_are_followed() {
    check(
        &lark("start: \"a\" b+ // comment\nb: /[0-9]+/ \",\" | \"(\" b \")\"\n"),
        &["a1,", "a12,(3,)"],
        &["a", "1,", "a1"],
    );
    check(&lark("%import common.INT\nstart: INT"), &["12"], &["x", ""]);
}

#[test]
fn control_tokens_and_texts_are_never_confused() {
    let named = lark("start: <|tool|>");
    let spelt = lark("start: \"<|tool|>\"");
    let first = |constraint: &Constraint| -> Vec<Token> {
        compile(constraint)
            .expect("compiles")
            .mask()
            .expect("a mask")
            .tokens()
            .collect()
    };
    assert_eq!(first(&named), [Token(256)]);
    // `<` and the word, but not the control token of that name.
    assert_eq!(first(&spelt), [Token(i32::from(b'<')), Token(264)]);
    let any = compile(&regex("(?s:.*)"))
        .expect("compiles")
        .mask()
        .expect("a mask");
    assert!(any.allows(END) && !any.allows(Token(256)));
    // Bytes that UTF-8 never uses.
    assert!(
        [0xC0, 0xC1, 0xF5, 0xFF]
            .iter()
            .all(|&byte| !any.allows(Token(byte)))
    );
}

#[test]
fn the_end_is_allowed_exactly_where_the_text_is_complete() {
    let mut matcher = compile(&regex("ab?")).expect("compiles");
    assert_eq!(matcher.may_end(), Ok(false));
    assert!(!matcher.mask().expect("a mask").allows(END));
    matcher.accept(Token(i32::from(b'a'))).expect("fits");
    assert_eq!(
        (matcher.may_end(), matcher.is_complete()),
        (Ok(true), false)
    );
    assert!(matcher.mask().expect("a mask").allows(END));
    matcher.accept(Token(i32::from(b'b'))).expect("fits");
    assert!(matcher.is_complete());
    assert_eq!(
        matcher.mask().expect("a mask").tokens().collect::<Vec<_>>(),
        [END]
    );
}

#[test]
fn a_matcher_that_failed_stays_failed() {
    let mut matcher = compile(&regex("ab")).expect("compiles");
    let rejected = Err(MatchError::Rejected { token: Token(1) });
    assert_eq!(matcher.accept(Token(1)), rejected);
    assert_eq!(matcher.accept(Token(i32::from(b'a'))), rejected);
    assert!(matcher.mask().is_err() && matcher.may_end().is_err() && !matcher.is_complete());

    for outside in [-1, 100_000] {
        let mut matcher = compile(&regex("ab")).expect("compiles");
        assert!(matcher.accept(Token(outside)).is_err());
    }
}

#[test]
fn masks_are_computed_ahead() {
    let worker = MaskWorker::spawn().expect("a thread");
    let mut runs: Vec<_> = (0..3)
        .map(|_| worker.start(compile(&regex("a{3}")).expect("compiles"), None))
        .collect();
    let a = Token(i32::from(b'a'));
    for step in 0..3 {
        for ahead in &mut runs {
            assert_eq!(
                ahead.mask().map(|mask| mask.allows(a)),
                Ok(true),
                "step {step}"
            );
            ahead.advance(a);
        }
    }
    for mut ahead in runs {
        assert_eq!(ahead.mask().map(|mask| mask.allows(END)), Ok(true));
        assert!(ahead.is_complete());
    }
}

#[test]
fn a_run_whose_worker_or_token_failed_gets_errors_only() {
    let worker = MaskWorker::spawn().expect("a thread");
    let mut ahead = worker.start(compile(&regex("ab")).expect("compiles"), None);
    ahead.advance(Token(i32::from(b'x')));
    for _ in 0..2 {
        assert!(matches!(ahead.mask(), Err(MatchError::Rejected { .. })));
        assert!(!ahead.is_complete());
        ahead.advance(Token(i32::from(b'a')));
    }
}

#[test]
fn a_run_that_is_dropped_ends_what_is_computed_for_it() {
    let worker = MaskWorker::spawn().expect("a thread");
    let matcher = compile(&regex("ab")).expect("compiles");
    let handle = matcher.cancellation().expect("cancellable");
    let mut ahead = worker.start(matcher, None);
    assert!(ahead.mask().is_ok());
    ahead.advance(Token(i32::from(b'a')));
    assert!(!handle.is_cancelled());
    drop(ahead);
    assert!(handle.is_cancelled());
}

#[test]
fn whoever_waits_for_a_mask_is_woken() {
    let worker = MaskWorker::spawn().expect("a thread");
    let matcher = compile(&regex("ab")).expect("compiles");
    let mut ahead = worker.start(matcher, Some(std::thread::current()));
    while !ahead.is_ready(Duration::ZERO) {
        std::thread::park();
    }
    assert!(ahead.mask().is_ok());
}

/// Every entry must be an error of its kind, and soon.
#[test]
fn hostile_constraints_are_refused() {
    let nested = |open: &str, close: &str, n: usize| open.repeat(n) + close.repeat(n).as_str();
    let deep = |n: usize| {
        let mut value = json!({"type": "string"});
        for _ in 0..n {
            value = json!({"properties": {"a": value}});
        }
        value
    };
    let chain = |n: usize| {
        let definitions: serde_json::Map<_, _> = (0..n)
            .map(|i| (i.to_string(), json!({"$ref": format!("#/$defs/{}", i + 1)})))
            .chain([(n.to_string(), json!({"type": "null"}))])
            .collect();
        json!({"$ref": "#/$defs/0", "$defs": definitions})
    };
    let hostile = [
        (regex(&nested("(", ")", 60_000)), "long"),
        (regex(&nested("(a", ")", 1_000)), "nest"),
        (regex("(a{100}){100}{100}"), "written out"),
        (regex("a{1,1000000}"), "times"),
        (regex("(?=a)"), "look-around"),
        (regex(r"[^\s\S]"), "fulfil"),
        (
            lark(&format!("start: {}", nested("(", ")", 10_000))),
            "levels deep",
        ),
        (lark("start: \"a\"{1,1000000}"), "1000000"),
        (lark("start: unknown"), "unknown"),
        (schema(deep(60)), "deep"),
        (schema(chain(5_000)), "different `$ref`s"),
        (schema(json!({"$ref": "#"})), "contain itself"),
        (
            schema(
                json!({"properties": {"a": {"$ref": "#"}}, "required": ["a"], "type": "object"}),
            ),
            "contain itself",
        ),
        (
            schema(
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}),
            ),
            "contain itself",
        ),
        (
            schema(json!({"enum": (0..100_000).collect::<Vec<_>>()})),
            "long",
        ),
        (
            schema(json!({"enum": (0..6_000).collect::<Vec<_>>()})),
            "values large",
        ),
        (
            schema(json!({"type": "array", "minItems": 1_000_000})),
            "1000000",
        ),
        (
            schema(json!({"type": "string", "pattern": "(?<=a)b"})),
            "look-around",
        ),
        (
            schema(json!({"type": "string", "minLength": 9, "maxLength": 3})),
            "fulfil",
        ),
        (schema(json!(false)), "false"),
        (
            schema(json!({"allOf": [{"type": "string"}, {"type": "null"}]})),
            "fulfil",
        ),
        (schema(json!({"not": {"type": "string"}})), "`not`"),
        (
            schema(json!({"$ref": "https://example.com/schema"})),
            "no schema in this document",
        ),
        (schema(json!({"requird": ["a"]})), "`requird`"),
        (
            schema(json!({"x-guidance": {"lenient": true}, "not": {}})),
            "x-guidance",
        ),
        (
            schema(json!({"oneOf": [{"type": "integer"}, {"minimum": 2}]})),
            "oneOf",
        ),
        (schema(json!("string")), "not an object"),
    ];
    for (constraint, word) in hostile {
        let started = Instant::now();
        let error = compile(&constraint).expect_err(word).to_string();
        assert!(error.contains(word), "{word}: {error}");
        assert!(
            started.elapsed() < limits::COMPILE_TIME + Duration::from_secs(1),
            "{word}"
        );
        assert!(error.len() < 600, "{error}");
    }
}

/// Legal and large: each is refused for its size or compiles, in bounded time, and never kills the process.
#[test]
fn large_constraints_compile_or_are_refused_soon() {
    let chain_of_rules =
        |n: usize, rule: fn(usize) -> String| (0..n).map(rule).collect::<Vec<_>>().concat();
    let refs: serde_json::Map<_, _> = (0..400)
        .map(|i| (i.to_string(), json!({"$ref": format!("#/$defs/{}", i + 1)})))
        .chain([("400".to_owned(), json!({"type": "null"}))])
        .collect();
    let wide: serde_json::Map<_, _> = (0..2_000)
        .map(|i| (format!("p{i}"), json!({"type": "integer"})))
        .collect();
    let large = [
        schema(json!({"$ref": "#/$defs/0", "$defs": refs})),
        schema(json!({"properties": wide, "type": "object"})),
        schema(json!({"enum": (0..5_000).map(|i| format!("value {i}")).collect::<Vec<_>>()})),
        schema(json!({"type": "array", "minItems": 10_000, "maxItems": 10_000})),
        schema(json!({"type": "string", "minLength": 1_000_000})),
        schema(json!({"type": "string", "pattern": "^(a+)+$"})),
        schema(json!({"type": "string", "pattern": "(a|aa)+(b|bb)+[^x]{500}c"})),
        schema(json!({"type": "number", "multipleOf": 0.000_000_1, "minimum": 0.000_000_3})),
        regex("(a|b)*a(a|b){20}"),
        regex(".*a.{1000}b.*"),
        regex("([a-z]{50}|[0-9]{50}){100}"),
        lark(&format!(
            "start: r0\n{}r900: \"x\"\n",
            chain_of_rules(900, |i| format!("r{i}: r{}\n", i + 1))
        )),
        Constraint::Gbnf(format!(
            "root ::= r0\n{}r900 ::= \"x\" root?\n",
            chain_of_rules(900, |i| format!("r{i} ::= (r{} | \"a\")\n", i + 1))
        )),
        Constraint::Gbnf(format!(
            "root ::= r0\n{}r40 ::= \"x\"\n",
            chain_of_rules(40, |i| format!("r{i} ::= r{0} r{0}\n", i + 1))
        )),
        Constraint::Gbnf(format!(
            "root ::= r0 | \"(\" root \")\"\n{}r40 ::= \"x\"\n",
            chain_of_rules(40, |i| format!("r{i} ::= r{0} r{0}\n", i + 1))
        )),
        Constraint::Gbnf("root ::= ((\"a\"{0,1000}){0,1000}){0,1000} root?".to_owned()),
        Constraint::Gbnf("root ::= root root | \"a\" | ".to_owned()),
        Constraint::Gbnf("root ::= a*\na ::= \"\" | a a | \"b\"".to_owned()),
    ];
    let compiler = compiler();
    for constraint in large {
        let started = Instant::now();
        let outcome = compiler.compile(&constraint);
        let took = started.elapsed();
        let name: String = format!("{constraint:?}").chars().take(60).collect();
        eprintln!(
            "{took:>10.1?} {name} {}",
            outcome
                .as_ref()
                .map_or_else(ToString::to_string, |_| "compiled".to_owned())
        );
        assert!(
            took < limits::COMPILE_TIME + Duration::from_secs(1),
            "{name}: {took:?}"
        );
        match outcome {
            Ok(mut matcher) => drop(matcher.mask()),
            Err(ConstraintError::TooComplex { .. } | ConstraintError::TooLarge { .. }) => {}
            Err(error) => panic!("{name}: {error}"),
        }
    }
}
