//! [`SamplingParams`]: how a token is drawn from logits.

use crate::llama::Token;

/// Parameters of the sampler. They are applied in llama.cpp's order: logit bias, penalties, DRY,
/// top-n-sigma, top-k, typical, top-p, min-p, XTC, temperature, draw. With [`Mirostat`] it is logit bias,
/// temperature, Mirostat, and everything else is without effect, as in llama.cpp.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingParams {
    /// 0 or less draws the most likely token; else logits are divided by it. Range 0..=2 on the wire.
    pub temperature: f32,
    /// Makes the temperature depend on how sure the model is. Neutral by default.
    pub dynamic_temperature: DynamicTemperature,
    /// Keeps the k most likely tokens; 0 or less keeps all.
    pub top_k: i32,
    /// Keeps the smallest set whose probability reaches this; 1 keeps all. Range 0..=1.
    pub top_p: f32,
    /// Drops tokens less likely than this fraction of the most likely; 0 keeps all. Range 0..=1.
    pub min_p: f32,
    /// Keeps the tokens whose surprise is closest to the entropy, until their probability exceeds this; 1
    /// keeps all. Range 0..=1. <https://arxiv.org/abs/2202.00666>
    pub typical_p: f32,
    /// Keeps tokens whose logit is at most this many standard deviations (of all finite logits) below the
    /// largest; 0 or less keeps all. <https://arxiv.org/abs/2411.07641>
    pub top_n_sigma: f32,
    /// Excludes top choices. Neutral by default.
    pub xtc: Xtc,
    /// Penalises what would repeat a sequence. Neutral by default.
    pub dry: Dry,
    /// Steers the surprise of what is drawn, instead of truncating; `None` is off.
    pub mirostat: Option<Mirostat>,
    /// Divides (positive) or multiplies (negative) the logits of recent tokens; 1 is off. Greater than 0.
    pub repetition_penalty: f32,
    /// Subtracted from the logits of tokens that were seen recently; 0 is off.
    pub presence_penalty: f32,
    /// Subtracted once for each time a token was seen recently; 0 is off.
    pub frequency_penalty: f32,
    /// How many tokens back the penalties look (prompt included); 0 is off.
    pub penalty_last_n: usize,
    /// Added to logits before anything else; `NEG_INFINITY` bans a token.
    pub logit_bias: Vec<(Token, f32)>,
    /// How many of the most likely tokens are told with every draw, 0..=20, beside the drawn token's own
    /// log-probability; `None` tells nothing and costs nothing. See [`TokenLogprobs`](super::TokenLogprobs).
    pub logprobs: Option<u8>,
    /// Seed of the draw; `None` takes a random one.
    pub seed: Option<u64>,
}

/// Dynamic temperature: the entropy of what is left, relative to the greatest possible, chooses a
/// temperature between `temperature - range` (at least 0) and `temperature + range`.
/// <https://arxiv.org/abs/2309.02772>
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DynamicTemperature {
    /// How far it goes either way; 0 or less is off.
    pub range: f32,
    /// The relative entropy (0..=1) is raised to this power; 1 is linear.
    pub exponent: f32,
}

impl Default for DynamicTemperature {
    fn default() -> Self {
        Self {
            range: 0.0,
            exponent: 1.0,
        }
    }
}

/// XTC, "exclude top choices": with `probability`, all tokens at least as likely as `threshold` are dropped,
/// but for the least likely of them. <https://github.com/oobabooga/text-generation-webui/pull/6335>
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Xtc {
    /// How often it is applied, 0..=1; 0 is off.
    pub probability: f32,
    /// What counts as a top choice, 0..=0.5; more is off.
    pub threshold: f32,
}

impl Default for Xtc {
    fn default() -> Self {
        Self {
            probability: 0.0,
            threshold: 0.1,
        }
    }
}

impl Xtc {
    /// False where it can never change anything.
    #[must_use]
    pub fn is_on(self) -> bool {
        self.probability > 0.0 && self.threshold <= 0.5
    }
}

/// DRY, "don't repeat yourself": a token that would continue a sequence which occurred before loses
/// `multiplier * base ^ (length of the repetition - allowed_length)` from its logit.
/// <https://github.com/oobabooga/text-generation-webui/pull/5677>
#[derive(Debug, Clone, PartialEq)]
pub struct Dry {
    /// Strength; 0 is off.
    pub multiplier: f32,
    /// How fast the penalty grows with the length of the repetition, at least 1; less is off.
    pub base: f32,
    /// A repetition shorter than this, in tokens, costs nothing.
    pub allowed_length: usize,
    /// How many tokens back it looks (prompt included); 0 is off.
    pub last_n: usize,
    /// Texts that repetitions do not reach across, such as the end of a line. Their tokens are found by
    /// [`DryBreakers::find`](super::DryBreakers::find) and given to
    /// [`Sampler::with_dry_breakers`](super::Sampler::with_dry_breakers).
    pub sequence_breakers: Vec<String>,
}

impl Default for Dry {
    /// llama.cpp's defaults, switched off.
    fn default() -> Self {
        Self {
            multiplier: 0.0,
            base: 1.75,
            allowed_length: 2,
            last_n: 64,
            sequence_breakers: ["\n", ":", "\"", "*"].map(String::from).to_vec(),
        }
    }
}

impl Dry {
    /// False where it can never change anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.multiplier != 0.0 && self.base >= 1.0 && self.last_n > 0
    }
}

/// Mirostat: truncates so that the surprise of the drawn tokens stays near a target.
/// <https://arxiv.org/abs/2007.14966>
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mirostat {
    /// Which algorithm.
    pub version: MirostatVersion,
    /// Target surprise (tau), in bits. llama.cpp's default is 5.
    pub target: f32,
    /// Learning rate (eta). llama.cpp's default is 0.1.
    pub learning_rate: f32,
}

/// The two algorithms of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MirostatVersion {
    /// Estimates from the 100 most likely tokens how many to keep.
    V1,
    /// Drops tokens that are more surprising than the current bound.
    V2,
}

impl MirostatVersion {
    /// 1 or 2.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

impl Mirostat {
    /// A version with llama.cpp's defaults.
    #[must_use]
    pub fn new(version: MirostatVersion) -> Self {
        Self {
            version,
            target: 5.0,
            learning_rate: 0.1,
        }
    }
}

impl Default for SamplingParams {
    /// The defaults of the chat route (reference 1.5).
    fn default() -> Self {
        Self {
            temperature: 0.6,
            dynamic_temperature: DynamicTemperature::default(),
            top_k: 20,
            top_p: 0.95,
            min_p: 0.01,
            typical_p: 1.0,
            top_n_sigma: 0.0,
            xtc: Xtc::default(),
            dry: Dry::default(),
            mirostat: None,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            penalty_last_n: 64,
            logit_bias: Vec::new(),
            logprobs: None,
            seed: None,
        }
    }
}

impl SamplingParams {
    /// Always the most likely token.
    #[must_use]
    pub fn greedy() -> Self {
        Self {
            temperature: 0.0,
            ..Self::default()
        }
    }

    /// False where the three penalties can never change anything.
    #[must_use]
    pub fn has_penalties(&self) -> bool {
        #[expect(
            clippy::float_cmp,
            reason = "exactly the neutral values switch a penalty off"
        )]
        let neutral = self.repetition_penalty == 1.0
            && self.presence_penalty == 0.0
            && self.frequency_penalty == 0.0;
        !neutral && self.penalty_last_n > 0
    }

    /// True where the draw is the arg-max of the row, whatever the truncating samplers say: none of them drops
    /// the most likely token but XTC and typical.
    pub(super) fn is_argmax(&self) -> bool {
        let truncated = self.xtc.is_on() || self.typical_p < 1.0;
        self.temperature <= 0.0 && self.dynamic_temperature.range <= 0.0 && !truncated
    }
}
