//! The engine on real models, through the library's public API.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod correctness;
mod drafts;
mod models;
mod prefix;
mod replay;
mod soak;
mod stop;
mod support;
mod tiny;
