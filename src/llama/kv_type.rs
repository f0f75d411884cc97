//! [`KvType`]: the element type of KV cells.

use std::str::FromStr;

/// Element type of the KV cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names are ggml's own")]
pub enum KvType {
    F32,
    #[default]
    F16,
    Bf16,
    Q8_0,
    Q5_1,
    Q5_0,
    Q4_1,
    Q4_0,
    Iq4Nl,
}

impl KvType {
    /// Every type, with the name by which it is asked for and the bytes of 32 elements.
    const TABLE: [(Self, &str, u64); 9] = [
        (Self::F32, "f32", 128),
        (Self::F16, "f16", 64),
        (Self::Bf16, "bf16", 64),
        (Self::Q8_0, "q8_0", 34),
        (Self::Q5_1, "q5_1", 24),
        (Self::Q5_0, "q5_0", 22),
        (Self::Q4_1, "q4_1", 20),
        (Self::Q4_0, "q4_0", 18),
        (Self::Iq4Nl, "iq4_nl", 18),
    ];

    fn row(self) -> (Self, &'static str, u64) {
        // The table is in the order of declaration.
        Self::TABLE[self as usize]
    }

    /// The name on the wire and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// True for types that quantise: as values they need flash attention.
    #[must_use]
    pub fn is_quantised(self) -> bool {
        !matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }

    /// Average bytes of one element.
    #[must_use]
    pub fn bytes_per_element(self) -> f64 {
        self.row().2 as f64 / 32.0
    }
}

/// The name of no KV type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown KV cache type '{0}'; use f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0 or iq4_nl")]
pub struct UnknownKvType(pub String);

impl FromStr for KvType {
    type Err = UnknownKvType;

    fn from_str(name: &str) -> Result<Self, UnknownKvType> {
        Self::TABLE
            .iter()
            .find(|row| row.1 == name)
            .map(|row| row.0)
            .ok_or_else(|| UnknownKvType(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kv_types_are_known_by_name() {
        for (kv_type, name, _) in KvType::TABLE {
            assert_eq!(name.parse(), Ok(kv_type));
            assert_eq!(kv_type.name(), name);
        }
        assert!("q2_k".parse::<KvType>().is_err());
    }
}
