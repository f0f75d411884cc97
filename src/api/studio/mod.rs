//! The control routes of the Studio API: load, validate, unload, status, progress, cancel; and its old
//! generation route.

mod cancel;
mod legacy;
mod load_request;
mod load_response;
mod model_requests;
mod progress;
mod status;

pub use cancel::parse_cancel;
pub use legacy::{LegacyRequest, LegacyStreamEncoder};
pub use load_request::{LoadRequest, MAX_PATH_BYTES, MAX_SEQ_LENGTH, MAX_TEMPLATE_BYTES, Secret};
pub use load_response::{
    ContextLengths, InferenceDefaults, LoadResponse, LoadStatus, ReasoningStyle, TemplateFlags,
};
pub use model_requests::{UnloadRequest, UnloadResponse, ValidateRequest, ValidateResponse};
pub use progress::LoadProgressResponse;
pub use status::InferenceStatusResponse;
