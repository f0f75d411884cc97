//! [`split_history`]: thoughts in what clients send back of earlier answers.

use super::format::{ReasoningFormat, ThoughtStart};
use super::piece::Piece;
use super::splitter::ReasoningSplitter;
use crate::chat::tools::Ending;

/// Takes the thoughts out of an assistant message's content: (reasoning, content). `None` where it holds none.
///
/// Clients that know no `reasoning_content` send back what they were shown ([`inline`](super::inline()), or the
/// tags of the model's own `format`). Such a content begins with an opening tag; or it has a closing one for
/// which there is none, as from servers whose template had opened the thought. Tags elsewhere are text.
#[must_use]
pub fn split_history(content: &str, format: Option<ReasoningFormat>) -> Option<(String, String)> {
    let formats = [format, Some(ReasoningFormat::Think)];
    let mut formats = formats.into_iter().flatten();
    formats.find_map(|format| split(content, format))
}

fn split(content: &str, format: ReasoningFormat) -> Option<(String, String)> {
    let opens = |text: &&str| content.trim_start().starts_with(*text);
    if format.openers().iter().any(opens) {
        return read(content, format, ThoughtStart::Absent);
    }
    let mut splitter = ReasoningSplitter::new(format, ThoughtStart::Absent);
    splitter.push(content);
    splitter
        .is_unopened()
        .then(|| read(content, format, ThoughtStart::Open))?
}

fn read(content: &str, format: ReasoningFormat, start: ThoughtStart) -> Option<(String, String)> {
    let mut splitter = ReasoningSplitter::new(format, start);
    let mut pieces = splitter.push(content);
    pieces.extend(splitter.finish(Ending::Cut));
    let (mut reasoning, mut answer) = (String::new(), String::new());
    for piece in pieces {
        match piece {
            Piece::Reasoning(text) => reasoning.push_str(&text),
            Piece::Content(text) => answer.push_str(&text),
            // A call that was sent as text: not for us to take apart.
            Piece::Call(_) => return None,
        }
    }
    Some((reasoning, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_that_clients_send_back_are_found() {
        use ReasoningFormat::{Granite, Harmony, Mistral, Think};
        let cases = [
            (Some(Think), "<think>\nr\n</think>\n\nA", Some(("r", "A"))),
            (None, " <think>r</think>A", Some(("r", "A"))),
            (Some(Mistral), "<think>\nr\n</think>\n\nA", Some(("r", "A"))),
            (Some(Mistral), "[THINK]r[/THINK]A", Some(("r", "A"))),
            (None, "[THINK]r[/THINK]A", None),
            (None, "r\n</think>\n\nA", Some(("r", "A"))),
            (None, "<think>\nnever closed", Some(("never closed", ""))),
            (None, "<think>\n\n</think>\n\nA", Some(("", "A"))),
            (
                None,
                "<think>r</think>A\n\n<think>s</think>B",
                Some(("r\n\ns", "A\n\nB")),
            ),
            (None, "A", None),
            (None, "", None),
            (None, "Write `</think>` to end it.", None),
            (None, "```\nx</think>\n```", None),
            (None, "The tag <think> opens it.", None),
            (
                Some(Granite),
                "Here is my thought process:\nr\nHere is my response:\nA",
                Some(("r", "A")),
            ),
            (
                Some(Harmony),
                "<|channel|>analysis<|message|>r<|end|><|start|>assistant<|channel|>final<|message|>A",
                Some(("r", "A")),
            ),
        ];
        for (format, content, expected) in cases {
            let found = split_history(content, format);
            let expected = expected.map(|(r, a): (&str, &str)| (r.to_owned(), a.to_owned()));
            assert_eq!(found, expected, "{content:?}");
        }
    }

    #[test]
    fn what_was_shown_inline_comes_back() {
        let cases = [("r", "A"), ("r\n\n- s", "A\n\nB\n"), ("r", "")];
        for (reasoning, answer) in cases {
            let pieces = [
                Piece::Reasoning(reasoning.to_owned()),
                Piece::Content(answer.to_owned()),
            ];
            let shown = crate::chat::reasoning::inline(&pieces);
            let expected = Some((reasoning.to_owned(), answer.to_owned()));
            assert_eq!(split_history(&shown, None), expected, "{shown:?}");
        }
    }
}
