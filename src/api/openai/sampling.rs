//! Sampling fields → [`SamplingParams`], and the limits of an answer's length.

use serde_json::Value;

use crate::api::errors::ApiError;
use crate::api::fields::{Fields, read_number, wrong_type};
use crate::generation::{MAX_STOP_BYTES, MAX_STOP_STRINGS};
use crate::llama::Token;
use crate::sampling::{Dry, DynamicTemperature, Mirostat, MirostatVersion, SamplingParams, Xtc};

/// The most entries of `logit_bias`.
pub const MAX_LOGIT_BIAS: usize = 1024;

/// The digits of the greatest token id.
const MAX_ID_DIGITS: usize = 10;

/// The most entries of `dry_sequence_breakers`: each is searched for in every token's text.
pub const MAX_DRY_BREAKERS: usize = 16;

/// The longest of them in bytes; llama.cpp cuts what is longer.
pub const MAX_DRY_BREAKER_BYTES: usize = 40;

/// How far penalties look back where the request says -1: over the whole context.
const WHOLE_CONTEXT: i128 = -1;

/// At this bias a token is never drawn, whatever the temperature.
const BAN: f32 = -100.0;

/// The seed that llama.cpp's clients send for "take a random one".
const RANDOM_SEED: i128 = -1;

/// Reads every sampling field, under llama-server's names and Studio's; what is absent has the default of the chat
/// route. Of two names for one thing the first that is sent counts, and both are checked.
pub(super) fn sampling(request: &Fields<'_>) -> Result<SamplingParams, ApiError> {
    sampling_with(request, logprobs(request)?)
}

/// As [`sampling`], for routes that have log-probabilities under fields of their own.
pub(super) fn sampling_with(
    request: &Fields<'_>,
    logprobs: Option<u8>,
) -> Result<SamplingParams, ApiError> {
    let default = SamplingParams::default();
    let number = |name, low, high, default| number_of(request, &[name], low, high, default);
    let top_k = request.integer("top_k", -1..=100)?;
    let seed = request.integer("seed", RANDOM_SEED..=u64::MAX.into())?;
    let repetition = ["repetition_penalty", "repeat_penalty"];
    let typical = ["typical_p", "typ_p"];
    Ok(SamplingParams {
        temperature: number("temperature", 0.0, 2.0, default.temperature)?,
        dynamic_temperature: DynamicTemperature {
            range: number(
                "dynatemp_range",
                0.0,
                2.0,
                default.dynamic_temperature.range,
            )?,
            exponent: number(
                "dynatemp_exponent",
                0.0,
                10.0,
                default.dynamic_temperature.exponent,
            )?,
        },
        top_k: top_k.map_or(default.top_k, |k| k as i32),
        top_p: number("top_p", 0.0, 1.0, default.top_p)?,
        min_p: number("min_p", 0.0, 1.0, default.min_p)?,
        typical_p: number_of(request, &typical, 0.0, 1.0, default.typical_p)?,
        top_n_sigma: number("top_n_sigma", -1.0, 100.0, default.top_n_sigma)?,
        xtc: Xtc {
            probability: number("xtc_probability", 0.0, 1.0, default.xtc.probability)?,
            threshold: number("xtc_threshold", 0.0, 1.0, default.xtc.threshold)?,
        },
        dry: dry(request, default.dry)?,
        mirostat: mirostat(request)?,
        repetition_penalty: number_of(request, &repetition, 1.0, 2.0, default.repetition_penalty)?,
        presence_penalty: number("presence_penalty", -2.0, 2.0, default.presence_penalty)?,
        frequency_penalty: number("frequency_penalty", -2.0, 2.0, default.frequency_penalty)?,
        penalty_last_n: last_n(request, "repeat_last_n", default.penalty_last_n)?,
        logit_bias: logit_bias(request)?,
        logprobs,
        seed: seed.and_then(|seed| u64::try_from(seed).ok()),
    })
}

/// A number under any of these names.
fn number_of(
    request: &Fields<'_>,
    names: &[&str],
    low: f32,
    high: f32,
    default: f32,
) -> Result<f32, ApiError> {
    let mut found = None;
    for name in names {
        let value = request.number(name, low..=high)?;
        found = found.or(value);
    }
    Ok(found.unwrap_or(default))
}

/// How many tokens back a penalty looks.
fn last_n(request: &Fields<'_>, name: &str, default: usize) -> Result<usize, ApiError> {
    let tokens = request.integer(name, WHOLE_CONTEXT..=i32::MAX.into())?;
    Ok(tokens.map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX)))
}

fn dry(request: &Fields<'_>, default: Dry) -> Result<Dry, ApiError> {
    let number = |name, low, high, default| number_of(request, &[name], low, high, default);
    let allowed = request.integer("dry_allowed_length", 0..=i32::MAX.into())?;
    Ok(Dry {
        multiplier: number("dry_multiplier", 0.0, 100.0, default.multiplier)?,
        base: number("dry_base", 1.0, 100.0, default.base)?,
        allowed_length: allowed.map_or(default.allowed_length, |tokens| tokens as usize),
        last_n: last_n(request, "dry_penalty_last_n", default.last_n)?,
        sequence_breakers: dry_breakers(request)?.unwrap_or(default.sequence_breakers),
    })
}

/// Texts, none of them empty; `[]` lets repetitions reach across everything.
fn dry_breakers(request: &Fields<'_>) -> Result<Option<Vec<String>>, ApiError> {
    let name = "dry_sequence_breakers";
    let Some(texts) = request.strings(name)? else {
        return Ok(None);
    };
    let path = request.path(name);
    if texts.len() > MAX_DRY_BREAKERS {
        let message = format!("`{path}` must not hold more than {MAX_DRY_BREAKERS} strings.");
        return Err(ApiError::invalid_value(path, message));
    }
    let is_good = |text: &String| (1..=MAX_DRY_BREAKER_BYTES).contains(&text.len());
    if let Some(index) = texts.iter().position(|text| !is_good(text)) {
        let path = format!("{path}[{index}]");
        let message = format!("`{path}` must have 1 to {MAX_DRY_BREAKER_BYTES} bytes.");
        return Err(ApiError::invalid_value(path, message));
    }
    Ok(Some(texts))
}

/// `mirostat`: 0 is off, 1 and 2 are the versions. The defaults are llama.cpp's.
fn mirostat(request: &Fields<'_>) -> Result<Option<Mirostat>, ApiError> {
    let mode = request.integer("mirostat", 0..=2)?.unwrap_or(0);
    let default = Mirostat::new(if mode == 1 {
        MirostatVersion::V1
    } else {
        MirostatVersion::V2
    });
    let number = |name, high, default| number_of(request, &[name], 0.0, high, default);
    let mirostat = Mirostat {
        target: number("mirostat_tau", 100.0, default.target)?,
        learning_rate: number("mirostat_eta", 1.0, default.learning_rate)?,
        ..default
    };
    Ok((mode > 0).then_some(mirostat))
}

/// How many of the most likely tokens are told with each one; `None` where log-probabilities are not wanted.
fn logprobs(request: &Fields<'_>) -> Result<Option<u8>, ApiError> {
    let top = request.integer("top_logprobs", 0..=20)?.unwrap_or(0);
    let wanted = request.boolean("logprobs")?.unwrap_or(false);
    if top > 0 && !wanted {
        let path = request.path("top_logprobs");
        let message = format!("`{path}` needs `logprobs`: send \"logprobs\": true with it.");
        return Err(ApiError::invalid_value(path, message));
    }
    Ok(wanted.then_some(top as u8))
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
        let digits = key.bytes().all(|byte| byte.is_ascii_digit());
        let digits = digits && (1..=MAX_ID_DIGITS).contains(&key.len());
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
