//! A tiny encoder of BERT's kind with random weights, and with or without a classification head: for what no
//! language model has.

use std::path::Path;

/// What the file says of itself.
#[derive(Clone, Copy)]
pub struct TinyBert {
    /// `bert.pooling_type`: 1 mean, 2 first token, 3 last token, 4 rank; `None` leaves it out.
    pub pooling: Option<u32>,
    /// Outputs of the classification head; 0 leaves it out.
    pub labels: usize,
    /// The template named `rerank`.
    pub rerank_template: Option<&'static str>,
}

/// Positions that the model has; ggml asserts on more. No multiple of anything that batches are made of.
pub const CONTEXT: usize = 131;
/// Floats of an embedding.
pub const WIDTH: usize = 64;
pub const CLS: i32 = 2;
pub const SEP: i32 = 3;

const LAYERS: usize = 2;
const FORWARD: usize = 128;
const WORDS: [&str; 12] = [
    "river", "stone", "cloud", "lantern", "meadow", "copper", "violin", "harbour", "winter",
    "garden", "engine", "paper",
];

/// The vocabulary: special tokens, words, and letters for everything else.
fn vocabulary() -> Vec<String> {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let signs: Vec<String> = ('a'..='z')
        .chain("<>[]:?.".chars())
        .map(String::from)
        .collect();
    special
        .into_iter()
        .chain(WORDS.iter().map(|word| format!("\u{2581}{word}")))
        .chain(signs.iter().map(|sign| format!("\u{2581}{sign}")))
        .chain(signs.clone())
        .collect()
}

impl TinyBert {
    /// Writes the model.
    pub fn write(self, path: &Path) {
        let tensors = self.tensors();
        let keys = self.keys();
        let mut out = b"GGUF".to_vec();
        out.extend(3_u32.to_le_bytes());
        out.extend((tensors.len() as u64).to_le_bytes());
        out.extend((keys.len() as u64).to_le_bytes());
        out.extend(keys.concat());
        let mut offset = 0_u64;
        for (name, dims) in &tensors {
            out.extend(text(name));
            out.extend((dims.len() as u32).to_le_bytes());
            for dim in dims {
                out.extend((*dim as u64).to_le_bytes());
            }
            out.extend(0_u32.to_le_bytes()); // F32
            out.extend(offset.to_le_bytes());
            offset += (4 * dims.iter().product::<usize>() as u64).next_multiple_of(32);
        }
        out.resize(out.len().next_multiple_of(32), 0);
        let mut state = 7_u32;
        for (name, dims) in &tensors {
            for _ in 0..dims.iter().product::<usize>() {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let random = (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
                let value = if name.contains("norm.weight") {
                    1.0
                } else {
                    random * 0.5
                };
                out.extend(value.to_le_bytes());
            }
            out.resize(out.len().next_multiple_of(32), 0);
        }
        std::fs::write(path, out).expect("a file");
    }

    fn keys(self) -> Vec<Vec<u8>> {
        let tokens = vocabulary();
        let types = (0..tokens.len()).map(|id| match id {
            1 => 2_i32,         // unknown
            0 | 2..=4 => 3_i32, // control
            _ => 1_i32,
        });
        let mut keys = vec![
            key("general.architecture", 8, &text("bert")),
            number("bert.block_count", LAYERS as u32),
            number("bert.context_length", CONTEXT as u32),
            number("bert.embedding_length", WIDTH as u32),
            number("bert.feed_forward_length", FORWARD as u32),
            number("bert.attention.head_count", 4),
            key(
                "bert.attention.layer_norm_epsilon",
                6,
                &1e-12_f32.to_le_bytes(),
            ),
            key("bert.attention.causal", 7, &[0]),
            key("tokenizer.ggml.model", 8, &text("bert")),
            array(
                "tokenizer.ggml.tokens",
                8,
                tokens.iter().map(|token| text(token)),
            ),
            array(
                "tokenizer.ggml.token_type",
                5,
                types.map(|kind| kind.to_le_bytes().to_vec()),
            ),
            number("tokenizer.ggml.token_type_count", 2),
            number("tokenizer.ggml.bos_token_id", CLS as u32),
            number("tokenizer.ggml.seperator_token_id", SEP as u32),
            number("tokenizer.ggml.unknown_token_id", 1),
            number("tokenizer.ggml.padding_token_id", 0),
            number("tokenizer.ggml.mask_token_id", 4),
        ];
        keys.extend(self.pooling.map(|kind| number("bert.pooling_type", kind)));
        keys.extend(
            self.rerank_template
                .map(|source| key("tokenizer.chat_template.rerank", 8, &text(source))),
        );
        if self.labels > 0 {
            let labels = (0..self.labels).map(|label| text(&format!("label {label}")));
            keys.push(array("bert.classifier.output_labels", 8, labels));
        }
        keys
    }

    fn tensors(self) -> Vec<(String, Vec<usize>)> {
        let mut tensors: Vec<(String, Vec<usize>)> = vec![
            ("token_embd.weight".into(), vec![WIDTH, vocabulary().len()]),
            ("token_types.weight".into(), vec![WIDTH, 2]),
            ("position_embd.weight".into(), vec![WIDTH, CONTEXT]),
            ("token_embd_norm.weight".into(), vec![WIDTH]),
            ("token_embd_norm.bias".into(), vec![WIDTH]),
        ];
        for layer in 0..LAYERS {
            for (name, dims) in [
                ("attn_q.weight", vec![WIDTH, WIDTH]),
                ("attn_k.weight", vec![WIDTH, WIDTH]),
                ("attn_v.weight", vec![WIDTH, WIDTH]),
                ("attn_output.weight", vec![WIDTH, WIDTH]),
                ("attn_output_norm.weight", vec![WIDTH]),
                ("attn_output_norm.bias", vec![WIDTH]),
                ("ffn_up.weight", vec![WIDTH, FORWARD]),
                ("ffn_down.weight", vec![FORWARD, WIDTH]),
                ("layer_output_norm.weight", vec![WIDTH]),
                ("layer_output_norm.bias", vec![WIDTH]),
            ] {
                tensors.push((format!("blk.{layer}.{name}"), dims));
            }
        }
        if self.labels > 0 {
            tensors.push(("cls.weight".into(), vec![WIDTH, WIDTH]));
            tensors.push(("cls.output.weight".into(), vec![WIDTH, self.labels]));
        }
        tensors
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

fn key(name: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = text(name);
    bytes.extend(kind.to_le_bytes());
    bytes.extend(value);
    bytes
}

fn number(name: &str, value: u32) -> Vec<u8> {
    key(name, 4, &value.to_le_bytes())
}

fn array(name: &str, kind: u32, items: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut value = kind.to_le_bytes().to_vec();
    let items: Vec<Vec<u8>> = items.collect();
    value.extend((items.len() as u64).to_le_bytes());
    value.extend(items.concat());
    key(name, 9, &value)
}
