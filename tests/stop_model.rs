//! Every interleaving of registering a run and stopping it, checked by loom.
//!
//! `src/stop/registry.rs` is compiled here a second time, over loom's primitives instead of std's.

mod sync {
    pub use loom::sync::{Arc, Mutex};
    pub use std::sync::PoisonError;
}

/// The part of the real flag that the registry uses.
mod flag {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool, Ordering};

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum StopCause {
        User,
        Disconnect,
    }

    #[derive(Debug, Clone)]
    pub struct StopFlag(Arc<AtomicBool>);

    impl StopFlag {
        pub fn new() -> Self {
            Self(Arc::new(AtomicBool::new(false)))
        }
        /// A dropped guard counts as no stop here: the model asks whether the user's stop arrived.
        pub fn set(&self, cause: StopCause) {
            if cause == StopCause::User {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        pub fn is_set(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }
}

#[expect(
    dead_code,
    clippy::struct_field_names,
    reason = "the model uses a part of a module that is public where it belongs"
)]
#[path = "../src/stop/registry.rs"]
mod registry;

use std::time::Instant;

use flag::StopFlag;
use registry::{RunIds, StopRegistry};

fn named(id: &str) -> RunIds {
    RunIds {
        cancel_id: Some(id.into()),
        ..RunIds::default()
    }
}

fn session(id: &str) -> RunIds {
    RunIds {
        session_id: Some(id.into()),
        ..RunIds::default()
    }
}

#[test]
fn a_cancel_that_races_with_a_registration_is_never_lost() {
    let now = Instant::now();
    loom::model(move || {
        let stops = StopRegistry::new();
        let theirs = stops.clone();
        let canceller = loom::thread::spawn(move || theirs.cancel(&named("a"), now).len());
        let flag = StopFlag::new();
        let guard = stops.register(&named("a"), flag.clone(), now);
        let reached = canceller.join().unwrap();
        assert!(flag.is_set(), "reached {reached}, but the flag is not set");
        drop(guard);
        assert!(stops.is_empty());
    });
}

#[test]
fn two_cancels_and_a_registration_stop_the_run_and_leave_no_second_stop_behind() {
    let now = Instant::now();
    loom::model(move || {
        let stops = StopRegistry::new();
        let (one, two) = (stops.clone(), stops.clone());
        let first = loom::thread::spawn(move || one.cancel(&named("a"), now).len());
        let second = loom::thread::spawn(move || two.cancel(&session("s"), now).len());
        let flag = StopFlag::new();
        let guard = stops.register(&named("a"), flag.clone(), now);
        first.join().unwrap();
        // A session id reaches nobody here, and is not stashed.
        assert_eq!(second.join().unwrap(), 0);
        assert!(flag.is_set());
        drop(guard);
        let later = StopFlag::new();
        let _guard = stops.register(&session("s"), later.clone(), now);
        assert!(!later.is_set());
    });
}

#[test]
fn a_run_that_ends_while_it_is_cancelled_leaves_the_registry_empty() {
    let now = Instant::now();
    loom::model(move || {
        let stops = StopRegistry::new();
        let flag = StopFlag::new();
        let guard = stops.register(&named("a"), flag, now);
        let theirs = stops.clone();
        let canceller = loom::thread::spawn(move || theirs.cancel(&named("a"), now).len());
        drop(guard);
        assert!(canceller.join().unwrap() <= 1);
        assert!(stops.is_empty());
    });
}
