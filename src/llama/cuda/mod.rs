//! NVIDIA GPUs: ggml's CUDA backend, a library that is loaded at run time, and [`Gpu`], what our own kernels
//! (`kernels/cuda`) run on.
//!
//! Nothing of CUDA is linked, so the same binary starts without a GPU, without a driver and without the library,
//! and says what is missing.

mod finding;
mod gpu;
mod library;

pub use gpu::{Gpu, GpuError};
pub(super) use library::load;
