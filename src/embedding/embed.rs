//! [`embed`]: from an [`EmbedRequest`] to rows.

use std::sync::Arc;

use super::{EmbedInput, EmbedRequest};
use crate::engine::pooled::{EmbeddingError, EmbeddingRun, EmbeddingSpec, Normalize, Pooled};
use crate::models::LoadedModel;
use crate::stop::StopFlag;

/// A request for embeddings that is under way. Dropping it stops it.
#[derive(Debug)]
pub struct EmbeddingJob {
    run: EmbeddingRun,
    normalize: Normalize,
    /// Keeps the weights until the answer.
    model: Arc<LoadedModel>,
}

/// Tokenises and submits. Blocks for as long as that takes: milliseconds, and the first time for a model as long
/// as allocating its buffers does; so async code calls it on a blocking thread.
///
/// On an error the flag is released: whoever waits for it to stop need not wait.
pub fn embed(
    model: &Arc<LoadedModel>,
    request: EmbedRequest,
    flag: &StopFlag,
) -> Result<EmbeddingJob, EmbeddingError> {
    let submitted = submit(model, request.inputs, flag);
    if submitted.is_err() {
        flag.release();
    }
    Ok(EmbeddingJob {
        run: submitted?,
        normalize: request.normalize,
        model: model.clone(),
    })
}

fn submit(
    model: &LoadedModel,
    inputs: Vec<EmbedInput>,
    flag: &StopFlag,
) -> Result<EmbeddingRun, EmbeddingError> {
    let engine = model.embedders.embedder(flag)?;
    let tokens = inputs.into_iter().map(|input| match input {
        EmbedInput::Text(text) => model.tokenize_text(&text),
        EmbedInput::Tokens(tokens) => Ok(tokens),
    });
    engine.submit(EmbeddingSpec {
        inputs: tokens.collect::<Result<_, _>>()?,
        flag: flag.clone(),
    })
}

impl EmbeddingJob {
    /// The one flag of this request: set it from anywhere to stop.
    #[must_use]
    pub fn stop_flag(&self) -> &StopFlag {
        self.run.flag()
    }

    /// The model that computes.
    #[must_use]
    pub fn model(&self) -> &Arc<LoadedModel> {
        &self.model
    }

    /// Waits for the rows, one for each input in their order, scaled as asked. Dropping the future stops the
    /// request.
    pub async fn result(self) -> Result<Pooled, EmbeddingError> {
        let pooled = self.run.result().await?;
        Ok(scaled(pooled, self.normalize))
    }

    /// As [`Self::result`], but blocks, so not for async code.
    pub fn wait(self) -> Result<Pooled, EmbeddingError> {
        let pooled = self.run.wait()?;
        Ok(scaled(pooled, self.normalize))
    }
}

fn scaled(mut pooled: Pooled, normalize: Normalize) -> Pooled {
    for row in &mut pooled.rows {
        normalize.apply(row);
    }
    pooled
}
