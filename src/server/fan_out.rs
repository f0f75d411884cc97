//! [`fan_out`]: one stop for several runs.

use crate::stop::{StopCause, StopFlag};

/// Flags for the runs of one request. A stop of the request's own flag stops them all, and that flag is released
/// once they all are.
///
/// Has to be called within a tokio runtime.
pub(super) fn fan_out(request: &StopFlag, runs: usize) -> Vec<StopFlag> {
    if runs == 1 {
        return vec![request.clone()];
    }
    let flags: Vec<StopFlag> = (0..runs).map(|_| StopFlag::new()).collect();
    if !request.begin() {
        // Stopped before it began.
        set_all(&flags, request);
        return flags;
    }
    let (request, theirs) = (request.clone(), flags.clone());
    tokio::spawn(async move {
        tokio::select! {
            () = request.stopped() => set_all(&theirs, &request),
            () = all_released(&theirs) => {}
        }
        all_released(&theirs).await;
        request.release();
    });
    flags
}

async fn all_released(flags: &[StopFlag]) {
    for flag in flags {
        flag.released().await;
    }
}

fn set_all(flags: &[StopFlag], request: &StopFlag) {
    let cause = request.cause().unwrap_or(StopCause::User);
    for flag in flags {
        flag.set(cause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_stopped_once_all_its_runs_have_let_go() {
        let request = StopFlag::new();
        let runs = fan_out(&request, 3);
        assert!(runs.iter().all(StopFlag::begin));
        request.set(StopCause::Disconnect);
        for run in &runs {
            run.stopped().await;
            assert_eq!(run.cause(), Some(StopCause::Disconnect));
            assert!(!request.is_released());
            run.release();
        }
        request.released().await;
    }

    #[tokio::test]
    async fn runs_that_end_by_themselves_release_the_request() {
        let request = StopFlag::new();
        for run in fan_out(&request, 2) {
            assert!(run.begin());
            run.release();
        }
        request.released().await;
        assert!(!request.is_set());
    }

    #[tokio::test]
    async fn a_request_that_was_stopped_before_it_began_begins_nothing() {
        let request = StopFlag::new();
        request.set(StopCause::User);
        assert!(fan_out(&request, 2).iter().all(|run| !run.begin()));
    }
}
