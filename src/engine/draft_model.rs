//! [`DraftModel`]: a second, smaller model that guesses what the first one will say.

use std::time::Instant;

use super::cost::average;
use super::error::EngineError;
use super::prefix::common_prefix;
use crate::llama::{
    Batch, Context, ContextParams, DecodeOutcome, LlamaError, Model, SeqId, Token, Vocab,
};
use crate::sampling::{Sampler, SamplingParams};

/// The most tokens of a guess.
pub(super) const MAX_GUESS: usize = 16;

/// Tokens that are read in one step to catch up with a run: a step is shared with everybody, and a draft can wait.
const CATCH_UP: usize = 64;

/// A guess ends before a token that the model itself thinks less likely than this: it would hardly be accepted.
const MIN_PROBABILITY: f32 = 0.4;

/// A decode of so many tokens costs about as much as that of one.
const FEW: usize = 3;

/// Weight of the newest measurement.
const NEWEST: f64 = 0.2;

/// A draft model with a sequence of its own for each sequence of the main model.
#[derive(Debug)]
pub(super) struct DraftModel {
    context: Context,
    /// What each sequence holds.
    held: Vec<Vec<Token>>,
    /// Greedy, and says how sure it is.
    sampler: Sampler,
    batch: Batch,
    /// Seconds of a guessed token, once one was measured.
    seconds: Option<f64>,
}

impl DraftModel {
    /// Allocates the cells. The two models must have the same vocabulary, and the draft model a memory that can
    /// be cut back.
    pub(super) fn new(
        draft: &Model,
        main: &Model,
        params: &ContextParams,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Self, EngineError> {
        if draft.is_recurrent() || !have_one_vocabulary(draft.vocab(), main.vocab())? {
            return Err(EngineError::DraftModel);
        }
        let context = Context::new(draft, params, should_stop)?;
        let sure = SamplingParams {
            logprobs: Some(0),
            ..SamplingParams::greedy()
        };
        Ok(Self {
            held: vec![Vec::new(); context.n_seq_max() as usize],
            context,
            sampler: Sampler::new(sure),
            batch: Batch::new(),
            seconds: None,
        })
    }

    /// What a guessed token costs, in seconds; 0 before anything was measured.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds.unwrap_or(0.0)
    }

    /// True where guessing would first have to read more than a few tokens.
    pub(super) fn is_behind(&self, seq: SeqId, history: &[Token]) -> bool {
        let known = common_prefix(&self.held[seq.0 as usize], history);
        known + MAX_GUESS < history.len()
    }

    /// Reads more of what a run has said, for a model that [is behind](Self::is_behind).
    pub(super) fn read(
        &mut self,
        seq: SeqId,
        history: &[Token],
        should_stop: &dyn Fn() -> bool,
    ) -> Result<(), LlamaError> {
        self.catch_up(seq, history, should_stop)?;
        self.context.rest();
        Ok(())
    }

    /// Up to `n` tokens that may follow `history`; fewer where the model is not sure.
    pub(super) fn guess(
        &mut self,
        seq: SeqId,
        history: &[Token],
        n: usize,
        ends: impl Fn(Token) -> bool,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Vec<Token>, LlamaError> {
        let mut guess = Vec::new();
        if self.catch_up(seq, history, should_stop)? {
            self.extend(seq, &mut guess, n.min(MAX_GUESS), &ends, should_stop)?;
        }
        // The compute threads of two models must not wait for work side by side.
        self.context.rest();
        Ok(guess)
    }

    /// Brings a sequence nearer to `history`; true once its last row is that of the last token.
    fn catch_up(
        &mut self,
        seq: SeqId,
        history: &[Token],
        should_stop: &dyn Fn() -> bool,
    ) -> Result<bool, LlamaError> {
        let held = &self.held[seq.0 as usize];
        // The last token is computed in any case: its row is what the guess begins with.
        let mut common = common_prefix(held, history).min(history.len() - 1);
        let is_cut = self.context.truncate(seq, common as u32)?;
        let end = self.context.bounds(seq)?.map_or(0, |bounds| bounds.end);
        if !is_cut || end as usize != common {
            self.context.truncate(seq, 0)?;
            common = 0;
        }
        let upto = history.len().min(common + CATCH_UP);
        let is_done = self.compute(seq, &history[common..upto], common, should_stop)?;
        self.held[seq.0 as usize].clear();
        if is_done {
            self.held[seq.0 as usize].extend_from_slice(&history[..upto]);
        }
        Ok(is_done && upto == history.len())
    }

    /// Draws and computes token after token.
    fn extend(
        &mut self,
        seq: SeqId,
        guess: &mut Vec<Token>,
        n: usize,
        ends: &impl Fn(Token) -> bool,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<(), LlamaError> {
        while guess.len() < n {
            let row = self.context.logits(self.batch.len() - 1)?;
            // A row without numbers is the draft model's fault, and no reason to fail the run.
            let Ok(drawn) = self.sampler.draw(row, None) else {
                return Ok(());
            };
            let sure = drawn
                .logprobs
                .is_some_and(|all| all.logprob >= MIN_PROBABILITY.ln());
            if !sure || ends(drawn.token) {
                return Ok(());
            }
            guess.push(drawn.token);
            if guess.len() == n {
                return Ok(());
            }
            let position = self.held[seq.0 as usize].len();
            if !self.compute(seq, &[drawn.token], position, should_stop)? {
                return Ok(());
            }
            self.held[seq.0 as usize].push(drawn.token);
        }
        Ok(())
    }

    /// Computes tokens of a sequence from a position on, the last with logits. False where it was stopped.
    fn compute(
        &mut self,
        seq: SeqId,
        tokens: &[Token],
        position: usize,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<bool, LlamaError> {
        self.batch.clear();
        for (i, &token) in tokens.iter().enumerate() {
            self.batch
                .push(token, position + i, seq, i + 1 == tokens.len());
        }
        let begun = Instant::now();
        let is_done = self.context.decode(&mut self.batch, should_stop)? == DecodeOutcome::Done;
        // Reading what was said meanwhile is no part of what guessing costs from step to step.
        if is_done && tokens.len() <= FEW {
            average(&mut self.seconds, NEWEST, begun.elapsed().as_secs_f64());
        }
        Ok(is_done)
    }
}

/// True where every token means the same to both.
fn have_one_vocabulary(a: &Vocab, b: &Vocab) -> Result<bool, LlamaError> {
    if a.len() != b.len() {
        return Ok(false);
    }
    let (mut text_a, mut text_b) = (Vec::new(), Vec::new());
    for token in (0..a.len() as i32).map(Token) {
        text_a.clear();
        text_b.clear();
        a.append_bytes(token, true, &mut text_a)?;
        b.append_bytes(token, true, &mut text_b)?;
        if text_a != text_b {
            return Ok(false);
        }
    }
    Ok(true)
}
