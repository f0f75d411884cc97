//! Names → files → loaded engines: identifiers and variants, the GGUF header check, sampling defaults, the
//! fit to memory, and the registry of the loaded model.

mod control_tokens;
pub mod defaults;
mod embedders;
mod fingerprint;
pub mod gguf;
mod identify;
pub mod kv;
mod loaded;
mod memory;
pub mod progress;
pub mod quant;
mod registry;
mod thought_markup;
mod tool_markup;

pub use crate::engine::drafts::DraftKind;
pub use crate::llama::{KvType, UnknownKvType};
pub use embedders::Embedders;
pub use identify::{IdentifyError, ModelFile, identify};
pub use loaded::LoadedModel;
pub use registry::{LoadError, LoadOptions, ModelRegistry, model_directory};
pub use thought_markup::ThoughtMarkup;
pub use tool_markup::ToolMarkup;
