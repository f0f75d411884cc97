//! [`kv_bytes`]: what the KV cache of a model will take, estimated from its header before it is loaded.

use std::str::FromStr;

use super::gguf::GgufHeader;

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

/// Bytes of the KV cache of one sequence of `n_ctx` tokens, keys and values of the same type. `None`
/// where the header has too little to tell. llama.cpp's own figure, once the model is loaded, is exact;
/// this one serves before.
#[must_use]
pub fn kv_bytes(header: &GgufHeader, n_ctx: u64, kv_type: KvType) -> Option<u64> {
    let elements = kv_elements(header, n_ctx as f64)?;
    // A float keeps the product of absurd numbers finite; the cast saturates.
    Some((elements * kv_type.bytes_per_element()).ceil() as u64)
}

fn kv_elements(header: &GgufHeader, ctx: f64) -> Option<f64> {
    let layers = header.block_count().filter(|&n| n > 0)?;
    let number = |suffix| header.arch_number(suffix).filter(|&n| n > 0);
    if let Some(rank) = number("attention.kv_lora_rank") {
        // Latent attention caches one compressed key a head and no value.
        let key = header
            .key_length()
            .or_else(|| Some(rank + number("rope.dimension_count")?))
            .unwrap_or(rank);
        let heads = header.head_count_kv().unwrap_or(1).max(1);
        return Some(layers as f64 * ctx * heads as f64 * key as f64);
    }
    let row = Row::of(header)?;
    if let Some(interval) = number("full_attention_interval") {
        // The other layers keep a state of fixed size.
        let layers = layers.div_ceil(interval);
        return Some(row.elements(header, layers) * ctx);
    }
    let all = row.elements(header, layers);
    match header.sliding_window() {
        Some(window) => {
            let global = layers.div_ceil(4) as f64 / layers as f64;
            Some(all * (global * ctx + (1.0 - global) * ctx.min(window as f64)))
        }
        None => Some(all * ctx),
    }
}

/// Elements of a key and a value of one head.
struct Row(u64);

impl Row {
    fn of(header: &GgufHeader) -> Option<Self> {
        let from_width = || header.embedding_length()?.checked_div(header.head_count()?);
        let key = header.key_length().or_else(from_width)?;
        let value = header.value_length().or_else(from_width)?;
        Some(Self(key.saturating_add(value)))
    }

    /// Elements that one token takes in `layers` layers.
    fn elements(&self, header: &GgufHeader, layers: u64) -> f64 {
        let heads = match header.per_layer("attention.head_count_kv") {
            // Layers without attention have 0 heads here.
            Some(heads) if heads.len() > 1 => heads.iter().map(|&n| n as f64).sum(),
            _ => layers as f64 * header.head_count_kv().unwrap_or(0) as f64,
        };
        heads * self.0 as f64
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::models::gguf::testing::GgufWriter;

    #[test]
    fn estimate_follows_the_kind_of_attention() {
        let check = |writer: GgufWriter, kv_type: KvType, expected: Option<u64>| {
            let bytes = writer.build();
            let len = bytes.len() as u64;
            let header = GgufHeader::from_reader(Cursor::new(bytes), len).unwrap();
            assert_eq!(kv_bytes(&header, 1024, kv_type), expected);
        };
        // 2 layers, 2 KV heads of 32 / 4 elements.
        let model = GgufWriter::model;
        let plain = 2 * 1024 * 2 * (8 + 8);
        check(model(), KvType::F16, Some(plain * 2));
        check(model(), KvType::F32, Some(plain * 4));
        check(model(), KvType::Q8_0, Some(plain * 34 / 32));
        check(model(), KvType::Iq4Nl, Some(plain * 18 / 32));
        let long = model()
            .u32("llama.attention.key_length", 16)
            .u32("llama.attention.value_length", 16);
        check(long, KvType::F16, Some(2 * 1024 * 2 * 32 * 2));
        let window = model().u32("llama.attention.sliding_window", 256);
        check(window, KvType::F16, Some((1024 + 256) * 2 * 16 * 2));
        let hybrid = model().u32("llama.full_attention_interval", 4);
        check(hybrid, KvType::F16, Some(1024 * 2 * 16 * 2));
        let latent = model()
            .u32("llama.attention.kv_lora_rank", 10)
            .u32("llama.attention.head_count_kv", 1)
            .u32("llama.rope.dimension_count", 8);
        check(latent, KvType::F16, Some(2 * 1024 * 18 * 2));
        let heads = [4_u32.to_le_bytes(), 0_u32.to_le_bytes()];
        let by_layer = model().numbers("llama.attention.head_count_kv", 4, &heads);
        check(by_layer, KvType::F16, Some(1024 * 4 * 16 * 2));
        check(
            model().without("llama.attention.head_count"),
            KvType::F16,
            None,
        );
    }

    #[test]
    fn kv_types_are_known_by_name() {
        for (kv_type, name, _) in KvType::TABLE {
            assert_eq!(name.parse(), Ok(kv_type));
            assert_eq!(kv_type.name(), name);
        }
        assert!("q2_k".parse::<KvType>().is_err());
    }
}
