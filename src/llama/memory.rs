//! [`MemoryUse`]: what a model and a context over it take of each device.

use super::operation::Operation;
use super::{Backend, Context, EmbeddingContext, GpuDevice, LlamaError, shim};

/// Bytes that a model and a context over it take in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryUse {
    /// Weights.
    pub weights: u64,
    /// KV cells and recurrent states.
    pub cells: u64,
    /// Temporary buffers, for the largest batch.
    pub compute: u64,
}

impl MemoryUse {
    /// All of it.
    #[must_use]
    pub fn total(self) -> u64 {
        self.weights
            .saturating_add(self.cells)
            .saturating_add(self.compute)
    }

    fn of_sizes(sizes: &[u64; 3]) -> Self {
        let [weights, cells, compute] = *sizes;
        Self {
            weights,
            cells,
            compute,
        }
    }
}

/// What a model and a context over it take, by place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextMemory {
    /// On each of [`Backend::gpus`], in that order.
    pub gpus: Vec<MemoryUse>,
    /// In host memory; weights that are only mapped count too.
    pub host: MemoryUse,
}

impl Context {
    /// What this context and its model take. Where the model was loaded [without
    /// weights](super::ModelParams::without_weights) nothing is allocated, and this is what they would take.
    ///
    /// Scratch memory that a backend takes while it computes is not in it.
    pub fn memory_use(&self) -> Result<ContextMemory, LlamaError> {
        let devices: Vec<_> = Backend::gpus().iter().map(GpuDevice::as_ptr).collect();
        let mut sizes = vec![[0_u64; 3]; devices.len() + 1];
        shim::call(Operation::ReadMemory, |err| {
            // SAFETY: the context is alive, and there is room for three numbers for each device and three more.
            unsafe {
                shim::rein_context_memory(
                    self.as_ptr(),
                    devices.as_ptr(),
                    devices.len(),
                    sizes.as_mut_ptr().cast(),
                    err,
                )
            }
        })?;
        let (host, gpus) = sizes.split_last().unwrap_or((&[0; 3], &[]));
        Ok(ContextMemory {
            gpus: gpus.iter().map(MemoryUse::of_sizes).collect(),
            host: MemoryUse::of_sizes(host),
        })
    }
}

impl EmbeddingContext {
    /// As [`Context::memory_use`].
    pub fn memory_use(&self) -> Result<ContextMemory, LlamaError> {
        self.context.memory_use()
    }
}
