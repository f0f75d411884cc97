//! [`OutputText`]: bytes of tokens → characters that may be shown.

/// Assembles the bytes of tokens into text, holding back what must not be shown yet: half a character,
/// and whatever may turn out to be the beginning of a stop string.
#[derive(Debug, Default)]
pub struct OutputText {
    stops: Vec<String>,
    /// Bytes that are not a whole character yet; at most three, or they are no UTF-8 at all.
    partial: Vec<u8>,
    /// Characters that may begin a stop string.
    held: String,
}

/// What became of pushed bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed {
    /// This much may be shown now; possibly nothing.
    Text(String),
    /// A stop string is complete: this came before it, and nothing comes after.
    Stopped(String),
}

impl OutputText {
    /// `stops` are the stop strings; empty ones are ignored.
    #[must_use]
    pub fn new(stops: Vec<String>) -> Self {
        Self {
            stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(),
            ..Self::default()
        }
    }

    /// Takes the bytes of the next token.
    pub fn push(&mut self, bytes: &[u8]) -> Pushed {
        self.partial.extend_from_slice(bytes);
        let mut text = std::mem::take(&mut self.held);
        let searched = text.len();
        self.decode(&mut text, false);
        if let Some(at) = self.find_stop(&text, searched) {
            text.truncate(at);
            return Pushed::Stopped(text);
        }
        self.held = text.split_off(self.shown_until(&text));
        Pushed::Text(text)
    }

    /// What was held back, at the end of an answer that no stop string ended.
    pub fn finish(&mut self) -> String {
        let mut text = std::mem::take(&mut self.held);
        self.decode(&mut text, true);
        text
    }

    /// Moves whole characters from `partial` to `text`. What can never become a character is replaced by
    /// U+FFFD; what may still become one stays, unless this is the end.
    fn decode(&mut self, text: &mut String, at_end: bool) {
        let mut rest = &self.partial[..];
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    rest = after;
                    match error.error_len() {
                        Some(bad) => {
                            text.push(char::REPLACEMENT_CHARACTER);
                            rest = &rest[bad..];
                        }
                        None if at_end => {
                            text.push(char::REPLACEMENT_CHARACTER);
                            rest = &[];
                            break;
                        }
                        None => break,
                    }
                }
            }
        }
        self.partial = rest.to_vec();
    }

    /// The start of the first stop string in `text`. Only what is new since `searched` bytes can complete
    /// one, so the search starts at most a stop string's length before that.
    fn find_stop(&self, text: &str, searched: usize) -> Option<usize> {
        self.stops
            .iter()
            .filter_map(|stop| {
                let mut from = searched.saturating_sub(stop.len());
                while !text.is_char_boundary(from) {
                    from -= 1;
                }
                text[from..].find(stop.as_str()).map(|at| from + at)
            })
            .min()
    }

    /// How much of `text` cannot be the beginning of a stop string.
    fn shown_until(&self, text: &str) -> usize {
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
        let mut from = text.len().saturating_sub(longest);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        text[from..]
            .char_indices()
            .map(|(at, _)| from + at)
            .find(|&at| self.stops.iter().any(|stop| stop.starts_with(&text[at..])))
            .unwrap_or(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pushes the pieces; returns all that was shown, and whether a stop string ended it.
    fn check(stops: &[&str], pieces: &[&[u8]], expected: &str, stopped: bool) {
        let mut text = OutputText::new(stops.iter().map(ToString::to_string).collect());
        let mut shown = String::new();
        for piece in pieces {
            match text.push(piece) {
                Pushed::Text(more) => shown += &more,
                Pushed::Stopped(more) => {
                    shown += &more;
                    assert_eq!((shown.as_str(), true), (expected, stopped));
                    return;
                }
            }
        }
        shown += &text.finish();
        assert_eq!((shown.as_str(), false), (expected, stopped));
    }

    #[test]
    fn characters_are_shown_whole() {
        check(&[], &[b"caf", "é".as_bytes()], "café", false);
        check(&[], &[b"\xf0\x9f", b"\x98\x80!"], "😀!", false);
        check(&[], &[b"a\xff", b"b"], "a\u{fffd}b", false);
        check(&[], &[b"a\xf0\x9f"], "a\u{fffd}", false);
    }

    #[test]
    fn a_stop_string_ends_the_text_wherever_tokens_divide_it() {
        check(&["STOP"], &[b"go ST", b"OP on"], "go ", true);
        check(&["STOP"], &[b"go S", b"T", b"OP"], "go ", true);
        check(&["STOP"], &[b"go ST", b"ART"], "go START", false);
        check(&["\n\n"], &[b"a\n", b"b\n", b"\nc"], "a\nb", true);
        check(&["aab"], &[b"aa", b"ab"], "a", true);
        check(&["late", "l"], &[b"hel", b"lo"], "he", true);
        check(&["é!"], &[b"caf\xc3", b"\xa9", b"!"], "caf", true);
    }

    #[test]
    fn what_might_begin_a_stop_string_comes_out_at_the_end() {
        check(&["STOP"], &[b"go ST"], "go ST", false);
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_text_is_the_same(
            whole in "[ab€\n]{0,40}", stop in "[ab€\n]{1,4}", cuts in prop::collection::vec(1usize..5, 0..40),
        ) {
            let mut text = OutputText::new(vec![stop.clone()]);
            let mut shown = String::new();
            let mut rest = whole.as_bytes();
            let mut stopped = false;
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                rest = after;
                match text.push(piece) {
                    Pushed::Text(more) => shown += &more,
                    Pushed::Stopped(more) => { shown += &more; stopped = true; break; }
                }
            }
            if !stopped { shown += &text.finish(); }
            prop_assert_eq!(shown.as_str(), whole.split(&stop).next().unwrap_or(""));
            prop_assert_eq!(stopped, whole.contains(&stop));
        }
    }
}
