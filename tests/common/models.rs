//! The models that tests load.

use std::path::PathBuf;

use rein::models::model_directory;

/// The chat model that most tests use.
pub fn smollm2() -> PathBuf {
    existing("SmolLM2-135M-Instruct-Q4_1.gguf")
}

/// A second model, to change to.
pub fn gemma() -> PathBuf {
    existing("gemma-3-270m-Q4_K_M.gguf")
}

fn existing(name: &str) -> PathBuf {
    let path = model_directory().join(name);
    assert!(
        path.is_file(),
        "{} is missing: run scripts/models.sh all",
        path.display()
    );
    path
}
