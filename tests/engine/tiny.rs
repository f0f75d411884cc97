//! A tiny model with random weights and SmolLM2's vocabulary: real in every part, and fast enough for
//! ten thousand runs.

use std::path::Path;

/// Writes the model. Its hyperparameters are as small as llama.cpp's kernels like them.
pub fn write(source: &Path, target: &Path) {
    let source = std::fs::read(source).expect("the model");
    let mut out = Vec::new();
    let tokenizer = tokenizer_entries(&source);
    let entries: [(&str, u32); 9] = [
        ("llama.block_count", 1),
        ("llama.context_length", 2048),
        ("llama.embedding_length", EMBEDDING as u32),
        ("llama.feed_forward_length", FORWARD as u32),
        ("llama.attention.head_count", 2),
        ("llama.attention.head_count_kv", 1),
        ("llama.rope.dimension_count", 32),
        ("llama.vocab_size", VOCABULARY as u32),
        ("general.file_type", 0),
    ];
    let tensors = tensors();
    out.extend_from_slice(b"GGUF");
    out.extend_from_slice(&3u32.to_le_bytes());
    out.extend_from_slice(&(tensors.len() as u64).to_le_bytes());
    out.extend_from_slice(&((entries.len() + 2 + tokenizer.len()) as u64).to_le_bytes());
    push_string(&mut out, "general.architecture");
    out.extend_from_slice(&8u32.to_le_bytes());
    push_string(&mut out, "llama");
    push_string(&mut out, "llama.attention.layer_norm_rms_epsilon");
    out.extend_from_slice(&6u32.to_le_bytes());
    out.extend_from_slice(&1e-5f32.to_le_bytes());
    for (key, value) in entries {
        push_string(&mut out, key);
        out.extend_from_slice(&4u32.to_le_bytes());
        out.extend_from_slice(&value.to_le_bytes());
    }
    for entry in &tokenizer {
        out.extend_from_slice(entry);
    }
    let mut offset = 0u64;
    for (name, dims) in &tensors {
        push_string(&mut out, name);
        out.extend_from_slice(&(dims.len() as u32).to_le_bytes());
        for dim in dims {
            out.extend_from_slice(&(*dim as u64).to_le_bytes());
        }
        out.extend_from_slice(&0u32.to_le_bytes()); // F32
        out.extend_from_slice(&offset.to_le_bytes());
        offset += 4 * dims.iter().product::<usize>() as u64;
    }
    out.resize(out.len().next_multiple_of(32), 0);
    let mut state = 1u32;
    for (name, dims) in &tensors {
        for _ in 0..dims.iter().product::<usize>() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let random = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
            let value = if name.contains("norm") {
                1.0
            } else {
                random * 0.5
            };
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
    std::fs::write(target, out).expect("a file");
}

const EMBEDDING: usize = 64;
const FORWARD: usize = 128;
const VOCABULARY: usize = 49_152;

fn tensors() -> Vec<(String, Vec<usize>)> {
    let block = |name: &str| format!("blk.0.{name}.weight");
    vec![
        ("token_embd.weight".into(), vec![EMBEDDING, VOCABULARY]),
        ("output_norm.weight".into(), vec![EMBEDDING]),
        (block("attn_norm"), vec![EMBEDDING]),
        (block("attn_q"), vec![EMBEDDING, 64]),
        (block("attn_k"), vec![EMBEDDING, 32]),
        (block("attn_v"), vec![EMBEDDING, 32]),
        (block("attn_output"), vec![64, EMBEDDING]),
        (block("ffn_norm"), vec![EMBEDDING]),
        (block("ffn_gate"), vec![EMBEDDING, FORWARD]),
        (block("ffn_up"), vec![EMBEDDING, FORWARD]),
        (block("ffn_down"), vec![FORWARD, EMBEDDING]),
    ]
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// The raw bytes of every `tokenizer.*` entry.
fn tokenizer_entries(file: &[u8]) -> Vec<&[u8]> {
    let n_kv = read_u64(file, 16);
    let mut at = 24;
    let mut entries = Vec::new();
    for _ in 0..n_kv {
        let start = at;
        let length = read_u64(file, at) as usize;
        let key = &file[at + 8..at + 8 + length];
        at += 8 + length;
        let kind = u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
        at = skip(file, at + 4, kind);
        if key.starts_with(b"tokenizer.") {
            entries.push(&file[start..at]);
        }
    }
    entries
}

fn skip(file: &[u8], at: usize, kind: u32) -> usize {
    match kind {
        0 | 1 | 7 => at + 1,
        2 | 3 => at + 2,
        4..=6 => at + 4,
        10..=12 => at + 8,
        8 => at + 8 + read_u64(file, at) as usize,
        9 => {
            let element = u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
            let count = read_u64(file, at + 4);
            (0..count).fold(at + 12, |at, _| skip(file, at, element))
        }
        other => panic!("unknown value type {other}"),
    }
}

fn read_u64(file: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(file[at..at + 8].try_into().expect("eight bytes"))
}
