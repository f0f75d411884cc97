//! [`Gpu`]: what our own kernels (`kernels/cuda`) run on. Nothing of CUDA is linked: the driver is loaded when it is
//! first used.

mod gpu;

pub use gpu::{Gpu, GpuError};
