//! The engine on real models, through the library's public API.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../common/oracle.rs"]
mod oracle;
#[path = "../common/rows.rs"]
mod rows;

mod correctness;
mod deterministic;
mod drafts;
mod draws;
mod embed;
mod embed_stop;
mod encoder;
mod logprobs;
mod memory;
mod models;
mod prefix;
mod progress;
mod random_params;
mod replay;
mod sampling;
mod soak;
mod stop;
mod structured;
mod support;
mod tiny;
mod tiny_bert;
#[path = "../common/waiting.rs"]
mod waiting;
