//! What host and device say to each other: `kernels/cuda/sampling/layout.cuh` has the same structs and numbers.

use bytemuck::{Pod, Zeroable};
use static_assertions::const_assert_eq;

/// Logits of which one block of threads finds the largest.
const CHUNK: usize = 8192;
/// Chunks of the longest row.
const MAX_CHUNKS: usize = MAX_VOCAB / CHUNK;
/// Parts of the longest row, for each of which sums are made.
const MAX_PARTS: usize = MAX_VOCAB / PART;
const PART: usize = 1024;
/// Parts that one block of threads sums up.
const SUM_PARTS: usize = 16;
/// Sums of a part.
const SUMS: usize = 9;
/// A row as it is drawn from, and as the model made it.
const VIEWS: usize = 2;

/// Threads of a block of the kernels `scan`, `sum` and `draw`.
#[cfg(feature = "cuda")]
pub(super) const THREADS: [u32; 3] = [256, 256, 512];
/// The longest rows that the kernels take, in logits.
pub(super) const MAX_VOCAB: usize = 262_144;
/// The largest top-k that the kernels take.
pub(super) const MAX_TOP_K: usize = 128;
/// How many of the most likely tokens the kernels tell.
pub(super) const MAX_LOGPROBS: usize = 20;

/// How the logits are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberFormat {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// Half precision with the range of single precision.
    BF16,
}

/// How the list of candidates is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Path {
    /// The largest logit.
    Greedy = 0,
    /// Top-k, then what else there is.
    TopK = 1,
    /// Top-p on the whole row, then min-p.
    TopP = 2,
    /// Min-p on the whole row.
    MinP = 3,
    /// Temperature alone.
    WholeRow = 4,
}

/// What an edit does, in the order in which those of a token are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(super) enum EditKind {
    /// Adds a number.
    Bias = 0,
    /// Forbids the token.
    Ban = 1,
    /// Applies the row's penalties.
    Penalty = 2,
}

/// A change to a logit.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Edit {
    pub(super) token: u32,
    /// See [`EditKind`].
    pub(super) kind: u32,
    /// What a bias adds.
    pub(super) bias: f32,
    /// How often a penalised token was seen.
    pub(super) count: u32,
}

/// A row to draw from.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Row {
    /// Device address of the first.
    pub(super) logits: u64,
    /// The random number, in 0..1.
    pub(super) point: f64,
    pub(super) n_logits: u32,
    /// See [`Path`].
    pub(super) path: u32,
    pub(super) top_k: u32,
    pub(super) top_p: f32,
    pub(super) log_min_p: f32,
    pub(super) temperature: f32,
    pub(super) repetition: f32,
    pub(super) presence: f32,
    pub(super) frequency: f32,
    pub(super) has_min_p: u32,
    pub(super) first_edit: u32,
    pub(super) n_edits: u32,
    pub(super) first_mask_word: u32,
    pub(super) mask_tokens: u32,
    pub(super) has_mask: u32,
    /// -1 where no log-probabilities are asked for.
    pub(super) logprobs: i32,
    pub(super) wide_slot: u32,
    pub(super) unused: u32,
}

/// The start of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Header {
    pub(super) results: u64,
    pub(super) chunk_keys: u64,
    pub(super) chunk_counts: u64,
    pub(super) part_sums: u64,
    pub(super) wide_keys: u64,
    pub(super) wide_weights: u64,
    pub(super) rows: u32,
    pub(super) wide_stride: u32,
    /// Byte of the upload.
    pub(super) first_edit: u32,
    /// Byte of the upload.
    pub(super) first_mask: u32,
    /// 1 where the CPU's `multiply_add` rounds once.
    pub(super) fused: u32,
    pub(super) unused: u32,
}

/// A token and the model's logit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Likely {
    pub(super) token: i32,
    pub(super) logit: f32,
}

/// What the kernels say of a row.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct RowResult {
    /// -1 where nothing may be drawn.
    pub(super) token: i32,
    /// Of the token, among what could be drawn.
    pub(super) probability: f32,
    /// The model's, of the token.
    pub(super) logit: f32,
    /// The model's largest logit.
    pub(super) max: f32,
    /// The sum of e^(logit - max) over the model's logits.
    pub(super) total: f64,
    pub(super) n_top: u32,
    pub(super) unused: u32,
    pub(super) top: [Likely; MAX_LOGPROBS],
}

const_assert_eq!(size_of::<Edit>(), 16);
const_assert_eq!(size_of::<Row>(), 88);
const_assert_eq!(size_of::<Header>(), 72);
const_assert_eq!(size_of::<RowResult>(), 192);
const_assert_eq!(std::mem::offset_of!(Row, n_logits), 16);
const_assert_eq!(std::mem::offset_of!(Row, logprobs), 76);
const_assert_eq!(std::mem::offset_of!(Header, rows), 48);
const_assert_eq!(std::mem::offset_of!(RowResult, total), 16);
const_assert_eq!(std::mem::offset_of!(RowResult, top), 32);

/// How much memory the kernels work in, and how many blocks of threads they are launched with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Rows, at least 1.
    pub rows: usize,
    /// Logits of the longest row.
    pub longest: usize,
    /// True where a row asks for log-probabilities.
    pub has_logprobs: bool,
    /// Rows whose list of candidates may be as long as the row.
    pub wide: usize,
}

impl Sizes {
    /// Bytes of all buffers, in the order of [`Buffers`](super::Buffers).
    #[must_use]
    pub fn buffers(self) -> [usize; 6] {
        [
            self.results(),
            self.chunk_keys(),
            self.chunk_counts(),
            self.part_sums(),
            self.wide_keys(),
            self.wide_weights(),
        ]
    }

    /// Bytes of the results.
    #[must_use]
    pub fn results(self) -> usize {
        self.rows * size_of::<RowResult>()
    }

    /// Bytes of the chunks' largest logits.
    #[must_use]
    pub fn chunk_keys(self) -> usize {
        VIEWS * self.rows * MAX_CHUNKS * MAX_TOP_K * size_of::<u64>()
    }

    /// Bytes of how many there are.
    #[must_use]
    pub fn chunk_counts(self) -> usize {
        VIEWS * self.rows * MAX_CHUNKS * size_of::<u32>()
    }

    /// Bytes of the parts' sums.
    #[must_use]
    pub fn part_sums(self) -> usize {
        VIEWS * self.rows * MAX_PARTS * SUMS * size_of::<f64>()
    }

    /// Bytes of the keys of long lists.
    #[must_use]
    pub fn wide_keys(self) -> usize {
        self.wide * self.longest * size_of::<u64>()
    }

    /// Bytes of the weights of long lists.
    #[must_use]
    pub fn wide_weights(self) -> usize {
        self.wide * self.longest * size_of::<f32>()
    }

    /// Blocks of the kernels `scan`, `sum` and `draw`, by dimension. `draw` has no third one.
    #[must_use]
    pub fn grids(self) -> [[u32; 3]; 3] {
        let views = if self.has_logprobs { VIEWS } else { 1 };
        [
            [self.longest.div_ceil(CHUNK), self.rows, views],
            [self.longest.div_ceil(PART * SUM_PARTS), self.rows, views],
            [self.rows, views, 1],
        ]
        .map(|grid| grid.map(|blocks| blocks as u32))
    }
}
