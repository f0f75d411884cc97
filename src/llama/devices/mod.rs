//! What computes: the processor, and GPUs whose backend is a library that is loaded at run time.
//!
//! Nothing of CUDA is linked, so the same binary starts without a GPU, without a driver and without the library,
//! and says what is missing.

mod finding;
mod gpu_device;
mod library;

pub use gpu_device::{DeviceMemory, GpuDevice};
pub(super) use library::load;

/// The kind of device that models are put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu,
    /// NVIDIA GPUs, unless a model is kept off them (`--n-gpu-layers 0`).
    Cuda,
}

impl Device {
    /// Its name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}
