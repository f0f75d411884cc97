//! A GPU as our own kernels see it.

use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaModule, DriverError, LaunchConfig, PushKernelArg, sys};
use cudarc::nvrtc::Ptx;

/// `kernels/cuda/probe.cu`, compiled by `build.rs`.
static PROBE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cuda/probe.fatbin"));

/// What our kernels are compiled for, as `REIN_CUDA_ARCHITECTURES` is written.
const COMPILED_FOR: &str = env!("REIN_CUDA_ARCHITECTURES_BUILT");

/// One GPU that runs our kernels, by its primary context: the one that ggml computes in, so that both see the same
/// memory.
#[derive(Debug, Clone)]
pub struct Gpu {
    context: Arc<CudaContext>,
    compute_capability: u32,
    code: u32,
}

/// Why our kernels do not run on a GPU.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    /// There is no driver to ask.
    #[error("NVIDIA's driver (libcuda.so.1) is not installed")]
    NoDriver,
    /// The driver failed.
    #[error("CUDA failed to {operation}: {source:?}")]
    Driver {
        /// What was tried.
        operation: &'static str,
        /// What the driver said.
        source: DriverError,
    },
    /// The self-check's kernel did not run as it must.
    #[error(
        "the self-check on a GPU of compute capability {device} told {told}: rein's kernels, compiled for {COMPILED_FOR}, do not run on it"
    )]
    SelfCheck {
        /// The compute capability of the GPU, times ten.
        device: u32,
        /// What the kernel wrote.
        told: i32,
    },
}

/// Names what failed.
fn failed(operation: &'static str) -> impl FnOnce(DriverError) -> GpuError {
    move |source| GpuError::Driver { operation, source }
}

impl Gpu {
    /// How many there are, in CUDA's order, as `CUDA_VISIBLE_DEVICES` leaves them.
    pub fn count() -> Result<usize, GpuError> {
        check_driver()?;
        let count = CudaContext::device_count().map_err(failed("count the GPUs"))?;
        Ok(count.max(0) as usize)
    }

    /// Takes the GPU at an index under [`Gpu::count`], and runs the smallest of our kernels on it: what does not run
    /// here is an error now, not in the middle of an answer.
    pub fn open(ordinal: usize) -> Result<Self, GpuError> {
        check_driver()?;
        let context = CudaContext::new(ordinal).map_err(failed("open the GPU"))?;
        let (major, minor) = context
            .compute_capability()
            .map_err(failed("read the compute capability"))?;
        let mut gpu = Self {
            context,
            compute_capability: (major * 10 + minor) as u32,
            code: 0,
        };
        gpu.code = gpu.check_kernels()?;
        Ok(gpu)
    }

    /// Its compute capability, times ten: 90 is Hopper.
    #[must_use]
    pub fn compute_capability(&self) -> u32 {
        self.compute_capability
    }

    /// The compute capability, times ten, of the machine code or PTX that it runs of our kernels.
    #[must_use]
    pub fn code(&self) -> u32 {
        self.code
    }

    /// Its name, as the driver tells it.
    pub fn name(&self) -> Result<String, GpuError> {
        self.context.name().map_err(failed("read the name"))
    }

    /// The primary context.
    #[must_use]
    pub fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    /// Loads kernels that `build.rs` has compiled.
    pub fn load(&self, fat_binary: &[u8]) -> Result<Arc<CudaModule>, GpuError> {
        self.context
            .load_module(Ptx::from_binary(fat_binary.to_vec()))
            .map_err(failed("load rein's kernels"))
    }

    fn check_kernels(&self) -> Result<u32, GpuError> {
        let operation = "run the self-check";
        let kernel = self
            .load(PROBE)?
            .load_function("rein_probe")
            .map_err(failed(operation))?;
        let stream = self.context.default_stream();
        let mut told = stream.alloc_zeros::<i32>(1).map_err(failed(operation))?;
        let one_thread = LaunchConfig {
            grid_dim: (1, 1, 1),
            block_dim: (1, 1, 1),
            shared_mem_bytes: 0,
        };
        let mut launch = stream.launch_builder(&kernel);
        launch.arg(&mut told);
        // SAFETY: the kernel takes one pointer to an int and writes that int; one thread runs.
        unsafe { launch.launch(one_thread) }.map_err(failed(operation))?;
        let told = stream
            .clone_dtoh(&told)
            .map_err(failed(operation))?
            .first()
            .copied()
            .unwrap_or_default();
        match u32::try_from(told) {
            Ok(code) if code > 0 && code <= self.compute_capability => Ok(code),
            _ => Err(GpuError::SelfCheck {
                device: self.compute_capability,
                told,
            }),
        }
    }
}

/// cudarc panics where the driver's library is missing.
fn check_driver() -> Result<(), GpuError> {
    // SAFETY: loads the driver's library, as its first use would.
    if unsafe { sys::is_culib_present() } {
        Ok(())
    } else {
        Err(GpuError::NoDriver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a machine without a GPU this asks only that looking for one is no panic.
    #[test]
    fn every_gpu_runs_the_kernels_that_were_compiled_for_it() {
        let count = match Gpu::count() {
            Ok(count) => count,
            Err(error) => {
                eprintln!("skipped, there is no GPU: {error}");
                return;
            }
        };
        for ordinal in 0..count {
            let gpu = Gpu::open(ordinal).unwrap();
            let device = gpu.compute_capability();
            println!(
                "{}: {device} runs code for {}",
                gpu.name().unwrap(),
                gpu.code()
            );
            let has_own_code = COMPILED_FOR
                .split(';')
                .any(|number| number == device.to_string());
            assert!(!has_own_code || gpu.code() == device);
        }
    }

    #[test]
    fn the_kernels_are_embedded_as_a_fat_binary() {
        const MAGIC: [u8; 4] = 0xBA55_ED50_u32.to_le_bytes();
        assert_eq!(PROBE[..4], MAGIC);
    }
}
