//! [`GpuMeasure`]: what a model would take of each GPU, asked of llama.cpp without loading its weights.

use std::path::Path;

use super::gpu_fit::{GpuPlan, GpuState, Measure};
use super::load_error::LoadError;
use super::load_options::LoadOptions;
use crate::engine::drafts::DraftKind;
use crate::engine::pooled::{EmbeddingEngineParams, EmbeddingError};
use crate::engine::{EngineError, EngineParams};
use crate::llama::{
    Backend, Context, ContextParams, DeviceMemory, EmbeddingContext, EmbeddingContextParams,
    LlamaError, MemoryUse, Model, ModelParams, Placement,
};

/// The GPUs as they will be once something that takes so many bytes of each is gone.
pub(super) fn gpus_without(taken: &[u64]) -> Vec<GpuState> {
    let taken = taken.iter().copied().chain(std::iter::repeat(0));
    let gpus = Backend::gpus().iter().zip(taken);
    gpus.map(|(gpu, taken)| {
        let DeviceMemory { free, total } = gpu.memory();
        GpuState {
            name: gpu.name().to_owned(),
            memory: DeviceMemory {
                free: free.saturating_add(taken).min(total),
                total,
            },
        }
    })
    .collect()
}

/// Measures a model, its draft model and their contexts, as [`Engine::start`](crate::engine::Engine::start) makes them.
pub(super) struct GpuMeasure<'a> {
    backend: Backend,
    options: &'a LoadOptions,
    /// What the engine will be started with, for each context.
    params: &'a dyn Fn(u32) -> EngineParams,
    should_stop: &'a dyn Fn() -> bool,
    /// Kept for the next context: reading a vocabulary takes up to a second.
    model: Cached<'a>,
    draft: Option<Cached<'a>>,
}

impl<'a> GpuMeasure<'a> {
    pub(super) fn new(
        backend: Backend,
        path: &'a Path,
        options: &'a LoadOptions,
        params: &'a dyn Fn(u32) -> EngineParams,
        should_stop: &'a dyn Fn() -> bool,
    ) -> Self {
        let draft = options.draft_model.as_deref();
        Self {
            backend,
            options,
            params,
            should_stop,
            model: Cached::new(path),
            draft: draft
                .filter(|_| options.drafts == DraftKind::Model)
                .map(Cached::new),
        }
    }
}

impl Measure for GpuMeasure<'_> {
    fn needs(&mut self, placement: &Placement, context: u32) -> Result<Vec<u64>, LoadError> {
        let params = EngineParams {
            // Nothing is computed.
            threads: 1,
            ..(self.params)(context)
        };
        let model = self.model.at(self.backend, placement, self.should_stop)?;
        if !model.is_causal_lm() {
            return Err(EngineError::NotCausal.into());
        }
        let mut needs = context_needs(model, &params.context(model), self.should_stop)?;
        if let Some(draft) = &mut self.draft {
            let placement = placement.with_layers(self.options.n_gpu_layers);
            let model = draft.at(self.backend, &placement, self.should_stop)?;
            let more = context_needs(model, &params.draft_context(model), self.should_stop)?;
            for (all, more) in needs.iter_mut().zip(more) {
                *all = all.saturating_add(more);
            }
        }
        Ok(needs)
    }
}

/// A model without weights, at its last placement.
struct Cached<'a> {
    path: &'a Path,
    last: Option<(Placement, Model)>,
}

impl<'a> Cached<'a> {
    fn new(path: &'a Path) -> Self {
        Self { path, last: None }
    }

    fn at(
        &mut self,
        backend: Backend,
        placement: &Placement,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<&Model, LoadError> {
        let last = self.last.take().filter(|(at, _)| at == placement);
        let last = match last {
            Some(last) => last,
            None => (
                placement.clone(),
                weightless(backend, self.path, placement, should_stop)?,
            ),
        };
        Ok(&self.last.insert(last).1)
    }
}

/// A model of which only the shape is read; for measuring.
pub(super) fn weightless(
    backend: Backend,
    path: &Path,
    placement: &Placement,
    should_stop: &dyn Fn() -> bool,
) -> Result<Model, LlamaError> {
    let params = ModelParams {
        placement: placement.clone(),
        without_weights: true,
        ..ModelParams::default()
    };
    Model::load(backend, path, &params, &mut |_| {}, should_stop)
}

/// What a model without weights and a context over it would take of each GPU.
fn context_needs(
    model: &Model,
    shape: &ContextParams,
    should_stop: &dyn Fn() -> bool,
) -> Result<Vec<u64>, LoadError> {
    let context = Context::new(model, shape, should_stop)?;
    let memory = context.memory_use()?;
    Ok(memory.gpus.into_iter().map(MemoryUse::total).collect())
}

/// Inputs of an embedding engine's batch; of a recurrent model it takes fewer.
const EMBEDDING_INPUTS: u32 = 64;

/// Refuses an embedding engine whose context the GPUs do not hold beside what is there. Where the CPU computes, nothing
/// is asked.
pub(super) fn check_embedding(
    model: &Model,
    placement: &Placement,
    params: &EmbeddingEngineParams,
    should_stop: &dyn Fn() -> bool,
) -> Result<(), EmbeddingError> {
    if placement.n_gpu_layers() == 0 || Backend::gpus().is_empty() || !model.is_poolable() {
        return Ok(());
    }
    let empty = weightless(Backend::init()?, model.path(), placement, should_stop)?;
    let shape = EmbeddingContextParams {
        pooling: params.pooling,
        max_input: params.max_input,
        max_tokens: params.batch_tokens.max(64),
        max_inputs: EMBEDDING_INPUTS,
        n_threads: 1,
    };
    let memory = EmbeddingContext::new(&empty, &shape, should_stop)?.memory_use()?;
    // The weights are there already.
    let needs = memory.gpus.iter().map(|gpu| gpu.cells + gpu.compute);
    let plan = GpuPlan {
        placement: placement.clone(),
        context: params.max_input,
        needs: needs.collect(),
    };
    plan.check(&gpus_without(&[])).map_err(|error| {
        EmbeddingError::Llama(LlamaError::Context {
            n_ctx: params.max_input,
            reason: error.to_string(),
        })
    })
}
