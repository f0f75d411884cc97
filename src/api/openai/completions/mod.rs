//! `POST /completions`: text or tokens in, their continuation out; `OpenAI`'s protocol from before messages.

mod echo;
mod logprobs;
mod request;
mod stream;
mod totals;
mod unsupported;

pub use echo::Echo;
pub use request::{CompletionRequest, MAX_RUNS};
pub use stream::{CompletionStreamEncoder, completion_response};
pub(super) use unsupported::NOT_YET;
