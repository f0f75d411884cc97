//! [`Upload`]: the rows of a step, packed into one buffer.

use bytemuck::{bytes_of, cast_slice, cast_slice_mut};

use super::layout::{Edit, Header, Path, Row, Sizes};
use super::request::RowRequest;
use crate::sampling::exp::MULTIPLY_ADD_IS_FUSED;

/// Where the kernels work. Addresses of device memory of the [`Sizes`] of the upload, aligned to 8 bytes; those
/// of nothing (no wide rows) are not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names are those of the sizes, which are documented"
)]
pub struct Buffers {
    pub results: u64,
    pub chunk_keys: u64,
    pub chunk_counts: u64,
    pub part_sums: u64,
    pub wide_keys: u64,
    pub wide_weights: u64,
}

impl Buffers {
    /// From addresses in the order of [`Sizes::buffers`].
    #[must_use]
    pub fn at(addresses: [u64; 6]) -> Self {
        let [
            results,
            chunk_keys,
            chunk_counts,
            part_sums,
            wide_keys,
            wide_weights,
        ] = addresses;
        Self {
            results,
            chunk_keys,
            chunk_counts,
            part_sums,
            wide_keys,
            wide_weights,
        }
    }
}

/// A row of logits on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logits {
    /// Device address of the first.
    pub address: u64,
    /// How many, at least 1.
    pub len: usize,
}

/// The rows of a step: [`Upload::push`] them, take the [`Upload::bytes`], [`Upload::clear`]. Keeps its memory.
#[derive(Debug, Default)]
pub struct Upload {
    rows: Vec<Row>,
    edits: Vec<Edit>,
    masks: Vec<u32>,
    wide: usize,
    /// In words, so that the structs lie aligned.
    packed: Vec<u64>,
}

impl Upload {
    /// Forgets the rows.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.edits.clear();
        self.masks.clear();
        self.wide = 0;
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row; its result comes back at the same place. [`takes`](super::takes) must hold of it.
    pub fn push(&mut self, logits: Logits, request: &RowRequest<'_>) {
        let params = request.params;
        let path = request.path();
        let first_edit = self.edits.len();
        self.edits.extend(request.edits(logits.len));
        let first_mask_word = self.masks.len();
        if let Some(mask) = request.allowed {
            self.masks.extend(mask.words());
        }
        self.rows.push(Row {
            logits: logits.address,
            point: request.point,
            n_logits: logits.len as u32,
            path: path as u32,
            top_k: params.top_k.max(0) as u32,
            top_p: params.top_p,
            log_min_p: params.min_p.ln(),
            temperature: params.temperature,
            repetition: params.repetition_penalty,
            presence: params.presence_penalty,
            frequency: params.frequency_penalty,
            has_min_p: u32::from(params.min_p > 0.0),
            first_edit: first_edit as u32,
            n_edits: (self.edits.len() - first_edit) as u32,
            first_mask_word: first_mask_word as u32,
            mask_tokens: request.allowed.map_or(0, |mask| mask.len() as u32),
            has_mask: u32::from(request.allowed.is_some()),
            logprobs: params.logprobs.map_or(-1, i32::from),
            wide_slot: self.wide as u32,
            unused: 0,
        });
        self.wide += usize::from(matches!(path, Path::TopP | Path::MinP));
    }

    /// What the kernels need for these rows. `None` without rows.
    #[must_use]
    pub fn sizes(&self) -> Option<Sizes> {
        let longest = self.rows.iter().map(|row| row.n_logits).max()?;
        Some(Sizes {
            rows: self.rows.len(),
            longest: longest as usize,
            has_logprobs: self.rows.iter().any(|row| row.logprobs >= 0),
            wide: self.wide,
        })
    }

    /// The bytes to upload, to an address that is aligned to 8 bytes.
    pub fn bytes(&mut self, buffers: &Buffers) -> &[u8] {
        let first_edit = size_of::<Header>() + size_of_val(self.rows.as_slice());
        let first_mask = first_edit + size_of_val(self.edits.as_slice());
        let end = first_mask + size_of_val(self.masks.as_slice());
        let header = Header {
            results: buffers.results,
            chunk_keys: buffers.chunk_keys,
            chunk_counts: buffers.chunk_counts,
            part_sums: buffers.part_sums,
            wide_keys: buffers.wide_keys,
            wide_weights: buffers.wide_weights,
            rows: self.rows.len() as u32,
            wide_stride: self.sizes().map_or(0, |sizes| sizes.longest as u32),
            first_edit: first_edit as u32,
            first_mask: first_mask as u32,
            fused: u32::from(MULTIPLY_ADD_IS_FUSED),
            unused: 0,
        };
        self.packed.resize(end.div_ceil(size_of::<u64>()), 0);
        let out: &mut [u8] = cast_slice_mut(&mut self.packed);
        out[..size_of::<Header>()].copy_from_slice(bytes_of(&header));
        out[size_of::<Header>()..first_edit].copy_from_slice(cast_slice(&self.rows));
        out[first_edit..first_mask].copy_from_slice(cast_slice(&self.edits));
        out[first_mask..end].copy_from_slice(cast_slice(&self.masks));
        out
    }
}
