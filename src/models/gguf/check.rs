//! Checks what a header says about the model: hyperparameters that llama.cpp asserts on (an assertion
//! ends the process), and files that are GGUF but no language model.

use std::ops::RangeInclusive;

use super::error::GgufError;
use super::parse::Parsed;
use super::value::GgufValue;
use super::vocab;

/// llama.cpp's fixed limits.
const MAX_LAYERS: u64 = 512;
const MAX_EXPERTS: u64 = 1024;
// Far above any model; they keep products of dimensions small.
const MAX_WIDTH: u64 = 1 << 20;
const MAX_HEADS: u64 = 1 << 16;

/// Architectures whose graph asserts that keys and values of a head are equally long.
const EQUAL_KEY_AND_VALUE: &[&str] = &[
    "bert",
    "cohere2",
    "command-r",
    "ernie4_5",
    "eurobert",
    "glm4",
    "gpt2",
    "gptneox",
    "granite",
    "granitemoe",
    "jina-bert-v2",
    "jina-bert-v3",
    "modern-bert",
    "nemotron",
    "neo-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "phi2",
    "phi3",
    "stablelm",
];

/// Architectures whose graph asserts that too, and that the whole head is rotated.
const WHOLE_HEAD_ROTATED: &[&str] = &[
    "dbrx",
    "deci",
    "exaone",
    "falcon",
    "internlm2",
    "llama",
    "olmo2",
    "qwen2",
    "qwen2moe",
    "qwen3",
    "qwen3moe",
    "seed_oss",
    "smollm3",
    "starcoder2",
];

/// Checks a model's first (or only) file.
pub(super) fn check(parsed: &Parsed) -> Result<(), GgufError> {
    let arch = architecture(parsed)?;
    let model = Model { parsed, arch };
    let layers = model.required("block_count", 1..=MAX_LAYERS)?;
    let width = model.required("embedding_length", 1..=MAX_WIDTH)?;
    model.required("context_length", 1..=u32::MAX.into())?;
    model.optional("nextn_predict_layers", 0..=layers)?;
    model.experts(layers)?;
    model.heads(layers, width)?;
    model.rope_scaling()?;
    vocab::check(parsed)
}

fn architecture(parsed: &Parsed) -> Result<&str, GgufError> {
    const KEY: &str = "general.architecture";
    let text = |key| parsed.metadata.get(key).and_then(GgufValue::as_str);
    match text("general.type") {
        Some("adapter") => return Err(GgufError::NotAModel("a LoRA adapter".to_owned())),
        Some("imatrix") => return Err(GgufError::NotAModel("an importance matrix".to_owned())),
        _ => {}
    }
    if !parsed.metadata.contains_key(KEY) {
        return Err(GgufError::MissingKey(KEY.to_owned()));
    }
    match text(KEY) {
        Some("clip") => Err(GgufError::NotAModel(
            "a projector for images or audio (mmproj)".to_owned(),
        )),
        Some(arch) if !arch.is_empty() => Ok(arch),
        _ => Err(GgufError::value(KEY, "it must be a text")),
    }
}

struct Model<'a> {
    parsed: &'a Parsed,
    arch: &'a str,
}

impl Model<'_> {
    fn key(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.arch)
    }

    fn value(&self, suffix: &str) -> Option<&GgufValue> {
        self.parsed.metadata.get(&self.key(suffix))
    }

    fn fail<T>(&self, suffix: &str, reason: impl Into<String>) -> Result<T, GgufError> {
        Err(GgufError::value(&self.key(suffix), reason))
    }

    fn within(
        &self,
        suffix: &str,
        value: &GgufValue,
        range: &RangeInclusive<u64>,
    ) -> Result<u64, GgufError> {
        match value.as_u64() {
            Some(n) if range.contains(&n) => Ok(n),
            Some(n) => self.fail(
                suffix,
                format!("{n} is not within {}..={}", range.start(), range.end()),
            ),
            None => self.fail(suffix, "it must be a whole number of 0 or more"),
        }
    }

    /// A number within a range, if it is there.
    fn optional(&self, suffix: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, GgufError> {
        self.value(suffix)
            .map(|value| self.within(suffix, value, &range))
            .transpose()
    }

    fn required(&self, suffix: &str, range: RangeInclusive<u64>) -> Result<u64, GgufError> {
        self.optional(suffix, range)?
            .ok_or_else(|| GgufError::MissingKey(self.key(suffix)))
    }

    /// One number a layer, given as such or once for all; `default` where the key is absent.
    fn per_layer(
        &self,
        suffix: &str,
        layers: u64,
        limit: u64,
        default: u64,
    ) -> Result<Vec<u64>, GgufError> {
        let one = |value| self.within(suffix, value, &(0..=limit));
        match self.value(suffix) {
            None => Ok(vec![default; layers as usize]),
            Some(GgufValue::Array(array)) if array.len != layers => self.fail(
                suffix,
                format!("it has {} items for {layers} layers", array.len),
            ),
            Some(GgufValue::Array(array)) if array.items.is_empty() => {
                self.fail(suffix, "it must hold numbers")
            }
            Some(GgufValue::Array(array)) => array.items.iter().map(one).collect(),
            Some(value) => Ok(vec![one(value)?; layers as usize]),
        }
    }

    fn heads(&self, layers: u64, width: u64) -> Result<(), GgufError> {
        let heads = self.per_layer("attention.head_count", layers, MAX_HEADS, 0)?;
        let kv = "attention.head_count_kv";
        // Absent means as many as query heads, which always divides.
        let heads_kv = self.per_layer(kv, layers, MAX_HEADS, 0)?;
        for (layer, (&heads, &heads_kv)) in heads.iter().zip(&heads_kv).enumerate() {
            if heads_kv > 0 && !heads.is_multiple_of(heads_kv) {
                let reason = format!(
                    "layer {layer} shares {heads_kv} key and value heads among {heads} query heads, which does not divide"
                );
                return self.fail(kv, reason);
            }
        }
        let key = self.optional("attention.key_length", 1..=MAX_WIDTH)?;
        let value = self.optional("attention.value_length", 1..=MAX_WIDTH)?;
        let rotated = self.optional("rope.dimension_count", 0..=MAX_WIDTH)?;
        // Without heads (Mamba, RWKV) llama.cpp ignores the three.
        let Some(from_width) = heads.first().and_then(|&n| width.checked_div(n)) else {
            return Ok(());
        };
        let key = key.unwrap_or(from_width);
        let value = value.unwrap_or(from_width);
        let whole = WHOLE_HEAD_ROTATED.contains(&self.arch);
        if key != value && (whole || EQUAL_KEY_AND_VALUE.contains(&self.arch)) {
            let reason = format!("keys of {key} and values of {value} elements must be equal here");
            return self.fail("attention.key_length", reason);
        }
        if whole && rotated.is_some_and(|n| n != key) {
            return self.fail(
                "rope.dimension_count",
                format!("it must equal the {key} elements of a head"),
            );
        }
        Ok(())
    }

    fn experts(&self, layers: u64) -> Result<(), GgufError> {
        let mut experts = self.optional("expert_count", 0..=MAX_EXPERTS)?.unwrap_or(0);
        let used = self.per_layer("expert_used_count", layers, MAX_EXPERTS, 0)?;
        let mut used = used.into_iter().max().unwrap_or(0);
        let groups = self
            .optional("expert_group_count", 0..=MAX_EXPERTS)?
            .unwrap_or(0);
        let group_used = self
            .optional("expert_group_used_count", 0..=MAX_EXPERTS)?
            .unwrap_or(0);
        if matches!(self.arch, "hunyuan_vl" | "hunyuan-dense") && experts <= 1 {
            (experts, used) = (0, 0);
        }
        if used > experts || (experts > 0 && used == 0) {
            let reason = format!("{used} experts are used of {experts}");
            return self.fail("expert_used_count", reason);
        }
        let grouped_well = match groups {
            0 => true,
            1 => experts > 1,
            _ => {
                groups < experts
                    && experts.is_multiple_of(groups)
                    && (1..groups).contains(&group_used)
            }
        };
        if !grouped_well {
            let reason = format!(
                "{experts} experts cannot be in {groups} groups of which {group_used} are used"
            );
            return self.fail("expert_group_count", reason);
        }
        Ok(())
    }

    fn rope_scaling(&self) -> Result<(), GgufError> {
        const SUFFIX: &str = "rope.scaling.type";
        match self.value(SUFFIX).map(|value| (value, value.as_str())) {
            None | Some((_, Some("none" | "linear" | "yarn" | "longrope"))) => Ok(()),
            Some(_) => self.fail(SUFFIX, "it must be none, linear, yarn or longrope"),
        }
    }
}
