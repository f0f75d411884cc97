//! [`start`]: from a [`GenerateRequest`] to a stream of [`Delta`]s.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::tool_grammar::{self, ToolError};
use super::tool_reader::ToolReader;
use super::{ChatPrompt, Delta, GenerateRequest, Prompt, ScoredToken, TokenLogprob};
use crate::chat::{Media, PromptPiece, RenderInput, TemplateError};
use crate::constraint::{ConstraintError, Matcher};
use crate::engine::{RunEvent, RunHandle, RunSpec, SubmitError};
use crate::llama::{LlamaError, Token, TokenizeOptions, Vocab};
use crate::models::LoadedModel;
use crate::sampling::TokenLogprobs;
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
    /// Calls of the tools cannot be enforced.
    #[error(transparent)]
    Tools(#[from] ToolError),
    /// The tokenizer failed.
    #[error(transparent)]
    Llama(#[from] LlamaError),
    /// A message holds what this model cannot take in.
    #[error("this model takes no {}; send text", .0.as_str())]
    Media(Media),
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
    /// Finds the calls in the text; `None` where there are no tools.
    tools: Option<ToolReader>,
    /// Pieces that came together.
    ready: VecDeque<Delta>,
    /// Keeps the weights until the last byte.
    model: Arc<LoadedModel>,
}

/// Renders, tokenises, compiles the constraint and submits. Takes as long as that takes (milliseconds; the template
/// engine is limited by fuel, a constraint by seconds), so async code calls it on a blocking thread.
///
/// On an error the flag is released: whoever waits for it to stop need not wait.
pub fn start(
    model: &Arc<LoadedModel>,
    request: &GenerateRequest,
    flag: &StopFlag,
    time_limit: Option<Duration>,
) -> Result<Generation, GenerateError> {
    let flags = std::slice::from_ref(flag);
    let mut runs = start_choices(model, request, flags, time_limit)?;
    // One flag, one run.
    Ok(runs.remove(0))
}

/// As [`start`], with a run for each flag: they share the prompt, which is computed once, and draw with seeds that
/// follow each other. Where one is refused, none begins.
pub fn start_choices(
    model: &Arc<LoadedModel>,
    request: &GenerateRequest,
    flags: &[StopFlag],
    time_limit: Option<Duration>,
) -> Result<Vec<Generation>, GenerateError> {
    let started = prepare(model, request).and_then(|(prompt, matcher)| {
        let deadline = time_limit.map(|limit| Instant::now() + limit);
        let run = |(choice, flag): (usize, &StopFlag)| {
            let mut spec = run_spec(request, prompt.clone(), choice, deadline, flag);
            spec.matcher = matcher.as_ref().map(Matcher::fork);
            let markup = &model.tool_markup;
            let tools = request.tools.as_ref();
            if tools.is_some() {
                spec.shown = markup.shown();
            }
            let handle = model.engine.submit(spec)?;
            Ok(Generation {
                handle,
                n_prompt: prompt.len(),
                tools: tools.map(|tools| ToolReader::new(markup.formats(), tools)),
                ready: VecDeque::new(),
                model: model.clone(),
            })
        };
        flags.iter().enumerate().map(run).collect()
    });
    if started.is_err() {
        // Those that were submitted are stopped by being dropped; the others never begin.
        flags.iter().for_each(StopFlag::release);
    }
    started
}

fn run_spec(
    request: &GenerateRequest,
    prompt: Vec<Token>,
    choice: usize,
    deadline: Option<Instant>,
    flag: &StopFlag,
) -> RunSpec {
    let mut sampling = request.sampling.clone();
    sampling.seed = sampling.seed.map(|seed| seed.wrapping_add(choice as u64));
    RunSpec {
        prompt,
        sampling,
        matcher: None,
        max_tokens: request.max_tokens,
        stop: request.stop.clone(),
        shown: Vec::new(),
        min_tokens: request.min_tokens,
        deterministic: request.deterministic,
        report_progress: request.report_progress,
        namespace: request.namespace,
        deadline,
        flag: flag.clone(),
    }
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
    let calls = match &request.tools {
        Some(tools) => tool_grammar::constraint(tools, &model.tool_markup)?,
        None => None,
    };
    let constraint = calls.as_ref().or(request.constraint.as_ref());
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
        tools: &chat.tools,
        documents: &chat.documents,
        kwargs: &chat.template_kwargs,
        end: chat.end,
        ..RenderInput::new(&chat.messages)
    })?;
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
        while self.ready.is_empty() {
            let event = self.handle.next().await?;
            self.take(event);
        }
        self.ready.pop_front()
    }

    /// The next piece; `None` after the last. Blocks, so not for async code.
    pub fn next_blocking(&mut self) -> Option<Delta> {
        while self.ready.is_empty() {
            let event = self.handle.next_blocking()?;
            self.take(event);
        }
        self.ready.pop_front()
    }

    /// Makes deltas of what the engine says: of text that may be part of a call, as many as are certain.
    fn take(&mut self, event: RunEvent) {
        match event {
            RunEvent::Progress(progress) => self.ready.push_back(Delta::Progress(progress)),
            RunEvent::Output {
                text,
                tokens,
                logprobs,
            } => {
                let vocab = self.model.engine.model().vocab();
                let scored = tokens.iter().zip(logprobs);
                let logprobs = scored
                    .map(|(&token, logprobs)| with_texts(vocab, token, &logprobs))
                    .collect();
                self.take_text(text, tokens, logprobs);
            }
            RunEvent::Done(summary) => {
                if let Some(tools) = &mut self.tools {
                    self.ready.extend(tools.finish(summary.reason));
                }
                self.ready.push_back(Delta::Done(summary));
            }
            RunEvent::Failed { message } => self.ready.push_back(Delta::Failed { message }),
        }
    }

    /// Beside tools the tokens go with the first text that came with them; those of calls go nowhere.
    fn take_text(&mut self, text: String, tokens: Vec<Token>, logprobs: Vec<TokenLogprob>) {
        let Some(reader) = &mut self.tools else {
            self.ready.push_back(Delta::Text {
                text,
                tokens,
                logprobs,
            });
            return;
        };
        let mut scored = Some((tokens, logprobs));
        for mut delta in reader.read(&text) {
            if let Delta::Text {
                tokens, logprobs, ..
            } = &mut delta
                && let Some(scored) = scored.take()
            {
                (*tokens, *logprobs) = scored;
            }
            self.ready.push_back(delta);
        }
    }
}

/// Iterates by blocking.
impl Iterator for Generation {
    type Item = Delta;

    fn next(&mut self) -> Option<Delta> {
        self.next_blocking()
    }
}

fn with_texts(vocab: &Vocab, token: Token, logprobs: &TokenLogprobs) -> TokenLogprob {
    let scored = |token, logprob| {
        let mut bytes = Vec::new();
        if let Err(error) = vocab.append_bytes(token, true, &mut bytes) {
            // The token came from this vocabulary; a missing text is no reason to end the answer.
            tracing::warn!(%error, token = token.0, "the text of a token cannot be read");
        }
        ScoredToken {
            token,
            bytes,
            logprob,
        }
    };
    TokenLogprob {
        drawn: scored(token, logprobs.logprob),
        top: logprobs
            .top
            .iter()
            .map(|&(token, logprob)| scored(token, logprob))
            .collect(),
    }
}
