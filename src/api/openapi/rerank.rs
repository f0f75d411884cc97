//! The body of `POST /rerank`.

use utoipa::ToSchema;

use super::IdFields;

/// Documents to score by how well they answer a query. Fields that nobody knows are accepted and ignored; `null` is the same as leaving a
/// field out.
#[derive(Debug, ToSchema)]
#[schema(examples(
    json!({"query": "What colour is the sky?", "documents": ["Grass is green.", {"text": "The sky is blue."}], "top_n": 1, "return_documents": true}),
))]
pub struct RerankRequest {
    /// Informational: the loaded model answers.
    pub model: Option<String>,
    /// The query.
    #[schema(min_length = 1)]
    pub query: String,
    /// What is scored.
    #[schema(min_items = 1, max_items = 2048)]
    pub documents: Vec<RankedDocument>,
    /// How many results are told, the best ones; all of them where it is not sent.
    #[schema(minimum = 1)]
    pub top_n: Option<u64>,
    /// Whether results repeat their documents.
    #[schema(default = false)]
    pub return_documents: Option<bool>,
    /// By what it is stopped.
    #[serde(flatten)]
    pub ids: IdFields,
}

/// A text, as it is or in an object.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
pub enum RankedDocument {
    /// As it is.
    Text(String),
    /// In an object.
    Object(RankedText),
}

/// A text in an object.
#[derive(Debug, ToSchema)]
pub struct RankedText {
    /// The text.
    pub text: String,
}
