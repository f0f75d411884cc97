//! [`JsonScanner`]: follows JSON one character at a time, and tells where a value ends.
//!
//! Strict (RFC 8259), with two bounds that readers have: nesting, and no halves of surrogate pairs. Nothing is
//! built up: the memory of a scanner is its open brackets.

/// Deepest nesting of arguments. Common readers stop at 128.
pub(super) const MAX_DEPTH: usize = 100;

/// What a character was to the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// Part of it.
    Inside,
    /// Its last character.
    Closed,
    /// Not part of it: the value, a number, had ended before.
    ClosedBefore,
    /// No JSON.
    Invalid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Object,
    Array,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    AfterValue,
    Text,
    Escape,
    Hex { left: u8, code: u16 },
    LowSurrogateEscape,
    LowSurrogateU,
    LowSurrogate { left: u8, code: u16 },
    Number(Number),
    Word(&'static str),
}

/// Follows one value.
#[derive(Debug, Clone)]
pub(super) struct JsonScanner {
    open: Vec<Bracket>,
    state: State,
    /// The string being read is a key.
    in_key: bool,
}

impl JsonScanner {
    pub(super) fn new() -> Self {
        Self {
            open: Vec::new(),
            state: State::Value,
            in_key: false,
        }
    }

    /// Inside a string.
    pub(super) fn in_text(&self) -> bool {
        matches!(self.state, State::Text)
    }

    /// An object that lacks nothing but its closing brace. A number at the end counts as whole only where
    /// the caller knows that no digit follows.
    pub(super) fn lacks_only_brace(&self, number_is_whole: bool) -> bool {
        let between = match self.state {
            State::KeyOrEnd | State::AfterValue => true,
            State::Number(number) => number_is_whole && number.may_end(),
            _ => false,
        };
        between && self.open == [Bracket::Object]
    }

    /// Goes on by one character.
    pub(super) fn push(&mut self, c: char) -> Scan {
        if is_blank(c) {
            match self.state {
                State::Number(number) if number.may_end() => return self.number_ends(c),
                State::Value
                | State::ValueOrEnd
                | State::Key
                | State::KeyOrEnd
                | State::Colon
                | State::AfterValue => return Scan::Inside,
                _ => {}
            }
        }
        match self.state {
            State::ValueOrEnd if c == ']' => self.close(Bracket::Array),
            State::Value | State::ValueOrEnd => self.value(c),
            State::KeyOrEnd if c == '}' => self.close(Bracket::Object),
            State::Key | State::KeyOrEnd if c == '"' => {
                self.in_key = true;
                self.go(State::Text)
            }
            State::Colon if c == ':' => self.go(State::Value),
            State::AfterValue => self.after_value(c),
            State::Text => self.text(c),
            State::Escape => self.escape(c),
            State::Hex { left, code } => self.hex(c, left, code),
            State::LowSurrogateEscape if c == '\\' => self.go(State::LowSurrogateU),
            State::LowSurrogateU if c == 'u' => self.go(State::LowSurrogate { left: 4, code: 0 }),
            State::LowSurrogate { left, code } => self.low_surrogate(c, left, code),
            State::Number(number) => self.number(c, number),
            State::Word(rest) => self.word(c, rest),
            State::Key
            | State::KeyOrEnd
            | State::Colon
            | State::LowSurrogateEscape
            | State::LowSurrogateU => Scan::Invalid,
        }
    }

    fn go(&mut self, state: State) -> Scan {
        self.state = state;
        Scan::Inside
    }

    fn value(&mut self, c: char) -> Scan {
        match c {
            '{' => self.open(Bracket::Object, State::KeyOrEnd),
            '[' => self.open(Bracket::Array, State::ValueOrEnd),
            '"' => {
                self.in_key = false;
                self.go(State::Text)
            }
            '-' => self.go(State::Number(Number::Minus)),
            '0' => self.go(State::Number(Number::Zero)),
            '1'..='9' => self.go(State::Number(Number::Digits)),
            't' => self.go(State::Word("rue")),
            'f' => self.go(State::Word("alse")),
            'n' => self.go(State::Word("ull")),
            _ => Scan::Invalid,
        }
    }

    fn open(&mut self, bracket: Bracket, state: State) -> Scan {
        if self.open.len() == MAX_DEPTH {
            return Scan::Invalid;
        }
        self.open.push(bracket);
        self.go(state)
    }

    fn close(&mut self, bracket: Bracket) -> Scan {
        if self.open.pop() == Some(bracket) {
            self.value_ends()
        } else {
            Scan::Invalid
        }
    }

    fn value_ends(&mut self) -> Scan {
        self.state = State::AfterValue;
        if self.open.is_empty() {
            Scan::Closed
        } else {
            Scan::Inside
        }
    }

    fn after_value(&mut self, c: char) -> Scan {
        match (c, self.open.last()) {
            (',', Some(Bracket::Object)) => self.go(State::Key),
            (',', Some(Bracket::Array)) => self.go(State::Value),
            ('}', _) => self.close(Bracket::Object),
            (']', _) => self.close(Bracket::Array),
            _ => Scan::Invalid,
        }
    }

    fn text(&mut self, c: char) -> Scan {
        match c {
            '"' if self.in_key => self.go(State::Colon),
            '"' => self.value_ends(),
            '\\' => self.go(State::Escape),
            c if c < ' ' => Scan::Invalid,
            _ => Scan::Inside,
        }
    }

    fn escape(&mut self, c: char) -> Scan {
        match c {
            '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => self.go(State::Text),
            'u' => self.go(State::Hex { left: 4, code: 0 }),
            _ => Scan::Invalid,
        }
    }

    fn hex(&mut self, c: char, left: u8, code: u16) -> Scan {
        let Some(digit) = c.to_digit(16) else {
            return Scan::Invalid;
        };
        let code = code << 4 | digit as u16;
        match (left, code) {
            (2.., _) => self.go(State::Hex {
                left: left - 1,
                code,
            }),
            (_, 0xD800..=0xDBFF) => self.go(State::LowSurrogateEscape),
            (_, 0xDC00..=0xDFFF) => Scan::Invalid,
            _ => self.go(State::Text),
        }
    }

    fn low_surrogate(&mut self, c: char, left: u8, code: u16) -> Scan {
        let Some(digit) = c.to_digit(16) else {
            return Scan::Invalid;
        };
        let code = code << 4 | digit as u16;
        match (left, code) {
            (2.., _) => self.go(State::LowSurrogate {
                left: left - 1,
                code,
            }),
            (_, 0xDC00..=0xDFFF) => self.go(State::Text),
            _ => Scan::Invalid,
        }
    }

    fn number(&mut self, c: char, number: Number) -> Scan {
        use Number::{
            Digits, Exponent, ExponentDigits, ExponentSign, Fraction, Minus, Point, Zero,
        };
        let next = match (number, c) {
            (Minus, '0') => Zero,
            (Minus, '1'..='9') | (Digits, '0'..='9') => Digits,
            (Zero | Digits, '.') => Point,
            (Point | Fraction, '0'..='9') => Fraction,
            (Zero | Digits | Fraction, 'e' | 'E') => Exponent,
            (Exponent, '+' | '-') => ExponentSign,
            (Exponent | ExponentSign | ExponentDigits, '0'..='9') => ExponentDigits,
            _ if number.may_end() => return self.number_ends(c),
            _ => return Scan::Invalid,
        };
        self.go(State::Number(next))
    }

    fn number_ends(&mut self, c: char) -> Scan {
        self.state = State::AfterValue;
        if self.open.is_empty() {
            Scan::ClosedBefore
        } else {
            self.push(c)
        }
    }

    fn word(&mut self, c: char, rest: &'static str) -> Scan {
        match rest.strip_prefix(c) {
            Some("") => self.value_ends(),
            Some(rest) => self.go(State::Word(rest)),
            None => Scan::Invalid,
        }
    }
}

impl Number {
    fn may_end(self) -> bool {
        matches!(
            self,
            Self::Zero | Self::Digits | Self::Fraction | Self::ExponentDigits
        )
    }
}

/// Blanks of JSON.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Whether a text is one whole JSON value, with nothing around it.
pub(crate) fn is_value(text: &str) -> bool {
    let mut scanner = JsonScanner::new();
    let mut closed = false;
    for c in text.chars() {
        closed = match scanner.push(c) {
            _ if closed => return false,
            Scan::Inside => false,
            Scan::Closed => true,
            Scan::ClosedBefore | Scan::Invalid => return false,
        };
    }
    closed
        || matches!(scanner.state, State::Number(number) if number.may_end() && scanner.open.is_empty())
}

/// Whether a text is a JSON number, with nothing around it.
pub(super) fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && is_value(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn values_are_told_from_what_is_no_json() {
        let good = [
            "{}",
            "[]",
            "\"\"",
            "0",
            "-0.5e+10",
            "true",
            "null",
            "1E3",
            "{ \"a\" : [1, 2.5, {\"b\": null}] ,\"c\":\"\\u00e9\\ud83d\\ude00\\n\"}",
        ];
        for text in good {
            assert!(is_value(text), "{text}");
        }
        let bad = [
            "",
            "{",
            "}",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "01",
            "+1",
            ".5",
            "5.",
            "1e",
            "-",
            "tru",
            "nul l",
            "\"\n\"",
            "\"\\x\"",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "[1}",
            "1 2",
            "{} ",
            "'a'",
            "{,}",
            "\"\\ud83d\\u0041\"",
        ];
        for text in bad {
            assert!(!is_value(text), "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_value(&nested(MAX_DEPTH)));
        assert!(!is_value(&nested(MAX_DEPTH + 1)));
    }

    proptest! {
        #[test]
        fn it_agrees_with_another_reader(text in "[\\[\\]{}:,\"\\\\untrue 0-9.eE+-]{0,12}") {
            let trimmed = text.trim_matches(is_blank);
            if !trimmed.contains("\\u") && !trimmed.contains(['e', 'E']) {
                prop_assert_eq!(is_value(trimmed), serde_json::from_str::<Value>(trimmed).is_ok());
            }
        }
    }
}
