//! [`RowRequest`]: what is to be drawn from a row.

use super::layout::{Edit, EditKind, MAX_LOGPROBS, MAX_TOP_K, MAX_VOCAB, Path};
use crate::llama::Token;
use crate::sampling::{SamplingParams, TokenMask};

/// True where the kernels can draw with these parameters from rows of `n_vocab` logits. What they lack (DRY,
/// top-n-sigma, typical, XTC, dynamic temperature, Mirostat, a top-k of more than 128) is drawn on the CPU.
#[must_use]
pub fn takes(params: &SamplingParams, n_vocab: usize) -> bool {
    let is_rare = params.dry.is_on()
        || params.xtc.is_on()
        || params.typical_p < 1.0
        || params.top_n_sigma > 0.0
        || params.dynamic_temperature.range > 0.0
        || params.mirostat.is_some();
    let logprobs = usize::from(params.logprobs.unwrap_or(0));
    let k = usize::try_from(params.top_k).unwrap_or(0);
    !is_rare && n_vocab <= MAX_VOCAB && k <= MAX_TOP_K && logprobs <= MAX_LOGPROBS
}

/// One draw: everything that it depends on but the logits. Made by
/// [`Sampler::request`](crate::sampling::Sampler::request).
#[derive(Debug, Clone)]
pub struct RowRequest<'a> {
    pub(in crate::sampling) params: &'a SamplingParams,
    /// The random number that chooses, in 0..1.
    pub(in crate::sampling) point: f64,
    pub(in crate::sampling) allowed: Option<&'a TokenMask>,
    /// The tokens that may not be drawn now.
    pub(in crate::sampling) banned: &'a [Token],
    /// The tokens that the penalties are about, and how often they were seen.
    pub(in crate::sampling) seen: Vec<(Token, u32)>,
}

impl RowRequest<'_> {
    /// Which of the cases of `sampling::chain` it is.
    pub(super) fn path(&self) -> Path {
        let params = self.params;
        if params.is_argmax() {
            Path::Greedy
        } else if params.top_k > 0 {
            Path::TopK
        } else if params.top_p < 1.0 {
            Path::TopP
        } else if params.min_p > 0.0 {
            Path::MinP
        } else {
            Path::WholeRow
        }
    }

    /// The changes to a row of `n_logits`, as the kernels want them: by token, and those of a token in order.
    pub(super) fn edits(&self, n_logits: usize) -> impl Iterator<Item = Edit> {
        let edit = |token: Token, kind: EditKind, bias, count| Edit {
            token: token.0 as u32,
            kind: kind as u32,
            bias,
            count,
        };
        let biases = self.params.logit_bias.iter();
        let biases = biases.map(|&(token, bias)| edit(token, EditKind::Bias, bias, 0));
        let bans = self.banned.iter();
        let bans = bans.map(|&token| edit(token, EditKind::Ban, 0.0, 0));
        let seen = self.seen.iter();
        let penalties = seen.map(|&(token, count)| edit(token, EditKind::Penalty, 0.0, count));
        // Negative ids become huge ones, which no row has.
        let mut edits: Vec<Edit> = biases
            .chain(bans)
            .chain(penalties)
            .filter(|edit| (edit.token as usize) < n_logits)
            .collect();
        // Stable: biases of one token stay in their order.
        edits.sort_by_key(|edit| edit.token);
        edits.into_iter()
    }
}
