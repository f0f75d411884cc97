//! [`FuzzInput`]: a fuzzer's bytes as choices and texts. For the properties that unit tests and `fuzz/` share.

/// Reads a fuzzer's input from its beginning. What is missing reads as 0 or as nothing.
///
/// Texts are parted by the byte 0xFF, which is in no UTF-8, so that an insertion shifts nothing behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FuzzInput<'a>(&'a [u8]);

/// Parts texts.
const SEPARATOR: u8 = 0xFF;

impl<'a> FuzzInput<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        first
    }

    /// One of these.
    pub(crate) fn choice<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.byte()) % of.len()]
    }

    /// A number of any size.
    pub(crate) fn number(&mut self) -> u64 {
        let bytes = [(); 8].map(|()| self.byte());
        u64::from_le_bytes(bytes)
    }

    /// The bytes up to the next separator.
    pub(crate) fn part(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|&byte| byte == SEPARATOR);
        let end = end.unwrap_or(self.0.len());
        let (part, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        part
    }

    /// The text up to the next separator; what is no UTF-8 is replaced.
    pub(crate) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.part()).into_owned()
    }
}

/// A text in pieces of so many characters, the last one shorter.
pub(crate) fn pieces(text: &str, chars: usize) -> Vec<&str> {
    let mut rest = text;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let end = rest.char_indices().nth(chars.max(1));
        let (piece, after) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Input of which [`FuzzInput`] makes these parts.
pub(crate) fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.join(&SEPARATOR)
}

/// What a fuzzer puts together, as libFuzzer's dictionaries have it: printable ASCII as it is, all else as `\xAB`.
pub(crate) fn dictionary<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let entry = |text: &str| {
        let bytes = text.bytes().map(|byte| match byte {
            b'"' | b'\\' => format!("\\{}", char::from(byte)),
            b' '..=b'~' => char::from(byte).to_string(),
            _ => format!("\\x{byte:02X}"),
        });
        format!("\"{}\"\n", bytes.collect::<String>())
    };
    let texts: std::collections::BTreeSet<&str> = texts.into_iter().collect();
    // libFuzzer takes no longer words.
    let words = texts
        .into_iter()
        .filter(|text| (1..=64).contains(&text.len()));
    words.map(entry).collect()
}
