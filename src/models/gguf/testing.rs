//! A writer of small GGUF files for tests: right by default, wrong wherever a test wants it.

/// Builds the bytes of a GGUF file.
#[derive(Debug, Clone)]
pub(crate) struct GgufWriter {
    pub version: u32,
    pub alignment: usize,
    pub keys: Vec<Vec<u8>>,
    pub tensors: Vec<Vec<u8>>,
    pub data: Vec<u8>,
    pub n_keys: Option<u64>,
    pub n_tensors: Option<u64>,
}

fn string(text: &[u8]) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text);
    bytes
}

impl GgufWriter {
    /// A file without keys and tensors.
    pub(crate) fn empty() -> Self {
        Self {
            version: 3,
            alignment: 32,
            keys: Vec::new(),
            tensors: Vec::new(),
            data: Vec::new(),
            n_keys: None,
            n_tensors: None,
        }
    }

    /// A small, valid language model: two layers, four tokens, two tensors.
    pub(crate) fn model() -> Self {
        Self::empty()
            .text("general.architecture", "llama")
            .text("general.name", "Tiny")
            .u32("general.file_type", 7)
            .u32("llama.context_length", 2048)
            .u32("llama.block_count", 2)
            .u32("llama.embedding_length", 32)
            .u32("llama.attention.head_count", 4)
            .u32("llama.attention.head_count_kv", 2)
            .text("tokenizer.ggml.model", "llama")
            .texts("tokenizer.ggml.tokens", &["<unk>", "<s>", "</s>", "a"])
            .numbers("tokenizer.ggml.scores", 6, &[[0; 4]; 4])
            .numbers("tokenizer.ggml.token_type", 5, &[[1, 0, 0, 0]; 4])
            .u32("tokenizer.ggml.bos_token_id", 1)
            .u32("tokenizer.ggml.eos_token_id", 2)
            .text("tokenizer.chat_template", "{{ messages }}")
            .tensor("token_embd.weight", &[32, 4], 8)
            .tensor("output_norm.weight", &[32], 0)
    }

    /// Removes a key.
    pub(crate) fn without(mut self, key: &str) -> Self {
        let begin = string(key.as_bytes());
        self.keys.retain(|bytes| !bytes.starts_with(&begin));
        self
    }

    /// A key with a value given as its type id and raw bytes.
    pub(crate) fn raw(mut self, key: &[u8], type_id: u32, value: &[u8]) -> Self {
        let mut bytes = string(key);
        bytes.extend(type_id.to_le_bytes());
        bytes.extend(value);
        self.keys.push(bytes);
        self
    }

    fn replaced(self, key: &str, type_id: u32, value: &[u8]) -> Self {
        self.without(key).raw(key.as_bytes(), type_id, value)
    }

    pub(crate) fn u16(self, key: &str, value: u16) -> Self {
        self.replaced(key, 2, &value.to_le_bytes())
    }

    pub(crate) fn u32(self, key: &str, value: u32) -> Self {
        self.replaced(key, 4, &value.to_le_bytes())
    }

    pub(crate) fn i32(self, key: &str, value: i32) -> Self {
        self.replaced(key, 5, &value.to_le_bytes())
    }

    pub(crate) fn bool(self, key: &str, value: bool) -> Self {
        self.replaced(key, 7, &[u8::from(value)])
    }

    pub(crate) fn text(self, key: &str, value: &str) -> Self {
        self.replaced(key, 8, &string(value.as_bytes()))
    }

    pub(crate) fn texts(self, key: &str, values: &[&str]) -> Self {
        let mut bytes = 8_u32.to_le_bytes().to_vec();
        bytes.extend((values.len() as u64).to_le_bytes());
        for value in values {
            bytes.extend(string(value.as_bytes()));
        }
        self.replaced(key, 9, &bytes)
    }

    /// An array of fixed-size items of a type.
    pub(crate) fn numbers<const N: usize>(
        self,
        key: &str,
        type_id: u32,
        items: &[[u8; N]],
    ) -> Self {
        let mut bytes = type_id.to_le_bytes().to_vec();
        bytes.extend((items.len() as u64).to_le_bytes());
        bytes.extend(items.as_flattened());
        self.replaced(key, 9, &bytes)
    }

    /// A tensor with data of the right size at the right place. Type ids: 0 F32, 8 `Q8_0`.
    pub(crate) fn tensor(self, name: &str, dims: &[u64], type_id: u32) -> Self {
        let (block, bytes) = if type_id == 8 { (32, 34) } else { (1, 4) };
        let size = dims.iter().product::<u64>() / block * bytes;
        let offset = self.data.len() as u64;
        let mut next = self.raw_tensor(name.as_bytes(), dims, type_id, offset);
        next.data.resize(next.data.len() + size as usize, 0);
        let padded = next.data.len().next_multiple_of(next.alignment);
        next.data.resize(padded, 0);
        next
    }

    /// A tensor entry as given, without data.
    pub(crate) fn raw_tensor(
        mut self,
        name: &[u8],
        dims: &[u64],
        type_id: u32,
        offset: u64,
    ) -> Self {
        let mut bytes = string(name);
        bytes.extend((dims.len() as u32).to_le_bytes());
        for dim in dims {
            bytes.extend(dim.to_le_bytes());
        }
        bytes.extend(type_id.to_le_bytes());
        bytes.extend(offset.to_le_bytes());
        self.tensors.push(bytes);
        self
    }

    /// The bytes up to the tensor data.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        let n_tensors = self.n_tensors.unwrap_or(self.tensors.len() as u64);
        let n_keys = self.n_keys.unwrap_or(self.keys.len() as u64);
        bytes.extend(n_tensors.to_le_bytes());
        bytes.extend(n_keys.to_le_bytes());
        bytes.extend(self.keys.concat());
        bytes.extend(self.tensors.concat());
        let padded = bytes.len().next_multiple_of(self.alignment);
        bytes.resize(padded, 0);
        bytes
    }

    /// The whole file.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut bytes = self.header();
        bytes.extend(&self.data);
        bytes
    }
}
