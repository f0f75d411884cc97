//! `GET /models` and `GET /models/{id}`.

use serde::Serialize;

use crate::api::errors::ApiError;

/// The owner that clients of this API know.
const OWNER: &str = "unsloth-studio";

/// One model, loaded or on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ModelObject {
    /// What requests call it.
    pub id: String,
    /// Always `model`.
    pub object: &'static str,
    /// Unix seconds: when it was loaded, or when its file was written.
    pub created: u64,
    /// Who serves it.
    pub owned_by: &'static str,
    /// Whether it answers right now.
    pub loaded: bool,
    /// The quantisation label, as in `Q4_K_M`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub quant: Option<String>,
    /// Tokens that the loaded context holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub context_length: Option<u32>,
    /// Tokens that this machine could hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub max_context_length: Option<u32>,
    /// Tokens that the model was trained for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub native_context_length: Option<u32>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub display_name: Option<String>,
}

impl ModelObject {
    /// A model of which nothing more is known.
    #[must_use]
    pub fn new(id: impl Into<String>, created: u64, loaded: bool) -> Self {
        Self {
            id: id.into(),
            object: "model",
            created,
            owned_by: OWNER,
            loaded,
            quant: None,
            context_length: None,
            max_context_length: None,
            native_context_length: None,
            display_name: None,
        }
    }
}

/// All models that there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ModelList {
    /// Always `list`.
    pub object: &'static str,
    /// The models, loaded ones first.
    pub data: Vec<ModelObject>,
}

impl ModelList {
    /// The list of these models: loaded ones first, else in the order given.
    #[must_use]
    pub fn new(mut models: Vec<ModelObject>) -> Self {
        models.sort_by_key(|model| !model.loaded);
        Self {
            object: "list",
            data: models,
        }
    }

    /// The model of that id; 404 `model_not_found`, param `id`, where there is none.
    pub fn find(&self, id: &str) -> Result<&ModelObject, ApiError> {
        self.data
            .iter()
            .find(|model| model.id == id)
            .ok_or_else(|| ApiError::model_not_found(id).with_param("id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaded_models_come_first_and_unknown_values_are_left_out() {
        let list = ModelList::new(vec![
            ModelObject::new("other", 1, false),
            ModelObject {
                quant: Some("Q4_K_M".into()),
                context_length: Some(4096),
                display_name: Some("Tiny".into()),
                ..ModelObject::new("tiny", 2, true)
            },
        ]);
        insta::assert_json_snapshot!(list, @r#"
        {
          "object": "list",
          "data": [
            {
              "id": "tiny",
              "object": "model",
              "created": 2,
              "owned_by": "unsloth-studio",
              "loaded": true,
              "quant": "Q4_K_M",
              "context_length": 4096,
              "display_name": "Tiny"
            },
            {
              "id": "other",
              "object": "model",
              "created": 1,
              "owned_by": "unsloth-studio",
              "loaded": false
            }
          ]
        }
        "#);
    }

    #[test]
    fn an_unknown_model_is_a_404_that_points_at_the_id() {
        let list = ModelList::new(vec![ModelObject::new("tiny", 2, true)]);
        assert!(list.find("tiny").is_ok());
        let error = list.find("Tiny").expect_err("ids are exact");
        assert_eq!((error.status, error.code), (404, Some("model_not_found")));
        assert_eq!(error.param.as_deref(), Some("id"));
    }
}
