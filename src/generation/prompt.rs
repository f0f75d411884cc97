//! How prompts are read: rendered, and turned into tokens.

use super::answer_start::{AnswerStart, with_thoughts_apart};
use super::{ChatPrompt, GenerateError, GenerateRequest, Prompt, ThoughtUse};
use crate::chat::{Content, PromptEnd, PromptPiece, RenderInput};
use crate::llama::{Token, TokenizeOptions};
use crate::models::{LoadedModel, ThoughtMarkup};

/// A prompt as a run gets it.
pub(super) struct ReadPrompt {
    pub(super) tokens: Vec<Token>,
    /// `None` where there are no thoughts to look for.
    pub(super) start: Option<AnswerStart>,
}

impl From<Vec<Token>> for ReadPrompt {
    fn from(tokens: Vec<Token>) -> Self {
        Self {
            tokens,
            start: None,
        }
    }
}

/// The prompt of a request.
pub(super) fn read(
    model: &LoadedModel,
    request: &GenerateRequest,
) -> Result<ReadPrompt, GenerateError> {
    match &request.prompt {
        Prompt::Tokens(tokens) => Ok(tokens.clone().into()),
        Prompt::Text(text) => Ok(model.tokenize_text(text)?.into()),
        Prompt::Chat(chat) => {
            let (pieces, start) = render_chat(model, chat, &request.thoughts)?;
            Ok(ReadPrompt {
                tokens: tokenize_pieces(model, &pieces)?,
                start,
            })
        }
    }
}

/// The tokens of a prompt, as a run of it would get them.
pub fn tokenize(model: &LoadedModel, prompt: &Prompt) -> Result<Vec<Token>, GenerateError> {
    let request = GenerateRequest::new(prompt.clone());
    Ok(read(model, &request)?.tokens)
}

/// A conversation as the model's template writes it.
pub fn render(
    model: &LoadedModel,
    chat: &ChatPrompt,
    thoughts: &ThoughtUse,
) -> Result<Vec<PromptPiece>, GenerateError> {
    Ok(render_chat(model, chat, thoughts)?.0)
}

fn render_chat(
    model: &LoadedModel,
    chat: &ChatPrompt,
    thoughts: &ThoughtUse,
) -> Result<(Vec<PromptPiece>, Option<AnswerStart>), GenerateError> {
    let format = model.thought_markup.as_ref().map(ThoughtMarkup::format);
    let messages = with_thoughts_apart(&chat.messages, format, chat.end);
    let mut pieces = model.template.render(&RenderInput {
        tools: &chat.tools,
        documents: &chat.documents,
        kwargs: &chat.template_kwargs,
        end: chat.end,
        ..RenderInput::new(&messages)
    })?;
    let last = messages.last().filter(|_| chat.end == PromptEnd::OpenTurn);
    let said = last.and_then(|last| last.content.as_ref().map(Content::text));
    let mut start = format.map(|format| AnswerStart::of(format, &pieces, said.as_deref()));
    let opening = start.as_mut().filter(|_| thoughts.opens);
    if let Some(opening) = opening.and_then(AnswerStart::open_thought) {
        pieces.push(PromptPiece::Template(opening));
    }
    Ok((pieces, start))
}

/// What the template wrote is read with its control tokens; what a client wrote stays text.
fn tokenize_pieces(
    model: &LoadedModel,
    pieces: &[PromptPiece],
) -> Result<Vec<Token>, GenerateError> {
    let vocab = model.engine.model().vocab();
    let mut tokens = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let (text, parse_special) = match piece {
            PromptPiece::Template(text) => (text, true),
            PromptPiece::Literal(text) => (text, false),
            PromptPiece::Media(media) => return Err(GenerateError::Media(*media)),
        };
        let options = TokenizeOptions {
            add_special: index == 0 && model.adds_bos_to(text),
            parse_special,
        };
        tokens.extend(vocab.tokenize(text, options)?);
    }
    Ok(tokens)
}
