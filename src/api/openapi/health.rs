//! The answers of `/livez` and `/readyz`. That of `/api/health` describes itself.

use utoipa::ToSchema;

/// All is well.
#[derive(Debug, ToSchema)]
pub struct LivezResponse {
    /// Always `ok`.
    #[schema(pattern = "^ok$")]
    pub status: String,
}

/// No model answers.
#[derive(Debug, ToSchema)]
pub struct ReadyzProblem {
    /// Always `not ready`.
    #[schema(pattern = "^not ready$")]
    pub status: String,
    /// Why, and what to do.
    pub message: String,
}
