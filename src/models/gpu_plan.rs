//! [`plan`]: where a model goes, asked before anything of it is loaded.

use super::build::engine_params;
use super::gguf::GgufHeader;
use super::gpu_fit::{GpuPlan, GpuState, Wish, fit, mib};
use super::gpu_measure::{GpuMeasure, gpus_without};
use super::identify::ModelFile;
use super::load_error::LoadError;
use super::load_options::LoadOptions;
use crate::engine::drafts::DraftKind;
use crate::llama::{Backend, Device};

/// Finds a place for a model on the GPUs; `None` where the CPU is to compute. `taken` is what the present model, which
/// will be gone by then, takes of each GPU.
///
/// The file's header was read before: what is wrong with it would end the process here.
pub(super) fn plan(
    file: &ModelFile,
    header: &GgufHeader,
    options: &LoadOptions,
    taken: &[u64],
    should_stop: &dyn Fn() -> bool,
) -> Result<Option<GpuPlan>, LoadError> {
    let backend = Backend::init()?;
    if options.n_gpu_layers == 0 || Backend::gpus().is_empty() {
        return Ok(None);
    }
    if let (DraftKind::Model, Some(draft)) = (options.drafts, &options.draft_model) {
        GgufHeader::read_unless(draft, should_stop)?;
    }
    let gpus = gpus_without(taken);
    let params = |context| engine_params(options, Device::Cuda, context);
    let mut measure = GpuMeasure::new(backend, &file.path, options, &params, should_stop);
    let native = header.context_length().unwrap_or(0);
    let wish = Wish {
        choice: &options.gpus,
        n_gpu_layers: options.n_gpu_layers,
        context: options.context,
        native_context: u32::try_from(native).unwrap_or(u32::MAX).max(256),
        n_layers: header.block_count().unwrap_or(0) as u32,
    };
    let plan = fit(&gpus, wish, &mut measure)?;
    tell(file, &gpus, &wish, &plan);
    Ok(Some(plan))
}

/// Says in the log what goes where, and what was made less of.
fn tell(file: &ModelFile, gpus: &[GpuState], wish: &Wish<'_>, plan: &GpuPlan) {
    let name = &file.display_name;
    let places = gpus.iter().zip(&plan.needs).enumerate();
    let places: Vec<_> = places
        .filter(|(_, (_, needs))| **needs > 0)
        .map(|(index, (gpu, &needs))| {
            let free = mib(gpu.memory.free);
            format!("GPU {index} ({}): {} of {free} free", gpu.name, mib(needs))
        })
        .collect();
    let layers = plan.placement.n_gpu_layers();
    if layers == 0 {
        tracing::warn!("no layer of {name} fits the GPUs, so the CPU computes");
        return;
    }
    if layers != wish.n_gpu_layers.max(-1) {
        tracing::warn!(
            "the GPUs hold {layers} of the {} layers of {name}, output layer included; the CPU computes the others. Less context, \
             smaller KV cells (--cache-type-kv) or a smaller quantisation let more of them fit",
            wish.n_layers + 1
        );
    }
    if wish.context == 0 && plan.context < wish.native_context {
        tracing::info!(
            "the context of {name} is {} of {} tokens: more does not fit the GPUs",
            plan.context,
            wish.native_context
        );
    }
    tracing::info!("{name} goes to {}", places.join(", "));
}
