//! llama.cpp's chain for the parameters of rein's sampler, in the order of its common library.

use rein::llama::{ChainSampler, LlamaError, SamplerChain, Vocab};
use rein::sampling::{MirostatVersion, SamplingParams};

/// A chain that draws.
pub fn chain(
    params: &SamplingParams,
    vocab: &Vocab,
    n_vocab: usize,
    seed: u32,
) -> Result<SamplerChain, LlamaError> {
    let mut chain = SamplerChain::new(seed)?;
    if !params.logit_bias.is_empty() {
        chain.add(ChainSampler::LogitBias {
            n_vocab,
            biases: &params.logit_bias,
        })?;
    }
    let dynamic = params.dynamic_temperature;
    if let Some(mirostat) = params.mirostat {
        let (tau, eta) = (mirostat.target, mirostat.learning_rate);
        chain.add(ChainSampler::Temperature {
            temperature: params.temperature,
            range: 0.0,
            exponent: 1.0,
        })?;
        chain.add(match mirostat.version {
            MirostatVersion::V1 => ChainSampler::Mirostat { n_vocab, tau, eta },
            MirostatVersion::V2 => ChainSampler::MirostatV2 { tau, eta },
        })?;
        return Ok(chain);
    }
    for sampler in [
        ChainSampler::Penalties {
            n_vocab,
            last_n: params.penalty_last_n,
            repetition: params.repetition_penalty,
            frequency: params.frequency_penalty,
            presence: params.presence_penalty,
        },
        ChainSampler::Dry {
            vocab,
            multiplier: params.dry.multiplier,
            base: params.dry.base,
            allowed_length: params.dry.allowed_length,
            last_n: params.dry.last_n,
            breakers: &params.dry.sequence_breakers,
        },
        ChainSampler::TopNSigma(params.top_n_sigma),
        ChainSampler::TopK(params.top_k),
        ChainSampler::Typical(params.typical_p),
        ChainSampler::TopP(params.top_p),
        ChainSampler::MinP(params.min_p),
        ChainSampler::Xtc {
            probability: params.xtc.probability,
            threshold: params.xtc.threshold,
        },
        ChainSampler::Temperature {
            temperature: params.temperature,
            range: dynamic.range,
            exponent: dynamic.exponent,
        },
        ChainSampler::Draw,
    ] {
        chain.add(sampler)?;
    }
    Ok(chain)
}
