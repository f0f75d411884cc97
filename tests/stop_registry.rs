//! The registry's contract, after reference cases of the Studio API's cancel route.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use rein::stop::{RunIds, STASH_CAPACITY, STASH_TTL, StopCause, StopFlag, StopRegistry};

fn ids(cancel: &str, session: &str, completion: &str) -> RunIds {
    let id = |text: &str| (text != "-").then(|| text.to_owned());
    RunIds {
        cancel_id: id(cancel),
        session_id: id(session),
        completion_id: id(completion),
        message_id: None,
    }
}

/// Registers runs, cancels once, and checks how many and which flags were set.
fn check(runs: &[RunIds], cancel: &RunIds, expected: &[bool]) {
    let stops = StopRegistry::new();
    let now = Instant::now();
    let guards: Vec<_> = runs
        .iter()
        .map(|ids| stops.register(ids, StopFlag::new(), now))
        .collect();
    let reached = stops.cancel(cancel, now);
    let set: Vec<bool> = guards.iter().map(|guard| guard.flag().is_set()).collect();
    assert_eq!(set, expected);
    assert_eq!(reached.len(), expected.iter().filter(|set| **set).count());
    drop(guards);
    assert!(stops.is_empty());
}

#[test]
fn a_cancel_id_is_exclusive() {
    check(
        &[ids("a", "s", "c1"), ids("b", "s", "c2")],
        &ids("a", "s", "-"),
        &[true, false],
    );
    check(&[ids("b", "s", "c2")], &ids("old", "s", "c2"), &[false]);
}

#[test]
fn without_a_cancel_id_the_union_is_stopped() {
    check(
        &[ids("a", "s", "c1"), ids("b", "s", "c2")],
        &ids("-", "s", "-"),
        &[true, true],
    );
    check(
        &[ids("a", "s", "c1"), ids("b", "t", "c2")],
        &ids("-", "s", "c2"),
        &[true, true],
    );
}

#[test]
fn a_run_reached_by_two_keys_counts_once() {
    check(&[ids("a", "s", "c1")], &ids("-", "s", "c1"), &[true]);
}

#[test]
fn an_empty_or_unknown_id_reaches_nobody() {
    check(&[ids("", "", "c1")], &ids("", "", "-"), &[false]);
    check(&[ids("a", "s", "c1")], &ids("-", "-", "-"), &[false]);
    check(&[ids("a", "s", "c1")], &ids("-", "x", "y"), &[false]);
}

#[test]
fn ids_of_different_kinds_never_match() {
    check(
        &[ids("x", "-", "-"), ids("-", "x", "-"), ids("-", "-", "x")],
        &ids("x", "-", "-"),
        &[true, false, false],
    );
}

#[test]
fn a_stop_that_came_early_is_replayed_once() {
    let stops = StopRegistry::new();
    let now = Instant::now();
    assert!(stops.cancel(&ids("a", "s", "-"), now).is_empty());
    let first = stops.register(&ids("a", "s", "-"), StopFlag::new(), now);
    assert_eq!(first.flag().cause(), Some(StopCause::User));
    drop(first);
    let second = stops.register(&ids("a", "s", "-"), StopFlag::new(), now);
    assert!(!second.flag().is_set());
}

#[test]
fn session_and_completion_ids_are_not_stashed() {
    let stops = StopRegistry::new();
    let now = Instant::now();
    assert!(stops.cancel(&ids("-", "s", "c"), now).is_empty());
    assert!(
        !stops
            .register(&ids("a", "s", "c"), StopFlag::new(), now)
            .flag()
            .is_set()
    );
}

#[test]
fn the_stash_forgets_after_its_time_and_a_second_post_renews_it() {
    let stops = StopRegistry::new();
    let start = Instant::now();
    let almost = STASH_TTL.saturating_sub(Duration::from_millis(1));
    let _ = stops.cancel(&ids("old", "-", "-"), start);
    let _ = stops.cancel(&ids("renewed", "-", "-"), start);
    let _ = stops.cancel(&ids("renewed", "-", "-"), start + almost);
    let later = start + STASH_TTL + Duration::from_secs(1);
    assert!(
        !stops
            .register(&ids("old", "-", "-"), StopFlag::new(), later)
            .flag()
            .is_set()
    );
    assert!(
        stops
            .register(&ids("renewed", "-", "-"), StopFlag::new(), later)
            .flag()
            .is_set()
    );
}

#[test]
fn the_stash_is_bounded_and_drops_the_oldest() {
    let stops = StopRegistry::new();
    let start = Instant::now();
    for i in 0..=STASH_CAPACITY {
        let _ = stops.cancel(
            &ids(&format!("id{i}"), "-", "-"),
            start + Duration::from_micros(i as u64),
        );
    }
    let now = start + Duration::from_secs(1);
    assert!(
        !stops
            .register(&ids("id0", "-", "-"), StopFlag::new(), now)
            .flag()
            .is_set()
    );
    assert!(
        stops
            .register(&ids("id1", "-", "-"), StopFlag::new(), now)
            .flag()
            .is_set()
    );
}

#[test]
fn a_second_cancel_counts_again_until_the_run_is_gone() {
    let stops = StopRegistry::new();
    let now = Instant::now();
    let guard = stops.register(&ids("a", "-", "c"), StopFlag::new(), now);
    assert_eq!(stops.cancel(&ids("a", "-", "-"), now).len(), 1);
    assert_eq!(stops.cancel(&ids("a", "-", "-"), now).len(), 1);
    drop(guard);
    assert_eq!(stops.cancel(&ids("-", "-", "c"), now).len(), 0);
}

#[test]
fn dropping_the_guard_stops_the_run() {
    let stops = StopRegistry::new();
    let flag = StopFlag::new();
    drop(stops.register(&ids("a", "-", "-"), flag.clone(), Instant::now()));
    assert_eq!(flag.cause(), Some(StopCause::Disconnect));
}

#[test]
fn of_100_000_racing_pairs_none_is_lost() {
    const PAIRS: usize = 100_000;
    let stops = StopRegistry::new();
    let barrier = Barrier::new(2);
    // Both threads walk the ids in the same order, so most pairs really meet.
    let set = std::thread::scope(|scope| {
        scope.spawn(|| {
            barrier.wait();
            for i in 0..PAIRS {
                let _ = stops.cancel(&ids(&i.to_string(), "-", "-"), Instant::now());
                if i % 1000 == 0 {
                    barrier.wait();
                }
            }
        });
        barrier.wait();
        let mut guards = Vec::with_capacity(PAIRS);
        for i in 0..PAIRS {
            guards.push(stops.register(
                &ids(&i.to_string(), "s", "-"),
                StopFlag::new(),
                Instant::now(),
            ));
            if i % 1000 == 0 {
                barrier.wait();
            }
        }
        guards
    });
    let lost = set
        .iter()
        .filter(|guard| guard.flag().cause() != Some(StopCause::User))
        .count();
    assert_eq!(lost, 0);
    drop(set);
    assert!(stops.is_empty());
}
