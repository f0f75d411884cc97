//! The synchronisation primitives of the registry, in one place so that `tests/stop_model.rs` can
//! compile `registry.rs` again over loom's and check every interleaving.

pub(super) use std::sync::{Arc, Mutex, PoisonError};
