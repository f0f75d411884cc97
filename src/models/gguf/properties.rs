//! What holds for every file, whatever is in it. Unit tests and `fuzz/` ask for the same.

use std::io::Cursor;

use super::testing::GgufWriter;
use super::{GgufError, GgufHeader};
use crate::fuzz_input::dictionary;
use crate::llama::KvType;
use crate::models::kv::kv_bytes;

/// Reads any bytes as a model's file; panics where a promise is broken.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(header) = read(bytes) else { return };
    let end: u64 = header.tensors.iter().map(|tensor| tensor.size).sum();
    assert_eq!(header.data_bytes, end);
    assert!(end <= header.file_bytes);
    assert_eq!(header.file_bytes, bytes.len() as u64);
    assert!(!header.architecture().is_empty());
    assert!(header.block_count().is_some_and(|layers| layers > 0));
    for count in [
        header.head_count(),
        header.head_count_kv(),
        header.key_length(),
        header.sliding_window(),
    ] {
        assert!(
            count.is_none_or(|count| u32::try_from(count).is_ok()),
            "{count:?}"
        );
    }
    let _ = (
        header.name(),
        header.file_type(),
        header.chat_template(),
        header.vocab_len(),
    );
    for n_ctx in [1, 4096, u64::MAX] {
        let _ = kv_bytes(&header, n_ctx, KvType::F16);
    }
    // A file that was cut is refused, unless only what nobody reads is gone.
    for cut in [bytes.len() / 2, bytes.len().saturating_sub(1)] {
        if let Ok(cut) = read(&bytes[..cut]) {
            // As text, because NaN differs from itself.
            let shown = |header: &GgufHeader| format!("{:?} {:?}", header.metadata, header.tensors);
            assert_eq!(shown(&cut), shown(&header));
        }
    }
}

fn read(bytes: &[u8]) -> Result<GgufHeader, GgufError> {
    GgufHeader::from_reader(Cursor::new(bytes), bytes.len() as u64)
}

/// Files to begin with.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let model = GgufWriter::model;
    let heads = [4_u32.to_le_bytes(), 0_u32.to_le_bytes()];
    let files = [
        model(),
        model()
            .without("tokenizer.chat_template")
            .u16("general.alignment", 32),
        model()
            .u32("general.alignment", 64)
            .i32("llama.rope.dimension_count", 8),
        model()
            .numbers("llama.attention.head_count", 4, &heads)
            .bool("llama.attention.causal", true),
        model()
            .text("general.architecture", "bert")
            .text("tokenizer.ggml.model", "bert"),
        model()
            .u32("llama.expert_count", 4)
            .u32("llama.expert_used_count", 2),
        model().text("general.type", "adapter"),
        model().raw(b"split.count", 2, &2_u16.to_le_bytes()),
        model().raw_tensor(b"big", &[u64::MAX, 2, 2, 2], 0, 0),
    ];
    files.iter().map(GgufWriter::build).collect()
}

/// What means something in a header.
pub(crate) fn words() -> String {
    let keys = [
        "GGUF",
        "general.architecture",
        "general.alignment",
        "general.file_type",
        "general.type",
        "llama.block_count",
        "llama.context_length",
        "llama.embedding_length",
        "llama.attention.head_count",
        "llama.attention.head_count_kv",
        "llama.attention.key_length",
        "llama.attention.value_length",
        "llama.attention.sliding_window",
        "llama.expert_count",
        "llama.expert_used_count",
        "llama.rope.dimension_count",
        "llama.rope.scaling.type",
        "llama.nextn_predict_layers",
        "tokenizer.ggml.model",
        "tokenizer.ggml.tokens",
        "tokenizer.ggml.scores",
        "tokenizer.ggml.token_type",
        "tokenizer.ggml.merges",
        "tokenizer.ggml.bos_token_id",
        "tokenizer.ggml.pre",
        "tokenizer.ggml.precompiled_charsmap",
        "split.count",
        "split.no",
        "token_embd.weight",
        "gpt2",
        "bert",
        "llama",
        "rwkv",
        "t5",
        "plamo2",
        "gemma3",
        "qwen3",
    ];
    dictionary(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_hold() {
        for seed in seeds() {
            check(&seed);
        }
        assert!(words().lines().count() > 30);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_damaged_file_is_survived(seed in 0..9_usize, at in 0..2000_usize, with in any::<u64>(), bytes in 0..9_usize) {
            let mut file = seeds().swap_remove(seed);
            let at = at % file.len();
            let end = (at + bytes).min(file.len());
            file[at..end].copy_from_slice(&with.to_le_bytes()[..end - at]);
            check(&file);
        }
    }
}
