//! [`begin_runs`]: from an accepted request to runs that are under way.

use std::time::Instant;

use super::AppState;
use super::answer::Answer;
use super::fan_out::fan_out;
use crate::api::ApiError;
use crate::generation::{Choices, Generation};
use crate::stop::{RunIds, StopFlag};

/// Registers a request under its ids, then has `start` submit a run for each of so many flags, on a thread that may block.
/// What else `start` gives is handed through.
pub(super) async fn begin_runs<T: Send + 'static>(
    state: &AppState,
    ids: &RunIds,
    runs: usize,
    start: impl FnOnce(&[StopFlag]) -> Result<(Vec<Generation>, T), ApiError> + Send + 'static,
) -> Result<(Answer, T), ApiError> {
    let flag = StopFlag::new();
    // From here on a stop finds the request, and dropping the guard (a closed connection) stops it.
    let guard = state.stops.register(ids, flag.clone(), Instant::now());
    let flags = fan_out(&flag, runs);
    let started = tokio::task::spawn_blocking(move || {
        let started = start(&flags);
        if started.is_err() {
            // Nothing computes, so whoever waits for a stop need not wait.
            flags.iter().for_each(StopFlag::release);
        }
        started
    });
    let (runs, more) = started.await.map_err(|_| unprepared())??;
    let answer = Answer {
        choices: Choices::new(runs),
        _guard: guard,
    };
    Ok((answer, more))
}

/// Whoever prepared the request panicked.
pub(super) fn unprepared() -> ApiError {
    ApiError::internal("The request could not be prepared; this is a fault of the server.")
}
