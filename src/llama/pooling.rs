//! [`Pooling`]: how the rows of a sequence become one, and what a model's file says of it.

use std::ffi::{CStr, CString};

use llama_cpp_sys_2 as sys;

use super::Model;

/// How the hidden states of a sequence's tokens become one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// That of the first token.
    Cls,
    /// That of the last token.
    Last,
    /// The scores of the classification head ([`Model::n_cls_out`] of them).
    Rank,
}

impl Pooling {
    /// From the number that GGUF files use; `None` for "none" (0) and for what llama.cpp does not know.
    fn from_gguf(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Mean),
            2 => Some(Self::Cls),
            3 => Some(Self::Last),
            4 => Some(Self::Rank),
            _ => None,
        }
    }

    pub(super) fn to_native(self) -> sys::llama_pooling_type {
        match self {
            Self::Mean => sys::LLAMA_POOLING_TYPE_MEAN,
            Self::Cls => sys::LLAMA_POOLING_TYPE_CLS,
            Self::Last => sys::LLAMA_POOLING_TYPE_LAST,
            Self::Rank => sys::LLAMA_POOLING_TYPE_RANK,
        }
    }
}

/// The longest value of the metadata that is read here, in bytes.
const MAX_VALUE_BYTES: usize = 256;

impl Model {
    /// The pooling that the file asks for; `None` where it does not (language models) or asks for none.
    #[must_use]
    pub fn pooling(&self) -> Option<Pooling> {
        let architecture = self.metadata("general.architecture")?;
        let number = self.metadata(&format!("{architecture}.pooling_type"))?;
        Pooling::from_gguf(number.parse().ok()?)
    }

    /// True where [`EmbeddingContext`](super::EmbeddingContext) can compute this model: not for models of
    /// several networks (T5, drafters that hang on another model) and diffusion models.
    #[must_use]
    pub fn is_poolable(&self) -> bool {
        // SAFETY: getters on a live model.
        unsafe {
            !sys::llama_model_has_encoder(self.as_ptr())
                && !sys::llama_model_is_diffusion(self.as_ptr())
        }
    }

    /// Elements of an embedding.
    #[must_use]
    pub fn n_embd_out(&self) -> usize {
        // SAFETY: a getter on a live model.
        unsafe { sys::llama_model_n_embd_out(self.as_ptr()) }.max(0) as usize
    }

    /// Outputs of the classification head, 1 where the file names no labels. Says nothing of whether there is a
    /// head.
    #[must_use]
    pub fn n_cls_out(&self) -> usize {
        // SAFETY: a getter on a live model.
        unsafe { sys::llama_model_n_cls_out(self.as_ptr()) as usize }
    }

    /// The template named `rerank`, with the places `{query}` and `{document}`.
    #[must_use]
    pub fn rerank_template(&self) -> Option<String> {
        // SAFETY: a getter on a live model; the string belongs to the model and is copied here.
        let text = unsafe {
            let text = sys::llama_model_chat_template(self.as_ptr(), c"rerank".as_ptr());
            (!text.is_null()).then(|| CStr::from_ptr(text))
        };
        text.map(|text| text.to_string_lossy().into_owned())
    }

    /// A short text or number of the file's metadata, numbers as text.
    fn metadata(&self, key: &str) -> Option<String> {
        let key = CString::new(key).ok()?;
        let mut value = [0_u8; MAX_VALUE_BYTES];
        // SAFETY: the model is alive, the key is NUL-terminated, and at most the buffer's length is written,
        // NUL included.
        let length = unsafe {
            sys::llama_model_meta_val_str(
                self.as_ptr(),
                key.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            )
        };
        let length = usize::try_from(length).ok()?;
        let text = value.get(..length)?;
        String::from_utf8(text.to_vec()).ok()
    }
}
