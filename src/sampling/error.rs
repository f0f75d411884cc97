//! Errors of the sampler.

/// Why no token was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SamplingError {
    /// Mask, logit bias and logits together leave nothing: every logit is minus infinity or no number.
    #[error(
        "no token is left to draw: the mask or the logit bias forbids every token, or the logits are not numbers"
    )]
    NothingAllowed,
}
