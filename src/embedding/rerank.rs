//! [`rerank`]: from a [`RerankRequest`] to scores.

use std::sync::Arc;

use super::RerankRequest;
use super::pair::PairFormat;
use crate::engine::pooled::{EmbeddingError, EmbeddingRun, EmbeddingSpec, Pooled};
use crate::models::LoadedModel;
use crate::stop::StopFlag;

/// How well documents answer a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// One for each document, in their order; a greater one answers better. What the classification head gives, of
    /// whatever range (for many models a logit, for Qwen3-Reranker a probability).
    pub scores: Vec<f32>,
    /// Tokens of each pair.
    pub n_tokens: Vec<usize>,
}

/// A reranking that is under way. Dropping it stops it.
#[derive(Debug)]
pub struct RerankJob {
    run: EmbeddingRun,
    /// Keeps the weights until the answer.
    model: Arc<LoadedModel>,
}

/// Formats, tokenises and submits the pairs. Blocks as [`embed`](super::embed()) does. On an error the flag is released.
pub fn rerank(
    model: &Arc<LoadedModel>,
    request: &RerankRequest,
    flag: &StopFlag,
) -> Result<RerankJob, EmbeddingError> {
    let submitted = submit(model, request, flag);
    if submitted.is_err() {
        flag.release();
    }
    Ok(RerankJob {
        run: submitted?,
        model: model.clone(),
    })
}

fn submit(
    model: &LoadedModel,
    request: &RerankRequest,
    flag: &StopFlag,
) -> Result<EmbeddingRun, EmbeddingError> {
    let engine = model.embedders.ranker(flag)?;
    let format = PairFormat::new(model.engine.model(), &request.query)?;
    let pairs = request.documents.iter().map(|text| format.tokens(text));
    engine.submit(EmbeddingSpec {
        inputs: pairs.collect::<Result<_, _>>()?,
        flag: flag.clone(),
    })
}

impl RerankJob {
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

    /// Waits for the scores. Dropping the future stops the request.
    pub async fn result(self) -> Result<Scores, EmbeddingError> {
        Ok(scores(self.run.result().await?))
    }

    /// As [`Self::result`], but blocks, so not for async code.
    pub fn wait(self) -> Result<Scores, EmbeddingError> {
        Ok(scores(self.run.wait()?))
    }
}

/// The first output of the head is the score, as in llama-server.
fn scores(pooled: Pooled) -> Scores {
    let first = |row: &Vec<f32>| row.first().copied().unwrap_or_default();
    Scores {
        scores: pooled.rows.iter().map(first).collect(),
        n_tokens: pooled.n_tokens,
    }
}
