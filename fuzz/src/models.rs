//! What is pure of `src/models`.

#[path = "../../src/models/gguf/mod.rs"]
pub mod gguf;
#[path = "../../src/models/kv.rs"]
pub mod kv;
#[path = "../../src/models/progress.rs"]
pub mod progress;
#[path = "../../src/models/quant.rs"]
pub mod quant;

pub use crate::engine::drafts::DraftKind;
pub use crate::llama::{KvType, UnknownKvType};
