//! The body of `POST /embeddings`.

use utoipa::ToSchema;

use super::{IdFields, TokenInputs};

/// Texts to embed. Fields that nobody knows are accepted and ignored; `null` is the same as leaving a field out.
#[derive(Debug, ToSchema)]
#[schema(examples(
    json!({"input": "The sky is blue."}),
    json!({"input": ["The sky is blue.", "Grass is green."], "encoding_format": "base64", "dimensions": 64}),
))]
pub struct EmbeddingsRequest {
    /// Informational: the loaded model answers.
    pub model: Option<String>,
    /// What is embedded; at most 2048 inputs. One that is too long is a 400 with code `context_length_exceeded`, and never cut.
    pub input: TokenInputs,
    /// How embeddings are written.
    #[schema(inline, default = "float")]
    pub encoding_format: Option<EncodingFormat>,
    /// The first so many elements, scaled anew; at most those that the model has.
    #[schema(minimum = 1, maximum = 2_147_483_647)]
    pub dimensions: Option<i32>,
    /// How embeddings are scaled, as in llama-server: -1 not at all, 0 by the largest element, 1 by the sum, 2 to length 1, more: by that p-norm.
    #[schema(minimum = -1, maximum = 65_535, default = 2)]
    pub embd_normalize: Option<i32>,
    /// By what it is stopped.
    #[serde(flatten)]
    pub ids: IdFields,
}

/// How an embedding is written.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EncodingFormat {
    /// A list of numbers.
    Float,
    /// Base64 of the numbers as 32-bit floats, the lowest byte first.
    Base64,
}
