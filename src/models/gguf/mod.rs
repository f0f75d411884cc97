//! [`GgufHeader`]: what a GGUF file says about itself, checked before C++ sees the file.
//!
//! llama.cpp trusts much of a header: some lies make it throw, others abort the process. So the whole
//! header is read and checked here first. The tensor data are never read, and nothing is allocated by a
//! declared size that the file does not have. The facts are those of llama.cpp 0.6.0 (ggml 0.26).

mod check;
mod distinct;
mod error;
mod layout;
mod parse;
#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
mod reader;
mod split;
mod tensor;
#[cfg(any(test, fuzzing))]
pub(crate) mod testing;
mod value;
mod vocab;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

pub use error::GgufError;
pub use tensor::{GgmlType, TensorInfo};
pub use value::{GgufArray, GgufType, GgufValue};

use parse::Parsed;

/// The checked header of a language model, with the tensors of all its files.
#[derive(Debug, Clone, PartialEq)]
pub struct GgufHeader {
    /// GGUF version, 2 or 3.
    pub version: u32,
    /// Alignment of tensor data in bytes, a power of two.
    pub alignment: u32,
    /// Metadata of the (first) file by key.
    pub metadata: BTreeMap<String, GgufValue>,
    /// Tensors of all files, in file order.
    pub tensors: Vec<TensorInfo>,
    /// The files in shard order; one for a model that is not split. Empty if read from a stream.
    pub shards: Vec<PathBuf>,
    /// Bytes of all files together.
    pub file_bytes: u64,
    /// Bytes of tensor data in all files, without padding.
    pub data_bytes: u64,
    /// Elements of all tensors: the number of parameters.
    pub n_params: u64,
}

impl GgufHeader {
    /// Reads and checks the header of a model; for the first file of a split model, those of all its
    /// files. Blocks on disk reads (milliseconds; a large vocabulary takes tens of them).
    pub fn read(path: &Path) -> Result<Self, GgufError> {
        Self::read_unless(path, &|| false)
    }

    /// As [`Self::read`], but ends with [`GgufError::Stopped`] once `should_stop` says true.
    pub fn read_unless(path: &Path, should_stop: &dyn Fn() -> bool) -> Result<Self, GgufError> {
        let first = parse_file(path, should_stop)?;
        let shards = split::parse_others(path, &first, should_stop)?;
        let mut header = Self::assemble(first)?;
        header.shards.push(path.to_owned());
        split::append(&mut header, shards)?;
        Ok(header)
    }

    /// Reads and checks a header from a stream of `len` bytes, which must not be a split model.
    pub fn from_reader<R: Read + Seek>(input: R, len: u64) -> Result<Self, GgufError> {
        Self::assemble(parse::parse(input, len)?)
    }

    fn assemble(parsed: Parsed) -> Result<Self, GgufError> {
        check::check(&parsed)?;
        let mut header = Self {
            version: parsed.version,
            alignment: parsed.alignment,
            metadata: parsed.metadata,
            tensors: Vec::new(),
            shards: Vec::new(),
            file_bytes: 0,
            data_bytes: 0,
            n_params: 0,
        };
        header.add(parsed.tensors, parsed.file_bytes);
        Ok(header)
    }

    fn add(&mut self, tensors: Vec<TensorInfo>, file_bytes: u64) {
        self.file_bytes = self.file_bytes.saturating_add(file_bytes);
        for tensor in &tensors {
            self.data_bytes = self.data_bytes.saturating_add(tensor.size);
            self.n_params = self.n_params.saturating_add(tensor.n_elements());
        }
        self.tensors.extend(tensors);
    }

    /// The architecture's name in llama.cpp, such as `llama` or `gemma3`.
    #[must_use]
    pub fn architecture(&self) -> &str {
        // `check` refuses a file without it.
        self.text("general.architecture").unwrap_or_default()
    }

    /// The model's own name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.text("general.name")
    }

    /// The chat template, in Jinja.
    #[must_use]
    pub fn chat_template(&self) -> Option<&str> {
        self.text("tokenizer.chat_template")
    }

    /// Tokens that the model was trained to look back on.
    #[must_use]
    pub fn context_length(&self) -> Option<u64> {
        self.arch_number("context_length")
    }

    /// Number of layers.
    #[must_use]
    pub fn block_count(&self) -> Option<u64> {
        self.arch_number("block_count")
    }

    /// Width of the hidden state.
    #[must_use]
    pub fn embedding_length(&self) -> Option<u64> {
        self.arch_number("embedding_length")
    }

    /// Query heads of a layer; the greatest where layers differ.
    #[must_use]
    pub fn head_count(&self) -> Option<u64> {
        self.per_layer("attention.head_count")?.into_iter().max()
    }

    /// Key and value heads of a layer; the greatest where layers differ. As many as query heads where
    /// the file does not say.
    #[must_use]
    pub fn head_count_kv(&self) -> Option<u64> {
        match self.per_layer("attention.head_count_kv") {
            Some(heads) => heads.into_iter().max(),
            None => self.head_count(),
        }
    }

    /// Elements of a key of one head, where the file says.
    #[must_use]
    pub fn key_length(&self) -> Option<u64> {
        self.arch_number("attention.key_length")
    }

    /// Elements of a value of one head, where the file says.
    #[must_use]
    pub fn value_length(&self) -> Option<u64> {
        self.arch_number("attention.value_length")
    }

    /// Tokens that a layer with a sliding window sees; `None` if there are no such layers.
    #[must_use]
    pub fn sliding_window(&self) -> Option<u64> {
        self.arch_number("attention.sliding_window")
            .filter(|&window| window > 0)
    }

    /// Number of tokens in the vocabulary; 0 for a model without one.
    #[must_use]
    pub fn vocab_len(&self) -> u64 {
        let tokens = self.metadata.get("tokenizer.ggml.tokens");
        tokens.and_then(GgufValue::as_array).map_or(0, |a| a.len)
    }

    /// The usual name of the quantisation that the file says it mostly has, such as `Q4_K_M`.
    #[must_use]
    pub fn file_type(&self) -> Option<&'static str> {
        let id = self.metadata.get("general.file_type")?.as_u64()?;
        // The bit means that a converter guessed.
        file_type_name(id & !1024)
    }

    /// A text of the metadata.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.metadata.get(key)?.as_str()
    }

    /// A whole number under the architecture's prefix: `arch_number("block_count")`.
    #[must_use]
    pub fn arch_number(&self, suffix: &str) -> Option<u64> {
        self.arch_value(suffix)?.as_u64()
    }

    /// A value under the architecture's prefix.
    #[must_use]
    pub fn arch_value(&self, suffix: &str) -> Option<&GgufValue> {
        self.metadata
            .get(&format!("{}.{suffix}", self.architecture()))
    }

    /// Whole numbers that a file gives once for all layers or as one number a layer.
    #[must_use]
    pub fn per_layer(&self, suffix: &str) -> Option<Vec<u64>> {
        match self.arch_value(suffix)? {
            GgufValue::Array(array) => array.items.iter().map(GgufValue::as_u64).collect(),
            value => Some(vec![value.as_u64()?]),
        }
    }
}

/// Opens a regular file and parses it.
fn parse_file(path: &Path, should_stop: &dyn Fn() -> bool) -> Result<Parsed, GgufError> {
    let io = |source| GgufError::Io {
        path: path.to_owned(),
        source,
    };
    // Before opening: opening a named pipe would wait for a writer.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(GgufError::NotAFile(path.to_owned()));
    }
    let file = fs::File::open(path).map_err(io)?;
    let len = file.metadata().map_err(io)?.len();
    let parsed = parse::parse(StoppableFile { file, should_stop }, len);
    if should_stop() {
        return Err(GgufError::Stopped);
    }
    parsed.map_err(|error| match error {
        // The parser knows no path.
        GgufError::Io { source, .. } => io(source),
        other => other,
    })
}

/// A file whose reads fail once somebody has asked for a stop.
struct StoppableFile<'a> {
    file: fs::File,
    should_stop: &'a dyn Fn() -> bool,
}

impl Read for StoppableFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.should_stop)() {
            // `Interrupted` would be tried again.
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.file.read(buffer)
    }
}

impl Seek for StoppableFile<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

fn file_type_name(id: u64) -> Option<&'static str> {
    Some(match id {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        7 => "Q8_0",
        8 => "Q5_0",
        9 => "Q5_1",
        10 => "Q2_K",
        11 => "Q3_K_S",
        12 => "Q3_K_M",
        13 => "Q3_K_L",
        14 => "Q4_K_S",
        15 => "Q4_K_M",
        16 => "Q5_K_S",
        17 => "Q5_K_M",
        18 => "Q6_K",
        19 => "IQ2_XXS",
        20 => "IQ2_XS",
        21 => "Q2_K_S",
        22 => "IQ3_XS",
        23 => "IQ3_XXS",
        24 => "IQ1_S",
        25 => "IQ4_NL",
        26 => "IQ3_S",
        27 => "IQ3_M",
        28 => "IQ2_S",
        29 => "IQ2_M",
        30 => "IQ4_XS",
        31 => "IQ1_M",
        32 => "BF16",
        36 => "TQ1_0",
        37 => "TQ2_0",
        38 => "MXFP4_MOE",
        39 => "NVFP4",
        40 => "Q1_0",
        41 => "Q2_0",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
