//! The sampler as kernels on the GPU (`kernels/cuda/sampling.cu`): what is uploaded for a step's rows, and what
//! comes back. The same tokens for the same random numbers as [`Sampler::draw`](super::Sampler::draw), of logits that stay on
//! the device. docs/gpu-sampling.md explains the kernels.
//!
//! ```text
//! Sampler::request ──► Upload::push ... Upload::bytes ──► scan, sum, draw ──► RowResult::drawn ──► Sampler::accept
//!                      └────────────────── StepSampler ──────────────────┘
//! ```
//!
//! Everything here but the launch works, and is tested, without a GPU: the kernels' own source is compiled for the
//! CPU too, and draws there what [`Sampler`](super::Sampler) draws.

// Fuzzing compiles the Rust side without llama.cpp.
#[cfg(all(feature = "cuda", not(fuzzing)))]
mod launch;
mod layout;
#[cfg(not(fuzzing))]
mod reference;
mod request;
mod results;
#[cfg(not(fuzzing))]
mod step_sampler;
#[cfg(test)]
mod test_rows;
#[cfg(test)]
mod tests;
mod upload;

#[cfg(all(feature = "cuda", not(fuzzing)))]
pub use launch::{GpuSampler, GpuSamplingError};
pub use layout::{NumberFormat, RowResult, Sizes};
pub use request::{RowRequest, takes};
#[cfg(not(fuzzing))]
pub use step_sampler::{GpuSampling, Step, StepSampler, StepSamplerError};
pub use upload::{Buffers, Logits, Upload};
