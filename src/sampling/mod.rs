//! Logits → token: llama.cpp's samplers in llama.cpp's order, on the CPU here and as kernels on a GPU in [`cuda`]. Knows
//! nothing of sequences and batches.
//!
//! [`Sampler`] is one run's state. A draw goes over the row of logits once where top-k is on, and never makes
//! an array of candidates of the whole vocabulary: `row` reads the row with vector instructions and hands
//! the few tokens that matter to `candidates`, where the samplers are written as llama.cpp has them.

mod candidates;
mod chain;
pub mod cuda;
mod dry;
mod ends;
mod error;
mod exp;
mod history;
mod logprobs;
mod mask;
mod mirostat;
mod params;
mod row;
mod sampler;
mod top_k;

pub use dry::DryBreakers;
pub use error::SamplingError;
pub use logprobs::TokenLogprobs;
pub use mask::TokenMask;
pub use params::{Dry, DynamicTemperature, Mirostat, MirostatVersion, SamplingParams, Xtc};
pub use sampler::{Drawn, Probability, Sampler};

// A sampler goes wherever its run goes; rows may be drawn by several threads, each with its own sampler.
static_assertions::assert_impl_all!(Sampler: Send, Sync, Clone);
static_assertions::assert_impl_all!(TokenMask: Send, Sync);
