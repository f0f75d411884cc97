//! [`StopRegistry`]: ids → flags, and the stash of stops that arrived before their run.
//!
//! Two critical sections carry the promise that no stop is lost: *register and consume the stash*, and
//! *look up or stash*. Each holds the one lock for its whole length; splitting either loses stops that
//! race with a registration.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use super::flag::{StopCause, StopFlag};
use super::sync::{Arc, Mutex, PoisonError};

/// How long a stop waits for the run it names.
pub const STASH_TTL: Duration = Duration::from_secs(30);

/// How many early stops are remembered; the oldest goes first.
pub const STASH_CAPACITY: usize = 4096;

/// The ids under which one run can be reached. Empty ids are ignored: an empty id never means "all".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunIds {
    /// The id that the client made up for exactly this run.
    pub cancel_id: Option<String>,
    /// The conversation; several runs may share it.
    pub session_id: Option<String>,
    /// The id of the answer, made by the server (`chatcmpl-…`).
    pub completion_id: Option<String>,
    /// The id of a Messages answer (`msg_…`).
    pub message_id: Option<String>,
}

/// What a cancel request names. See [`StopRegistry::cancel`].
pub type CancelIds = RunIds;

/// Ids of different kinds never match each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Cancel(String),
    Session(String),
    Completion(String),
    Message(String),
}

impl RunIds {
    fn keys(&self) -> Vec<Key> {
        let key = |id: &Option<String>, make: fn(String) -> Key| {
            id.as_ref().filter(|id| !id.is_empty()).cloned().map(make)
        };
        [
            key(&self.cancel_id, Key::Cancel),
            key(&self.session_id, Key::Session),
            key(&self.completion_id, Key::Completion),
            key(&self.message_id, Key::Message),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn nonempty_cancel_id(&self) -> Option<&str> {
        self.cancel_id.as_deref().filter(|id| !id.is_empty())
    }
}

/// All the runs that can be stopped by name. Cheap to clone; clones share their contents.
#[derive(Debug, Clone, Default)]
pub struct StopRegistry {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    next_ticket: u64,
    /// Several runs may share a key; a run is told apart by its ticket.
    runs: HashMap<Key, Vec<(u64, StopFlag)>>,
    /// `cancel_id` → when it was last posted.
    stash: HashMap<String, Instant>,
}

impl State {
    fn prune(&mut self, now: Instant) {
        self.stash
            .retain(|_, posted| now.saturating_duration_since(*posted) < STASH_TTL);
    }

    fn stash(&mut self, cancel_id: &str, now: Instant) {
        if self.stash.len() >= STASH_CAPACITY && !self.stash.contains_key(cancel_id) {
            let oldest = self.stash.iter().min_by_key(|(_, posted)| **posted);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                self.stash.remove(&id);
            }
        }
        self.stash.insert(cancel_id.to_owned(), now);
    }

    /// The distinct runs under any of the keys.
    fn find(&self, keys: &[Key]) -> Vec<StopFlag> {
        let mut found: Vec<(u64, StopFlag)> = Vec::new();
        for (ticket, flag) in keys.iter().filter_map(|key| self.runs.get(key)).flatten() {
            if found.iter().all(|(seen, _)| seen != ticket) {
                found.push((*ticket, flag.clone()));
            }
        }
        found.into_iter().map(|(_, flag)| flag).collect()
    }
}

impl StopRegistry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters a run under its ids, before its response exists, and replays a stop that came early.
    ///
    /// The entry lives as long as the returned guard.
    #[must_use]
    pub fn register(&self, ids: &RunIds, flag: StopFlag, now: Instant) -> RunGuard {
        let keys = ids.keys();
        let (ticket, stopped_early) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.prune(now);
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            for key in &keys {
                let runs = state.runs.entry(key.clone()).or_default();
                runs.push((ticket, flag.clone()));
            }
            let early = ids
                .nonempty_cancel_id()
                .is_some_and(|id| state.stash.remove(id).is_some());
            (ticket, early)
        };
        if stopped_early {
            flag.set(StopCause::User);
        }
        RunGuard {
            registry: self.clone(),
            ticket,
            keys,
            flag,
        }
    }

    /// Stops what the ids name and returns the distinct flags that were reached.
    ///
    /// A non-empty `cancel_id` is exclusive: only that run is looked up, and where there is none yet the
    /// id is stashed for [`STASH_TTL`]. Otherwise the union of completion, session and message id is
    /// stopped, and nothing is stashed. No id at all stops nothing.
    #[must_use]
    pub fn cancel(&self, ids: &CancelIds, now: Instant) -> Vec<StopFlag> {
        let found = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.prune(now);
            if let Some(cancel_id) = ids.nonempty_cancel_id() {
                let found = state.find(&[Key::Cancel(cancel_id.to_owned())]);
                if found.is_empty() {
                    state.stash(cancel_id, now);
                }
                found
            } else {
                state.find(&ids.keys())
            }
        };
        for flag in &found {
            flag.set(StopCause::User);
        }
        found
    }

    /// How many (id, run) entries there are. Zero when nothing runs.
    #[must_use]
    pub fn len(&self) -> usize {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.runs.values().map(Vec::len).sum()
    }

    /// True when no run is registered under any id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn remove(&self, ticket: u64, keys: &[Key]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if let Entry::Occupied(mut runs) = state.runs.entry(key.clone()) {
                runs.get_mut().retain(|(theirs, _)| *theirs != ticket);
                if runs.get().is_empty() {
                    runs.remove();
                }
            }
        }
    }
}

/// Keeps a run registered. Dropping it removes the ids and sets the flag, so whatever ends a response
/// early (a closed connection, a panic, an aborted task) stops the computing too.
#[derive(Debug)]
pub struct RunGuard {
    registry: StopRegistry,
    ticket: u64,
    keys: Vec<Key>,
    flag: StopFlag,
}

impl RunGuard {
    /// The run's flag.
    #[must_use]
    pub fn flag(&self) -> &StopFlag {
        &self.flag
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        self.flag.set(StopCause::Disconnect);
        self.registry.remove(self.ticket, &self.keys);
    }
}
