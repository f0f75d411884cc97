//! Names → files → loaded engines: identifiers and variants, the GGUF header check, sampling defaults, the
//! fit to memory, and the registry of the loaded model.

mod build;
mod control_tokens;
pub mod defaults;
mod directory;
mod embedders;
mod fingerprint;
pub mod gguf;
mod gpu_choice;
mod gpu_fit;
mod gpu_measure;
mod gpu_plan;
mod identify;
pub mod kv;
mod load_error;
mod load_options;
mod loaded;
mod memory;
pub mod progress;
pub mod quant;
mod registry;
mod thought_markup;
mod tool_markup;

pub use crate::engine::drafts::DraftKind;
pub use crate::llama::{KvType, UnknownKvType};
pub use directory::model_directory;
pub use embedders::Embedders;
pub use gpu_choice::{GpuChoice, Split};
pub use gpu_fit::GpuMemoryError;
pub use identify::{IdentifyError, ModelFile, identify};
pub use load_error::LoadError;
pub use load_options::LoadOptions;
pub use loaded::LoadedModel;
pub use registry::ModelRegistry;
pub use thought_markup::ThoughtMarkup;
pub use tool_markup::ToolMarkup;
