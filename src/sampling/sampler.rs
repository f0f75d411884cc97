//! [`Sampler`]: the state of one run's draws.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::candidates::Candidates;
use super::chain::{EditableRow, Left, ban, narrow};
use super::cuda::{self, RowRequest, RowResult};
use super::dry::{DryBreakers, DryState};
use super::ends::Ends;
use super::history::History;
use super::mirostat::MirostatState;
use super::row::Row;
use super::{SamplingError, SamplingParams, TokenLogprobs, TokenMask};
use crate::llama::Token;

/// Draws tokens for one run, in llama.cpp's order and meaning.
///
/// A draw depends on the seed, on how many draws there were before, on the tokens that were accepted, and on
/// the row: on nothing else. So a drafted token is verified by drawing from its row: it is right where the
/// same token is drawn.
#[derive(Debug, Clone)]
pub struct Sampler {
    params: SamplingParams,
    history: History,
    dry: DryState,
    mirostat: Option<MirostatState>,
    ends: Ends,
    rng: ChaCha8Rng,
    /// A copy of the row where logits are changed; llama.cpp's own row stays as it is.
    copy: Vec<f32>,
    list: Candidates,
    blocks: Vec<f64>,
}

/// What [`Sampler::draw`] drew.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The token.
    pub token: Token,
    /// How likely the model thought it, where [`SamplingParams::logprobs`] asks for that.
    pub logprobs: Option<TokenLogprobs>,
}

/// A token that may be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probability {
    /// The token.
    pub token: Token,
    /// How likely it is to be drawn, 0..=1.
    pub probability: f32,
}

/// The random numbers of one draw, each in 0..1. Always as many, so that draws of any parameters keep step.
#[derive(Debug, Clone, Copy)]
struct Luck {
    /// Decides whether XTC is applied.
    chance: f32,
    /// Chooses among what is left.
    point: f64,
}

impl Sampler {
    /// A sampler. Without a seed it takes a random one.
    #[must_use]
    pub fn new(params: SamplingParams) -> Self {
        let seed = params.seed.unwrap_or_else(random_seed);
        Self {
            history: History::new(&params),
            dry: DryState::default(),
            mirostat: params.mirostat.map(MirostatState::new),
            ends: Ends::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            copy: Vec::new(),
            list: Candidates::default(),
            blocks: Vec::new(),
            params,
        }
    }

    /// Gives DRY its sequence breakers. Without them repetitions reach across everything.
    #[must_use]
    pub fn with_dry_breakers(mut self, breakers: Arc<DryBreakers>) -> Self {
        self.dry.breakers = breakers;
        self
    }

    /// Keeps the tokens that end an answer from being drawn before `at_least` tokens were accepted
    /// ([`Self::accept`]); `usize::MAX` means never. A mask that allows nothing else is stronger.
    #[must_use]
    pub fn with_ends(mut self, tokens: Arc<[Token]>, at_least: usize) -> Self {
        self.ends = Ends::new(tokens, at_least);
        self
    }

    /// Starts other random numbers, for another continuation of the same tokens.
    pub fn reseed(&mut self, seed: u64) {
        self.rng = ChaCha8Rng::seed_from_u64(seed);
    }

    /// Takes note of a token that was drawn: penalties and DRY look back on it.
    pub fn accept(&mut self, token: Token) {
        self.history.push(token);
        self.ends.count();
    }

    /// Takes note of the tokens of a prompt. Costs as much as the samplers look back, however long it is.
    pub fn accept_all(&mut self, tokens: &[Token]) {
        self.history.extend(tokens);
    }

    /// Draws a token from a row of logits. The caller decides whether to [`Self::accept`] it.
    ///
    /// What `allowed` forbids is treated as if its logit were minus infinity, before everything else. (llama.cpp
    /// draws without the grammar first, and applies it before its chain only where the drawn token does not
    /// fit; that is faster where masks are slow, and draws from a slightly different distribution.)
    pub fn draw(
        &mut self,
        logits: &[f32],
        allowed: Option<&TokenMask>,
    ) -> Result<Drawn, SamplingError> {
        let luck = Luck::next(&mut self.rng);
        let token = self.choose(logits, allowed, luck)?;
        let logprobs = self
            .params
            .logprobs
            .and_then(|top| TokenLogprobs::of(logits, token, top, &mut self.list));
        Ok(Drawn { token, logprobs })
    }

    /// Whether a GPU's kernels can draw what this draws, from rows of `n_vocab` logits.
    #[must_use]
    pub fn draws_on_gpu(&self, n_vocab: usize) -> bool {
        cuda::takes(&self.params, n_vocab)
    }

    /// What [`Self::draw`] would do, for the kernels to do it ([`Self::draws_on_gpu`]). Uses up the same random numbers.
    pub fn request<'a>(&'a mut self, allowed: Option<&'a TokenMask>) -> RowRequest<'a> {
        let luck = Luck::next(&mut self.rng);
        RowRequest {
            params: &self.params,
            point: luck.point,
            allowed,
            banned: self.ends.banned(allowed),
            seen: self.history.seen(),
        }
    }

    /// What the kernels made of a [`Self::request`].
    pub fn drawn(&self, result: &RowResult) -> Result<Drawn, SamplingError> {
        result.drawn(&self.params)
    }

    /// Everything that the next [`Self::draw`] may draw, the most likely first. Changes nothing of what it will.
    pub fn probabilities(
        &mut self,
        logits: &[f32],
        allowed: Option<&TokenMask>,
    ) -> Result<Vec<Probability>, SamplingError> {
        let luck = Luck::next(&mut self.rng.clone());
        let narrowed = self.narrow(logits, allowed, luck.chance)?;
        let probability = |(index, probability)| Probability {
            token: Token(index as i32),
            probability,
        };
        let mut all: Vec<Probability> = match narrowed.left {
            Left::Row {
                floor,
                max,
                temperature,
            } => self
                .row(narrowed, logits, floor, max)
                .probabilities(temperature)
                .map(probability)
                .collect(),
            Left::List => {
                self.list.pick(luck.point);
                let list = self.list.list.iter();
                list.map(|candidate| (candidate.index as usize, candidate.p))
                    .filter(|&(_, p)| p > 0.0)
                    .map(probability)
                    .collect()
            }
        };
        all.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        Ok(all)
    }

    fn choose(
        &mut self,
        logits: &[f32],
        allowed: Option<&TokenMask>,
        luck: Luck,
    ) -> Result<Token, SamplingError> {
        let nothing = SamplingError::NothingAllowed;
        let narrowed = self.narrow(logits, allowed, luck.chance)?;
        if let Left::Row {
            floor,
            max,
            temperature,
        } = narrowed.left
        {
            let mut blocks = std::mem::take(&mut self.blocks);
            let row = self.row(narrowed, logits, floor, max);
            let index = row.pick(temperature, luck.point, &mut blocks);
            self.blocks = blocks;
            return index.map(|index| Token(index as i32)).ok_or(nothing);
        }
        let chosen = self.list.pick(luck.point).ok_or(nothing)?;
        if let Some(mirostat) = &mut self.mirostat {
            mirostat.learn(chosen.p);
        }
        Ok(Token(chosen.index as i32))
    }

    /// Applies everything but the draw itself.
    fn narrow(
        &mut self,
        logits: &[f32],
        allowed: Option<&TokenMask>,
        chance: f32,
    ) -> Result<Narrowed, SamplingError> {
        let mut row = EditableRow::new(logits, allowed, &mut self.copy);
        for &(token, bias) in &self.params.logit_bias {
            if let Some(logit) = row.edit().get_mut(token.index()) {
                *logit += bias;
            }
        }
        let banned = ban(&self.params, &mut row, self.ends.banned(allowed));
        if let Some(mirostat) = self.mirostat {
            let full = Row::new(row.get()).ok_or(SamplingError::NothingAllowed)?;
            mirostat.narrow(full, self.params.temperature, &mut self.list);
            return Ok(Narrowed {
                left: Left::List,
                is_edited: row.is_edited(),
            });
        }
        if !self.history.penalises_nothing() {
            self.history.penalise(&self.params, row.edit());
        }
        let dry = &self.params.dry;
        if dry.is_on() && self.dry.search(dry, &self.history) {
            self.dry.penalise(dry, row.edit());
        }
        let left = narrow(&self.params, &mut row, banned, chance, &mut self.list)?;
        Ok(Narrowed {
            left,
            is_edited: row.is_edited(),
        })
    }

    /// The row as [`Self::narrow`] left it.
    fn row<'a>(&'a self, narrowed: Narrowed, logits: &'a [f32], floor: f32, max: f32) -> Row<'a> {
        let logits = if narrowed.is_edited {
            &self.copy
        } else {
            logits
        };
        Row { logits, floor, max }
    }
}

/// What [`Sampler::narrow`] leaves, and whether it is about the sampler's copy of the row.
#[derive(Debug, Clone, Copy)]
struct Narrowed {
    left: Left,
    is_edited: bool,
}

impl Luck {
    fn next(rng: &mut ChaCha8Rng) -> Self {
        Self {
            // All bits that an f32 in 0..1 has room for, then all that an f64 has.
            chance: (rng.next_u64() >> 40) as f32 / (1u64 << 24) as f32,
            point: (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64,
        }
    }
}

fn random_seed() -> u64 {
    // The first 8 of a version-4 UUID's 16 bytes hold 60 random bits.
    uuid::Uuid::new_v4().as_u64_pair().0
}

#[cfg(test)]
#[path = "sampler_tests.rs"]
mod tests;
