//! [`fit`]: which GPUs a model goes to, how many of its layers, and how much context, so that no GPU's memory is exceeded.
//!
//! Running out of a GPU's memory while it computes ends the process, so it is refused before. What a model takes is
//! measured, not estimated: `fit` asks for it again and again, and knows nothing of llama.cpp.

use super::gpu_choice::{GpuChoice, Split};
use super::load_error::LoadError;
use crate::llama::{DeviceMemory, MAX_GPUS, Placement, Shares};

/// What stays free on every GPU, at least: llama.cpp's measurement leaves out what CUDA takes while it computes
/// (dequantised weights, workspaces of cuBLAS, captured graphs).
const MIN_HEAD_ROOM: u64 = 512 << 20;

/// And at least this part of all its memory.
const HEAD_ROOM_DIVISOR: u64 = 20;

/// The percentage of the free memory that is used where nobody said how much: others may want some, too.
const BUDGET_PERCENT: u64 = 90;

/// The least context that is tried unasked, in tokens.
const CONTEXT_FLOOR: u32 = 4096;

/// A context that nobody asked for is a multiple of this.
const CONTEXT_STEP: u32 = 256;

/// A GPU, before the model is put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GpuState {
    pub(super) name: String,
    /// What will be free then. A total of 0 means that the device does not say; nothing is refused for it.
    pub(super) memory: DeviceMemory,
}

impl GpuState {
    /// The most that may be taken; `None` where that is unknown.
    pub(super) fn limit(&self) -> Option<u64> {
        let DeviceMemory { free, total } = self.memory;
        let head_room = (total / HEAD_ROOM_DIVISOR).max(MIN_HEAD_ROOM);
        (total > 0).then(|| free.saturating_sub(head_room))
    }

    /// The most that is taken unasked.
    fn budget(&self) -> Option<u64> {
        let share = u128::from(self.memory.free) * u128::from(BUDGET_PERCENT) / 100;
        self.limit().map(|limit| limit.min(share as u64))
    }
}

/// What is to be put on GPUs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    /// Which GPUs; all of them are there.
    pub(super) choice: &'a GpuChoice,
    /// Layers on GPUs; negative for as many as fit.
    pub(super) n_gpu_layers: i32,
    /// Tokens of a run; 0 for as many as fit.
    pub(super) context: u32,
    /// Tokens that the model was trained for.
    pub(super) native_context: u32,
    /// The model's layers, without the output layer.
    pub(super) n_layers: u32,
}

/// Where a model goes, and what it takes there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GpuPlan {
    pub(super) placement: Placement,
    /// Tokens of a run.
    pub(super) context: u32,
    /// Bytes on each GPU.
    pub(super) needs: Vec<u64>,
}

impl GpuPlan {
    /// Whether it still fits, now that this is free.
    pub(super) fn check(&self, gpus: &[GpuState]) -> Result<(), GpuMemoryError> {
        match self.worst(gpus) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn is_within(&self, gpus: &[GpuState], most: impl Fn(&GpuState) -> Option<u64>) -> bool {
        let mut both = self.needs.iter().zip(gpus);
        both.all(|(&need, gpu)| need == 0 || most(gpu).is_none_or(|most| need <= most))
    }

    /// The GPU that lacks most, if one does.
    fn worst(&self, gpus: &[GpuState]) -> Option<GpuMemoryError> {
        let lacks = |(index, (&need, gpu)): (usize, (&u64, &GpuState))| {
            let limit = gpu.limit()?;
            (need > limit).then(|| (need - limit, index))
        };
        let both = self.needs.iter().zip(gpus).enumerate();
        let (_, gpu) = both.filter_map(lacks).max()?;
        Some(GpuMemoryError {
            gpu,
            name: gpus[gpu].name.clone(),
            needed: self.needs[gpu],
            free: gpus[gpu].memory.free,
            kept: gpus[gpu].memory.free - gpus[gpu].limit().unwrap_or(0),
            context: self.context,
        })
    }
}

/// A model does not fit a GPU.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "GPU {gpu} ({name}) has too little memory for {context} tokens of context a run: {} are needed, {} are free, and {} of them are kept free; \
     ask for less context (--ctx-size, max_seq_length), fewer runs (--parallel), smaller KV cells (--cache-type-kv q8_0), fewer layers on the \
     GPU (--n-gpu-layers) or other GPUs (--gpus, gpu_ids)",
    mib(*needed), mib(*free), mib(*kept)
)]
pub struct GpuMemoryError {
    /// The GPU's index.
    pub gpu: usize,
    /// What it is called.
    pub name: String,
    /// Bytes that the model and its context would take there.
    pub needed: u64,
    /// Bytes that are free, or will be once the present model is gone.
    pub free: u64,
    /// Bytes of them that are kept free.
    pub kept: u64,
    /// Tokens of a run.
    pub context: u32,
}

/// Bytes for people.
pub(super) fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// Measures what a model takes on each GPU, in bytes, with a context for runs of so many tokens.
pub(super) trait Measure {
    fn needs(&mut self, placement: &Placement, context: u32) -> Result<Vec<u64>, LoadError>;
}

/// Finds a placement that fits these GPUs, of which there is at least one.
///
/// The fewest GPUs that hold everything are taken, those with most free memory first. Where all together do not, and
/// nobody asked for a context, it is made shorter, to 4,096 tokens at the least; then as many layers as possible stay
/// on the GPUs, if their number was left open. A context that somebody asked for is never changed: it is refused where
/// the model would fit with a shorter one.
pub(super) fn fit(
    gpus: &[GpuState],
    wish: Wish<'_>,
    measure: &mut dyn Measure,
) -> Result<GpuPlan, LoadError> {
    let mut fitting = Fitting {
        gpus,
        wish,
        measure,
    };
    let wanted = if wish.context > 0 {
        wish.context
    } else {
        wish.native_context
    };
    let mut placement = Placement::default();
    let mut full = None;
    for chosen in candidates(gpus, wish.choice) {
        placement = place(gpus, wish, chosen)?;
        let plan = fitting.plan(&placement, wanted)?;
        if plan.is_within(gpus, GpuState::budget) {
            return Ok(plan);
        }
        full = Some(plan);
    }
    let full = match full {
        Some(full) => full,
        None => fitting.plan(&placement, wanted)?,
    };
    fitting.with_less(&placement, full)
}

struct Fitting<'a> {
    gpus: &'a [GpuState],
    wish: Wish<'a>,
    measure: &'a mut dyn Measure,
}

impl Fitting<'_> {
    fn plan(&mut self, placement: &Placement, context: u32) -> Result<GpuPlan, LoadError> {
        Ok(GpuPlan {
            needs: self.measure.needs(placement, context)?,
            placement: placement.clone(),
            context,
        })
    }

    /// What is done where everything together is more than is taken unasked.
    fn with_less(&mut self, placement: &Placement, full: GpuPlan) -> Result<GpuPlan, LoadError> {
        let is_asked = self.wish.context > 0;
        let floor = full.context.min(CONTEXT_FLOOR);
        if (is_asked || floor == full.context) && full.check(self.gpus).is_ok() {
            return Ok(full);
        }
        let least = if floor == full.context {
            full.clone()
        } else {
            self.plan(placement, floor)?
        };
        match (least.check(self.gpus), is_asked) {
            (Ok(()), false) => return self.shorter(least, full.context),
            // The context is what is too much, and it is not ours to change.
            (Ok(()), true) => return Ok(full.check(self.gpus).map(|()| full)?),
            (Err(error), _) if self.wish.n_gpu_layers >= 0 => return Err(error.into()),
            (Err(_), _) => {}
        }
        let context = if is_asked { full.context } else { floor };
        self.fewer_layers(placement, context)
    }

    /// The longest context above one that fits and below one that does not.
    fn shorter(&mut self, mut fits: GpuPlan, mut too_long: u32) -> Result<GpuPlan, LoadError> {
        loop {
            let middle = fits.context + (too_long - fits.context) / 2;
            let middle = middle / CONTEXT_STEP * CONTEXT_STEP;
            if middle <= fits.context {
                return Ok(fits);
            }
            let plan = self.plan(&fits.placement.clone(), middle)?;
            if plan.is_within(self.gpus, GpuState::budget) {
                fits = plan;
            } else {
                too_long = middle;
            }
        }
    }

    /// As many layers as fit; none where none does.
    fn fewer_layers(&mut self, placement: &Placement, context: u32) -> Result<GpuPlan, LoadError> {
        let mut fits = GpuPlan {
            placement: placement.with_layers(0),
            context,
            needs: vec![0; self.gpus.len()],
        };
        // One more than the layers is all: the output layer counts.
        let mut too_many = self.wish.n_layers as i32 + 1;
        while too_many - fits.placement.n_gpu_layers() > 1 {
            let middle = i32::midpoint(fits.placement.n_gpu_layers(), too_many);
            let plan = self.plan(&placement.with_layers(middle), context)?;
            if plan.is_within(self.gpus, GpuState::budget) {
                fits = plan;
            } else {
                too_many = middle;
            }
        }
        Ok(fits)
    }
}

/// Sets of GPUs to try, the most welcome first. There is at least one where there is a GPU.
fn candidates(gpus: &[GpuState], choice: &GpuChoice) -> Vec<Vec<usize>> {
    let all = || (0..gpus.len()).collect::<Vec<_>>();
    let (named, is_named) = match choice.gpus() {
        [] => (all(), false),
        named => (named.to_vec(), true),
    };
    let mut ranked = named.clone();
    // Stable, so that the first of equals comes first. Whoever does not say what is free comes last.
    ranked.sort_by_key(|&gpu| std::cmp::Reverse(gpus[gpu].memory.free));
    match choice.split() {
        Split::OneGpu => ranked.into_iter().take(1).map(|gpu| vec![gpu]).collect(),
        Split::Layers(None) if !is_named => (1..=ranked.len().min(MAX_GPUS))
            .map(|count| {
                let mut chosen = ranked[..count].to_vec();
                chosen.sort_unstable();
                chosen
            })
            .collect(),
        Split::Layers(_) => vec![named],
    }
}

/// All of the model on these GPUs, in the shares that were asked for, else by what may be taken of each.
fn place(gpus: &[GpuState], wish: Wish<'_>, chosen: Vec<usize>) -> Result<Placement, LoadError> {
    let asked = match wish.choice.split() {
        Split::Layers(shares) => shares.clone(),
        Split::OneGpu => None,
    };
    // Told to llama.cpp, so that what is loaded is what was measured, whatever becomes free or is taken meanwhile.
    let budgets = || {
        let budgets = chosen.iter().map(|&gpu| gpus[gpu].budget());
        let budgets: Option<Vec<_>> = budgets.map(|bytes| Some(bytes? as f32)).collect();
        Shares::new(budgets?).ok()
    };
    let shares = match chosen.len() {
        1 => asked,
        _ => asked.or_else(budgets),
    };
    Ok(Placement::new(wish.n_gpu_layers, chosen, shares)?)
}

#[cfg(test)]
#[path = "gpu_fit_tests.rs"]
mod tests;
