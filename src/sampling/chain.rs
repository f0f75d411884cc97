//! The chain: which sampler narrows what, in llama.cpp's order.

use super::candidates::Candidates;
use super::row::Row;
use super::top_k::{argmax, top_k};
use super::{SamplingError, SamplingParams, TokenMask};
use crate::llama::Token;

/// A row of logits that is copied before its first change: the caller's stays as it is.
#[derive(Debug)]
pub(super) struct EditableRow<'a> {
    input: &'a [f32],
    copy: &'a mut Vec<f32>,
    is_edited: bool,
}

impl<'a> EditableRow<'a> {
    /// A row in which what the mask forbids is minus infinity. `copy` is memory for changes.
    pub(super) fn new(
        input: &'a [f32],
        allowed: Option<&TokenMask>,
        copy: &'a mut Vec<f32>,
    ) -> Self {
        if let Some(mask) = allowed {
            mask.copy_allowed(input, copy);
        }
        Self {
            input,
            copy,
            is_edited: allowed.is_some(),
        }
    }

    pub(super) fn get(&self) -> &[f32] {
        if self.is_edited {
            self.copy
        } else {
            self.input
        }
    }

    pub(super) fn is_edited(&self) -> bool {
        self.is_edited
    }

    pub(super) fn edit(&mut self) -> &mut [f32] {
        if !self.is_edited {
            self.is_edited = true;
            self.copy.clear();
            self.copy.extend_from_slice(self.input);
        }
        self.copy
    }
}

/// What a token is drawn from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Left {
    /// The candidates of the list.
    List,
    /// What is at least `floor` in the row, at a temperature greater than 0.
    Row {
        /// The lowest logit that may be drawn.
        floor: f32,
        /// The largest logit.
        max: f32,
        /// See there.
        temperature: f32,
    },
}

/// The samplers that may be applied to a row as well as to a list, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    TopK,
    Typical,
    TopP,
    MinP,
}

/// Forbids a few tokens. Where the largest logits are looked for, that many more are, which saves copying the
/// row; what is left to be done so is returned.
pub(super) fn ban<'a>(
    params: &SamplingParams,
    row: &mut EditableRow<'_>,
    banned: &'a [Token],
) -> &'a [Token] {
    let finds_largest = params.top_k > 0 && params.mirostat.is_none();
    if params.is_argmax() || (finds_largest && params.top_n_sigma <= 0.0) {
        return banned;
    }
    for token in banned {
        if let Some(logit) = row.edit().get_mut(token.index()) {
            *logit = f32::NEG_INFINITY;
        }
    }
    &[]
}

/// The `k` largest logits of tokens that are not among `banned`.
fn top_k_without(row: &[f32], floor: f32, k: usize, banned: &[Token], list: &mut Candidates) {
    top_k(row, floor, k.saturating_add(banned.len()), list);
    if !banned.is_empty() {
        let is_banned = |index: u32| banned.iter().any(|token| token.0 as u32 == index);
        list.list.retain(|candidate| !is_banned(candidate.index));
        list.list.truncate(k);
        list.nominal = k.min(row.len());
    }
}

/// Applies everything from top-n-sigma to temperature. `banned` is what [`ban`] has left to do. XTC is applied where
/// `chance` (0..1) is within its probability.
pub(super) fn narrow(
    params: &SamplingParams,
    row: &mut EditableRow<'_>,
    banned: &[Token],
    chance: f32,
    list: &mut Candidates,
) -> Result<Left, SamplingError> {
    let nothing = SamplingError::NothingAllowed;
    if params.is_argmax() && !banned.is_empty() {
        top_k_without(row.get(), f32::NEG_INFINITY, 1, banned, list);
        return some(list);
    }
    if params.is_argmax() {
        list.clear();
        if let Some(index) = argmax(row.get()) {
            list.push(index, row.get()[index]);
        }
        return some(list);
    }
    let mut floor = f32::NEG_INFINITY;
    if params.top_n_sigma > 0.0 && row.get().len() > 1 {
        let mut full = Row::new(row.get()).ok_or(nothing)?;
        full.top_n_sigma(params.top_n_sigma);
        floor = full.floor;
    }
    let full = |row| {
        Row::new(row)
            .map(|full| Row { floor, ..full })
            .ok_or(nothing)
    };
    let done = if params.top_k > 0 {
        top_k_without(row.get(), floor, params.top_k as usize, banned, list);
        Stage::TopK
    } else if params.typical_p < 1.0 {
        full(row.get())?.typical(params.typical_p, list);
        Stage::Typical
    } else if params.top_p < 1.0 {
        full(row.get())?.top_p(params.top_p, list);
        Stage::TopP
    } else if params.min_p > 0.0 {
        let full = full(row.get())?;
        full.at_least((full.max + params.min_p.ln()).min(full.max), list);
        Stage::MinP
    } else {
        return narrow_row(params, row, floor, chance, list);
    };
    narrow_list(params, done, chance, list);
    some(list)
}

fn some(list: &Candidates) -> Result<Left, SamplingError> {
    if list.list.is_empty() {
        return Err(SamplingError::NothingAllowed);
    }
    Ok(Left::List)
}

/// What comes after `done`, on a list.
fn narrow_list(params: &SamplingParams, done: Stage, chance: f32, list: &mut Candidates) {
    if done < Stage::Typical && params.typical_p < 1.0 {
        list.typical(params.typical_p);
    }
    if done < Stage::TopP && params.top_p < 1.0 {
        list.top_p(params.top_p);
    }
    if done < Stage::MinP && params.min_p > 0.0 {
        list.min_p(params.min_p);
    }
    if params.xtc.is_on() && chance <= params.xtc.probability {
        list.xtc(params.xtc);
    }
    list.temperature(params.temperature, params.dynamic_temperature);
}

/// XTC and temperature where nothing before them has made a list.
fn narrow_row(
    params: &SamplingParams,
    row: &mut EditableRow<'_>,
    floor: f32,
    chance: f32,
    list: &mut Candidates,
) -> Result<Left, SamplingError> {
    let nothing = SamplingError::NothingAllowed;
    let mut nominal = row.get().len();
    let mut full = Row::new(row.get()).ok_or(nothing)?;
    if params.xtc.is_on() && chance <= params.xtc.probability {
        Row { floor, ..full }.top_choices(params.xtc.threshold, list);
        list.list.pop();
        nominal -= list.list.len();
        for candidate in &list.list {
            row.edit()[candidate.index as usize] = f32::NEG_INFINITY;
        }
        full = Row::new(row.get()).ok_or(nothing)?;
    }
    full.floor = floor;
    let dynamic = params.dynamic_temperature;
    let temperature = if dynamic.range <= 0.0 {
        params.temperature
    } else if nominal > 1 {
        dynamic.choose(params.temperature, full.moments().entropy() as f32, nominal)
    } else {
        1.0
    };
    if temperature <= 0.0 {
        full.top_k(1, list);
        return some(list);
    }
    Ok(Left::Row {
        floor,
        max: full.max,
        temperature,
    })
}
