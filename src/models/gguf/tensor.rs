//! [`TensorInfo`] and the block sizes of every [`GgmlType`].

/// A tensor type of ggml, by its id in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GgmlType {
    /// The id in the file.
    pub id: u32,
    /// The usual name, in capitals.
    pub name: &'static str,
    /// Elements of one block: a row is a whole number of blocks.
    pub block_elements: u64,
    /// Bytes of one block.
    pub block_bytes: u64,
}

/// (id, name, elements a block, bytes a block) of ggml 0.26. Ids that are not listed were removed from
/// the format (4, 5, 31-33, 36-38) or are not known to the linked ggml.
const TYPES: &[(u32, &str, u64, u64)] = &[
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
    (40, "NVFP4", 64, 36),
    (41, "Q1_0", 128, 18),
    (42, "Q2_0", 64, 18),
];

impl GgmlType {
    /// The type of an id, `None` if the linked ggml cannot load it.
    #[must_use]
    pub fn from_id(id: u32) -> Option<Self> {
        let &(id, name, block_elements, block_bytes) = TYPES.iter().find(|row| row.0 == id)?;
        Some(Self {
            id,
            name,
            block_elements,
            block_bytes,
        })
    }
}

/// One tensor of a model: where it lies, never its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name, at most 63 bytes.
    pub name: String,
    /// Elements along each dimension, fastest first; unused dimensions are 1.
    pub dims: [u64; 4],
    /// Type of the elements.
    pub ggml_type: GgmlType,
    /// Bytes from the beginning of the file's data section.
    pub offset: u64,
    /// Bytes of its data, without padding.
    pub size: u64,
    /// Which file of a split model holds it; 0 for a model in one file.
    pub shard: usize,
}

impl TensorInfo {
    /// Number of elements.
    #[must_use]
    pub fn n_elements(&self) -> u64 {
        // Checked when the header was read; saturating keeps this total for hand-made values.
        self.dims.iter().fold(1, |n, &dim| n.saturating_mul(dim))
    }
}
