//! [`Operation`]: the wrapped calls by name, for errors and for the abort hook.

use std::sync::atomic::{AtomicU8, Ordering};

/// A call into llama.cpp that can throw or abort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Operation {
    LoadModel,
    NewContext,
    ReadMemory,
    Decode,
    ReadLogits,
    ReadEmbeddings,
    Tokenize,
    TokenToPiece,
    MemoryClear,
    MemoryRemove,
    MemoryCopy,
    MemoryBounds,
    StateSave,
    StateRestore,
    Detokenize,
    NewSampler,
    SamplerAccept,
    SamplerApply,
}

/// The operations by number, so that the abort hook needs no lock to name the last one.
const ALL: [Operation; 18] = [
    Operation::LoadModel,
    Operation::NewContext,
    Operation::ReadMemory,
    Operation::Decode,
    Operation::ReadLogits,
    Operation::ReadEmbeddings,
    Operation::Tokenize,
    Operation::TokenToPiece,
    Operation::MemoryClear,
    Operation::MemoryRemove,
    Operation::MemoryCopy,
    Operation::MemoryBounds,
    Operation::StateSave,
    Operation::StateRestore,
    Operation::Detokenize,
    Operation::NewSampler,
    Operation::SamplerAccept,
    Operation::SamplerApply,
];

static LAST: AtomicU8 = AtomicU8::new(u8::MAX);

impl Operation {
    /// The name of what is done, to be read after "failed in".
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::LoadModel => "model load",
            Self::NewContext => "context creation",
            Self::ReadMemory => "reading how much memory is taken",
            Self::Decode => "decode",
            Self::ReadLogits => "reading logits",
            Self::ReadEmbeddings => "reading embeddings",
            Self::Tokenize => "tokenize",
            Self::TokenToPiece => "detokenize",
            Self::MemoryClear => "clearing the KV cache",
            Self::MemoryRemove => "removing KV cells",
            Self::MemoryCopy => "copying KV cells",
            Self::MemoryBounds => "reading KV positions",
            Self::StateSave => "saving a sequence",
            Self::StateRestore => "restoring a sequence",
            Self::Detokenize => "putting texts of tokens together",
            Self::NewSampler => "creation of a sampler",
            Self::SamplerAccept => "telling a sampler of a token",
            Self::SamplerApply => "sampling",
        }
    }

    /// Remembers that this is about to be called.
    pub(super) fn note(self) {
        LAST.store(self as u8, Ordering::Relaxed);
    }

    /// The operation that was noted last, by any thread.
    pub(super) fn last() -> Option<Self> {
        ALL.get(usize::from(LAST.load(Ordering::Relaxed))).copied()
    }
}
