//! [`GgufError`]: what is wrong with a GGUF file, where, and what to do next.

use std::io;
use std::path::PathBuf;

/// Why a GGUF file is refused. Each message names the place (byte offset, key or tensor) and the
/// next step. No variant is reached through a panic: any sequence of bytes gives a header or one of these.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The operating system refused to read the file.
    #[error("cannot read {}: {source}; check that the file exists and that its permissions allow reading", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Whoever asked for it wants it no more.
    #[error("reading the file was stopped")]
    Stopped,
    /// A directory, a pipe or a device instead of a file.
    #[error("{} is not a regular file; give the path of a .gguf file", .0.display())]
    NotAFile(PathBuf),
    /// Zero bytes.
    #[error("the file is empty; download it again")]
    Empty,
    /// Another format.
    #[error(
        "not a GGUF file: it begins with {0:?} instead of \"GGUF\"; give a .gguf file (safetensors and PyTorch files must be converted first)"
    )]
    NotGguf(String),
    /// Written on or for a big-endian machine.
    #[error(
        "this GGUF file is big-endian (for s390x and similar machines); download the little-endian version of the model"
    )]
    BigEndian,
    /// A version other than 2 and 3.
    #[error(
        "GGUF version {0} is not supported (2 and 3 are); convert the model again with a current converter"
    )]
    Version(u32),
    /// The file ends before what the header announces.
    #[error(
        "the file is cut short: {what} at byte {offset} needs {need} bytes and {left} are left; download it again"
    )]
    Truncated {
        /// What was being read.
        what: String,
        /// Where it begins.
        offset: u64,
        /// How many bytes it takes, as far as the header says.
        need: u64,
        /// How many bytes the file has from there on.
        left: u64,
    },
    /// A count or length that no real model has.
    #[error(
        "{what} is {value} at byte {offset}, more than the {limit} that a model may have; the file is damaged, download it again"
    )]
    TooLarge {
        /// What is counted.
        what: String,
        /// Where the number stands.
        offset: u64,
        /// The number.
        value: u64,
        /// The greatest value accepted.
        limit: u64,
    },
    /// A metadata key that cannot be one.
    #[error(
        "metadata key at byte {offset}: {reason}; the file is damaged, download it again or take another conversion"
    )]
    Key {
        /// Where the key begins.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A metadata value that contradicts the format or the rest of the file.
    #[error("metadata '{key}': {reason}; take another conversion of the model")]
    Value {
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A metadata key that every language model has.
    #[error(
        "metadata '{0}' is missing, so this is not a complete language model; take another conversion of the model"
    )]
    MissingKey(String),
    /// A tensor that contradicts the format or the length of the file.
    #[error("tensor '{name}': {reason}; the file is damaged, download it again")]
    Tensor {
        /// Its name, or its index where the name is what is wrong.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A GGUF file of another kind: projector, adapter, importance matrix.
    #[error("this file holds {0}, not a language model; give the model's own .gguf file")]
    NotAModel(String),
    /// One file of a split model is missing or wrong.
    #[error("shard {}: {source}", path.display())]
    Shard {
        /// The shard.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<GgufError>,
    },
    /// The files of a split model do not fit together.
    #[error("split model {}: {reason}; download all its files again into one directory", path.display())]
    Split {
        /// The file whose numbers or name are wrong.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl GgufError {
    /// A [`GgufError::Value`].
    pub(super) fn value(key: &str, reason: impl Into<String>) -> Self {
        Self::Value {
            key: key.to_owned(),
            reason: reason.into(),
        }
    }

    /// A [`GgufError::Tensor`].
    pub(super) fn tensor(name: &str, reason: impl Into<String>) -> Self {
        Self::Tensor {
            name: name.to_owned(),
            reason: reason.into(),
        }
    }
}
