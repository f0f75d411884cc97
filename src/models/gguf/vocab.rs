//! Checks the vocabulary of a header: lengths that must agree, and special tokens without which
//! llama.cpp would end the process at the first tokenisation.

use super::error::GgufError;
use super::parse::Parsed;
use super::value::{GgufArray, GgufType, GgufValue};

const TOKENS: &str = "tokenizer.ggml.tokens";
const BOS: &str = "tokenizer.ggml.bos_token_id";
const EOS: &str = "tokenizer.ggml.eos_token_id";
const SEP: &str = "tokenizer.ggml.seperator_token_id";

/// Ids that end or begin a text: out of range they would silently become another token.
const MUST_EXIST: &[&str] = &[
    BOS,
    EOS,
    "tokenizer.ggml.eot_token_id",
    "tokenizer.ggml.eom_token_id",
];

/// Pre-tokenizers that put a begin token first unless the file says otherwise.
const ADDS_BOS: &[&str] = &[
    "chameleon",
    "falcon-h1",
    "falcon3",
    "jina-v5-nano",
    "lfm2",
    "llama-bpe",
    "llama-v3",
    "llama3",
    "midm-2.0",
    "pixtral",
    "tekken",
];

/// Checks the vocabulary of a model's first file.
pub(super) fn check(parsed: &Parsed) -> Result<(), GgufError> {
    let vocab = Vocab::new(parsed)?;
    vocab.check_lengths()?;
    vocab.check_ids()?;
    vocab.check_added()
}

struct Vocab<'a> {
    parsed: &'a Parsed,
    model: &'a str,
    pre: &'a str,
    len: u64,
}

impl<'a> Vocab<'a> {
    fn new(parsed: &'a Parsed) -> Result<Self, GgufError> {
        let text = |key| parsed.metadata.get(key).and_then(GgufValue::as_str);
        let missing = |key: &str| GgufError::MissingKey(key.to_owned());
        let model = "tokenizer.ggml.model";
        let model = text(model).ok_or_else(|| missing(model))?;
        let tokens = parsed.metadata.get(TOKENS).ok_or_else(|| missing(TOKENS))?;
        let len = match tokens {
            GgufValue::Array(array) if array.item_type == GgufType::String => array.len,
            _ => return Err(GgufError::value(TOKENS, "it must be an array of texts")),
        };
        if len == 0 {
            return Err(GgufError::value(TOKENS, "the vocabulary is empty"));
        }
        Ok(Self {
            parsed,
            model,
            pre: text("tokenizer.ggml.pre").unwrap_or_default(),
            len,
        })
    }

    fn check_lengths(&self) -> Result<(), GgufError> {
        let numbers = [GgufType::F32, GgufType::I32];
        for (key, types) in [
            ("tokenizer.ggml.scores", &numbers[..]),
            ("tokenizer.ggml.token_type", &numbers[1..]),
        ] {
            let Some(value) = self.parsed.metadata.get(key) else {
                continue;
            };
            match value {
                GgufValue::Array(GgufArray { item_type, len, .. }) if types.contains(item_type) => {
                    if *len != self.len {
                        let reason = format!("it has {len} items for {} tokens", self.len);
                        return Err(GgufError::value(key, reason));
                    }
                }
                _ => return Err(GgufError::value(key, "it must be an array of numbers")),
            }
        }
        // llama.cpp ends the process when it meets a byte token in a WordPiece vocabulary.
        if self.model == "bert" && self.parsed.byte_tokens {
            return Err(GgufError::value(
                "tokenizer.ggml.token_type",
                "a WordPiece vocabulary has no byte tokens",
            ));
        }
        Ok(())
    }

    /// llama.cpp replaces an id out of range by the tokenizer's default, with a warning. For padding,
    /// unknown and the like that is harmless and common; 2^32 - 1 means "none" everywhere.
    fn check_ids(&self) -> Result<(), GgufError> {
        for (key, value) in &self.parsed.metadata {
            let is_id = key.starts_with("tokenizer.ggml.") && key.ends_with("_token_id");
            if !is_id {
                continue;
            }
            let &GgufValue::U32(id) = value else {
                return Err(GgufError::value(
                    key,
                    "it must be an unsigned 32-bit number",
                ));
            };
            let inside = u64::from(id) < self.len || id == u32::MAX;
            if !inside && MUST_EXIST.contains(&key.as_str()) {
                let reason = format!("token {id} is outside the vocabulary of {}", self.len);
                return Err(GgufError::value(key, reason));
            }
        }
        Ok(())
    }

    /// Whether a special token ends up with an id: the file's if valid, else the default if valid.
    fn exists(&self, key: &str, default: Option<u64>) -> bool {
        let given = self.parsed.metadata.get(key).and_then(GgufValue::as_u64);
        given.into_iter().chain(default).any(|id| id < self.len)
    }

    /// Refuses a vocabulary that adds a token which it does not have: llama.cpp asserts on it.
    fn check_added(&self) -> Result<(), GgufError> {
        for (key, default) in self.added() {
            if !self.exists(key, default) {
                let reason = "the tokenizer adds this token to every text, but it does not exist";
                return Err(GgufError::value(key, reason));
            }
        }
        Ok(())
    }

    /// Keys of the tokens that llama.cpp adds to a text, with the ids it takes where the file has none.
    fn added(&self) -> Vec<(&'static str, Option<u64>)> {
        let flag = |key| self.parsed.metadata.get(key).and_then(GgufValue::as_bool);
        let begins = |default| flag("tokenizer.ggml.add_bos_token").unwrap_or(default);
        let ends = |default| flag("tokenizer.ggml.add_eos_token").unwrap_or(default);
        let gemma4 = matches!(self.pre, "gemma4" | "granite-embed-multi-311m");
        let no_begin = matches!(self.pre, "chatglm-bpe" | "glm4" | "glm5");
        let (bos, eos) = match self.model {
            "bert" => return vec![(BOS, Some(101)), (SEP, Some(102))],
            "llama" => (
                begins(true).then_some(Some(1)),
                ends(false).then_some(Some(2)),
            ),
            "plamo2" => (
                begins(false).then_some(Some(1)),
                ends(false).then_some(Some(2)),
            ),
            "t5" => (begins(false).then_some(None), ends(true).then_some(Some(1))),
            "gemma4" => (Some(None), ends(false).then_some(None)),
            "gpt2" | "hybriddna" | "whitespace" => {
                let adds = gemma4 || begins(ADDS_BOS.contains(&self.pre));
                let default = (!no_begin).then_some(11);
                (adds.then_some(default), ends(false).then_some(Some(11)))
            }
            // The others (rwkv) add none.
            _ => (None, None),
        };
        let bos = bos.map(|default| (BOS, default));
        bos.into_iter()
            .chain(eos.map(|default| (EOS, default)))
            .collect()
    }
}
