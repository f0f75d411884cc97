//! Logits → token, on the CPU. Knows nothing of sequences and batches.

mod params;
mod penalties;
mod sampler;
mod select;

pub use params::SamplingParams;
pub use sampler::Sampler;
