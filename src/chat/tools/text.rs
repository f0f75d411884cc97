//! Strings in and out of JSON, one character at a time.

/// Writes a character as part of a JSON string.
pub(super) fn push_escaped(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c < ' ' => {
            out.push_str("\\u00");
            let code = c as u32;
            for digit in [code >> 4, code & 15] {
                out.extend(char::from_digit(digit, 16));
            }
        }
        c => out.push(c),
    }
}

/// A text as a JSON string with its quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    text.chars().for_each(|c| push_escaped(&mut out, c));
    out.push('"');
    out
}

/// What a character of an escaped string said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decoded {
    /// Nothing yet.
    Nothing,
    /// This character.
    Char(char),
    /// A backslash before a character that needs none: both stand for themselves. Only in
    /// [`Notation::Python`].
    Both(char),
    /// The string is over.
    End,
    /// No such escape.
    Invalid,
}

/// Which escapes a string uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// JSON.
    Json,
    /// Python without `\N{…}` and octal escapes.
    Python,
}

/// Reads the inside of a quoted string.
#[derive(Debug, Clone)]
pub(super) struct StringDecoder {
    quote: char,
    notation: Notation,
    state: Escape,
    /// The first half of a surrogate pair.
    high: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
enum Escape {
    None,
    Backslash,
    Hex { left: u8, code: u32 },
}

impl StringDecoder {
    pub(super) fn json() -> Self {
        Self::new('"', Notation::Json)
    }

    pub(super) fn new(quote: char, notation: Notation) -> Self {
        Self {
            quote,
            notation,
            state: Escape::None,
            high: None,
        }
    }

    pub(super) fn push(&mut self, c: char) -> Decoded {
        match self.state {
            Escape::Hex { left, code } => self.hex(c, left, code),
            Escape::None if c == '\\' => {
                self.state = Escape::Backslash;
                Decoded::Nothing
            }
            Escape::Backslash if c == 'u' => self.expect_hex(4),
            _ if self.high.is_some() => Decoded::Invalid,
            Escape::None if c == self.quote => Decoded::End,
            Escape::None => Decoded::Char(c),
            Escape::Backslash => self.escaped(c),
        }
    }

    fn expect_hex(&mut self, left: u8) -> Decoded {
        self.state = Escape::Hex { left, code: 0 };
        Decoded::Nothing
    }

    fn escaped(&mut self, c: char) -> Decoded {
        self.state = Escape::None;
        let python = self.notation == Notation::Python;
        match c {
            'n' => Decoded::Char('\n'),
            't' => Decoded::Char('\t'),
            'r' => Decoded::Char('\r'),
            'b' => Decoded::Char('\u{8}'),
            'f' => Decoded::Char('\u{c}'),
            '"' | '\\' => Decoded::Char(c),
            '/' if !python => Decoded::Char(c),
            '\'' if python => Decoded::Char(c),
            'x' if python => self.expect_hex(2),
            'U' if python => self.expect_hex(8),
            '\n' if python => Decoded::Nothing,
            '0'..='9' | 'N' | 'a' | 'v' => Decoded::Invalid,
            _ if python => Decoded::Both(c),
            _ => Decoded::Invalid,
        }
    }

    fn hex(&mut self, c: char, left: u8, code: u32) -> Decoded {
        let Some(digit) = c.to_digit(16) else {
            return Decoded::Invalid;
        };
        let code = code << 4 | digit;
        if left > 1 {
            self.state = Escape::Hex {
                left: left - 1,
                code,
            };
            return Decoded::Nothing;
        }
        self.state = Escape::None;
        match (self.high.take(), code) {
            (None, 0xD800..=0xDBFF) => {
                self.high = Some(code);
                Decoded::Nothing
            }
            (Some(high), 0xDC00..=0xDFFF) => {
                let code = 0x1_0000 + ((high - 0xD800) << 10) + (code - 0xDC00);
                char::from_u32(code).map_or(Decoded::Invalid, Decoded::Char)
            }
            (Some(_), _) => Decoded::Invalid,
            (None, code) => char::from_u32(code).map_or(Decoded::Invalid, Decoded::Char),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a string says, up to its quote; `None` where it is invalid or not over.
    fn decode(notation: Notation, text: &str) -> Option<String> {
        let mut decoder = StringDecoder::new('"', notation);
        let mut out = String::new();
        for c in text.chars() {
            match decoder.push(c) {
                Decoded::Nothing => {}
                Decoded::Char(c) => out.push(c),
                Decoded::Both(c) => out.extend(['\\', c]),
                Decoded::End => return Some(out),
                Decoded::Invalid => return None,
            }
        }
        None
    }

    #[test]
    fn escapes_are_read_as_their_notation_says() {
        let cases = [
            (
                Notation::Json,
                r#"a\n\"\u00e9\ud83d\ude00\/""#,
                Some("a\n\"é😀/"),
            ),
            (Notation::Json, r#"\x41""#, None),
            (Notation::Json, r#"\ud83d""#, None),
            (Notation::Json, r#"\ud83dx""#, None),
            (Notation::Json, r#"\ud83d\n""#, None),
            (Notation::Json, "abc", None),
            (Notation::Python, r#"\x41\'\d\U0001F600""#, Some("A'\\d😀")),
            (Notation::Python, r#"\777""#, None),
        ];
        for (notation, text, expected) in cases {
            assert_eq!(decode(notation, text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_quoted_reads_back() {
        let text = "\"\\\n\r\t\u{1}\u{1f}é😀/";
        assert_eq!(
            serde_json::from_str::<String>(&quoted(text))
                .ok()
                .as_deref(),
            Some(text)
        );
    }
}
