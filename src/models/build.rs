//! [`build`]: from a file to a model that answers.

use std::time::{Duration, Instant};

use super::defaults::inference_defaults;
use super::embedders::Embedders;
use super::fingerprint::fingerprint;
use super::gguf::GgufHeader;
use super::gpu_fit::GpuPlan;
use super::gpu_measure::gpus_without;
use super::gpu_plan;
use super::identify::ModelFile;
use super::load_error::LoadError;
use super::load_options::LoadOptions;
use super::loaded::LoadedModel;
use super::memory;
use super::progress::LoadProgress;
use super::thought_markup::ThoughtMarkup;
use super::tool_markup::ToolMarkup;
use crate::chat::{ChatTemplate, SpecialTokens, TemplateCapabilities};
use crate::engine::drafts::DraftKind;
use crate::engine::{Engine, EngineParams};
use crate::llama::{Backend, Device, Model, ModelParams, Placement};
use crate::stop::StopFlag;

/// How much of the progress is left for the context and the first decode, after the weights.
const WEIGHTS_SHARE: f32 = 0.95;

/// Loads a model. `plan` is where it is to go on the GPUs, if that was found out already.
pub(super) fn build(
    file: ModelFile,
    options: LoadOptions,
    plan: Option<GpuPlan>,
    flag: &StopFlag,
    progress: &LoadProgress,
) -> Result<LoadedModel, LoadError> {
    let begun = Instant::now();
    let stopped = || flag.is_set();
    let header = GgufHeader::read_unless(&file.path, &stopped)?;
    let backend = Backend::init()?;
    let plan = match plan {
        // Somebody may have taken memory meanwhile.
        Some(plan) if plan.check(&gpus_without(&[])).is_ok() => Some(plan),
        _ => gpu_plan::plan(&file, &header, &options, &[], &stopped)?,
    };
    let placement = plan.as_ref().map_or_else(
        || Placement::default().with_layers(options.n_gpu_layers),
        |plan| plan.placement.clone(),
    );
    let planned = begun.elapsed();
    let params = ModelParams {
        placement: placement.clone(),
        ..ModelParams::default()
    };
    let mut on_progress = |done| progress.set_fraction(done * WEIGHTS_SHARE);
    let model = Model::load(backend, &file.path, &params, &mut on_progress, &stopped)?;
    let native_context = model.n_ctx_train().max(256);
    let weights = begun.elapsed();
    let draft_placement = placement.with_layers(options.n_gpu_layers);
    let draft_model = draft_model(backend, &options, draft_placement, &stopped)?;
    let context = match &plan {
        Some(plan) => plan.context,
        None => host_context(&header, native_context, &options),
    };
    let device = if model.is_on_gpu() {
        Device::Cuda
    } else {
        Device::Cpu
    };
    let engine = Engine::start(
        &model,
        EngineParams {
            draft_model,
            ..engine_params(&options, device, context)
        },
        flag,
    )?;
    let engine_ready = begun.elapsed();
    let (template, template_source) = template_of(&model, options.chat_template.as_deref())?;
    progress.set_ready();
    tracing::debug!(?planned, ?weights, ?engine_ready, all = ?begun.elapsed(), "{} is loaded", file.display_name);
    Ok(LoadedModel {
        capabilities: TemplateCapabilities::detect(
            template_source.as_deref().unwrap_or(""),
            &file.id,
        ),
        thought_markup: ThoughtMarkup::of_model(
            template_source.as_deref().unwrap_or(""),
            &file.id,
            model.vocab(),
        )?,
        tool_markup: ToolMarkup::of_model(&template, &file.id, model.vocab())?,
        defaults: inference_defaults(&file.id),
        fingerprint: fingerprint(&header, &file, &options),
        embedders: Embedders::new(&engine, &header, &options, &placement),
        engine,
        template,
        template_source,
        native_context,
        gpu_needs: plan.map(|plan| plan.needs).unwrap_or_default(),
        placement,
        file,
        options,
        loaded_at: chrono::Utc::now().timestamp(),
    })
}

/// Loads the draft model, where drafts come from one.
fn draft_model(
    backend: Backend,
    options: &LoadOptions,
    placement: Placement,
    should_stop: &dyn Fn() -> bool,
) -> Result<Option<Model>, LoadError> {
    let path = options.draft_model.as_ref();
    let Some(path) = path.filter(|_| options.drafts == DraftKind::Model) else {
        return Ok(None);
    };
    // What is wrong with a header is found here, where llama.cpp would end the process.
    GgufHeader::read_unless(path, should_stop)?;
    let params = ModelParams {
        placement,
        ..ModelParams::default()
    };
    Ok(Some(Model::load(
        backend,
        path,
        &params,
        &mut |_| {},
        should_stop,
    )?))
}

/// Tokens of a run where the CPU computes.
fn host_context(header: &GgufHeader, native_context: u32, options: &LoadOptions) -> u32 {
    if options.context > 0 {
        return options.context;
    }
    memory::fitting_context(header, native_context, parallel(options), options.kv_type)
}

/// Runs that compute at the same time.
fn parallel(options: &LoadOptions) -> u32 {
    options.parallel.clamp(1, 256)
}

/// What the engine is started with on a device, for runs of so many tokens. The draft model is not in it.
pub(super) fn engine_params(options: &LoadOptions, device: Device, context: u32) -> EngineParams {
    let parallel = parallel(options);
    let defaults = EngineParams::on(device);
    let max_step = options
        .max_step_ms
        .map(|ms| Duration::from_millis(ms.max(1).into()));
    EngineParams {
        n_ctx: context.saturating_mul(parallel),
        parallel,
        threads: if options.threads > 0 {
            options.threads
        } else {
            defaults.threads
        },
        kv_type: options.kv_type,
        drafts: options.drafts,
        flash_attention: options.flash_attention,
        gpu_sampling: options.gpu_sampling,
        host_cache_bytes: options
            .host_cache_mib
            .map_or_else(memory::host_cache_bytes, |mib| mib as usize * 1024 * 1024),
        max_queue: options.max_queue,
        max_step: max_step.unwrap_or(defaults.max_step),
        max_chunk: options.max_chunk.unwrap_or(defaults.max_chunk),
        ..defaults
    }
}

fn template_of(
    model: &Model,
    replacement: Option<&str>,
) -> Result<(ChatTemplate, Option<String>), LoadError> {
    let vocab = model.vocab();
    let text = |token: Option<crate::llama::Token>| {
        token.map_or(Ok(String::new()), |token| vocab.text(token))
    };
    let specials = SpecialTokens {
        bos: text(vocab.bos())?,
        eos: text(vocab.eos())?,
    };
    let control = vocab.control_texts()?;
    let source = replacement
        .map(str::to_owned)
        .filter(|source| !source.trim().is_empty())
        .or_else(|| model.chat_template());
    let template = match &source {
        Some(source) => ChatTemplate::new(source, specials, control)?,
        None => ChatTemplate::chatml(specials, control)?,
    };
    Ok((template, source))
}
