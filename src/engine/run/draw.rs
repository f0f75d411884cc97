//! How a run's next token comes about: drawn, within the form that its answer keeps to, or given.

use std::time::Duration;

use super::Run;
use crate::constraint::MaskAhead;
use crate::engine::error::DrawError;
use crate::llama::Token;
use crate::sampling::cuda::{RowRequest, RowResult};
use crate::sampling::{Drawn, TokenLogprobs};

impl Run {
    /// True where drafts go with it: what a form allows is known one token ahead only, and a text that has to come
    /// next must not come behind a draft.
    pub(in crate::engine) fn may_draft(&self) -> bool {
        !self.deterministic && self.masks.is_none() && !self.thoughts.may_force()
    }

    /// True where the next token comes before the form: in a thought.
    fn thinks_before_form(&self) -> bool {
        !self.has_begun_form && self.thoughts.come_first()
    }

    /// What the next token may be; `None` where it may be anything.
    fn masks(&mut self) -> Option<&mut MaskAhead> {
        let is_free = self.thinks_before_form();
        self.masks.as_mut().filter(|_| !is_free)
    }

    /// True where the next token has a form to keep to.
    pub(in crate::engine) fn is_constrained(&self) -> bool {
        self.masks.is_some() && !self.thinks_before_form()
    }

    /// Waits a little for what the next token may be; false where that is not known yet.
    pub(in crate::engine) fn knows_its_mask(&mut self, patience: Duration) -> bool {
        self.masks().is_none_or(|masks| masks.is_ready(patience))
    }

    /// True where the answer has its form and nothing may follow. Never waits.
    pub(in crate::engine) fn is_complete(&mut self) -> bool {
        self.masks().is_some_and(MaskAhead::is_complete)
    }

    /// Draws its next token; the caller hands it to [`Self::accept`], in the order of the draws.
    pub(in crate::engine) fn draw(&mut self, logits: &[f32]) -> Result<Token, DrawError> {
        let is_free = self.thinks_before_form();
        let masks = self.masks.as_mut().filter(|_| !is_free);
        let mask = masks.map(MaskAhead::mask).transpose()?;
        let drawn = self.sampler.draw(logits, mask)?;
        Ok(self.take(drawn))
    }

    /// True where a GPU's kernels can draw for it.
    pub(in crate::engine) fn draws_on_gpu(&self, n_vocab: usize) -> bool {
        self.sampler.draws_on_gpu(n_vocab)
    }

    /// What [`Self::draw`] would do, for the GPU to do it. [`Self::take_result`] has to follow.
    pub(in crate::engine) fn request(&mut self) -> Result<RowRequest<'_>, DrawError> {
        let is_free = self.thinks_before_form();
        let masks = self.masks.as_mut().filter(|_| !is_free);
        let mask = masks.map(MaskAhead::mask).transpose()?;
        Ok(self.sampler.request(mask))
    }

    /// The token that a GPU has drawn, as [`Self::draw`] would have given it.
    pub(in crate::engine) fn take_result(
        &mut self,
        result: &RowResult,
    ) -> Result<Token, DrawError> {
        let drawn = self.sampler.drawn(result)?;
        Ok(self.take(drawn))
    }

    /// Takes note of what was drawn. Where the answer has a form, what the token after it may be is computed from here
    /// on, beside the decode.
    fn take(&mut self, drawn: Drawn) -> Token {
        if let Some(masks) = self.masks() {
            masks.advance(drawn.token);
            self.has_begun_form = true;
        }
        self.sampler.accept(drawn.token);
        self.logprobs.extend(drawn.logprobs);
        drawn.token
    }

    /// Keeps a row of logits until its mask is there; the context forgets it with its next decode.
    pub(in crate::engine) fn hold_row(&mut self, logits: &[f32]) {
        self.held_row.extend_from_slice(logits);
    }

    /// True where the next token is computed and waits for its mask.
    pub(in crate::engine) fn holds_row(&self) -> bool {
        !self.held_row.is_empty()
    }

    /// Draws from the row that was kept.
    pub(in crate::engine) fn draw_held(&mut self) -> Result<Token, DrawError> {
        let mut row = std::mem::take(&mut self.held_row);
        let token = self.draw(&row);
        // Its memory is kept: where one mask was late, others will be.
        row.clear();
        self.held_row = row;
        token
    }

    /// The text that has to come next, with its control tokens.
    pub(in crate::engine) fn take_forced(&mut self) -> Option<String> {
        self.thoughts.take_forced()
    }

    /// A token that nobody drew is accepted next.
    pub(in crate::engine) fn expect_forced(&mut self, token: Token) {
        self.sampler.accept(token);
        if self.sampling.logprobs.is_some() {
            // It was certain, and nothing else could have come.
            self.logprobs.push(TokenLogprobs {
                logprob: 0.0,
                top: Vec::new(),
            });
        }
    }

    /// Where the model wants to end its answer within a thought, and a form still has to follow: ends the thought instead,
    /// and forgets what was drawn. False where the answer may end.
    pub(in crate::engine) fn refuses_end(&mut self) -> bool {
        let refuses = self.masks.is_some() && self.thinks_before_form() && self.thoughts.end();
        if refuses && self.sampling.logprobs.is_some() {
            self.logprobs.pop();
        }
        refuses
    }
}
