//! [`Page`]: where in a page of Markdown the shown text stands.

/// What the text so far means for the text to come: whether it is in a code fence, at the start of a line,
/// inside a word.
#[derive(Debug)]
pub(super) struct Page {
    previous: Option<char>,
    /// The character and length of the fence that is open.
    fence: Option<(char, usize)>,
    line: Line,
}

/// What the current line is, as far as fences are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Blank so far.
    Blank,
    /// A run of fence characters.
    Run(char, usize),
    /// A run and blanks: closes a fence if it ends here.
    RunAndBlanks(char, usize),
    /// Anything else.
    Other,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            previous: None,
            fence: None,
            line: Line::Blank,
        }
    }
}

impl Page {
    /// One more character was shown.
    pub(super) fn note(&mut self, c: char) {
        self.previous = Some(c);
        if c == '\n' {
            self.end_line();
            return;
        }
        self.line = match (self.line, c) {
            (Line::Blank, ' ' | '\t' | '\r') => Line::Blank,
            (Line::Blank, '`' | '~') => Line::Run(c, 1),
            (Line::Run(run, length), c) if c == run => Line::Run(run, length + 1),
            (Line::Run(run, length) | Line::RunAndBlanks(run, length), ' ' | '\t' | '\r') => {
                Line::RunAndBlanks(run, length)
            }
            (Line::Run(run, length) | Line::RunAndBlanks(run, length), _) => {
                self.open_fence(run, length);
                Line::Other
            }
            _ => Line::Other,
        };
    }

    fn end_line(&mut self) {
        if let Line::Run(run, length) | Line::RunAndBlanks(run, length) = self.line {
            match self.fence {
                Some((open, least)) if open == run && length >= least => self.fence = None,
                _ => self.open_fence(run, length),
            }
        }
        self.line = Line::Blank;
    }

    fn open_fence(&mut self, run: char, length: usize) {
        if self.fence.is_none() && length >= 3 {
            self.fence = Some((run, length));
        }
    }

    /// Inside a code fence, or on the line that opens or closes one.
    pub(super) fn in_code(&self) -> bool {
        self.fence.is_some() || matches!(self.line, Line::Run(..) | Line::RunAndBlanks(..))
    }

    /// Only blanks since the last line end.
    pub(super) fn at_line_start(&self) -> bool {
        self.line == Line::Blank
    }

    /// Where a word that is no part of a longer one, and no quotation, may begin.
    pub(super) fn at_word_start(&self) -> bool {
        !self.previous.is_some_and(|c| {
            c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '`' | '"' | '\'' | '[' | '(')
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_fences_are_followed() {
        let cases = [
            ("a ``` b", false),
            ("```", true),
            ("```json\n{", true),
            ("```json\n{}\n```", true),
            ("```json\n{}\n```\n", false),
            ("````\n```\n", true),
            ("````\n```\n`````\n", false),
            ("~~~\n```\n", true),
            ("```\n``` x\n", true),
            ("``inline`` text\n", false),
        ];
        for (text, expected) in cases {
            let mut page = Page::default();
            text.chars().for_each(|c| page.note(c));
            assert_eq!(page.in_code(), expected, "{text:?}");
        }
    }
}
