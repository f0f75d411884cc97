//! [`CompletionRequest`]: the body of `POST /completions`.

use serde_json::Value;

use super::unsupported::NOT_YET;
use crate::api::errors::ApiError;
use crate::api::fields::Fields;
use crate::api::openai::MAX_ID_BYTES;
use crate::api::openai::chat_request::MAX_CHOICES;
use crate::api::openai::inputs::{check_count, inputs};
use crate::api::openai::unsupported::{OF_GENERATION, OF_STREAM_OPTIONS, refuse_of};
use crate::api::openai::{sampling, structured};
use crate::generation::{GenerateRequest, Prompt, RawPrompt};
use crate::stop::RunIds;

/// The most answers to one request, those to all its prompts together. Each is a run of its own, which may have to wait
/// for a sequence.
pub const MAX_RUNS: usize = 64;

/// A validated request.
#[derive(Debug, Clone)]
pub struct CompletionRequest {
    /// Whether the answers come as a stream of events.
    pub stream: bool,
    /// `stream_options.include_usage`, where it was sent.
    pub include_usage: Option<bool>,
    /// What is continued, each by answers of its own; at least one.
    pub prompts: Vec<RawPrompt>,
    /// Answers to each prompt, 1..=16.
    pub choices: usize,
    /// What comes after the text that is to be written.
    pub suffix: Option<String>,
    /// Whether each answer begins with its prompt.
    pub echo: bool,
    /// `cancel_id` and `session_id`; the server adds the id of the answer.
    pub ids: RunIds,
    /// The field that asks for a form of the answer, for errors that are found when it is compiled.
    pub form_field: Option<&'static str>,
    /// How each prompt is continued. Its own prompt is empty and not looked at.
    pub generate: GenerateRequest,
}

impl CompletionRequest {
    /// Validates a request body. Every error is a 400 that names the field.
    pub fn parse(body: &Value) -> Result<Self, ApiError> {
        let request = Fields::root(body)?;
        refuse_of(&request, NOT_YET)?;
        refuse_of(&request, OF_GENERATION)?;
        let prompts = inputs(
            &request,
            "prompt",
            MAX_RUNS,
            RawPrompt::Text,
            RawPrompt::Tokens,
        )?;
        let choices = choices(&request, prompts.len())?;
        let suffix = request.string("suffix")?.filter(|text| !text.is_empty());
        let logprobs = request.integer("logprobs", 0..=20)?.map(|top| top as u8);
        let echo = request.boolean("echo")?.unwrap_or(false);
        check_echo(echo, suffix.is_some(), logprobs.is_some())?;
        let form = structured::form(&request)?;
        request.string("model")?;
        Ok(Self {
            stream: request.boolean("stream")?.unwrap_or(false),
            include_usage: include_usage(&request)?,
            prompts,
            choices,
            suffix: suffix.map(str::to_owned),
            echo,
            ids: RunIds {
                cancel_id: request.id("cancel_id", MAX_ID_BYTES)?,
                session_id: request.id("session_id", MAX_ID_BYTES)?,
                ..RunIds::default()
            },
            form_field: form.as_ref().map(|form| form.field),
            generate: GenerateRequest {
                constraint: form.map(|form| form.constraint),
                sampling: sampling::sampling_with(&request, logprobs)?,
                max_tokens: max_tokens(&request)?,
                stop: sampling::stop(&request)?,
                min_tokens: sampling::min_tokens(&request)?,
                deterministic: request.boolean("deterministic")?.unwrap_or(false),
                report_progress: request.boolean("return_progress")?.unwrap_or(false),
                ..GenerateRequest::new(Prompt::Tokens(Vec::new()))
            },
        })
    }
}

/// The one of `stream_options` that is supported.
fn include_usage(request: &Fields<'_>) -> Result<Option<bool>, ApiError> {
    let Some(options) = request.fields("stream_options")? else {
        return Ok(None);
    };
    refuse_of(&options, OF_STREAM_OPTIONS)?;
    options.boolean("include_usage")
}

/// `n`. `best_of` may only repeat it: to choose the best of more answers is not supported.
fn choices(request: &Fields<'_>, prompts: usize) -> Result<usize, ApiError> {
    let n = request.integer("n", 1..=MAX_CHOICES)?.unwrap_or(1);
    let best_of = request.integer("best_of", 1..=i128::MAX)?;
    if let Some(best_of) = best_of.filter(|&best_of| best_of != n) {
        let message = format!(
            "`best_of` is {best_of} and `n` is {n}: choosing among more answers is not supported. \
             Leave `best_of` out, or send the same number."
        );
        return Err(ApiError::unsupported_parameter("best_of", message));
    }
    check_count("prompt", prompts, MAX_RUNS / n as usize)?;
    Ok(n as usize)
}

/// What an answer with its prompt before it cannot have.
fn check_echo(echo: bool, suffix: bool, logprobs: bool) -> Result<(), ApiError> {
    let wrong = if !echo {
        return Ok(());
    } else if suffix {
        "with `suffix`, where the prompt is only a part of the text"
    } else if logprobs {
        "with `logprobs`: those of the prompt's tokens are not computed"
    } else {
        return Ok(());
    };
    let message = format!("`echo` is not supported {wrong}. Leave one of them out.");
    Err(ApiError::unsupported_parameter("echo", message))
}

/// `max_tokens` under all its names; what is left of the context where none is sent, or llama-server's `n_predict` is -1.
fn max_tokens(request: &Fields<'_>) -> Result<Option<u32>, ApiError> {
    let n_predict = request.integer("n_predict", -1..=i128::MAX)?;
    if n_predict == Some(0) {
        let message = "`n_predict` must be -1, or a whole number of 1 or more.";
        return Err(ApiError::invalid_value("n_predict", message));
    }
    let asked = sampling::max_tokens(request)?;
    Ok(match (asked, n_predict) {
        (Some(tokens), _) => Some(tokens),
        (None, None | Some(-1)) => None,
        (None, Some(tokens)) => Some(u32::try_from(tokens).unwrap_or(u32::MAX)),
    })
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
