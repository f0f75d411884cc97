//! [`kv_bytes`]: what the KV cache of a model will take, estimated from its header before it is loaded.

use super::gguf::GgufHeader;
use crate::llama::KvType;

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
}
