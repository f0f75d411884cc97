//! Logits → token.

mod params;

pub use params::SamplingParams;
