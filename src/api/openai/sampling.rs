//! Sampling fields → [`SamplingParams`], and the limits of an answer's length.

use serde_json::Value;

use crate::api::errors::ApiError;
use crate::api::fields::{Fields, read_number, wrong_type};
use crate::generation::{MAX_STOP_BYTES, MAX_STOP_STRINGS};
use crate::llama::Token;
use crate::sampling::SamplingParams;

/// The most entries of `logit_bias`.
pub const MAX_LOGIT_BIAS: usize = 1024;

/// At this bias a token is never drawn, whatever the temperature.
const BAN: f32 = -100.0;

/// The seed that llama.cpp's clients send for "take a random one".
const RANDOM_SEED: i128 = -1;

/// Reads every sampling field; what is absent has the default of the chat route.
pub(super) fn sampling(request: &Fields<'_>) -> Result<SamplingParams, ApiError> {
    let default = SamplingParams::default();
    let number = |name, low, high, default| {
        request
            .number(name, low..=high)
            .map(|value| value.unwrap_or(default))
    };
    let top_k = request.integer("top_k", -1..=100)?;
    let seed = request.integer("seed", RANDOM_SEED..=u64::MAX.into())?;
    Ok(SamplingParams {
        temperature: number("temperature", 0.0, 2.0, default.temperature)?,
        top_p: number("top_p", 0.0, 1.0, default.top_p)?,
        min_p: number("min_p", 0.0, 1.0, default.min_p)?,
        repetition_penalty: number("repetition_penalty", 1.0, 2.0, default.repetition_penalty)?,
        presence_penalty: number("presence_penalty", 0.0, 2.0, default.presence_penalty)?,
        frequency_penalty: number("frequency_penalty", -2.0, 2.0, default.frequency_penalty)?,
        top_k: top_k.map_or(default.top_k, |k| k as i32),
        seed: seed.and_then(|seed| u64::try_from(seed).ok()),
        logit_bias: logit_bias(request)?,
        ..default
    })
}

/// `{"token id": -100..100}`. Whether the ids exist is for the model to say.
fn logit_bias(request: &Fields<'_>) -> Result<Vec<(Token, f32)>, ApiError> {
    let Some(map) = request.fields("logit_bias")? else {
        return Ok(Vec::new());
    };
    let path = request.path("logit_bias");
    if map.object().len() > MAX_LOGIT_BIAS {
        let message = format!("`{path}` must not have more than {MAX_LOGIT_BIAS} entries.");
        return Err(ApiError::invalid_value(path, message));
    }
    let entries = map.object().iter().map(|(key, value)| {
        let digits = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
        let id = key.parse::<i32>().ok().filter(|_| digits).ok_or_else(|| {
            ApiError::invalid_value(
                path.as_str(),
                format!(
                    "`{path}` has the key {}. Keys must be token ids, as in {{\"15043\": -100}}.",
                    crate::api::errors::quoted(key)
                ),
            )
        })?;
        let bias = read_number(&map.path(key), value, BAN..=-BAN)?;
        let bias = if bias <= BAN { f32::NEG_INFINITY } else { bias };
        Ok((Token(id), bias))
    });
    entries.collect()
}

/// Upper bound on generated tokens. `max_completion_tokens` wins; what no context could hold is clamped.
pub(super) fn max_tokens(request: &Fields<'_>) -> Result<Option<u32>, ApiError> {
    let any = 1..=i128::MAX;
    let older = request.integer("max_tokens", any.clone())?;
    let newer = request.integer("max_completion_tokens", any)?;
    Ok(newer
        .or(older)
        .map(|tokens| u32::try_from(tokens).unwrap_or(u32::MAX)))
}

/// Tokens that must come before the answer may end: `min_tokens`, or all of them with `ignore_eos`.
pub(super) fn min_tokens(request: &Fields<'_>) -> Result<usize, ApiError> {
    let at_least = request.integer("min_tokens", 0..=u32::MAX.into())?;
    if request.boolean("ignore_eos")?.unwrap_or(false) {
        return Ok(usize::MAX);
    }
    Ok(at_least.map_or(0, |tokens| tokens as usize))
}

/// `stop`: one string or a list of them.
pub(super) fn stop(request: &Fields<'_>) -> Result<Vec<String>, ApiError> {
    let path = request.path("stop");
    let strings = match request.get("stop") {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => vec![(path.clone(), text.clone())],
        Some(Value::Array(list)) if list.len() > MAX_STOP_STRINGS => {
            let message = format!("`{path}` must not hold more than {MAX_STOP_STRINGS} strings.");
            return Err(ApiError::invalid_value(path, message));
        }
        Some(Value::Array(_)) => {
            let strings = request.strings("stop")?.unwrap_or_default();
            let named = strings.into_iter().enumerate();
            named
                .map(|(i, text)| (format!("{path}[{i}]"), text))
                .collect()
        }
        Some(other) => return Err(wrong_type(&path, "a string or an array of strings", other)),
    };
    strings
        .into_iter()
        .map(|(path, text)| {
            let wrong = if text.is_empty() {
                format!("`{path}` is empty, which would end every answer. Leave it out.")
            } else if text.len() > MAX_STOP_BYTES {
                format!(
                    "`{path}` is longer than {MAX_STOP_BYTES} bytes. Use a shorter stop string."
                )
            } else {
                return Ok(text);
            };
            Err(ApiError::invalid_value(path, wrong))
        })
        .collect()
}
