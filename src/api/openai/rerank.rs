//! `POST /rerank`: request and response, as Jina's API and llama-server have them.

use serde::Serialize;
use serde_json::Value;

use super::MAX_ID_BYTES;
use super::embeddings::PooledUsage;
use super::inputs::check_count;
use super::unsupported::Neutral::{self, Bool, Empty, Number};
use super::unsupported::refuse_of;
use crate::api::errors::ApiError;
use crate::api::fields::{Fields, wrong_type};
use crate::embedding::RerankRequest;
use crate::stop::RunIds;

/// The most documents of a request.
pub const MAX_DOCUMENTS: usize = 2048;

/// Fields that are known and not supported, and the values that change nothing.
pub(super) const NOT_YET: &[(&str, &[Neutral])] = &[
    // TEI's names, whose answer has another shape
    ("texts", &[Empty]),
    ("return_text", &[Bool(false)]),
    ("raw_scores", &[Bool(false)]),
    ("rank_fields", &[Empty]),
    ("top_k", &[]),
    // Nothing is cut: a document that is too long is an error.
    ("max_chunks_per_doc", &[]),
    ("max_tokens_per_doc", &[]),
    ("truncate", &[Bool(false)]),
    ("truncation", &[Bool(false)]),
    ("truncate_prompt_tokens", &[]),
    ("priority", &[Number(0.0)]),
];

/// A validated request.
#[derive(Debug, Clone)]
pub struct RerankBody {
    /// What is scored. 1 to [`MAX_DOCUMENTS`] documents.
    pub rerank: RerankRequest,
    /// How many results are told, the best ones; all of them where it is `None`.
    pub top_n: Option<usize>,
    /// Whether results repeat their documents.
    pub return_documents: bool,
    /// `cancel_id` and `session_id`.
    pub ids: RunIds,
}

impl RerankBody {
    /// Validates a request body. Every error is a 400 that names the field.
    pub fn parse(body: &Value) -> Result<Self, ApiError> {
        let request = Fields::root(body)?;
        refuse_of(&request, NOT_YET)?;
        request.string("model")?;
        let top_n = request.integer("top_n", 1..=i128::MAX)?;
        Ok(Self {
            rerank: RerankRequest {
                query: request.required_string("query")?.to_owned(),
                documents: documents(&request)?,
            },
            top_n: top_n.map(|n| usize::try_from(n).unwrap_or(usize::MAX)),
            return_documents: request.boolean("return_documents")?.unwrap_or(false),
            ids: RunIds {
                cancel_id: request.id("cancel_id", MAX_ID_BYTES)?,
                session_id: request.id("session_id", MAX_ID_BYTES)?,
                ..RunIds::default()
            },
        })
    }
}

/// Texts, or objects with a `text`.
fn documents(request: &Fields<'_>) -> Result<Vec<String>, ApiError> {
    let list = request
        .list("documents")?
        .ok_or_else(|| request.missing("documents", "a list of texts"))?;
    let path = request.path("documents");
    check_count(&path, list.len(), MAX_DOCUMENTS)?;
    let read = |(index, item): (usize, &Value)| {
        let path = format!("{path}[{index}]");
        match item {
            Value::String(text) => Ok(text.clone()),
            Value::Object(_) => {
                let document = Fields::at(item, path)?;
                let text = document.string("text")?;
                text.map(str::to_owned)
                    .ok_or_else(|| document.missing("text", "a string"))
            }
            other => Err(wrong_type(
                &path,
                "a string or an object with a `text`",
                other,
            )),
        }
    };
    list.iter().enumerate().map(read).collect()
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RerankResponse {
    /// The model that scored.
    pub model: String,
    /// Always `list`.
    pub object: &'static str,
    /// What was read.
    pub usage: PooledUsage,
    /// The best first; of equal ones the earlier document.
    pub results: Vec<RerankResult>,
}

/// How well a document answers the query.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RerankResult {
    /// The number of the document.
    pub index: usize,
    /// Greater is better; of whatever range the model has.
    pub relevance_score: f32,
    /// The document, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub document: Option<RerankDocument>,
}

/// A document as results repeat it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RerankDocument {
    /// Its text.
    pub text: String,
}

impl RerankResponse {
    /// The answer with these scores, one for each document; `n_tokens` are those of each pair.
    #[must_use]
    pub fn new(body: RerankBody, model: &str, scores: &[f32], n_tokens: &[usize]) -> Self {
        let documents = body.rerank.documents.into_iter();
        let mut results: Vec<RerankResult> = documents
            .zip(scores)
            .enumerate()
            .map(|(index, (text, &relevance_score))| RerankResult {
                index,
                relevance_score,
                document: body.return_documents.then_some(RerankDocument { text }),
            })
            .collect();
        results.sort_by(|a, b| b.relevance_score.total_cmp(&a.relevance_score));
        results.truncate(body.top_n.unwrap_or(usize::MAX));
        Self {
            model: model.to_owned(),
            object: "list",
            usage: PooledUsage::of(n_tokens),
            results,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(body: &Value, code: &str, param: &str) {
        let error = RerankBody::parse(body).expect_err(&body.to_string());
        assert_eq!(error.status, 400);
        assert_eq!(
            (error.code, error.param.as_deref()),
            (Some(code), Some(param)),
            "{body}"
        );
    }

    fn response(fields: &Value) -> String {
        let mut body = json!({"query": "q", "documents": ["a", {"text": "b"}, "c", "d"]});
        body.as_object_mut()
            .expect("an object")
            .extend(fields.as_object().expect("fields").clone());
        let body = RerankBody::parse(&body).expect("good");
        let response = RerankResponse::new(body, "tiny", &[0.25, -1.5, 7.0, 0.25], &[3, 4, 5, 6]);
        serde_json::to_string(&response).expect("JSON")
    }

    #[test]
    fn results_come_best_first() {
        insta::assert_snapshot!(response(&json!({})), @r#"{"model":"tiny","object":"list","usage":{"prompt_tokens":18,"total_tokens":18},"results":[{"index":2,"relevance_score":7.0},{"index":0,"relevance_score":0.25},{"index":3,"relevance_score":0.25},{"index":1,"relevance_score":-1.5}]}"#);
        assert_eq!(response(&json!({"top_n": 100})), response(&json!({})));
    }

    #[test]
    fn the_best_are_told_with_their_documents() {
        insta::assert_snapshot!(response(&json!({"top_n": 1, "return_documents": true})), @r#"{"model":"tiny","object":"list","usage":{"prompt_tokens":18,"total_tokens":18},"results":[{"index":2,"relevance_score":7.0,"document":{"text":"c"}}]}"#);
    }

    #[test]
    fn wrong_values_are_named() {
        let with = |field: &str, value: Value| {
            let mut body = json!({"query": "q", "documents": ["a"]});
            body[field] = value;
            body
        };
        for (field, value, code, param) in [
            ("query", json!(null), "invalid_value", "query"),
            ("query", json!(""), "invalid_value", "query"),
            ("query", json!(["q"]), "invalid_type", "query"),
            ("documents", json!(null), "invalid_value", "documents"),
            ("documents", json!("a"), "invalid_type", "documents"),
            ("documents", json!([]), "invalid_value", "documents"),
            (
                "documents",
                json!(vec!["x"; MAX_DOCUMENTS + 1]),
                "invalid_value",
                "documents",
            ),
            ("documents", json!(["a", 7]), "invalid_type", "documents[1]"),
            (
                "documents",
                json!([{"title": "a"}]),
                "invalid_value",
                "documents[0].text",
            ),
            (
                "documents",
                json!([{"text": 7}]),
                "invalid_type",
                "documents[0].text",
            ),
            ("top_n", json!(0), "invalid_value", "top_n"),
            (
                "return_documents",
                json!("yes"),
                "invalid_type",
                "return_documents",
            ),
            ("session_id", json!([]), "invalid_type", "session_id"),
        ] {
            refused(&with(field, value), code, param);
        }
        for (field, _) in NOT_YET {
            assert!(
                RerankBody::parse(&with(field, Value::Null)).is_ok(),
                "{field}"
            );
            refused(
                &with(field, json!({"odd": true})),
                "unsupported_parameter",
                field,
            );
        }
    }
}
