//! Values that a format writes as text → JSON of the kind that the parameter's schema asks for.

use super::declared::Kinds;
use super::json::{is_number, is_value};
use super::text::quoted;

/// A text as JSON. Where none of the parameter's kinds fits, it stays the string that the model wrote.
pub(super) fn from_text(text: &str, kinds: Kinds) -> String {
    let trimmed = text.trim();
    let word = trimmed.to_ascii_lowercase();
    let json = match word.as_str() {
        "null" | "none" if kinds.null => Some("null".to_owned()),
        _ if kinds.string => None,
        "true" | "false" if kinds.boolean => Some(word),
        _ => as_is(trimmed, kinds),
    };
    json.unwrap_or_else(|| quoted(text))
}

/// JSON of a kind that the parameter takes.
fn as_is(text: &str, kinds: Kinds) -> Option<String> {
    let fits = match text.chars().next()? {
        '{' => kinds.object,
        '[' => kinds.array,
        '-' | '0'..='9' => kinds.number,
        _ => false,
    };
    (fits && is_value(text)).then(|| text.to_owned())
}

/// A word outside quotes as JSON: a number, `true`, `None` and the like. Where the parameter takes strings only,
/// the word is one.
pub(super) fn from_word(word: &str, kinds: Kinds) -> Option<String> {
    let json = match word {
        "true" | "True" => "true",
        "false" | "False" => "false",
        "null" | "None" => "null",
        number if is_number(number) => number,
        _ => return None,
    };
    if kinds.is_only_string() {
        return Some(quoted(word));
    }
    Some(json.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(of: &str) -> Kinds {
        Kinds {
            string: of.contains('s'),
            number: of.contains('n'),
            boolean: of.contains('b'),
            null: of.contains('0'),
            array: of.contains('a'),
            object: of.contains('o'),
        }
    }

    #[test]
    fn texts_become_what_the_schema_asks_for_and_else_stay_strings() {
        let cases = [
            ("12", "n", "12"),
            (" 12\n", "n", "12"),
            ("-1.5e3", "n", "-1.5e3"),
            ("012", "n", "\"012\""),
            ("twelve", "n", "\"twelve\""),
            ("12", "s", "\"12\""),
            ("12", "", "\"12\""),
            ("12", "sn", "\"12\""),
            ("null", "s0", "null"),
            ("None", "n0", "null"),
            ("null", "s", "\"null\""),
            ("True", "b", "true"),
            ("yes", "b", "\"yes\""),
            ("[1, \"a\"]", "a", "[1, \"a\"]"),
            ("[1, ", "a", "\"[1, \""),
            ("{\"a\": 1}", "o", "{\"a\": 1}"),
            ("{\"a\": 1}", "a", "\"{\\\"a\\\": 1}\""),
            ("", "n", "\"\""),
        ];
        for (text, of, expected) in cases {
            assert_eq!(from_text(text, kinds(of)), expected, "{text} as {of}");
        }
    }

    #[test]
    fn words_are_json_words_or_nothing() {
        let cases = [
            ("3", "n", Some("3")),
            ("3", "s", Some("\"3\"")),
            ("3", "sn", Some("3")),
            ("True", "", Some("true")),
            ("x", "", None),
        ];
        for (word, of, expected) in cases {
            assert_eq!(
                from_word(word, kinds(of)).as_deref(),
                expected,
                "{word} as {of}"
            );
        }
    }
}
