//! [`RowResult`]: a row's token, as the kernels tell it.

use super::layout::RowResult;
use crate::llama::Token;
use crate::sampling::{Drawn, SamplingError, SamplingParams, TokenLogprobs};

impl RowResult {
    /// What [`Sampler::draw`](crate::sampling::Sampler::draw) would have returned. `params` are those of the row's request.
    pub fn drawn(&self, params: &SamplingParams) -> Result<Drawn, SamplingError> {
        if self.token < 0 {
            return Err(SamplingError::NothingAllowed);
        }
        let logprobs = params.logprobs.filter(|_| self.max > f32::NEG_INFINITY);
        Ok(Drawn {
            token: Token(self.token),
            logprobs: logprobs.map(|_| self.logprobs()),
        })
    }

    /// How likely the drawn token was, 0..=1, among those that could be drawn.
    #[must_use]
    pub fn probability(&self) -> f32 {
        self.probability
    }

    fn logprobs(&self) -> TokenLogprobs {
        let top = self.top.iter().take(self.n_top as usize);
        let top = top.map(|likely| (Token(likely.token), likely.logit));
        TokenLogprobs::from_logits(self.logit, top, self.max, self.total)
    }
}
