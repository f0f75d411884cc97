//! [`start`]: from a [`GenerateRequest`] to a stream of [`Delta`]s.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer_reader::AnswerReader;
use super::prompt::{self, ReadPrompt};
use super::tool_grammar::{self, ToolError};
use super::tool_reader::ToolReader;
use super::{Delta, GenerateRequest, ScoredToken, TokenLogprob};
use crate::chat::{Media, TemplateError};
use crate::constraint::{ConstraintError, Matcher};
use crate::engine::{RunEvent, RunHandle, RunSpec, SubmitError};
use crate::llama::{LlamaError, Token, Vocab};
use crate::models::LoadedModel;
use crate::sampling::TokenLogprobs;
use crate::stop::{StopCause, StopFlag};

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
    /// A middle is to be written, and the model has no tokens for that.
    #[error(
        "the model has no tokens for writing what comes between a prompt and a suffix; leave `suffix` out, or load a model with fill-in-the-middle tokens (many code models have them)"
    )]
    NoInfill,
}

/// A generation that is under way. Dropping it stops it.
#[derive(Debug)]
pub struct Generation {
    handle: RunHandle,
    n_prompt: usize,
    reader: AnswerReader,
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
    let prompt = prompt::read(model, request).map(|prompt| vec![prompt]);
    start_read(model, request, prompt, flags, time_limit)
}

/// As [`start_choices`], for prompts that are tokens already, in place of the request's own. The flags are those of the
/// first prompt's answers, then those of the second's, and so on; every prompt has as many.
pub fn start_prompts(
    model: &Arc<LoadedModel>,
    request: &GenerateRequest,
    prompts: Vec<Vec<Token>>,
    flags: &[StopFlag],
    time_limit: Option<Duration>,
) -> Result<Vec<Generation>, GenerateError> {
    let prompts = prompts.into_iter().map(ReadPrompt::from).collect();
    start_read(model, request, Ok(prompts), flags, time_limit)
}

fn start_read(
    model: &Arc<LoadedModel>,
    request: &GenerateRequest,
    prompts: Result<Vec<ReadPrompt>, GenerateError>,
    flags: &[StopFlag],
    time_limit: Option<Duration>,
) -> Result<Vec<Generation>, GenerateError> {
    let deadline = time_limit.map(|limit| Instant::now() + limit);
    let started = prompts.and_then(|prompts| {
        let matcher = prepare(model, request)?;
        let choices = flags.len().div_ceil(prompts.len().max(1)).max(1);
        let run = |(prompt, choice, flag): (&ReadPrompt, usize, &StopFlag)| {
            let mut spec = run_spec(model, request, prompt, choice, flag);
            spec.deadline = deadline;
            spec.matcher = matcher.as_ref().map(Matcher::fork);
            let handle = model.engine.submit(spec)?;
            let formats = model.tool_markup.formats();
            let tools = request.tools.as_ref();
            let tools = tools.map(|tools| ToolReader::new(formats, tools));
            Ok(Generation {
                handle,
                n_prompt: prompt.tokens.len(),
                reader: AnswerReader::new(prompt.start.as_ref(), &request.thoughts, tools),
                ready: VecDeque::new(),
                model: model.clone(),
            })
        };
        let numbered = prompts.iter().zip(flags.chunks(choices));
        let numbered = numbered.flat_map(|(prompt, flags)| {
            let flags = flags.iter().enumerate();
            flags.map(move |(choice, flag)| (prompt, choice, flag))
        });
        numbered.map(run).collect()
    });
    if started.is_err() {
        // Those that were submitted are stopped by being dropped; the others never begin.
        flags.iter().for_each(StopFlag::release);
    }
    started
}

fn run_spec(
    model: &LoadedModel,
    request: &GenerateRequest,
    prompt: &ReadPrompt,
    choice: usize,
    flag: &StopFlag,
) -> RunSpec {
    let start = prompt.start.as_ref();
    let mut sampling = request.sampling.clone();
    sampling.seed = sampling.seed.map(|seed| seed.wrapping_add(choice as u64));
    RunSpec {
        prompt: prompt.tokens.clone(),
        sampling,
        matcher: None,
        max_tokens: request.max_tokens,
        stop: request.stop.clone(),
        shown: shown(model, request, start.is_some()),
        thoughts: start.map(|start| start.budget(&request.thoughts)),
        min_tokens: request.min_tokens,
        deterministic: request.deterministic,
        report_progress: request.report_progress,
        namespace: request.namespace,
        deadline: None,
        flag: flag.clone(),
    }
}

/// The control tokens whose texts the readers of an answer need.
fn shown(model: &LoadedModel, request: &GenerateRequest, thinks: bool) -> Vec<Token> {
    let mut shown = Vec::new();
    if request.tools.is_some() {
        shown = model.tool_markup.shown();
    }
    if let Some(markup) = model.thought_markup.as_ref().filter(|_| thinks) {
        shown.extend_from_slice(markup.shown());
    }
    shown
}

/// Checks what only the model can, and compiles the constraint for it.
fn prepare(
    model: &LoadedModel,
    request: &GenerateRequest,
) -> Result<Option<Matcher>, GenerateError> {
    let vocab = model.engine.model().vocab();
    for &(token, _) in &request.sampling.logit_bias {
        if vocab.check(&[token]).is_err() {
            let last = vocab.len().saturating_sub(1);
            return Err(GenerateError::UnknownBiasToken { token, last });
        }
    }
    let constraint = tool_grammar::constraint(request, &model.tool_markup)?;
    let matcher = constraint.map(|constraint| model.engine.compile(&constraint));
    Ok(matcher.transpose()?)
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

    /// Makes deltas of what the engine says: of text that may be part of a tag or a call, as many as are certain.
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
                self.ready.extend(self.reader.read(text, tokens, logprobs));
                if self.reader.is_over() {
                    // What the model would add to it nobody sees.
                    self.handle.flag().set(StopCause::Satisfied);
                }
            }
            RunEvent::Done(summary) => {
                self.ready.extend(self.reader.finish(summary.reason));
                self.ready.push_back(Delta::Done(summary));
            }
            RunEvent::Failed { message } => self.ready.push_back(Delta::Failed { message }),
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
