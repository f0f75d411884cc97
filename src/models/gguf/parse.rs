//! Reads one GGUF file up to its tensor data and checks everything that the format itself says.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Seek};

use super::distinct::Distinct;
use super::error::GgufError;
use super::layout::{alignment, place, size_of_data};
use super::reader::ByteReader;
use super::tensor::{GgmlType, TensorInfo};
use super::value::{GgufArray, GgufType, GgufValue};

/// ggml keeps tensor names in 64 bytes with the terminator.
const MAX_NAME: u64 = 63;

/// The token type of tokens that stand for a raw byte.
const BYTE_TOKEN: u32 = 6;

// Real models stay far below these; a file above them would only make C++ allocate.
const MAX_KEYS: u64 = 1 << 16;
const MAX_TENSORS: u64 = 1 << 18;
const MAX_KEY_BYTES: u64 = 65_535;
const MAX_ARRAY_ITEMS: u64 = 1 << 30;
const MAX_STRING_BYTES: u64 = 1 << 30;
const MAX_TOKENS: u64 = 1 << 22;
const MAX_TOKEN_BYTES: u64 = 1 << 16;
const MAX_VOCAB_BYTES: u64 = 1 << 28;

// What is kept of the metadata; longer values are stepped over.
const KEPT_STRING_BYTES: u64 = 1 << 20;
const KEPT_ARRAY_ITEMS: u64 = 4096;
/// Bytes of memory that all kept keys and values may take together.
const KEPT_BYTES: u64 = 64 << 20;

/// One parsed file.
#[derive(Debug)]
pub(super) struct Parsed {
    pub version: u32,
    pub alignment: u32,
    pub metadata: BTreeMap<String, GgufValue>,
    pub tensors: Vec<TensorInfo>,
    pub file_bytes: u64,
    /// Whether a token stands for a raw byte.
    pub byte_tokens: bool,
}

/// Parses and checks a file of `len` bytes.
pub(super) fn parse<R: Read + Seek>(input: R, len: u64) -> Result<Parsed, GgufError> {
    let mut parser = Parser {
        reader: ByteReader::new(input, len),
        scratch: Vec::new(),
        kept: 0,
        byte_tokens: false,
    };
    let (version, n_tensors, n_keys) = parser.preamble()?;
    let metadata = parser.metadata(n_keys)?;
    let alignment = alignment(&metadata)?;
    let tensors = parser.tensors(n_tensors)?;
    let data_offset = parser.data_offset(&tensors, alignment)?;
    place(&tensors, data_offset, alignment, len)?;
    Ok(Parsed {
        version,
        alignment,
        metadata,
        tensors,
        file_bytes: len,
        byte_tokens: parser.byte_tokens,
    })
}

struct Parser<R> {
    reader: ByteReader<R>,
    scratch: Vec<u8>,
    /// Bytes of memory taken so far by what is kept.
    kept: u64,
    byte_tokens: bool,
}

impl<R: Read + Seek> Parser<R> {
    /// Magic, version and counts.
    fn preamble(&mut self) -> Result<(u32, u64, u64), GgufError> {
        if self.reader.len() == 0 {
            return Err(GgufError::Empty);
        }
        // A short text file is "not GGUF" rather than "cut short".
        let shown = self.reader.len().min(4);
        self.reader.bytes(shown, &mut self.scratch, "the magic")?;
        if !b"GGUF".starts_with(&self.scratch) {
            let begin = String::from_utf8_lossy(&self.scratch).into_owned();
            return Err(GgufError::NotGguf(begin));
        }
        let version = self.reader.u32("the version")?;
        if (2..=3).contains(&version.swap_bytes()) {
            return Err(GgufError::BigEndian);
        }
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version(version));
        }
        let n_tensors = self.count("the number of tensors", MAX_TENSORS, 24)?;
        let n_keys = self.count("the number of metadata keys", MAX_KEYS, 13)?;
        Ok((version, n_tensors, n_keys))
    }

    /// A count of things that take at least `min_size` bytes each.
    fn count(&mut self, what: &str, limit: u64, min_size: u64) -> Result<u64, GgufError> {
        let offset = self.reader.pos();
        let count = self.reader.u64(what)?;
        limited(count, limit, what, offset)?;
        // The limits keep this product far from overflow.
        self.reader.expect(count * min_size, what)?;
        Ok(count)
    }

    /// Charges `bytes` of memory to what is kept; false when there is no room.
    fn keep(&mut self, bytes: u64) -> bool {
        let room = self.kept + bytes <= KEPT_BYTES;
        if room {
            self.kept += bytes;
        }
        room
    }

    fn metadata(&mut self, n_keys: u64) -> Result<BTreeMap<String, GgufValue>, GgufError> {
        let mut metadata = BTreeMap::new();
        for _ in 0..n_keys {
            let offset = self.reader.pos();
            let key = self.key()?;
            if !self.keep(key.len() as u64 + 96) {
                let reason = "the keys take more than 64 MiB".to_owned();
                return Err(GgufError::Key { offset, reason });
            }
            let value = self.value(&key)?;
            if metadata.contains_key(&key) {
                let reason = format!("'{key}' is given twice");
                return Err(GgufError::Key { offset, reason });
            }
            metadata.insert(key, value);
        }
        Ok(metadata)
    }

    fn key(&mut self) -> Result<String, GgufError> {
        let offset = self.reader.pos();
        let bad = |reason: &str| GgufError::Key {
            offset,
            reason: reason.to_owned(),
        };
        let len = self.reader.u64("the length of a metadata key")?;
        limited(len, MAX_KEY_BYTES, "the length of a metadata key", offset)?;
        self.reader
            .bytes(len, &mut self.scratch, "a metadata key")?;
        let key = std::str::from_utf8(&self.scratch).map_err(|_| bad("it is not UTF-8"))?;
        if key.is_empty() {
            return Err(bad("it is empty"));
        }
        // C++ compares keys as C strings: a NUL would make two different keys one.
        if key.contains('\0') {
            return Err(bad("it contains a NUL byte"));
        }
        Ok(key.to_owned())
    }

    fn value(&mut self, key: &str) -> Result<GgufValue, GgufError> {
        let value_type = self.value_type(key)?;
        match value_type {
            GgufType::Array => self.array(key),
            GgufType::String => self.string(key),
            number => self.number(key, number),
        }
    }

    fn value_type(&mut self, key: &str) -> Result<GgufType, GgufError> {
        let id = self.reader.u32(key)?;
        GgufType::from_id(id)
            .ok_or_else(|| GgufError::value(key, format!("its type {id} is not one of GGUF's 13")))
    }

    fn number(&mut self, key: &str, number_type: GgufType) -> Result<GgufValue, GgufError> {
        let reader = &mut self.reader;
        Ok(match number_type {
            GgufType::U8 => GgufValue::U8(reader.array::<1>(key)?[0]),
            GgufType::I8 => GgufValue::I8(i8::from_le_bytes(reader.array(key)?)),
            GgufType::U16 => GgufValue::U16(u16::from_le_bytes(reader.array(key)?)),
            GgufType::I16 => GgufValue::I16(i16::from_le_bytes(reader.array(key)?)),
            GgufType::U32 => GgufValue::U32(reader.u32(key)?),
            GgufType::I32 => GgufValue::I32(i32::from_le_bytes(reader.array(key)?)),
            GgufType::F32 => GgufValue::F32(f32::from_le_bytes(reader.array(key)?)),
            GgufType::Bool => GgufValue::Bool(reader.array::<1>(key)?[0] != 0),
            GgufType::U64 => GgufValue::U64(reader.u64(key)?),
            GgufType::I64 => GgufValue::I64(i64::from_le_bytes(reader.array(key)?)),
            GgufType::F64 => GgufValue::F64(f64::from_le_bytes(reader.array(key)?)),
            GgufType::String | GgufType::Array => {
                return Err(GgufError::value(key, "a number was expected"));
            }
        })
    }

    /// The length of the string that follows, checked.
    fn string_len(&mut self, what: &str) -> Result<u64, GgufError> {
        let offset = self.reader.pos();
        let len = self.reader.u64(what)?;
        self.reader.expect(len, what)?;
        limited(len, MAX_STRING_BYTES, what, offset)?;
        Ok(len)
    }

    fn string(&mut self, key: &str) -> Result<GgufValue, GgufError> {
        let len = self.string_len(key)?;
        if len > KEPT_STRING_BYTES || !self.keep(len) {
            self.reader.skip(len, key)?;
            return Ok(GgufValue::LongString(len));
        }
        self.reader.bytes(len, &mut self.scratch, key)?;
        let text = String::from_utf8_lossy(&self.scratch).into_owned();
        Ok(GgufValue::String(text))
    }

    fn array(&mut self, key: &str) -> Result<GgufValue, GgufError> {
        let item_type = self.value_type(key)?;
        if item_type == GgufType::Array {
            return Err(GgufError::value(
                key,
                "an array of arrays is not part of GGUF as llama.cpp reads it",
            ));
        }
        let offset = self.reader.pos();
        let len = self.reader.u64(key)?;
        limited(len, MAX_ARRAY_ITEMS, key, offset)?;
        let bytes = len * item_type.min_size();
        self.reader.expect(bytes, key)?;
        let mut items = Vec::new();
        if key == "tokenizer.ggml.tokens" && item_type == GgufType::String {
            self.tokens(key, len, offset)?;
        } else if key == "tokenizer.ggml.token_type" && item_type == GgufType::I32 {
            for _ in 0..len {
                self.byte_tokens |= self.reader.u32(key)? == BYTE_TOKEN;
            }
        } else if item_type == GgufType::String {
            for _ in 0..len {
                let item = self.string_len(key)?;
                self.reader.skip(item, key)?;
            }
        } else if len <= KEPT_ARRAY_ITEMS && self.keep(len * size_of::<GgufValue>() as u64) {
            items.reserve_exact(len as usize);
            for _ in 0..len {
                items.push(self.number(key, item_type)?);
            }
        } else {
            self.reader.skip(bytes, key)?;
        }
        Ok(GgufValue::Array(GgufArray {
            item_type,
            len,
            items,
        }))
    }

    /// Reads the vocabulary to make sure that no token is there twice: llama.cpp aborts the process on
    /// that. It sees a token up to its first NUL and names empty ones `[EMPTY_index]`.
    fn tokens(&mut self, key: &str, len: u64, offset: u64) -> Result<(), GgufError> {
        limited(len, MAX_TOKENS, key, offset)?;
        let mut tokens = Distinct::default();
        for index in 0..len {
            let at = self.reader.pos();
            let bytes = self.string_len(key)?;
            limited(bytes, MAX_TOKEN_BYTES, "the length of a token", at)?;
            self.reader.bytes(bytes, &mut self.scratch, key)?;
            let end = self.scratch.iter().position(|&byte| byte == 0);
            match &self.scratch[..end.unwrap_or(self.scratch.len())] {
                [] => tokens.push(format!("[EMPTY_{index}]").as_bytes()),
                token => tokens.push(token),
            }
            let total = tokens.bytes() as u64;
            limited(total, MAX_VOCAB_BYTES, "the length of all tokens", at)?;
        }
        match tokens.duplicate() {
            None => Ok(()),
            Some(index) => Err(GgufError::value(
                key,
                format!("token {index} is there twice"),
            )),
        }
    }

    fn tensors(&mut self, n_tensors: u64) -> Result<Vec<TensorInfo>, GgufError> {
        let mut tensors = Vec::new();
        let mut names = HashSet::new();
        for index in 0..n_tensors {
            let tensor = self.tensor(index)?;
            if !names.insert(tensor.name.clone()) {
                return Err(GgufError::tensor(
                    &tensor.name,
                    "two tensors have this name",
                ));
            }
            tensors.push(tensor);
        }
        Ok(tensors)
    }

    fn tensor(&mut self, index: u64) -> Result<TensorInfo, GgufError> {
        let number = format!("#{index}");
        let len = self.reader.u64("the length of a tensor name")?;
        if len == 0 || len > MAX_NAME {
            let reason = format!("its name has {len} bytes, allowed are 1 to {MAX_NAME}");
            return Err(GgufError::tensor(&number, reason));
        }
        self.reader.bytes(len, &mut self.scratch, "a tensor name")?;
        let name = match std::str::from_utf8(&self.scratch) {
            Ok(name) if !name.contains('\0') => name.to_owned(),
            _ => return Err(GgufError::tensor(&number, "its name is not a text")),
        };
        let dims = self.dims(&name)?;
        let id = self.reader.u32(&name)?;
        let ggml_type = GgmlType::from_id(id).ok_or_else(|| {
            GgufError::tensor(
                &name,
                format!("its type {id} is unknown or was removed from ggml"),
            )
        })?;
        let offset = self.reader.u64(&name)?;
        let size = size_of_data(&name, dims, ggml_type)?;
        Ok(TensorInfo {
            name,
            dims,
            ggml_type,
            offset,
            size,
            shard: 0,
        })
    }

    fn dims(&mut self, name: &str) -> Result<[u64; 4], GgufError> {
        let n_dims = self.reader.u32(name)?;
        let mut dims = [1; 4];
        let Some(used) = dims.get_mut(..n_dims as usize) else {
            let reason = format!("it has {n_dims} dimensions, allowed are up to 4");
            return Err(GgufError::tensor(name, reason));
        };
        for dim in used {
            *dim = self.reader.u64(name)?;
            if *dim == 0 || *dim > i64::MAX as u64 {
                let reason = format!("a dimension is {dim}");
                return Err(GgufError::tensor(name, reason));
            }
        }
        Ok(dims)
    }

    /// Where the data section begins: the end of the header, padded.
    fn data_offset(&mut self, tensors: &[TensorInfo], alignment: u32) -> Result<u64, GgufError> {
        let end = self.reader.pos();
        if tensors.is_empty() {
            return Ok(end);
        }
        let padding = end.next_multiple_of(alignment.into()) - end;
        self.reader
            .expect(padding, "the padding before the tensor data")?;
        Ok(end + padding)
    }
}

fn limited(value: u64, limit: u64, what: &str, offset: u64) -> Result<(), GgufError> {
    if value <= limit {
        return Ok(());
    }
    Err(GgufError::TooLarge {
        what: what.to_owned(),
        offset,
        value,
        limit,
    })
}
