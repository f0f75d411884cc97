//! [`fingerprint`]: tells one way to compute from another.

use sha2::{Digest, Sha256};

use super::gguf::GgufHeader;
use super::identify::ModelFile;
use super::load_options::LoadOptions;
use crate::llama::LLAMA_BUILD;

/// `fp_` and 12 hexadecimal digits: the same for the same model, computed by the same code with the same settings. Where it
/// changes, the same seed may give another text. (OpenAI's `system_fingerprint`.)
pub(super) fn fingerprint(header: &GgufHeader, file: &ModelFile, options: &LoadOptions) -> String {
    let parts = [
        env!("CARGO_PKG_VERSION").to_owned(),
        LLAMA_BUILD.to_string(),
        file.id.clone(),
        format!("{} {}", header.file_bytes, header.n_params),
        format!("{options:?}"),
    ];
    let digest = Sha256::digest(parts.join("\n"));
    let number = digest
        .iter()
        .take(6)
        .fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    format!("fp_{number:012x}")
}
