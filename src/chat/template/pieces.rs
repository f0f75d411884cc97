//! Control tokens in client text are text: marks before rendering, pieces after it.

use std::borrow::Cow;
use std::collections::HashMap;

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

use super::TemplateError;
use crate::chat::message::Media;

/// A part of a prompt, by how it is to be tokenised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptPiece {
    /// Text in which control tokens (`<|im_start|>`) are control tokens.
    Template(String),
    /// Text from the client that only looks like a control token: tokenise it as plain text.
    Literal(String),
    /// The place of a picture, sound or film ([`MediaStyle::Piece`](super::MediaStyle::Piece)).
    Media(Media),
}

impl PromptPiece {
    /// The text, whatever its kind; empty for media.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Template(text) | Self::Literal(text) => text,
            Self::Media(_) => "",
        }
    }
}

/// The first mark. Marks are the 65,536 characters of Unicode's last plane, which is for private use: one
/// character each, so that a template that slices, splits or reverses a text cannot cut a mark in two.
const FIRST_MARK: u32 = 0x10_0000;
/// The first byte of every mark in UTF-8, and of nothing else.
const MARK_LEAD: u8 = 0xF4;

/// Finds control tokens in client text. Built once per model.
pub(super) struct Neutraliser {
    control: AhoCorasick,
}

impl Neutraliser {
    pub(super) fn new(control_tokens: &[String]) -> Result<Self, TemplateError> {
        let control = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(control_tokens.iter().filter(|token| !token.is_empty()))
            .map_err(|error| {
                TemplateError::Parse(format!("the model's control tokens: {error}"))
            })?;
        Ok(Self { control })
    }
}

/// What stands behind a mark.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Hidden {
    /// Text of the client.
    Text(String),
    /// The place of something that is no text.
    Media(Media),
    /// The end of the message that the model is to continue.
    Cursor,
}

/// The marks of one render: what stands behind which mark.
pub(super) struct Marks<'n> {
    neutraliser: &'n Neutraliser,
    hidden: Vec<Hidden>,
    by_content: HashMap<Hidden, char>,
}

impl<'n> Marks<'n> {
    pub(super) fn new(neutraliser: &'n Neutraliser) -> Self {
        Self {
            neutraliser,
            hidden: Vec::new(),
            by_content: HashMap::new(),
        }
    }

    /// Client text with every control token, and every character that could be taken for a mark, replaced.
    pub(super) fn hide<'t>(&mut self, text: &'t str) -> Result<Cow<'t, str>, TemplateError> {
        let has_mark = text.as_bytes().contains(&MARK_LEAD);
        let mut found = self.neutraliser.control.find_iter(text).peekable();
        if found.peek().is_none() && !has_mark {
            return Ok(Cow::Borrowed(text));
        }
        let mut hidden = String::with_capacity(text.len());
        let mut done = 0;
        for token in found {
            self.hide_marks(&text[done..token.start()], &mut hidden)?;
            hidden.push(self.mark_text(&text[token.range()])?);
            done = token.end();
        }
        self.hide_marks(&text[done..], &mut hidden)?;
        Ok(Cow::Owned(hidden))
    }

    /// A JSON value with all its strings hidden, keys too.
    pub(super) fn hide_json(&mut self, value: &Value) -> Result<minijinja::Value, TemplateError> {
        Ok(match value {
            Value::String(text) => self.hide(text)?.as_ref().into(),
            Value::Array(items) => items
                .iter()
                .map(|item| self.hide_json(item))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, field)| Ok((self.hide(key)?.into_owned(), self.hide_json(field)?)))
                .collect::<Result<Vec<_>, TemplateError>>()?
                .into_iter()
                .collect(),
            scalar => minijinja::Value::from_serialize(scalar),
        })
    }

    fn hide_marks(&mut self, text: &str, hidden: &mut String) -> Result<(), TemplateError> {
        if !text.as_bytes().contains(&MARK_LEAD) {
            hidden.push_str(text);
            return Ok(());
        }
        for character in text.chars() {
            let safe = if u32::from(character) >= FIRST_MARK {
                self.mark_text(character.encode_utf8(&mut [0; 4]))?
            } else {
                character
            };
            hidden.push(safe);
        }
        Ok(())
    }

    /// A mark for the place of something that is no text.
    pub(super) fn media(&mut self, media: Media) -> Result<char, TemplateError> {
        self.mark(Hidden::Media(media))
    }

    /// The mark at the end of the message that the model is to continue. It leaves no piece behind.
    pub(super) fn cursor(&mut self) -> Result<char, TemplateError> {
        self.mark(Hidden::Cursor)
    }

    fn mark_text(&mut self, text: &str) -> Result<char, TemplateError> {
        self.mark(Hidden::Text(text.to_owned()))
    }

    fn mark(&mut self, hidden: Hidden) -> Result<char, TemplateError> {
        if let Some(mark) = self.by_content.get(&hidden) {
            return Ok(*mark);
        }
        let mark = u32::try_from(self.hidden.len())
            .ok()
            .and_then(|index| char::from_u32(FIRST_MARK.checked_add(index)?))
            .ok_or(TemplateError::TooLarge(
                "the messages hold too many private-use characters",
            ))?;
        self.hidden.push(hidden.clone());
        self.by_content.insert(hidden, mark);
        Ok(mark)
    }

    fn behind(&self, mark: char) -> Option<&Hidden> {
        let index = u32::from(mark).checked_sub(FIRST_MARK)?;
        self.hidden.get(index as usize)
    }

    /// The text with its marks turned back, for messages to people.
    pub(super) fn show(&self, text: &str) -> String {
        self.split(text).iter().map(PromptPiece::as_str).collect()
    }

    /// A rendered prompt as pieces: no empty ones, and no two neighbouring texts of one kind.
    pub(super) fn split(&self, rendered: &str) -> Vec<PromptPiece> {
        if rendered.is_empty() {
            return Vec::new();
        }
        if self.hidden.is_empty() || !rendered.as_bytes().contains(&MARK_LEAD) {
            return vec![PromptPiece::Template(rendered.to_owned())];
        }
        let mut pieces = Vec::new();
        let mut done = 0;
        let marks = rendered
            .char_indices()
            .filter_map(|(at, c)| Some((at, c, self.behind(c)?)));
        for (at, mark, hidden) in marks {
            push_template(&mut pieces, &rendered[done..at]);
            match (hidden, pieces.last_mut()) {
                (Hidden::Text(text), Some(PromptPiece::Literal(literal))) => literal.push_str(text),
                (Hidden::Text(text), _) => pieces.push(PromptPiece::Literal(text.clone())),
                (Hidden::Media(media), _) => pieces.push(PromptPiece::Media(*media)),
                (Hidden::Cursor, _) => {}
            }
            done = at + mark.len_utf8();
        }
        push_template(&mut pieces, &rendered[done..]);
        pieces
    }
}

fn push_template(pieces: &mut Vec<PromptPiece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(PromptPiece::Template(before)) => before.push_str(text),
        _ => pieces.push(PromptPiece::Template(text.to_owned())),
    }
}
