//! [`StepSampler`]: draws from the rows of a step together, where the device has them.

#![expect(
    unsafe_code,
    reason = "kernels and their reference read logits by address"
)]

use std::marker::PhantomData;

use super::reference::ReferenceSampler;
#[cfg(feature = "cuda")]
use super::{GpuSampler, GpuSamplingError};
use super::{Logits, NumberFormat, RowRequest, RowResult, Upload};
use crate::llama::DeviceRow;

/// What draws from rows that a GPU has computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GpuSampling {
    /// Our kernels, where they run.
    #[default]
    Kernels,
    /// Rows are copied to the host, where the kernels' own source, compiled for the CPU, draws: to tell a fault of the
    /// kernels from one of the GPU, and to test everything but the GPU.
    Reference,
    /// Rows are copied to the host, where [`Sampler`](crate::sampling::Sampler) draws.
    Host,
}

/// What could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum StepSamplerError {
    /// The kernels failed.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Gpu(#[from] GpuSamplingError),
    /// Our kernels cannot be used.
    #[error("rein's kernels cannot be used on this GPU: {0}")]
    NoKernels(String),
}

/// Draws from the rows of a step. For one thread.
#[derive(Debug)]
pub struct StepSampler {
    drawing: Drawing,
    upload: Upload,
}

#[derive(Debug)]
enum Drawing {
    #[cfg(feature = "cuda")]
    Kernels(Box<GpuSampler>),
    Reference {
        sampler: ReferenceSampler,
        /// The rows, on the host. One is kept for each row that there ever was, so that its memory is.
        rows: Vec<Vec<f32>>,
    },
}

impl StepSampler {
    /// A sampler for the rows of a GPU, by its index in [`Backend::gpus`](crate::llama::Backend::gpus). `None` where rows
    /// are to be drawn from on the host.
    pub fn new(gpu: usize, way: GpuSampling) -> Result<Option<Self>, StepSamplerError> {
        let drawing = match way {
            GpuSampling::Host => return Ok(None),
            GpuSampling::Kernels => kernels(gpu)?,
            GpuSampling::Reference => Drawing::Reference {
                sampler: ReferenceSampler::default(),
                rows: Vec::new(),
            },
        };
        Ok(Some(Self {
            drawing,
            upload: Upload::default(),
        }))
    }

    /// What draws, as the log names it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.drawing {
            #[cfg(feature = "cuda")]
            Drawing::Kernels(_) => "the GPU",
            Drawing::Reference { .. } => "the reference of the GPU's kernels",
        }
    }

    /// Begins a step.
    pub fn step<'r>(&mut self) -> Step<'_, 'r> {
        self.upload.clear();
        Step {
            sampler: self,
            rows: PhantomData,
        }
    }
}

#[cfg(feature = "cuda")]
fn kernels(gpu: usize) -> Result<Drawing, StepSamplerError> {
    let gpu = crate::llama::Gpu::open(gpu)
        .map_err(|error| StepSamplerError::NoKernels(error.to_string()))?;
    let stream = gpu.context().default_stream();
    Ok(Drawing::Kernels(Box::new(GpuSampler::new(stream)?)))
}

#[cfg(not(feature = "cuda"))]
fn kernels(_gpu: usize) -> Result<Drawing, StepSamplerError> {
    let why = "this build is without feature `cuda`; build it with `make cuda`";
    Err(StepSamplerError::NoKernels(why.to_owned()))
}

/// The rows of one step, which the context keeps until they are drawn from.
#[derive(Debug)]
pub struct Step<'s, 'r> {
    sampler: &'s mut StepSampler,
    rows: PhantomData<DeviceRow<'r>>,
}

impl<'s, 'r> Step<'s, 'r> {
    /// Adds a row; its result comes back at the same place. [`takes`](super::takes) must hold of the request.
    pub fn push(&mut self, row: DeviceRow<'r>, request: &RowRequest<'_>) {
        let StepSampler { drawing, upload } = &mut *self.sampler;
        let address = match drawing {
            #[cfg(feature = "cuda")]
            Drawing::Kernels(_) => row.address(),
            Drawing::Reference { rows, .. } => {
                let index = upload.len();
                if rows.len() <= index {
                    rows.push(Vec::new());
                }
                row.read(&mut rows[index]);
                rows[index].as_ptr() as u64
            }
        };
        let len = row.len();
        upload.push(Logits { address, len }, request);
    }

    /// Draws. Waits for the GPU.
    pub fn draw(self) -> Result<&'s [RowResult], StepSamplerError> {
        let StepSampler { drawing, upload } = self.sampler;
        match drawing {
            // SAFETY: the rows are computed, lie on this GPU in single precision, are as long as they say, and stay for 'r.
            #[cfg(feature = "cuda")]
            Drawing::Kernels(sampler) => Ok(unsafe { sampler.draw(upload, NumberFormat::F32) }?),
            Drawing::Reference { sampler, .. } => {
                // SAFETY: the addresses are those of the copies in `rows`, which nothing touches meanwhile.
                Ok(unsafe { sampler.draw(upload, NumberFormat::F32, 0) })
            }
        }
    }
}
