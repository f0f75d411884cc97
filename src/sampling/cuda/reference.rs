//! [`ReferenceSampler`]: the kernels' steps on the CPU (`kernels/cuda/sampling/reference.cpp`).

#![expect(unsafe_code, reason = "the reference is a C++ function")]

use bytemuck::{Zeroable, cast_slice_mut};

use super::layout::{NumberFormat, RowResult};
use super::{Buffers, Sizes, Upload};

unsafe extern "C" {
    fn rein_sampling_reference(upload: *const u8, number_format: u32, order: u32);
}

/// The kernels' memory, on the host; anything is in it at first. Grows with the rows.
#[derive(Debug, Default)]
pub(super) struct ReferenceSampler {
    results: Vec<RowResult>,
    others: [Vec<u64>; 5],
}

/// What no step may rely on.
const ANYTHING: u64 = 0xA5A5_A5A5_A5A5_A5A5;

impl ReferenceSampler {
    /// Draws from the rows of the upload; the results are in their order. `order` is that in which the threads of a
    /// block run (`block.cuh`).
    ///
    /// # Safety
    ///
    /// The address of each of the upload's rows is one of this process, where as many logits in this format are as it
    /// says; nothing writes there meanwhile.
    pub(super) unsafe fn draw(
        &mut self,
        upload: &mut Upload,
        format: NumberFormat,
        order: u32,
    ) -> &[RowResult] {
        let Some(sizes) = upload.sizes() else {
            return &[];
        };
        let buffers = self.buffers(sizes);
        let bytes = upload.bytes(&buffers);
        // SAFETY: the upload names rows that the caller vouches for, and buffers of the sizes that it asked for; it is
        // aligned as its words are.
        unsafe { rein_sampling_reference(bytes.as_ptr(), format as u32, order) };
        &self.results[..sizes.rows]
    }

    fn buffers(&mut self, sizes: Sizes) -> Buffers {
        let [_, others @ ..] = sizes.buffers();
        if self.results.len() < sizes.rows {
            self.results.resize(sizes.rows, RowResult::zeroed());
        }
        for (words, bytes) in self.others.iter_mut().zip(others) {
            let len = bytes.div_ceil(size_of::<u64>());
            if words.len() < len {
                words.resize(len, ANYTHING);
            }
        }
        let results: &mut [u64] = cast_slice_mut(&mut self.results);
        let results = results.as_mut_ptr() as u64;
        let [keys, counts, sums, wide_keys, wide_weights] = self
            .others
            .each_mut()
            .map(|words| words.as_mut_ptr() as u64);
        Buffers::at([results, keys, counts, sums, wide_keys, wide_weights])
    }
}
