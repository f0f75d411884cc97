//! The sampler as kernels on the GPU (`kernels/cuda/sampling.cu`): what is uploaded for a step's rows, and what
//! comes back. The same tokens for the same random numbers as [`Sampler::draw`](super::Sampler::draw), of logits that stay on
//! the device. docs/gpu-sampling.md explains the kernels.
//!
//! ```text
//! Sampler::request ──► Upload::push ... Upload::bytes ──► scan, sum, draw ──► RowResult::drawn ──► Sampler::accept
//! ```
//!
//! Everything here but the launch works, and is tested, without a GPU: the kernels' own source is compiled for the
//! CPU too, and draws there what [`Sampler`](super::Sampler) draws.

#[cfg(feature = "cuda")]
mod launch;
mod layout;
#[cfg(test)]
mod reference;
mod request;
mod results;
#[cfg(test)]
mod tests;
mod upload;

#[cfg(feature = "cuda")]
pub use launch::{GpuSampler, GpuSamplingError, NumberFormat};
pub use layout::{RowResult, Sizes};
pub use request::{RowRequest, takes};
pub use upload::{Buffers, Logits, Upload};
