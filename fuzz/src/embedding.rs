//! What is pure of `src/embedding`.

#[path = "../../src/embedding/request.rs"]
mod request;

pub use request::{EmbedInput, EmbedRequest, RerankRequest};
