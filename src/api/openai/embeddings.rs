//! `POST /embeddings`: request and response.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

use super::MAX_ID_BYTES;
use super::inputs::inputs;
use super::unsupported::Neutral::{self, Bool, Empty, Is, Number};
use super::unsupported::refuse_of;
use crate::api::errors::ApiError;
use crate::api::fields::Fields;
use crate::embedding::EmbedInput;
use crate::engine::pooled::Normalize;
use crate::stop::RunIds;

/// The most inputs of a request, as `OpenAI` has it.
pub const MAX_INPUTS: usize = 2048;

/// Fields that are known and not supported, and the values that change nothing.
pub(super) const NOT_YET: &[(&str, &[Neutral])] = &[
    ("messages", &[Empty]),
    ("content", &[Empty]),
    // Others' names for the form of the answer
    ("embedding_type", &[Is("float")]),
    ("embedding_types", &[Empty]),
    ("output_dtype", &[Is("float")]),
    ("output_dimension", &[]),
    ("normalize", &[Bool(true)]),
    ("normalized", &[Bool(true)]),
    // A text is embedded as it stands: nothing is put before it.
    ("input_type", &[Empty]),
    ("prompt_name", &[Empty]),
    ("task", &[Empty]),
    ("late_chunking", &[Bool(false)]),
    ("add_special_tokens", &[Bool(true)]),
    // Nothing is cut: an input that is too long is an error.
    ("truncate", &[Bool(false)]),
    ("truncation", &[Bool(false)]),
    ("truncate_prompt_tokens", &[]),
    ("priority", &[Number(0.0)]),
];

/// How an embedding is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EncodingFormat {
    /// A list of numbers.
    #[default]
    Float,
    /// Base64 of the numbers as 32-bit floats, the lowest byte first.
    Base64,
}

/// A validated request.
#[derive(Debug, Clone)]
pub struct EmbeddingsRequest {
    /// What is embedded; 1 to [`MAX_INPUTS`].
    pub inputs: Vec<EmbedInput>,
    /// How the answer is written.
    pub format: EncodingFormat,
    /// Elements of each embedding, at least 1: the first ones of what the model gives, scaled anew.
    pub dimensions: Option<usize>,
    /// How embeddings are scaled.
    pub normalize: Normalize,
    /// `cancel_id` and `session_id`.
    pub ids: RunIds,
}

impl EmbeddingsRequest {
    /// Validates a request body. Every error is a 400 that names the field.
    pub fn parse(body: &Value) -> Result<Self, ApiError> {
        let request = Fields::root(body)?;
        refuse_of(&request, NOT_YET)?;
        request.string("model")?;
        let format = request.choice(
            "encoding_format",
            &[
                ("float", EncodingFormat::Float),
                ("base64", EncodingFormat::Base64),
            ],
        )?;
        let dimensions = request.integer("dimensions", 1..=i32::MAX.into())?;
        Ok(Self {
            inputs: inputs(
                &request,
                "input",
                MAX_INPUTS,
                EmbedInput::Text,
                EmbedInput::Tokens,
            )?,
            format: format.unwrap_or_default(),
            dimensions: dimensions.map(|dimensions| dimensions as usize),
            normalize: normalize(&request)?,
            ids: RunIds {
                cancel_id: request.id("cancel_id", MAX_ID_BYTES)?,
                session_id: request.id("session_id", MAX_ID_BYTES)?,
                ..RunIds::default()
            },
        })
    }

    /// Checks `dimensions` against those that the model has.
    pub fn check_dimensions(&self, of_model: usize) -> Result<(), ApiError> {
        match self.dimensions {
            Some(asked) if asked > of_model => Err(ApiError::invalid_value(
                "dimensions",
                format!(
                    "`dimensions` is {asked}, and the model's embeddings have {of_model}. Send at most that."
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// llama-server's `embd_normalize`; to length 1 where it is not sent.
fn normalize(request: &Fields<'_>) -> Result<Normalize, ApiError> {
    let number = request.integer("embd_normalize", -1..=u16::MAX.into())?;
    let normalize = number.and_then(|number| Normalize::from_embd_normalize(number as i64));
    Ok(normalize.unwrap_or_default())
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct EmbeddingsResponse {
    /// Always `list`.
    pub object: &'static str,
    /// One for each input, in their order.
    pub data: Vec<EmbeddingObject>,
    /// The model that computed them.
    pub model: String,
    /// What was read.
    pub usage: PooledUsage,
}

/// One embedding.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct EmbeddingObject {
    /// Always `embedding`.
    pub object: &'static str,
    /// The number of its input.
    pub index: usize,
    /// Its elements.
    pub embedding: EncodedEmbedding,
}

/// An embedding as it was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum EncodedEmbedding {
    /// A list of numbers.
    Float(Vec<f32>),
    /// Base64 of the numbers as 32-bit floats, the lowest byte first.
    Base64(String),
}

/// Tokens that were read; none are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PooledUsage {
    /// Tokens of all inputs.
    pub prompt_tokens: u64,
    /// The same.
    pub total_tokens: u64,
}

impl PooledUsage {
    /// Of inputs with so many tokens each.
    #[must_use]
    pub fn of(n_tokens: &[usize]) -> Self {
        let tokens = n_tokens.iter().sum::<usize>() as u64;
        Self {
            prompt_tokens: tokens,
            total_tokens: tokens,
        }
    }
}

impl EmbeddingsResponse {
    /// The answer with these rows, cut and written as the request asks. The rows are scaled already; `n_tokens` are
    /// those of each input.
    #[must_use]
    pub fn new(
        request: &EmbeddingsRequest,
        model: &str,
        rows: Vec<Vec<f32>>,
        n_tokens: &[usize],
    ) -> Self {
        let data = rows.into_iter().enumerate().map(|(index, mut row)| {
            if let Some(dimensions) = request.dimensions {
                row.truncate(dimensions);
                request.normalize.apply(&mut row);
            }
            EmbeddingObject {
                object: "embedding",
                index,
                embedding: encoded(row, request.format),
            }
        });
        Self {
            object: "list",
            data: data.collect(),
            model: model.to_owned(),
            usage: PooledUsage::of(n_tokens),
        }
    }
}

fn encoded(row: Vec<f32>, format: EncodingFormat) -> EncodedEmbedding {
    match format {
        EncodingFormat::Float => EncodedEmbedding::Float(row),
        EncodingFormat::Base64 => {
            let bytes: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
            EncodedEmbedding::Base64(STANDARD.encode(bytes))
        }
    }
}

#[cfg(test)]
#[path = "embeddings_tests.rs"]
mod tests;
