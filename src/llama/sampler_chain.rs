//! [`SamplerChain`]: llama.cpp's own samplers, as the oracle of tests and benchmarks.
//!
//! rein draws with `crate::sampling`; nothing that serves a request uses this.

use std::ffi::{CString, c_char};
use std::ops::Range;
use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use super::operation::Operation;
use super::{LlamaError, Token, Vocab, shim};

/// One sampler of a chain, with llama.cpp's parameters and its neutral values. `min_keep` is 0 everywhere.
#[derive(Debug, Clone, Copy)]
pub enum ChainSampler<'a> {
    /// Adds to logits.
    LogitBias {
        /// Length of a row.
        n_vocab: usize,
        /// What is added to which.
        biases: &'a [(Token, f32)],
    },
    /// Repetition, frequency and presence penalties.
    Penalties {
        /// Length of a row.
        n_vocab: usize,
        /// How many tokens they look back.
        last_n: usize,
        /// 1 is off.
        repetition: f32,
        /// 0 is off.
        frequency: f32,
        /// 0 is off.
        presence: f32,
    },
    /// "Don't repeat yourself".
    Dry {
        /// Where the breakers are looked up.
        vocab: &'a Vocab,
        /// 0 is off.
        multiplier: f32,
        /// At least 1.
        base: f32,
        /// The longest repetition that costs nothing.
        allowed_length: usize,
        /// How many tokens it looks back.
        last_n: usize,
        /// Sequence breakers.
        breakers: &'a [String],
    },
    /// Top-n-sigma.
    TopNSigma(f32),
    /// Top-k.
    TopK(i32),
    /// Locally typical.
    Typical(f32),
    /// Top-p.
    TopP(f32),
    /// Min-p.
    MinP(f32),
    /// Exclude top choices.
    Xtc {
        /// How often it is applied.
        probability: f32,
        /// What counts as a top choice.
        threshold: f32,
    },
    /// Temperature, dynamic where `range` is positive.
    Temperature {
        /// The middle of the range.
        temperature: f32,
        /// How far the dynamic temperature goes either way.
        range: f32,
        /// How entropy maps to temperature.
        exponent: f32,
    },
    /// Mirostat, version 1 with m = 100. Draws.
    Mirostat {
        /// Length of a row.
        n_vocab: usize,
        /// Target surprise, in bits.
        tau: f32,
        /// Learning rate.
        eta: f32,
    },
    /// Mirostat, version 2. Draws.
    MirostatV2 {
        /// Target surprise, in bits.
        tau: f32,
        /// Learning rate.
        eta: f32,
    },
    /// Draws from what is left.
    Draw,
}

/// A chain of llama.cpp's samplers and the candidates that it last left.
#[derive(Debug)]
pub struct SamplerChain {
    ptr: NonNull<sys::llama_sampler>,
    seed: u32,
    candidates: Vec<sys::llama_token_data>,
    kept: Range<usize>,
}

impl SamplerChain {
    /// An empty chain. `seed` is that of the samplers that are added to it.
    pub fn new(seed: u32) -> Result<Self, LlamaError> {
        // SAFETY: plain constructors that only allocate.
        let ptr = unsafe {
            let mut params = sys::llama_sampler_chain_default_params();
            params.no_perf = true;
            sys::llama_sampler_chain_init(params)
        };
        Ok(Self {
            ptr: NonNull::new(ptr).ok_or(NO_SAMPLER)?,
            seed,
            candidates: Vec::new(),
            kept: 0..0,
        })
    }

    /// Appends a sampler.
    pub fn add(&mut self, sampler: ChainSampler<'_>) -> Result<(), LlamaError> {
        let ptr = match sampler {
            ChainSampler::Dry {
                vocab,
                multiplier,
                base,
                allowed_length,
                last_n,
                breakers,
            } => new_dry(
                vocab,
                [multiplier, base],
                [allowed_length, last_n],
                breakers,
            )?,
            other => self.create(other),
        };
        if ptr.is_null() {
            return Err(NO_SAMPLER);
        }
        // SAFETY: both are alive; the chain takes ownership.
        unsafe { sys::llama_sampler_chain_add(self.ptr.as_ptr(), ptr) };
        Ok(())
    }

    fn create(&self, sampler: ChainSampler<'_>) -> *mut sys::llama_sampler {
        // SAFETY: constructors that copy what they are given and only allocate. The biases live until
        // theirs returns.
        unsafe {
            match sampler {
                ChainSampler::LogitBias { n_vocab, biases } => {
                    let biases: Vec<_> = biases
                        .iter()
                        .map(|&(token, bias)| sys::llama_logit_bias {
                            token: token.0,
                            bias,
                        })
                        .collect();
                    sys::llama_sampler_init_logit_bias(
                        n_vocab as i32,
                        biases.len() as i32,
                        biases.as_ptr(),
                    )
                }
                ChainSampler::Penalties {
                    n_vocab,
                    last_n,
                    repetition,
                    frequency,
                    presence,
                } => sys::llama_sampler_init_penalties(
                    n_vocab as i32,
                    last_n as i32,
                    repetition,
                    frequency,
                    presence,
                ),
                ChainSampler::Dry { .. } => std::ptr::null_mut(),
                ChainSampler::TopNSigma(n) => sys::llama_sampler_init_top_n_sigma(n),
                ChainSampler::TopK(k) => sys::llama_sampler_init_top_k(k),
                ChainSampler::Typical(p) => sys::llama_sampler_init_typical(p, 0),
                ChainSampler::TopP(p) => sys::llama_sampler_init_top_p(p, 0),
                ChainSampler::MinP(p) => sys::llama_sampler_init_min_p(p, 0),
                ChainSampler::Xtc {
                    probability,
                    threshold,
                } => sys::llama_sampler_init_xtc(probability, threshold, 0, self.seed),
                ChainSampler::Temperature {
                    temperature,
                    range,
                    exponent,
                } => sys::llama_sampler_init_temp_ext(temperature, range, exponent),
                ChainSampler::Mirostat { n_vocab, tau, eta } => {
                    sys::llama_sampler_init_mirostat(n_vocab as i32, self.seed, tau, eta, 100)
                }
                ChainSampler::MirostatV2 { tau, eta } => {
                    sys::llama_sampler_init_mirostat_v2(self.seed, tau, eta)
                }
                ChainSampler::Draw => sys::llama_sampler_init_dist(self.seed),
            }
        }
    }

    /// Tells the chain of a token of the prompt, or of one that was drawn.
    pub fn accept(&mut self, token: Token) -> Result<(), LlamaError> {
        shim::call(Operation::SamplerAccept, |err| {
            // SAFETY: the chain is alive and used by nobody else meanwhile.
            unsafe { shim::rein_sampler_accept(self.ptr.as_ptr(), token.0, err) }
        })?;
        Ok(())
    }

    /// Applies the chain to a row of logits, as llama.cpp's server does: an array of candidates of the whole
    /// vocabulary first. Returns what it drew; `None` for a chain that does not draw.
    pub fn draw(&mut self, logits: &[f32]) -> Result<Option<Token>, LlamaError> {
        self.candidates.clear();
        let mut has_nan = false;
        self.candidates
            .extend(logits.iter().enumerate().map(|(id, &logit)| {
                has_nan |= logit.is_nan();
                sys::llama_token_data {
                    id: id as i32,
                    logit,
                    p: 0.0,
                }
            }));
        if logits.is_empty() || has_nan {
            return Err(LlamaError::Unusable {
                what: "the row of logits",
                problem: "is empty or has NaN, which llama.cpp's sorting does not survive",
            });
        }
        let base = self.candidates.as_mut_ptr();
        let mut array = sys::llama_token_data_array {
            data: base,
            size: self.candidates.len(),
            selected: -1,
            sorted: false,
        };
        shim::call(Operation::SamplerApply, |err| {
            // SAFETY: the chain is alive, and the array describes `candidates`, which nobody else touches.
            unsafe { shim::rein_sampler_apply(self.ptr.as_ptr(), &raw mut array, err) }
        })?;
        // SAFETY: samplers leave `data` within the array that they were given (XTC moves it forward).
        let start = unsafe { array.data.offset_from(base) } as usize;
        self.kept = start..start + array.size;
        let selected = usize::try_from(array.selected).ok();
        Ok(selected
            .and_then(|selected| self.candidates[self.kept.clone()].get(selected))
            .map(|candidate| Token(candidate.id)))
    }

    /// The candidates that the last [`Self::draw`] left, with the probabilities it drew with.
    pub fn candidates(&self) -> impl Iterator<Item = (Token, f32)> + '_ {
        self.candidates[self.kept.clone()]
            .iter()
            .map(|candidate| (Token(candidate.id), candidate.p))
    }
}

const NO_SAMPLER: LlamaError = LlamaError::Unusable {
    what: "the sampler",
    problem: "could not be created",
};

fn new_dry(
    vocab: &Vocab,
    [multiplier, base]: [f32; 2],
    [allowed_length, last_n]: [usize; 2],
    breakers: &[String],
) -> Result<*mut sys::llama_sampler, LlamaError> {
    let texts: Result<Vec<CString>, _> = breakers
        .iter()
        .map(|text| CString::new(text.as_str()))
        .collect();
    let texts = texts.map_err(|_| LlamaError::Unusable {
        what: "a sequence breaker",
        problem: "contains a NUL byte",
    })?;
    let mut pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
    let mut out = std::ptr::null_mut();
    shim::call(Operation::NewSampler, |err| {
        // SAFETY: the vocabulary is alive, and texts and pointers outlive the call, which copies them.
        unsafe {
            shim::rein_sampler_new_dry(
                vocab.as_ptr(),
                multiplier,
                base,
                allowed_length as i32,
                last_n as i32,
                pointers.as_mut_ptr(),
                pointers.len(),
                &raw mut out,
                err,
            )
        }
    })?;
    Ok(out)
}

impl Drop for SamplerChain {
    fn drop(&mut self) {
        // SAFETY: made by llama_sampler_chain_init and freed once, its samplers with it.
        unsafe { sys::llama_sampler_free(self.ptr.as_ptr()) }
    }
}
