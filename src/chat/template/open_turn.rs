//! Prompts that end within the last message (`continue_final_message`).
//!
//! As the Transformers library does it: a telltale word and a blank are put after the last content, and what
//! the template makes of everything is cut there. Where the blank is gone, the template trims its contents,
//! and what is kept is trimmed at its end too.

use super::TemplateError;
use super::pieces::Marks;
use super::strings::is_space;
use crate::chat::message::{ChatMessage, Content, Part};

/// Where to cut.
pub(super) struct Ending {
    cursor: char,
    /// The last content, trimmed, with its marks; it has to be in the prompt.
    content: String,
}

impl Ending {
    pub(super) fn of(
        messages: &[ChatMessage],
        marks: &mut Marks<'_>,
    ) -> Result<Self, TemplateError> {
        let last = messages
            .last()
            .ok_or(TemplateError::NotContinued("there is none"))?;
        let content = match &last.content {
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => {
                let mut texts = parts.iter().rev().filter_map(|part| match part {
                    Part::Text(text) => Some(text),
                    Part::Media(_) => None,
                });
                let none = TemplateError::NotContinued("it holds no text");
                texts.next().ok_or(none)?
            }
            None => return Err(TemplateError::NotContinued("it has no content")),
        };
        Ok(Self {
            cursor: marks.cursor()?,
            content: marks.hide(content.trim_matches(is_space))?.into_owned(),
        })
    }

    pub(super) fn cut(&self, mut prompt: String) -> Result<String, TemplateError> {
        let dropped = TemplateError::NotContinued("the model's chat template changes or drops it");
        let at = prompt.rfind(self.cursor).ok_or(dropped.clone())?;
        if !prompt.contains(&self.content) {
            return Err(dropped);
        }
        let keeps_blanks = prompt[at + self.cursor.len_utf8()..].starts_with(' ');
        prompt.truncate(at);
        if !keeps_blanks {
            prompt.truncate(prompt.trim_end_matches(is_space).len());
        }
        Ok(prompt)
    }
}
