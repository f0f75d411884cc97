//! Stopping: flags, the ids they can be reached by, and the stash of stops that came early.
//!
//! Every generation (and every model load) owns exactly one [`StopFlag`] from acceptance to its last
//! byte. [`StopRegistry`] maps the ids a client may name to flags; [`RunGuard`] ties an entry to the
//! life of a response, so that a finished stream, a closed connection, a panic and a task abort are
//! one path. This module does not know what is being stopped.

mod flag;
mod record;
mod registry;
mod sync;

pub use flag::{StopCause, StopFlag};
pub use record::StopRecord;
pub use registry::{CancelIds, RunGuard, RunIds, STASH_CAPACITY, STASH_TTL, StopRegistry};
