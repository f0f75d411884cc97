//! [`SamplingFields`]: how tokens are drawn.

use std::collections::BTreeMap;

use utoipa::openapi::schema::{Schema, SchemaType, Type};
use utoipa::openapi::{Object, ObjectBuilder};
use utoipa::{Number, ToSchema};

/// How tokens are drawn. Of two names for one thing the first that is sent counts.
#[derive(Debug, ToSchema)]
pub struct SamplingFields {
    /// Divides the logits; 0 always takes the likeliest token.
    #[schema(minimum = 0, maximum = 2, default = 0.6)]
    pub temperature: Option<f32>,
    /// Keeps the likeliest tokens that have this much of the probability together; 1 keeps all.
    #[schema(minimum = 0, maximum = 1, default = 0.95)]
    pub top_p: Option<f32>,
    /// Keeps so many of the likeliest tokens; 0 and -1 keep all.
    #[schema(minimum = -1, maximum = 100, default = 20)]
    pub top_k: Option<i32>,
    /// Drops tokens less likely than this share of the likeliest one's probability; 0 keeps all.
    #[schema(minimum = 0, maximum = 1, default = 0.01)]
    pub min_p: Option<f32>,
    /// The number that chance begins with.
    #[schema(schema_with = seed)]
    pub seed: Option<i64>,
    /// Token ids and what is added to their logits.
    #[schema(schema_with = logit_bias)]
    pub logit_bias: Option<BTreeMap<String, f32>>,
    /// Divides the logits of tokens that occurred; 1 is off.
    #[schema(minimum = 1, maximum = 2, default = 1)]
    pub repetition_penalty: Option<f32>,
    /// llama-server's name for `repetition_penalty`.
    #[schema(minimum = 1, maximum = 2)]
    pub repeat_penalty: Option<f32>,
    /// Subtracted from the logits of tokens that occurred; 0 is off.
    #[schema(minimum = -2, maximum = 2, default = 0)]
    pub presence_penalty: Option<f32>,
    /// Subtracted from the logits of tokens for each time that they occurred; 0 is off.
    #[schema(minimum = -2, maximum = 2, default = 0)]
    pub frequency_penalty: Option<f32>,
    /// How many tokens back the penalties look; -1 is the whole context.
    #[schema(minimum = -1, maximum = 2_147_483_647, default = 64)]
    pub repeat_last_n: Option<i32>,
    /// Keeps the tokens of typical surprise that have this much of the probability together; 1 is off.
    #[schema(minimum = 0, maximum = 1, default = 1)]
    pub typical_p: Option<f32>,
    /// llama-server's other name for `typical_p`.
    #[schema(minimum = 0, maximum = 1)]
    pub typ_p: Option<f32>,
    /// Keeps tokens whose logits are at most so many standard deviations below the greatest; 0 and less is off.
    #[schema(minimum = -1, maximum = 100, default = 0)]
    pub top_n_sigma: Option<f32>,
    /// How far the temperature moves with the entropy of the distribution, up and down; 0 is off.
    #[schema(minimum = 0, maximum = 2, default = 0)]
    pub dynatemp_range: Option<f32>,
    /// How the entropy is mapped to the temperature; 1 is linear.
    #[schema(minimum = 0, maximum = 10, default = 1)]
    pub dynatemp_exponent: Option<f32>,
    /// XTC: how often the likeliest tokens are left out; 0 is off.
    #[schema(minimum = 0, maximum = 1, default = 0)]
    pub xtc_probability: Option<f32>,
    /// XTC: what counts as one of the likeliest; more than 0.5 is off.
    #[schema(minimum = 0, maximum = 1, default = 0.1)]
    pub xtc_threshold: Option<f32>,
    /// DRY: how much repeating a sequence costs; 0 is off.
    #[schema(minimum = 0, maximum = 100, default = 0)]
    pub dry_multiplier: Option<f32>,
    /// DRY: how fast the cost grows with the length of the repetition.
    #[schema(minimum = 1, maximum = 100, default = 1.75)]
    pub dry_base: Option<f32>,
    /// DRY: shorter repetitions, in tokens, cost nothing.
    #[schema(minimum = 0, maximum = 2_147_483_647, default = 2)]
    pub dry_allowed_length: Option<i32>,
    /// DRY: how many tokens back it looks; -1 is the whole context.
    #[schema(minimum = -1, maximum = 2_147_483_647, default = 64)]
    pub dry_penalty_last_n: Option<i32>,
    /// DRY: texts that repetitions do not reach across, of 1 to 40 bytes each. `[]` lets them reach across everything.
    #[schema(max_items = 16, default = json!(["\n", ":", "\"", "*"]))]
    pub dry_sequence_breakers: Option<Vec<String>>,
    /// Mirostat, which takes the place of all samplers that truncate: 0 is off, 1 and 2 are its versions.
    #[schema(minimum = 0, maximum = 2, default = 0)]
    pub mirostat: Option<i32>,
    /// Mirostat: the surprise that it aims at, in bits.
    #[schema(minimum = 0, maximum = 100, default = 5)]
    pub mirostat_tau: Option<f32>,
    /// Mirostat: how fast it learns.
    #[schema(minimum = 0, maximum = 1, default = 0.1)]
    pub mirostat_eta: Option<f32>,
}

/// Without a format: `int64` would end in the middle of the range.
fn seed() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .description(Some(
            "The number that chance begins with: the same seed draws the same tokens from the same logits. -1, and no seed, are a \
             random one.",
        ))
        .minimum(Some(-1))
        .maximum(Some(Number::UInt(usize::MAX)))
        .examples([serde_json::json!(42)])
        .build()
}

fn logit_bias() -> Object {
    let id = ObjectBuilder::new().pattern(Some("^[0-9]+$"));
    let bias = ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(Some(-100))
        .maximum(Some(100));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some(
            "Added to the logits of tokens, by their ids: from -100 (never) to 100.",
        ))
        .property_names(Some(Schema::Object(id.schema_type(Type::String).build())))
        .additional_properties(Some(bias))
        .max_properties(Some(1024))
        .examples([serde_json::json!({"15043": -100})])
        .build()
}
