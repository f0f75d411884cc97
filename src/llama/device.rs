//! What computes.

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
