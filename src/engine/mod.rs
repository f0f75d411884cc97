//! The decode thread: queue, runs, step planner, prefix cache, events.
//!
//! [`Engine`] owns one OS thread per loaded model. Runs come to it by a bounded queue
//! ([`Engine::submit`]) and answer by a bounded channel of [`RunEvent`]s. There is no async, no HTTP and
//! no JSON in here; what protocols and templates are, this module does not know.
//!
//! [`pooled`] is the same for embeddings and scores, with a context and a thread of its own.
//!
//! The pure parts are [`planner`] (which rows the next step computes), [`grouping`] (which of them together), [`prefix`] (which sequence a run
//! takes), [`drafts`] (guesses at the next tokens), [`text`] (bytes → characters, stop strings) and [`cost`]
//! (how long things take).

mod attention;
mod closing;
pub mod cost;
mod decode_thread;
mod draft_model;
pub mod drafts;
mod dry;
mod error;
mod events;
mod grid;
pub mod grouping;
mod handle;
mod metrics;
mod params;
pub mod planner;
pub mod pooled;
pub mod prefix;
mod run;
mod run_handle;
mod run_thoughts;
pub mod text;

pub use dry::dry_breakers;
pub use error::{EngineError, SubmitError};
pub use events::{FinishReason, PromptProgress, RunEvent, Summary, Timings, Usage};
pub use handle::{Engine, RunView, SlotView};
pub use params::EngineParams;
pub use run::RunSpec;
pub use run_handle::RunHandle;
