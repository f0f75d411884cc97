//! [`GpuSampler`]: the kernels, launched.

#![expect(
    unsafe_code,
    reason = "kernels are launched, and read logits where they lie"
)]

use std::sync::Arc;

use bytemuck::{Zeroable, cast_slice_mut};
use cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, DevicePtr, DriverError, LaunchConfig, PushKernelArg,
};
use cudarc::nvrtc::Ptx;

use super::layout::{NumberFormat, RowResult, THREADS};
use super::{Buffers, Upload};

/// `kernels/cuda/sampling.cu`, compiled by `build.rs`.
static KERNELS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cuda/sampling.fatbin"));

/// What could not be done on the GPU.
#[derive(Debug, thiserror::Error)]
#[error("CUDA failed to {operation} while sampling: {source:?}")]
pub struct GpuSamplingError {
    /// What was tried.
    operation: &'static str,
    /// What the driver said.
    source: DriverError,
}

/// Names what failed.
fn failed(operation: &'static str) -> impl FnOnce(DriverError) -> GpuSamplingError {
    move |source| GpuSamplingError { operation, source }
}

/// The kernels of one stream with the memory that they work in, which grows with the rows. For one thread at a time.
#[derive(Debug)]
pub struct GpuSampler {
    stream: Arc<CudaStream>,
    /// By format, then in the order in which they run.
    kernels: [[CudaFunction; 3]; 3],
    upload: CudaSlice<u8>,
    /// In 8-byte words: results, then what [`Buffers`] names after them.
    memory: [CudaSlice<u64>; 6],
    results: Vec<RowResult>,
}

impl GpuSampler {
    /// Loads the kernels for the stream's GPU.
    pub fn new(stream: Arc<CudaStream>) -> Result<Self, GpuSamplingError> {
        let module = stream
            .context()
            .load_module(Ptx::from_binary(KERNELS.to_vec()))
            .map_err(failed("load rein's kernels"))?;
        let kernel = |name: &str| module.load_function(name).map_err(failed("find a kernel"));
        let of = |format: &str| -> Result<[CudaFunction; 3], GpuSamplingError> {
            Ok([
                kernel(&format!("rein_scan_{format}"))?,
                kernel(&format!("rein_sum_{format}"))?,
                kernel(&format!("rein_draw_{format}"))?,
            ])
        };
        let kernels = [of("f32")?, of("f16")?, of("bf16")?];
        let word = || stream.alloc_zeros(1).map_err(failed("allocate memory"));
        Ok(Self {
            kernels,
            upload: stream.alloc_zeros(1).map_err(failed("allocate memory"))?,
            memory: [word()?, word()?, word()?, word()?, word()?, word()?],
            results: Vec::new(),
            stream,
        })
    }

    /// Draws from the rows of the upload; the results are in their order. Waits for the GPU.
    ///
    /// # Safety
    ///
    /// As for [`Self::launch`].
    pub unsafe fn draw(
        &mut self,
        upload: &mut Upload,
        format: NumberFormat,
    ) -> Result<&[RowResult], GpuSamplingError> {
        self.prepare(upload)?;
        // SAFETY: as the caller promises.
        unsafe { self.launch(upload, format)? };
        self.read(upload)
    }

    /// Uploads the rows, and makes room for what the kernels do with them.
    pub fn prepare(&mut self, upload: &mut Upload) -> Result<(), GpuSamplingError> {
        let Some(sizes) = upload.sizes() else {
            return Ok(());
        };
        for (memory, bytes) in self.memory.iter_mut().zip(sizes.buffers()) {
            grow(&self.stream, memory, bytes.div_ceil(size_of::<u64>()))?;
        }
        let addresses = self
            .memory
            .each_ref()
            .map(|memory| memory.device_ptr(&self.stream).0);
        let bytes = upload.bytes(&Buffers::at(addresses));
        grow(&self.stream, &mut self.upload, bytes.len())?;
        self.stream
            .memcpy_htod(bytes, &mut self.upload)
            .map_err(failed("upload the rows"))
    }

    /// Launches the kernels on what [`Self::prepare`] has uploaded, as often as one likes: the same results each time.
    ///
    /// # Safety
    ///
    /// `upload` is what was prepared last. Each of its rows is memory of this GPU that holds as many logits in this
    /// format as it says, until the stream has run the kernels; and what computes them is done, or comes before
    /// on the stream.
    pub unsafe fn launch(
        &mut self,
        upload: &Upload,
        format: NumberFormat,
    ) -> Result<(), GpuSamplingError> {
        let Some(sizes) = upload.sizes() else {
            return Ok(());
        };
        let kernels = &self.kernels[format as usize];
        for ((kernel, [x, y, z]), threads) in kernels.iter().zip(sizes.grids()).zip(THREADS) {
            let shape = LaunchConfig {
                grid_dim: (x, y, z),
                block_dim: (threads, 1, 1),
                shared_mem_bytes: 0,
            };
            let mut launch = self.stream.launch_builder(kernel);
            launch.arg(&self.upload);
            // SAFETY: the kernels take the address of an upload. `prepare` has written it and gave it buffers of
            // the sizes that it needs; the caller vouches for the logits.
            unsafe { launch.launch(shape) }.map_err(failed("launch a kernel"))?;
        }
        Ok(())
    }

    /// Waits for the kernels and reads what they drew.
    pub fn read(&mut self, upload: &Upload) -> Result<&[RowResult], GpuSamplingError> {
        let rows = upload.sizes().map_or(0, |sizes| sizes.rows);
        self.results.resize(rows, RowResult::zeroed());
        let words: &mut [u64] = cast_slice_mut(&mut self.results);
        let [results, ..] = &self.memory;
        self.stream
            .memcpy_dtoh(&results.slice(..words.len()), words)
            .map_err(failed("read the results"))?;
        self.stream
            .synchronize()
            .map_err(failed("wait for the kernels"))?;
        Ok(&self.results)
    }
}

/// Makes `memory` at least as long, and anything may be in it then.
fn grow<T: cudarc::driver::DeviceRepr + cudarc::driver::ValidAsZeroBits>(
    stream: &Arc<CudaStream>,
    memory: &mut CudaSlice<T>,
    len: usize,
) -> Result<(), GpuSamplingError> {
    if memory.len() < len {
        *memory = stream
            .alloc_zeros(len.next_power_of_two())
            .map_err(failed("allocate memory"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::cuda::Logits;
    use crate::sampling::{Sampler, SamplingParams};
    use cudarc::driver::{CudaContext, sys};

    /// A stream of the first GPU, where there is one.
    fn stream() -> Option<Arc<CudaStream>> {
        // SAFETY: loads the driver's library, as its first use would.
        if !unsafe { sys::is_culib_present() } || CudaContext::device_count().unwrap_or(0) == 0 {
            eprintln!("skipped: there is no GPU");
            return None;
        }
        Some(CudaContext::new(0).unwrap().default_stream())
    }

    #[test]
    fn a_gpu_draws_what_the_cpu_draws() {
        let Some(stream) = stream() else { return };
        let mut gpu = GpuSampler::new(stream.clone()).unwrap();
        let n = 50_000;
        let logits: Vec<f32> = (0..n as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 1e6)
            .collect();
        let row = stream.clone_htod(&logits).unwrap();
        let address = row.device_ptr(&stream).0;
        for top_k in [0, 1, 20, 128] {
            for (top_p, min_p, temperature) in [
                (0.95, 0.01, 0.6),
                (1.0, 0.05, 1.0),
                (1.0, 0.0, 1.5),
                (0.5, 0.0, 0.0),
            ] {
                let params = SamplingParams {
                    temperature,
                    top_k,
                    top_p,
                    min_p,
                    logprobs: Some(20),
                    seed: Some(5),
                    ..SamplingParams::default()
                };
                let (mut drawing, mut asking) =
                    (Sampler::new(params.clone()), Sampler::new(params.clone()));
                for _ in 0..20 {
                    let mut upload = Upload::default();
                    upload.push(Logits { address, len: n }, &asking.request(None));
                    // SAFETY: the row is on the GPU, computed, and as long as it says.
                    let found = unsafe { gpu.draw(&mut upload, NumberFormat::F32) }.unwrap();
                    let expected = drawing.draw(&logits, None).unwrap();
                    let found = found[0].drawn(&params).unwrap();
                    assert_eq!(found.token, expected.token, "{params:?}");
                    let pairs = found.logprobs.iter().zip(&expected.logprobs);
                    for (found, expected) in pairs {
                        assert_eq!(found, expected, "{params:?}");
                    }
                }
            }
        }
    }
}
