//! [`AnswerStart`]: where an answer begins, as far as thoughts go; and conversations with their thoughts told apart.

use std::borrow::Cow;

use super::ThoughtUse;
use crate::chat::reasoning::{
    ReasoningFormat, ReasoningSplitter, ThoughtBudget, ThoughtStart, split_history,
};
use crate::chat::{ChatMessage, Content, PromptEnd, PromptPiece, Role};

/// How the model marks thoughts, and what the prompt says of the answer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AnswerStart {
    format: ReasoningFormat,
    start: ThoughtStart,
    /// What the prompt holds of the answer already.
    said: String,
}

impl AnswerStart {
    /// Reads it off a rendered prompt. `said` is the last message, where the prompt ends within it.
    pub(super) fn of(format: ReasoningFormat, pieces: &[PromptPiece], said: Option<&str>) -> Self {
        let prompt = match (said, pieces) {
            (None, [.., PromptPiece::Template(text)]) => Cow::Borrowed(text.as_str()),
            // What a client wrote opens no thought.
            (None, _) => Cow::Borrowed(""),
            (Some(said), pieces) => {
                let mut prompt: String = pieces.iter().filter_map(text_of).collect();
                let end = said.trim_end();
                let before = prompt.trim_end().strip_suffix(end).map_or(0, str::len);
                prompt.truncate(before);
                Cow::Owned(prompt)
            }
        };
        Self {
            format,
            start: format.opens_thought(&prompt),
            said: said.unwrap_or_default().to_owned(),
        }
    }

    /// Has the answer begin with a thought. Returns what the prompt needs at its end for that; `None` where it needs
    /// nothing, or where it says that there is to be none.
    pub(super) fn open_thought(&mut self) -> Option<String> {
        if self.start != ThoughtStart::Absent || !self.said.is_empty() {
            return None;
        }
        let opening = self.format.open_thought("")?;
        self.start = ThoughtStart::Open;
        Some(opening)
    }

    /// Reads the answer.
    pub(super) fn splitter(&self) -> ReasoningSplitter {
        ReasoningSplitter::resumed(self.format, self.start, &self.said)
    }

    /// Follows its thoughts.
    pub(super) fn budget(&self, thoughts: &ThoughtUse) -> ThoughtBudget {
        let limit = thoughts.budget.map(|tokens| tokens as usize);
        ThoughtBudget::resumed(limit, self.format, self.start, &self.said)
            .with_message(&thoughts.closing_message)
    }
}

fn text_of(piece: &PromptPiece) -> Option<&str> {
    match piece {
        PromptPiece::Template(text) | PromptPiece::Literal(text) => Some(text),
        PromptPiece::Media(_) => None,
    }
}

/// The conversation with the thoughts that clients sent back within the contents told apart, so that the template can keep
/// or drop them. A last message that is to be continued is as the model wrote it: where it is a thought that was stopped, that
/// goes on.
pub(super) fn with_thoughts_apart(
    messages: &[ChatMessage],
    format: Option<ReasoningFormat>,
    end: PromptEnd,
) -> Cow<'_, [ChatMessage]> {
    let last = messages.len().saturating_sub(1);
    let changed = |(index, message): (usize, &ChatMessage)| {
        let changed = if end == PromptEnd::OpenTurn && index == last {
            format.and_then(|format| with_open_thought(message, format))
        } else {
            with_thought_apart(message, format)
        };
        changed.map(|message| (index, message))
    };
    let changed: Vec<_> = messages.iter().enumerate().filter_map(changed).collect();
    if changed.is_empty() {
        return Cow::Borrowed(messages);
    }
    let mut messages = messages.to_vec();
    for (index, message) in changed {
        messages[index] = message;
    }
    Cow::Owned(messages)
}

fn with_thought_apart(
    message: &ChatMessage,
    format: Option<ReasoningFormat>,
) -> Option<ChatMessage> {
    let (Role::Assistant, Some(Content::Text(text)), None) =
        (message.role, &message.content, &message.reasoning)
    else {
        return None;
    };
    let (reasoning, answer) = split_history(text, format)?;
    Some(ChatMessage {
        content: Some(Content::Text(answer)),
        reasoning: Some(reasoning).filter(|text| !text.is_empty()),
        ..message.clone()
    })
}

/// The message of an answer that was stopped while the model thought.
fn with_open_thought(message: &ChatMessage, format: ReasoningFormat) -> Option<ChatMessage> {
    let says_nothing = message
        .content
        .as_ref()
        .is_none_or(|content| content.text().is_empty());
    let reasoning = message.reasoning.as_ref().filter(|_| says_nothing)?;
    Some(ChatMessage {
        content: Some(Content::Text(format.open_thought(reasoning)?)),
        reasoning: None,
        ..message.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: ReasoningFormat = ReasoningFormat::Think;

    fn thinking(reasoning: &str, content: &str) -> ChatMessage {
        ChatMessage {
            reasoning: Some(reasoning.to_owned()),
            ..ChatMessage::assistant(content)
        }
    }

    #[test]
    fn thoughts_in_the_history_are_told_apart() {
        use PromptEnd::{NewTurn, OpenTurn};
        let history = |last: ChatMessage| vec![ChatMessage::user("<think>q</think>"), last];
        let inline = ChatMessage::assistant("<think>\nr\n</think>\n\nA");
        let partial = "<think>\nr";
        let cases = [
            (inline.clone(), NewTurn, thinking("r", "A")),
            (inline.clone(), OpenTurn, inline.clone()),
            (
                ChatMessage::assistant("A"),
                NewTurn,
                ChatMessage::assistant("A"),
            ),
            (
                ChatMessage::assistant("<think>\n\n</think>\n\nA"),
                NewTurn,
                ChatMessage::assistant("A"),
            ),
            (thinking("r", ""), NewTurn, thinking("r", "")),
            (thinking("r", ""), OpenTurn, ChatMessage::assistant(partial)),
            (thinking("r", "A"), OpenTurn, thinking("r", "A")),
        ];
        for (last, end, expected) in cases {
            let messages = history(last.clone());
            let read = with_thoughts_apart(&messages, Some(FORMAT), end);
            assert_eq!(read.as_ref(), history(expected), "{last:?} {end:?}");
        }
    }

    fn check(pieces: &[PromptPiece], said: Option<&str>, start: ThoughtStart) {
        let found = AnswerStart::of(FORMAT, pieces, said);
        assert_eq!(found.start, start, "{pieces:?} {said:?}");
    }

    #[test]
    fn the_end_of_the_prompt_says_whether_the_answer_is_a_thought() {
        use ThoughtStart::{Absent, Closed, Open};
        let written = |text: &str| PromptPiece::Template(text.to_owned());
        let literal = |text: &str| PromptPiece::Literal(text.to_owned());
        check(&[written("assistant\n")], None, Absent);
        check(&[written("assistant\n<think>\n")], None, Open);
        check(&[literal("<think>")], None, Absent);
        check(
            &[written("<think>\n\n</think>\n\nHello ")],
            Some("Hello "),
            Closed,
        );
        check(&[written("<think>\nHello")], Some("Hello "), Open);
        check(
            &[written("assistant\n"), literal("<x>"), written(" y")],
            Some("<x> y"),
            Absent,
        );
    }

    #[test]
    fn a_thought_is_opened_where_nothing_says_otherwise() {
        use ThoughtStart::{Absent, Closed, Open};
        let cases = [
            (ReasoningFormat::Think, Absent, Some("<think>\n")),
            (ReasoningFormat::Think, Open, None),
            (ReasoningFormat::Think, Closed, None),
            (ReasoningFormat::Harmony, Absent, None),
        ];
        for (format, start, opening) in cases {
            let mut found = AnswerStart {
                format,
                start,
                said: String::new(),
            };
            assert_eq!(found.open_thought().as_deref(), opening);
            assert_eq!(
                found.splitter().in_thought(),
                opening.is_some() || start == Open
            );
        }
    }

    #[test]
    fn an_answer_that_goes_on_within_a_thought_is_one() {
        let said = "<think>\nr";
        let pieces = [PromptPiece::Template(format!("assistant\n{said}"))];
        let start = AnswerStart::of(FORMAT, &pieces, Some(said));
        assert!(start.splitter().in_thought());
        assert!(start.budget(&ThoughtUse::default()).awaits_answer());
    }
}
