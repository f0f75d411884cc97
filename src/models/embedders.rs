//! [`Embedders`]: the embedding engines of a loaded model, each made when it is first asked for.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::LoadOptions;
use super::gguf::GgufHeader;
use super::gpu_measure::check_embedding;
use crate::engine::Engine;
use crate::engine::pooled::{EmbeddingEngine, EmbeddingEngineParams, EmbeddingError};
use crate::llama::{Model, Placement, Pooling};
use crate::stop::{StopCause, StopFlag};

/// The most tokens of one input, where nobody asked for a context length: of an encoder, and of a language model,
/// which needs KV cells for them.
const MAX_INPUT_ENCODER: u32 = 8192;
const MAX_INPUT: u32 = 2048;

/// Tokens of a long input that are computed at once. On two cores more are no faster, and a stop would take longer.
const BATCH_TOKENS: u32 = 128;

/// The embedding engines of one model: one that embeds or one that ranks, as the model is.
#[derive(Debug)]
pub struct Embedders {
    model: Model,
    /// The file has a classification head.
    has_head: bool,
    max_input: u32,
    threads: u32,
    max_queue: usize,
    placement: Placement,
    embedder: Mutex<Option<Arc<EmbeddingEngine>>>,
    ranker: Mutex<Option<Arc<EmbeddingEngine>>>,
    closed: OnceLock<StopCause>,
}

impl Embedders {
    /// Takes note of what the engines will need; makes none.
    pub(super) fn new(
        engine: &Engine,
        header: &GgufHeader,
        options: &LoadOptions,
        placement: &Placement,
    ) -> Self {
        let model = engine.model();
        let is_head = |name: &str| name == "cls.output.weight";
        let max_input = match options.context {
            0 if engine.generates() => MAX_INPUT,
            0 => MAX_INPUT_ENCODER,
            asked => asked,
        };
        Self {
            has_head: header.tensors.iter().any(|tensor| is_head(&tensor.name)),
            max_input: max_input.min(model.n_ctx_train()),
            threads: engine.params().threads,
            max_queue: options.max_queue,
            placement: placement.clone(),
            model: model.clone(),
            embedder: Mutex::default(),
            ranker: Mutex::default(),
            closed: OnceLock::new(),
        }
    }

    /// The pooling of the model's embeddings: what its file says. Language models say nothing, and llama.cpp
    /// then pools nothing; here it is the mean, of which more in `docs/architecture.md`.
    #[must_use]
    pub fn pooling(&self) -> Pooling {
        self.model.pooling().unwrap_or(Pooling::Mean)
    }

    /// The engine for embeddings. The first call makes it, which takes as long as allocating its buffers does
    /// and which a set `flag` ends.
    pub fn embedder(&self, flag: &StopFlag) -> Result<Arc<EmbeddingEngine>, EmbeddingError> {
        match self.pooling() {
            Pooling::Rank => Err(EmbeddingError::IsReranker),
            pooling => self.start(&self.embedder, pooling, flag),
        }
    }

    /// The engine for scores, made as [`Self::embedder`] is.
    pub fn ranker(&self, flag: &StopFlag) -> Result<Arc<EmbeddingEngine>, EmbeddingError> {
        if !self.has_head {
            return Err(EmbeddingError::NoRankHead);
        }
        self.start(&self.ranker, Pooling::Rank, flag)
    }

    fn start(
        &self,
        slot: &Mutex<Option<Arc<EmbeddingEngine>>>,
        pooling: Pooling,
        flag: &StopFlag,
    ) -> Result<Arc<EmbeddingEngine>, EmbeddingError> {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if self.closed.get().is_some() {
            return Err(EmbeddingError::Closed);
        }
        if let Some(engine) = &*slot {
            return Ok(engine.clone());
        }
        let params = EmbeddingEngineParams {
            pooling,
            max_input: self.max_input,
            threads: self.threads,
            max_queue: self.max_queue,
            batch_tokens: BATCH_TOKENS,
        };
        let should_stop = || flag.is_set() || self.closed.get().is_some();
        let fits = check_embedding(&self.model, &self.placement, &params, &should_stop);
        let started =
            fits.and_then(|()| EmbeddingEngine::start(&self.model, &params, &should_stop));
        if let Some(cause) = flag.cause() {
            return Err(EmbeddingError::Stopped(cause));
        }
        if self.closed.get().is_some() {
            return Err(EmbeddingError::Closed);
        }
        let engine = Arc::new(started?);
        *slot = Some(engine.clone());
        Ok(engine)
    }

    fn made(&self) -> impl Iterator<Item = Arc<EmbeddingEngine>> {
        [&self.embedder, &self.ranker]
            .into_iter()
            .filter_map(|slot| {
                let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
                slot.clone()
            })
    }

    /// Requests that compute or wait.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.made().map(|engine| engine.busy()).sum()
    }

    /// Stops every request with this cause, and waits until the threads have ended. None is made any more.
    pub fn close(&self, cause: StopCause) {
        // The first cause stays.
        let _ = self.closed.set(cause);
        for engine in self.made() {
            engine.close(cause);
        }
    }
}
