//! The kernels' steps on the CPU (`kernels/cuda/sampling/reference.cpp`), so that tests need no GPU.

#![expect(unsafe_code, reason = "the reference is a C++ function")]

use bytemuck::{Zeroable, cast_slice_mut};

use super::layout::RowResult;
use super::{Buffers, Logits, RowRequest, Sizes, Upload};

unsafe extern "C" {
    fn rein_sampling_reference(upload: *const u8, number_format: u32, order: u32);
}

/// A row of logits in one of the formats.
#[derive(Debug, Clone)]
pub(super) enum Numbers {
    F32(Vec<f32>),
    F16(Vec<u16>),
    BF16(Vec<u16>),
}

impl Numbers {
    fn logits(&self) -> Logits {
        let (address, len) = match self {
            Self::F32(row) => (row.as_ptr() as u64, row.len()),
            Self::F16(row) | Self::BF16(row) => (row.as_ptr() as u64, row.len()),
        };
        Logits { address, len }
    }

    fn format(&self) -> u32 {
        match self {
            Self::F32(_) => 0,
            Self::F16(_) => 1,
            Self::BF16(_) => 2,
        }
    }
}

/// Draws from rows of one format. `order` is that in which the threads of a block run.
pub(super) fn draw(rows: &[(&Numbers, RowRequest<'_>)], order: u32) -> Vec<RowResult> {
    let mut upload = Upload::default();
    let format = rows.first().map_or(0, |(row, _)| row.format());
    for (row, request) in rows {
        assert_eq!(row.format(), format);
        assert!(row.logits().len > 0);
        upload.push(row.logits(), request);
    }
    let Some(sizes) = upload.sizes() else {
        return Vec::new();
    };
    let mut memory = Memory::new(sizes);
    let buffers = memory.buffers();
    let bytes = upload.bytes(&buffers);
    assert_eq!(bytes.as_ptr() as usize % size_of::<u64>(), 0);
    // SAFETY: the upload names the rows of `rows` and buffers of the sizes that it asked for; all outlive the call,
    // and nothing else looks at the buffers meanwhile.
    unsafe { rein_sampling_reference(bytes.as_ptr(), format, order) };
    memory.results
}

/// The kernels' memory, on the host; anything is in it at first.
struct Memory {
    results: Vec<RowResult>,
    others: [Vec<u64>; 5],
}

impl Memory {
    fn new(sizes: Sizes) -> Self {
        let others = [
            sizes.chunk_keys(),
            sizes.chunk_counts(),
            sizes.part_sums(),
            sizes.wide_keys(),
            sizes.wide_weights(),
        ];
        Self {
            results: vec![RowResult::zeroed(); sizes.rows],
            others: others.map(|bytes| vec![0xA5A5_A5A5_A5A5_A5A5; bytes.div_ceil(8)]),
        }
    }

    fn buffers(&mut self) -> Buffers {
        let results: &mut [u64] = cast_slice_mut(&mut self.results);
        let results = results.as_mut_ptr() as u64;
        let [keys, counts, sums, wide_keys, wide_weights] = self
            .others
            .each_mut()
            .map(|words| words.as_mut_ptr() as u64);
        Buffers {
            results,
            chunk_keys: keys,
            chunk_counts: counts,
            part_sums: sums,
            wide_keys,
            wide_weights,
        }
    }
}
