use proptest::prelude::*;

use crate::constraint::limits::{MAX_DEPTH, MAX_REPETITION, MAX_RULES};
use crate::constraint::testing::accepts;
use crate::constraint::{Constraint, ConstraintError, testing};

fn check(grammar: &str, good: &[&str], bad: &[&str]) {
    let constraint = Constraint::Gbnf(grammar.to_owned());
    assert_eq!(constraint.check(), Ok(()), "{grammar}");
    for text in good {
        assert!(accepts(&constraint, text), "{text:?} is in\n{grammar}");
    }
    for text in bad {
        assert!(!accepts(&constraint, text), "{text:?} is not in\n{grammar}");
    }
}

#[test]
fn literals_and_escapes_are_matched_as_written() {
    check(
        r#"root ::= "a\"\\\n\t\x41\u00e9\U0001F600" "x/y""#,
        &["a\"\\\n\tAé😀x/y"],
        &["a\"\\\n\tAé😀x", "a", ""],
    );
    check("root ::= \"\" | \"a\"", &["", "a"], &["b", "aa"]);
    check(
        "root ::= \"é\" \"ß\"+",
        &["éß", "éßßß"],
        &["é", "e\u{301}ß"],
    );
}

#[test]
fn classes_hold_ranges_escapes_and_negations() {
    check("root ::= [a-cx_-]+", &["abcx_-"], &["d", ""]);
    check(r"root ::= [\]\[\\^]+", &["]", "[", "\\^"], &["a"]);
    check(
        r"root ::= [^a-y\n]",
        &["z", "é", "😀"],
        &["a", "\n", "zz", ""],
    );
    check("root ::= [ぁ-ゟ]+ .", &["ひらx"], &["ひ", "x", "カx"]);
    check("root ::= [^]", &["a", "\n"], &["", "ab"]);
}

#[test]
fn repetitions_count() {
    check("root ::= \"ab\"{2}", &["abab"], &["ab", "ababab"]);
    check("root ::= [0-9]{2,}", &["12", "12345"], &["1", ""]);
    check(
        "root ::= [0-9]{1,3} \"x\"?",
        &["1", "123x"],
        &["", "1234", "x"],
    );
    check("root ::= [0-9]{0,2}", &["", "12"], &["123"]);
    check("root ::= (\"a\" | \"b\")* \"c\"", &["c", "abbac"], &["ab"]);
    check("root ::= \"a\"?+ \"b\"", &["b", "aab"], &["c"]);
    check("root ::= \"a\"{0} \"b\"", &["b"], &["ab"]);
}

#[test]
fn comments_line_ends_and_groups_are_read_as_documented() {
    check(
        "# a list\nroot ::= ( # inside\n  item\n  (\",\" item)*\n)\n\nitem ::= \"x\" |\n  \"y\" # end\r\n",
        &["x", "y,x"],
        &["", "x,", "z"],
    );
    check("root ::=\n  \"a\"", &["a"], &["b"]);
    check(
        "root ::= a-b_2 | C\na-b_2 ::= \"1\"\nC ::= ",
        &["1", ""],
        &["2"],
    );
}

const JSON: &str = r#"
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [-+]? [0-9]+)? ws
ws     ::= | " " | "\n" [ \t]{0,20}
"#;

#[test]
fn json_is_parsed() {
    check(
        JSON,
        &[
            "{}",
            r#"{"a": [1, -2.5e+10, "x\u00e9\"", true, null], "b": {"c": {}}}"#,
            "{\n  \"é\": 0 }\n",
        ],
        &[
            "[]",
            "{\"a\":01}",
            "{\"a\" 1}",
            "{\"a\":1,}",
            "{\"a\": tru}",
            "{",
        ],
    );
}

#[test]
fn left_and_right_recursion_work() {
    let sums = "root ::= sum\nsum ::= sum [-+] product | product\nproduct ::= product [*/] atom | atom\n\
                atom ::= [0-9]+ | \"(\" sum \")\"";
    check(
        sums,
        &["1", "1+2*3", "(1-(2))/34"],
        &["1+", "()", "1 + 2", "(1"],
    );
    check(
        "root ::= \"(\" root \")\" | \"\"",
        &["", "((()))"],
        &["(()", ")"],
    );
    check(
        "root ::= \"a\" root \"a\" | \"b\"",
        &["b", "aabaa"],
        &["aab", "aba a"],
    );
    check(
        "root ::= a \"c\"\na ::= b\nb ::= a \"x\" | \"y\"",
        &["yc", "yxxc"],
        &["xc"],
    );
}

#[test]
fn moves_and_lists_are_regular() {
    let chess = r#"
root ::= ("1. " move " " move "\n") ([1-9] [0-9]? ". " move " " move "\n")*
move ::= (pawn | piece | castle) [+#]?
piece ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
pawn ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
castle ::= "O-O" "-O"?
"#;
    check(
        chess,
        &["1. e4 e5\n2. Nf3 Nc6\n", "1. exd8=Q+ O-O-O\n"],
        &["1. e4\n", "1. e9 e5\n", "e4 e5"],
    );
    check(
        "root ::= (\"- \" [^\\n]+ \"\\n\")+",
        &["- a\n- b c\n"],
        &["- a", "-\n", "- a\n\n"],
    );
}

/// Grammars whose obvious lexemes would swallow what follows them. Each is recursive, so that it is not
/// one lexeme as a whole.
#[test]
fn a_lexeme_never_swallows_what_follows() {
    let recursive =
        |tail: &str| format!("root ::= \"(\" root \")\" | word {tail}\nword ::= [a-z]+");
    check(&recursive("\"x\""), &["abx", "(xx)", "abxx"], &["ab", "x"]);
    check(&recursive("[a-z]{2}"), &["abc", "((abcdef))"], &["ab"]);
    check(
        &recursive("\"end\" \"!\"?"),
        &["xend", "endend!"],
        &["end", "x"],
    );
    check(
        "root ::= \"(\" root \")\" | \"a\" \"b\" \"c\" | \"ab\" \"d\" | \"a\" root",
        &["abc", "abd", "aabd", "(aabc)"],
        &["ab", "abcd"],
    );
    check(
        "root ::= item | root item\nitem ::= \"if\" | name\nname ::= [a-z] [a-z0-9]{0,3}",
        &["if", "ifif", "if0if", "abcdef"],
        &["0", ""],
    );
    check(
        "root ::= \"<\" text root? text \">\"\ntext ::= [^<>]* \"a\"",
        &["<aa>", "<xa<aa>ya>", "<aaaa>"],
        &["<a>", "<x>", "<ab>"],
    );
    check(
        "root ::= digits \".\" root | digits\ndigits ::= [0-9]+ (\".\" [0-9]{2})?",
        &["1", "1.2", "1.22", "1.22.3", "1.2.3.44"],
        &["1.", ".1"],
    );
}

#[test]
fn tokens_are_named_by_text_or_number() {
    use crate::llama::Token;
    let constraint = Constraint::Gbnf("root ::= <|tool|> <[97]> !<[98]>".to_owned());
    let mut matcher = testing::compile(&constraint).expect("all tokens exist");
    let allowed = |matcher: &mut crate::constraint::Matcher| -> Vec<Token> {
        matcher.mask().expect("a mask").tokens().collect()
    };
    // The control token, not the text of the same spelling (token 264).
    assert_eq!(allowed(&mut matcher), [Token(256)]);
    matcher.accept(Token(256)).expect("allowed");
    assert_eq!(allowed(&mut matcher), [Token(97)]);
    matcher.accept(Token(97)).expect("allowed");
    let any_other = allowed(&mut matcher);
    assert!(!any_other.contains(&Token(98)) && any_other.contains(&Token(99)));
    matcher.accept(Token(99)).expect("allowed");
    assert!(matcher.is_complete());

    let unknown = Constraint::Gbnf("root ::= <|nobody|>".to_owned());
    assert!(testing::compile(&unknown).is_err());
}

#[test]
fn broken_grammars_are_refused_with_their_place() {
    let refused = |grammar: &str, word: &str| {
        let constraint = Constraint::Gbnf(grammar.to_owned());
        let error = constraint.check().expect_err(grammar).to_string();
        assert!(error.contains(word), "{grammar}: {error}");
        assert_eq!(
            testing::compile(&constraint)
                .expect_err(grammar)
                .to_string(),
            error
        );
    };
    refused("", "no rule named `root`");
    refused("a ::= \"b\"", "no rule named `root`");
    refused("root ::= b", "`b` is used but not defined");
    refused("root ::= \"a\"\nroot ::= \"b\"", "defined twice");
    refused("root ::= \"a", "closing quote");
    refused("root ::= \"\\q\"", "known escape");
    refused("root ::= \"\\xz1\"", "hexadecimal");
    refused("root ::= \"\\uD800\"", "surrogate");
    refused("root ::= \"\\UFFFFFFFF\"", "hexadecimal");
    refused("root ::= [z-a]", "upwards");
    refused("root ::= []", "at least one character");
    refused("root ::= (\"a\"", "`)`");
    refused("root ::= \"a\")", "end of the line");
    refused("root = \"a\"", "`::=`");
    refused("root ::= \"a\"{3,2}", "bounds");
    refused("root ::= \"a\"{x}", "number");
    refused("\n\nroot ::= *", "line 3");
    refused("root ::= !<|tool|>", "only before an id");
    refused("root ::= \"a\" root", "without end");
    refused(
        "root ::= a\na ::= \"x\" b\nb ::= a | \"y\" a",
        "without end",
    );
}

#[test]
fn grammars_beyond_their_limits_are_refused() {
    let refused = |grammar: String, word: &str| {
        let error = Constraint::Gbnf(grammar).check().expect_err(word);
        assert!(matches!(error, ConstraintError::TooLarge { .. }), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    };
    let nested = |depth| format!("root ::= {}\"a\"{}", "(".repeat(depth), ")".repeat(depth));
    check(&nested(MAX_DEPTH), &["a"], &["b"]);
    refused(nested(MAX_DEPTH + 1), "levels deep");
    refused(nested(30_000), "levels deep");
    refused("root ::= \"a\"{1,1000000}".to_owned(), "times");
    refused(format!("root ::= \"a\"{{{}}}", MAX_REPETITION + 1), "times");
    refused(
        format!("root ::= \"{}\"", "a".repeat(30_000)),
        "symbols long",
    );
    refused(format!("root ::= \"{}\"", "a".repeat(70_000)), "bytes long");
    let rules: Vec<String> = (0..=MAX_RULES).map(|i| format!("r{i} ::= \"a\"")).collect();
    refused(rules.join("\n"), "rules long");
}

/// A model of the notation for the property below: what matches is computed by hand, character by character.
#[derive(Debug, Clone)]
enum Model {
    Text(&'static str),
    Class(&'static str),
    Join(Vec<Model>),
    Either(Vec<Model>),
    Repeat(Box<Model>, usize, usize),
    /// `"(" x ")"` or another.
    Nested(Box<Model>),
}

impl Model {
    fn gbnf(&self) -> String {
        let list = |models: &[Model], separator| {
            let parts: Vec<String> = models.iter().map(Model::gbnf).collect();
            format!("({})", parts.join(separator))
        };
        match self {
            Self::Text(text) => format!("\"{text}\""),
            Self::Class(chars) => format!("[{chars}]"),
            Self::Join(models) => list(models, " "),
            Self::Either(models) => list(models, " | "),
            Self::Repeat(model, min, max) => format!("{}{{{min},{max}}}", model.gbnf()),
            Self::Nested(model) => format!("(\"(\" root \")\" | {})", model.gbnf()),
        }
    }

    /// The ends of all matches that begin at `at`.
    fn ends(&self, root: &Model, text: &[char], at: usize, depth: usize) -> Vec<usize> {
        let mut ends = match self {
            Self::Text(literal) => {
                let literal: Vec<char> = literal.chars().collect();
                let matches = text[at..].starts_with(&literal);
                matches.then_some(at + literal.len()).into_iter().collect()
            }
            Self::Class(chars) => {
                let matches = text.get(at).is_some_and(|&c| chars.contains(c));
                matches.then_some(at + 1).into_iter().collect()
            }
            Self::Join(models) => models.iter().fold(vec![at], |starts, model| {
                starts
                    .iter()
                    .flat_map(|&at| model.ends(root, text, at, depth))
                    .collect()
            }),
            Self::Either(models) => models
                .iter()
                .flat_map(|model| model.ends(root, text, at, depth))
                .collect(),
            Self::Repeat(model, min, max) => {
                let mut all = Vec::new();
                let mut starts = vec![at];
                for n in 0..=*max {
                    if n >= *min {
                        all.extend_from_slice(&starts);
                    }
                    starts = starts
                        .iter()
                        .flat_map(|&at| model.ends(root, text, at, depth))
                        .collect();
                    starts.sort_unstable();
                    starts.dedup();
                }
                all
            }
            Self::Nested(model) => {
                let mut all = model.ends(root, text, at, depth);
                if depth > 0 && text.get(at) == Some(&'(') {
                    let inner = root.ends(root, text, at + 1, depth - 1);
                    all.extend(
                        inner
                            .iter()
                            .filter(|&&end| text.get(end) == Some(&')'))
                            .map(|end| end + 1),
                    );
                }
                all
            }
        };
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    fn matches(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        self.ends(self, &chars, 0, 6).contains(&chars.len())
    }
}

fn model() -> impl Strategy<Value = Model> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["a", "ab", "b", "aé", ""]).prop_map(Model::Text),
        prop::sample::select(vec!["ab", "bé", "a"]).prop_map(Model::Class),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Model::Join),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Model::Either),
            (inner.clone(), 0..2usize, 1..4usize).prop_map(|(model, min, max)| Model::Repeat(
                Box::new(model),
                min,
                max.max(min)
            )),
            inner.prop_map(|model| Model::Nested(Box::new(model))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_conversion_keeps_the_language(model in model(), texts in prop::collection::vec("[ab()é]{0,7}", 12)) {
        let constraint = Constraint::Gbnf(format!("root ::= {}", model.gbnf()));
        match testing::compile(&constraint) {
            Ok(_) => {
                for text in &texts {
                    prop_assert_eq!(accepts(&constraint, text), model.matches(text), "{:?} {:?}", text, constraint);
                }
            }
            Err(ConstraintError::Empty { .. }) => {
                for text in &texts {
                    prop_assert!(!model.matches(text), "{:?} {:?}", text, constraint);
                }
            }
            Err(error) => prop_assert!(false, "{error}: {constraint:?}"),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[ \\na-c:=()\\[\\]{}|*+?\"\\\\<>!#0-9,.^-]{0,60}") {
        let _ = Constraint::Gbnf(text).check();
    }
}
