//! [`InlineThoughts`]: thoughts within the content, between literal tags, for clients that know no other way.

use super::piece::Piece;

const OPEN: &str = "<think>\n";
const CLOSE: &str = "\n</think>\n\n";

/// Writes thoughts as `<think>`, the thought, `</think>`, a blank line and the answer, whatever the model's own tags
/// are; while they come.
#[derive(Debug, Default)]
pub struct InlineThoughts {
    is_open: bool,
    /// Line breaks that come next are there already.
    at_edge: bool,
    /// What is written so far ends in the middle of a line, or of a paragraph.
    breaks_missing: usize,
}

impl InlineThoughts {
    /// Content that says this thought.
    pub fn reasoning(&mut self, text: &str) -> String {
        let mut out = String::new();
        if !self.is_open {
            out.push_str(&"\n".repeat(self.breaks_missing));
            out.push_str(OPEN);
            self.is_open = true;
            self.at_edge = true;
        }
        self.write(text, &mut out);
        out
    }

    /// Content that says this.
    pub fn content(&mut self, text: &str) -> String {
        let mut out = self.close().to_owned();
        self.write(text, &mut out);
        out
    }

    /// Content that ends the thought, if one is open: before a tool call, and at the end of the answer.
    pub fn close(&mut self) -> &'static str {
        if std::mem::take(&mut self.is_open) {
            self.at_edge = true;
            self.breaks_missing = 0;
            CLOSE
        } else {
            ""
        }
    }

    fn write(&mut self, text: &str, out: &mut String) {
        let text = if self.at_edge {
            text.trim_start_matches('\n')
        } else {
            text
        };
        if text.is_empty() {
            return;
        }
        self.at_edge = false;
        out.push_str(text);
        let breaks = text.len() - text.trim_end_matches('\n').len();
        let missing = if breaks == text.len() {
            self.breaks_missing
        } else {
            2
        };
        self.breaks_missing = missing.saturating_sub(breaks);
    }
}

/// A whole answer with its thoughts within. Calls are left out: they are nothing to read.
#[must_use]
pub fn inline(pieces: &[Piece]) -> String {
    let mut thoughts = InlineThoughts::default();
    let written = pieces.iter().map(|piece| match piece {
        Piece::Reasoning(text) => thoughts.reasoning(text),
        Piece::Content(text) => thoughts.content(text),
        Piece::Call(_) => String::new(),
    });
    let mut text: String = written.collect();
    text.push_str(thoughts.close());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_written_between_tags() {
        let reasoning = |text: &str| Piece::Reasoning(text.to_owned());
        let content = |text: &str| Piece::Content(text.to_owned());
        let cases = [
            (vec![content("A")], "A"),
            (
                vec![reasoning("r"), content("A")],
                "<think>\nr\n</think>\n\nA",
            ),
            (
                vec![reasoning("r"), reasoning("s"), content("A"), content("B")],
                "<think>\nrs\n</think>\n\nAB",
            ),
            (vec![reasoning("r")], "<think>\nr\n</think>\n\n"),
            (
                vec![
                    reasoning("r"),
                    content("A\n"),
                    reasoning("\n\ns"),
                    content("\nB"),
                ],
                "<think>\nr\n</think>\n\nA\n\n<think>\ns\n</think>\n\nB",
            ),
            (
                vec![content("A"), reasoning("r"), content("B")],
                "A\n\n<think>\nr\n</think>\n\nB",
            ),
            (vec![Piece::Call("x".to_owned())], ""),
        ];
        for (pieces, expected) in cases {
            assert_eq!(inline(&pieces), expected, "{pieces:?}");
        }
    }
}
