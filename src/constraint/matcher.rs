//! [`Matcher`]: how far one run has come in its constraint.

use std::panic::{AssertUnwindSafe, catch_unwind};

use llguidance::api::StopReason;
use llguidance::{CancellationHandle, Matcher as Engine};
use static_assertions::assert_impl_all;

use super::MatchError;
use super::limits::STEP_TIME;
use crate::llama::{Token, TokenizeOptions, Vocab};
use crate::sampling::TokenMask;

/// The state of one run's constraint. Made by [`ConstraintCompiler::compile`](super::ConstraintCompiler).
///
/// After an error every further call fails: a run cannot go on unconstrained.
pub struct Matcher {
    engine: Engine,
    n_tokens: usize,
    failed: Option<MatchError>,
}

assert_impl_all!(Matcher: Send);

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matcher")
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl Matcher {
    pub(super) fn new(engine: Engine, n_tokens: usize) -> Self {
        Self {
            engine,
            n_tokens,
            failed: None,
        }
    }

    /// Another run's matcher, which has come as far as this one and goes its own way from here.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            engine: self.engine.deep_clone(),
            n_tokens: self.n_tokens,
            failed: self.failed.clone(),
        }
    }

    /// Writes which tokens may come next. The tokens that end an answer are among them where it
    /// [may end](Self::may_end); where it [is complete](Self::is_complete) there are no others.
    ///
    /// `mask` covers the vocabulary ([`Self::new_mask`]). Takes from microseconds to tens of milliseconds; see `docs/structured-output.md`.
    pub fn write_mask(&mut self, mask: &mut TokenMask) -> Result<(), MatchError> {
        let allowed = self.guarded(Engine::compute_mask_or_eos)?;
        mask.copy_from_words(allowed.as_slice());
        if mask.is_empty() && !self.is_complete() {
            return Err(self.fail(MatchError::Stuck));
        }
        Ok(())
    }

    /// A mask over the vocabulary that allows nothing.
    #[must_use]
    pub fn new_mask(&self) -> TokenMask {
        TokenMask::new(self.n_tokens)
    }

    /// [`Self::write_mask`] into a new mask.
    pub fn mask(&mut self) -> Result<TokenMask, MatchError> {
        let mut mask = self.new_mask();
        self.write_mask(&mut mask)?;
        Ok(mask)
    }

    /// Goes on by a token that was drawn. One that the mask did not allow is an error and ends the
    /// matcher.
    pub fn accept(&mut self, token: Token) -> Result<(), MatchError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        // Asked first, so that a token that does not fit is told from a failure.
        if self.accepted_by(&[token])? == 0 {
            return Err(self.fail(MatchError::Rejected { token }));
        }
        self.guarded(|engine| engine.consume_token(token.0 as u32))
    }

    /// How many of these tokens, from the first on, the constraint would accept now. Changes nothing.
    pub fn accepted_by(&mut self, tokens: &[Token]) -> Result<usize, MatchError> {
        let known = tokens
            .iter()
            .take_while(|token| token.0 >= 0 && token.index() < self.n_tokens);
        let ids: Vec<u32> = known.map(|token| token.0 as u32).collect();
        self.guarded(|engine| engine.validate_tokens(&ids))
    }

    /// True where the text so far fulfils the constraint: the answer may end here.
    pub fn may_end(&mut self) -> Result<bool, MatchError> {
        if self.is_complete() {
            return Ok(true);
        }
        self.guarded(Engine::is_accepting)
    }

    /// True where the text fulfils the constraint and nothing can be added to it: the run is over, without
    /// another decode.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_none()
            && matches!(
                self.engine.stop_reason(),
                StopReason::NoExtension | StopReason::EndOfSentence
            )
    }

    /// Tokens that could be computed as one batch because the constraint leaves no choice: the text that
    /// must follow, as the model's own tokenizer splits it. The last token is left out, for it could be
    /// longer with what follows. Often none. Optional: drawing from masks gives the same text.
    pub fn forced_tokens(&mut self, vocab: &Vocab) -> Result<Vec<Token>, MatchError> {
        let bytes = self.guarded(|engine| Ok(engine.compute_ff_bytes()))?;
        let Ok(text) = std::str::from_utf8(&bytes) else {
            return Ok(Vec::new());
        };
        let options = TokenizeOptions {
            add_special: false,
            parse_special: false,
        };
        let Ok(mut tokens) = vocab.tokenize(text, options) else {
            return Ok(Vec::new());
        };
        tokens.pop();
        let accepted = self.accepted_by(&tokens)?;
        tokens.truncate(accepted);
        Ok(tokens)
    }

    /// Ends what this matcher computes, from another thread; it has failed then.
    pub(super) fn cancellation(&self) -> Option<CancellationHandle> {
        self.engine.cancellation_handle()
    }

    /// Runs a call of the engine; errors and panics end the matcher.
    fn guarded<T>(
        &mut self,
        call: impl FnOnce(&mut Engine) -> anyhow::Result<T>,
    ) -> Result<T, MatchError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let engine = &mut self.engine;
        let outcome = catch_unwind(AssertUnwindSafe(|| call(engine)));
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let error = self.explain(&error.to_string());
                Err(self.fail(error))
            }
            Err(_) => Err(self.fail(MatchError::Failed("it panicked".to_owned()))),
        }
    }

    /// llguidance reports by text only, and forgets the reason once it has failed.
    fn explain(&self, message: &str) -> MatchError {
        let line = message.lines().next().unwrap_or_default().to_owned();
        if self.engine.is_cancelled() {
            let limit = STEP_TIME.as_millis();
            MatchError::TooComplex(format!("a step took longer than {limit} ms"))
        } else if line.contains("NoExtension") {
            MatchError::Stuck
        } else if ["limit", "too complex", "TooComplex", "fuel", "too many"]
            .iter()
            .any(|word| line.contains(word))
        {
            MatchError::TooComplex(line)
        } else {
            MatchError::Failed(line)
        }
    }

    fn fail(&mut self, error: MatchError) -> MatchError {
        self.failed = Some(error.clone());
        error
    }
}
