//! `GET /slots`, in llama-server's shape, for tools that know it. No prompt or answer text is shown.

use serde::Serialize;
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{Object, ObjectBuilder};

use crate::generation::GenerateRequest;

/// One sequence of a loaded model.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Slot {
    /// Index of the sequence, from 0.
    pub id: u32,
    /// Tokens that it can hold.
    pub n_ctx: u32,
    /// Whether it drafts.
    pub speculative: bool,
    /// Whether a run occupies it.
    pub is_processing: bool,
    /// The run's number, or -1.
    pub id_task: i64,
    /// Tokens of the run's prompt.
    pub n_prompt_tokens: u32,
    /// Those that were computed.
    pub n_prompt_tokens_processed: u32,
    /// Those that a cached prefix had.
    pub n_prompt_tokens_cache: u32,
    /// How the run draws tokens.
    pub params: SlotParams,
    /// One element: where the run is.
    pub next_token: [NextToken; 1],
}

/// Without a format: `int64` would end in the middle of the range.
fn seed() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .description(Some("The seed; null when it is random."))
        .minimum(Some(0))
        .build()
}

/// How a run draws tokens, under llama-server's names.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SlotParams {
    /// Upper bound on generated tokens; -1 means the context's end.
    pub n_predict: i64,
    /// Upper bound on generated tokens; -1 means the context's end.
    pub max_tokens: i64,
    /// The seed; null when it is random.
    #[schema(required, schema_with = seed)]
    pub seed: Option<u64>,
    /// Divides the logits. The fields below are those of a request.
    pub temperature: f32,
    /// 0 or less keeps all.
    pub top_k: i32,
    /// 1 keeps all.
    pub top_p: f32,
    /// 0 keeps all.
    pub min_p: f32,
    /// Tokens that the penalties look back; -1 means all.
    pub repeat_last_n: i64,
    /// 1 is off.
    pub repeat_penalty: f32,
    /// 0 is off.
    pub presence_penalty: f32,
    /// 0 is off.
    pub frequency_penalty: f32,
    /// 0 is off.
    pub dynatemp_range: f32,
    /// 1 is linear.
    pub dynatemp_exponent: f32,
    /// 1 keeps all.
    pub typical_p: f32,
    /// 0 or less keeps all.
    pub top_n_sigma: f32,
    /// 0 is off.
    pub xtc_probability: f32,
    /// More than 0.5 is off.
    pub xtc_threshold: f32,
    /// 0 is off.
    pub dry_multiplier: f32,
    /// How fast the penalty grows.
    pub dry_base: f32,
    /// Shorter repetitions cost nothing.
    pub dry_allowed_length: usize,
    /// Tokens that DRY looks back; -1 means all.
    pub dry_penalty_last_n: i64,
    /// 0 is off, 1 and 2 are the versions.
    pub mirostat: u8,
    /// Target surprise, in bits; 0 where Mirostat is off.
    pub mirostat_tau: f32,
    /// Learning rate; 0 where Mirostat is off.
    pub mirostat_eta: f32,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct NextToken {
    /// Whether more tokens will come.
    pub has_next_token: bool,
    /// How many more at most; -1 means up to the context's end.
    pub n_remain: i64,
    /// Tokens drawn.
    pub n_decoded: u32,
}

impl Slot {
    /// A sequence that nobody uses.
    #[must_use]
    pub fn idle(id: u32, n_ctx: u32) -> Self {
        Self {
            id,
            n_ctx,
            speculative: false,
            is_processing: false,
            id_task: -1,
            n_prompt_tokens: 0,
            n_prompt_tokens_processed: 0,
            n_prompt_tokens_cache: 0,
            params: SlotParams::default(),
            next_token: [NextToken {
                has_next_token: false,
                n_remain: -1,
                n_decoded: 0,
            }],
        }
    }
}

impl Default for SlotParams {
    fn default() -> Self {
        Self::of(&crate::sampling::SamplingParams::default(), None)
    }
}

impl From<&GenerateRequest> for SlotParams {
    fn from(request: &GenerateRequest) -> Self {
        Self::of(&request.sampling, request.max_tokens)
    }
}

impl SlotParams {
    /// The parameters of a run.
    #[must_use]
    pub fn of(sampling: &crate::sampling::SamplingParams, max_tokens: Option<u32>) -> Self {
        let max_tokens = max_tokens.map_or(-1, i64::from);
        Self {
            n_predict: max_tokens,
            max_tokens,
            seed: sampling.seed,
            temperature: sampling.temperature,
            top_k: sampling.top_k,
            top_p: sampling.top_p,
            min_p: sampling.min_p,
            repeat_last_n: look_back(sampling.penalty_last_n),
            repeat_penalty: sampling.repetition_penalty,
            presence_penalty: sampling.presence_penalty,
            frequency_penalty: sampling.frequency_penalty,
            dynatemp_range: sampling.dynamic_temperature.range,
            dynatemp_exponent: sampling.dynamic_temperature.exponent,
            typical_p: sampling.typical_p,
            top_n_sigma: sampling.top_n_sigma,
            xtc_probability: sampling.xtc.probability,
            xtc_threshold: sampling.xtc.threshold,
            dry_multiplier: sampling.dry.multiplier,
            dry_base: sampling.dry.base,
            dry_allowed_length: sampling.dry.allowed_length,
            dry_penalty_last_n: look_back(sampling.dry.last_n),
            mirostat: sampling.mirostat.map_or(0, |m| m.version.number()),
            mirostat_tau: sampling.mirostat.map_or(0.0, |m| m.target),
            mirostat_eta: sampling.mirostat.map_or(0.0, |m| m.learning_rate),
        }
    }
}

/// A number of tokens as requests give it: -1 is the whole context.
fn look_back(tokens: usize) -> i64 {
    i64::try_from(tokens).unwrap_or(-1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::{Mirostat, MirostatVersion, SamplingParams};
    use serde_json::json;

    #[test]
    fn an_idle_slot_has_llama_servers_names() {
        let slot = serde_json::to_value(Slot::idle(2, 4096)).expect("JSON");
        assert_eq!(slot["id"], 2);
        assert_eq!(slot["id_task"], -1);
        assert_eq!(slot["params"]["n_predict"], -1);
        assert_eq!(slot["params"]["seed"], json!(null));
        assert_eq!(slot["params"]["repeat_last_n"], 64);
        assert_eq!(slot["params"]["mirostat"], 0);
        assert_eq!(
            slot["next_token"],
            json!([{"has_next_token": false, "n_remain": -1, "n_decoded": 0}])
        );
    }

    #[test]
    fn every_sampler_is_shown_as_it_was_asked_for() {
        let mut sampling = SamplingParams {
            penalty_last_n: usize::MAX,
            mirostat: Some(Mirostat::new(MirostatVersion::V1)),
            ..SamplingParams::default()
        };
        sampling.dry.multiplier = 0.5;
        let params = serde_json::to_value(SlotParams::of(&sampling, Some(7))).expect("JSON");
        for (name, value) in [
            ("n_predict", json!(7)),
            ("repeat_last_n", json!(-1)),
            ("dry_penalty_last_n", json!(64)),
            ("dry_multiplier", json!(0.5)),
            ("mirostat", json!(1)),
            ("mirostat_tau", json!(5.0)),
        ] {
            assert_eq!(params[name], value, "{name}");
        }
    }
}
