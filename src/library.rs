//! [`LocalModel`]: rein as a library.

use std::path::Path;
use std::sync::Arc;

use crate::embedding::{self, EmbedRequest, EmbeddingJob, RerankJob, RerankRequest};
use crate::engine::pooled::EmbeddingError;
use crate::generation::{self, GenerateError, GenerateRequest, Generation};
use crate::models::{IdentifyError, LoadError, LoadOptions, LoadedModel, ModelRegistry, identify};
use crate::stop::StopFlag;

/// Why a model could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no model at that path.
    #[error(transparent)]
    Identify(#[from] IdentifyError),
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// A model inside this process, with a decode thread of its own. Cheap to clone; the last clone, together
/// with the last generation, unloads it.
///
/// ```no_run
/// use rein::{Delta, GenerateRequest, LoadOptions, LocalModel};
///
/// let model = LocalModel::load("SmolLM2-135M-Instruct-Q4_1.gguf", LoadOptions::default())?;
/// let answer = model.generate(GenerateRequest::user("Why is the sky blue?"))?;
/// let stop = answer.stop_flag().clone(); // set it from any thread
/// for delta in answer {
///     match delta {
///         Delta::Progress(_) | Delta::Reasoning { .. } | Delta::ToolCall(_) => {}
///         Delta::Text { text, .. } => print!("{text}"),
///         Delta::Done(summary) => println!("\n{:?}", summary.usage),
///         Delta::Failed { message } => eprintln!("{message}"),
///     }
/// }
/// # drop(stop);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// In async code, call [`Generation::next`] instead of iterating.
#[derive(Debug, Clone)]
pub struct LocalModel {
    loaded: Arc<LoadedModel>,
}

impl LocalModel {
    /// Loads the .gguf file at `path`. Blocks until the model answers.
    pub fn load(path: impl AsRef<Path>, options: LoadOptions) -> Result<Self, OpenError> {
        Self::load_stoppable(path, options, &StopFlag::new())
    }

    /// Loads a model; setting `flag` ends the load with [`LoadError::Stopped`].
    pub fn load_stoppable(
        path: impl AsRef<Path>,
        options: LoadOptions,
        flag: &StopFlag,
    ) -> Result<Self, OpenError> {
        let file = identify(&path.as_ref().to_string_lossy(), None)?;
        let (loaded, _) = ModelRegistry::new().load(file, options, false, flag)?;
        Ok(Self { loaded })
    }

    /// Starts a generation with a flag of its own.
    pub fn generate(&self, request: GenerateRequest) -> Result<Generation, GenerateError> {
        self.generate_with(request, &StopFlag::new())
    }

    /// Starts a generation that `flag` stops.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a request is made for one generation, and callers should not have to keep it"
    )]
    pub fn generate_with(
        &self,
        request: GenerateRequest,
        flag: &StopFlag,
    ) -> Result<Generation, GenerateError> {
        generation::start(&self.loaded, &request, flag, None)
    }

    /// Starts computing embeddings, with a flag of their own. Any causal language model and any embedding model gives
    /// them. The first call allocates buffers.
    ///
    /// ```no_run
    /// use rein::{EmbedRequest, LoadOptions, LocalModel};
    ///
    /// let model = LocalModel::load("bge-small-en-v1.5-Q8_0.gguf", LoadOptions::default())?;
    /// let job = model.embed(EmbedRequest::texts(["a cat", "a kitten", "the stock market"]))?;
    /// let embeddings = job.wait()?; // in async code: job.result().await?
    /// let cosine = |a: usize, b: usize| -> f32 {
    ///     let pairs = embeddings.rows[a].iter().zip(&embeddings.rows[b]);
    ///     pairs.map(|(x, y)| x * y).sum()
    /// };
    /// assert!(cosine(0, 1) > cosine(0, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn embed(&self, request: EmbedRequest) -> Result<EmbeddingJob, EmbeddingError> {
        self.embed_with(request, &StopFlag::new())
    }

    /// Starts computing embeddings that `flag` stops.
    pub fn embed_with(
        &self,
        request: EmbedRequest,
        flag: &StopFlag,
    ) -> Result<EmbeddingJob, EmbeddingError> {
        embedding::embed(&self.loaded, request, flag)
    }

    /// Starts scoring documents by how well they answer a query, with a flag of their own. The model must be a
    /// reranker.
    ///
    /// ```no_run
    /// use rein::{LoadOptions, LocalModel, RerankRequest};
    ///
    /// let model = LocalModel::load("bge-reranker-v2-m3-Q8_0.gguf", LoadOptions::default())?;
    /// let ranking = model.rerank(&RerankRequest {
    ///     query: "What do pandas eat?".into(),
    ///     documents: vec!["Bamboo.".into(), "Paris is in France.".into()],
    /// })?;
    /// let scores = ranking.wait()?.scores;
    /// assert!(scores[0] > scores[1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rerank(&self, request: &RerankRequest) -> Result<RerankJob, EmbeddingError> {
        self.rerank_with(request, &StopFlag::new())
    }

    /// Starts scoring documents; `flag` stops it.
    pub fn rerank_with(
        &self,
        request: &RerankRequest,
        flag: &StopFlag,
    ) -> Result<RerankJob, EmbeddingError> {
        embedding::rerank(&self.loaded, request, flag)
    }

    /// The model itself: its context length, template, engine.
    #[must_use]
    pub fn loaded(&self) -> &Arc<LoadedModel> {
        &self.loaded
    }
}
