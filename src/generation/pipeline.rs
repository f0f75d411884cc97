//! [`start`]: from a [`GenerateRequest`] to a stream of [`Delta`]s.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ChatPrompt, Delta, GenerateRequest, Prompt};
use crate::chat::{PromptPiece, RenderInput, TemplateError};
use crate::constraint::{ConstraintError, Matcher};
use crate::engine::{RunEvent, RunHandle, RunSpec, SubmitError};
use crate::llama::{LlamaError, Token, TokenizeOptions};
use crate::models::LoadedModel;
use crate::stop::StopFlag;

/// Why a generation did not begin. Nothing was computed.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The conversation cannot be rendered.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The engine refused the run.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The form that the answer is to have cannot be enforced.
    #[error(transparent)]
    Constraint(#[from] ConstraintError),
    /// The tokenizer failed.
    #[error(transparent)]
    Llama(#[from] LlamaError),
    /// `logit_bias` names a token that the model does not have.
    #[error("logit_bias names token {token}, but the vocabulary ends at {last}")]
    UnknownBiasToken {
        /// The id.
        token: Token,
        /// The last valid id.
        last: usize,
    },
}

/// A generation that is under way. Dropping it stops it.
#[derive(Debug)]
pub struct Generation {
    handle: RunHandle,
    n_prompt: usize,
    /// Keeps the weights until the last byte.
    model: Arc<LoadedModel>,
}

/// Renders, tokenises, compiles the constraint and submits. Takes as long as that takes (milliseconds; the template
/// engine is limited by fuel, a constraint by seconds), so async code calls it on a blocking thread.
///
/// On an error the flag is released: whoever waits for it to stop need not wait.
pub fn start(
    model: &Arc<LoadedModel>,
    request: GenerateRequest,
    flag: &StopFlag,
    time_limit: Option<Duration>,
) -> Result<Generation, GenerateError> {
    let (prompt, matcher) = match prepare(model, &request) {
        Ok(prepared) => prepared,
        Err(error) => {
            flag.release();
            return Err(error);
        }
    };
    let n_prompt = prompt.len();
    let handle = model.engine.submit(RunSpec {
        prompt,
        sampling: request.sampling,
        matcher,
        max_tokens: request.max_tokens,
        stop: request.stop,
        min_tokens: request.min_tokens,
        deterministic: request.deterministic,
        report_progress: request.report_progress,
        namespace: request.namespace,
        deadline: time_limit.map(|limit| Instant::now() + limit),
        flag: flag.clone(),
    })?;
    Ok(Generation {
        handle,
        n_prompt,
        model: model.clone(),
    })
}

/// The tokens of the prompt, and the constraint compiled for this model.
fn prepare(
    model: &LoadedModel,
    request: &GenerateRequest,
) -> Result<(Vec<Token>, Option<Matcher>), GenerateError> {
    let vocab = model.engine.model().vocab();
    for &(token, _) in &request.sampling.logit_bias {
        if vocab.check(&[token]).is_err() {
            let last = vocab.len().saturating_sub(1);
            return Err(GenerateError::UnknownBiasToken { token, last });
        }
    }
    let prompt = tokenize(model, &request.prompt)?;
    let constraint = request.constraint.as_ref();
    let matcher = constraint.map(|constraint| model.engine.compile(constraint));
    Ok((prompt, matcher.transpose()?))
}

/// The tokens of a prompt, as a run of it would get them.
pub fn tokenize(model: &LoadedModel, prompt: &Prompt) -> Result<Vec<Token>, GenerateError> {
    match prompt {
        Prompt::Tokens(tokens) => Ok(tokens.clone()),
        Prompt::Text(text) => Ok(model.tokenize_text(text)?),
        Prompt::Chat(chat) => tokenize_chat(model, chat),
    }
}

/// What the template wrote is read with its control tokens; what a client wrote stays text.
fn tokenize_chat(model: &LoadedModel, chat: &ChatPrompt) -> Result<Vec<Token>, GenerateError> {
    let pieces = model.template.render(&RenderInput {
        messages: &chat.messages,
        kwargs: &chat.template_kwargs,
        add_generation_prompt: true,
    })?;
    let vocab = model.engine.model().vocab();
    let mut tokens = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let (text, parse_special) = match piece {
            PromptPiece::Template(text) => (text, true),
            PromptPiece::Literal(text) => (text, false),
        };
        let options = TokenizeOptions {
            add_special: index == 0 && model.adds_bos_to(text),
            parse_special,
        };
        tokens.extend(vocab.tokenize(text, options)?);
    }
    Ok(tokens)
}

impl Generation {
    /// Tokens of the prompt.
    #[must_use]
    pub fn n_prompt(&self) -> usize {
        self.n_prompt
    }

    /// The model that answers.
    #[must_use]
    pub fn model(&self) -> &Arc<LoadedModel> {
        &self.model
    }

    /// The one flag of this generation: set it from anywhere to stop.
    #[must_use]
    pub fn stop_flag(&self) -> &StopFlag {
        self.handle.flag()
    }

    /// The next piece; `None` after the last. Cancel-safe.
    pub async fn next(&mut self) -> Option<Delta> {
        self.handle.next().await.map(delta)
    }

    /// The next piece; `None` after the last. Blocks, so not for async code.
    pub fn next_blocking(&mut self) -> Option<Delta> {
        self.handle.next_blocking().map(delta)
    }
}

/// Iterates by blocking.
impl Iterator for Generation {
    type Item = Delta;

    fn next(&mut self) -> Option<Delta> {
        self.next_blocking()
    }
}

fn delta(event: RunEvent) -> Delta {
    match event {
        RunEvent::Progress(progress) => Delta::Progress(progress),
        RunEvent::Output { text, tokens } => Delta::Text { text, tokens },
        RunEvent::Done(summary) => Delta::Done(summary),
        RunEvent::Failed { message } => Delta::Failed { message },
    }
}
