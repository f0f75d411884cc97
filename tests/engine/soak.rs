//! Ten thousand runs with random stops and disconnects leave nothing behind.

use std::time::Instant;

use rein::stop::{RunIds, StopRegistry};
use rein::{Delta, LoadOptions, LocalModel, StopFlag};

use super::support::{SMOLLM, endless, is_idle, model_file, wait_until, words};
use super::tiny;

const RUNS: usize = 10_000;
const CLIENTS: usize = 6;

/// `RssAnon` + `VmSwap` of this process, in KiB.
fn private_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    field("RssAnon:") + field("VmSwap:")
}

/// One client: runs one generation after the other, ending each in its own way.
fn client(model: &LocalModel, stops: &StopRegistry, number: usize, runs: usize) {
    for i in 0..runs {
        let seed = number * 7919 + i * 104_729;
        let ids = RunIds {
            cancel_id: Some(format!("{number}-{i}")),
            session_id: Some(format!("session {number}")),
            ..RunIds::default()
        };
        let flag = StopFlag::new();
        let guard = stops.register(&ids, flag.clone(), Instant::now());
        let request = endless(model, words(seed % 97, seed % 60), 1 + (seed % 9) as u32);
        let Ok(mut run) = model.generate_with(request, &flag) else {
            panic!("refused");
        };
        match seed % 4 {
            // To the end.
            0 => while run.next_blocking().is_some() {},
            // Stopped by name, at once or after a piece.
            1 | 2 => {
                if seed % 4 == 2 {
                    let _ = run.next_blocking();
                }
                let named = RunIds {
                    session_id: None,
                    ..ids
                };
                let _ = stops.cancel(&named, Instant::now());
                while let Some(delta) = run.next_blocking() {
                    assert!(!matches!(delta, Delta::Failed { .. }));
                }
            }
            // The client goes away.
            _ => drop(run),
        }
        drop(guard);
        assert!(flag.is_set());
    }
}

fn run_clients(model: &LocalModel, stops: &StopRegistry, runs: usize) {
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            scope.spawn(move || client(model, stops, number, runs / CLIENTS));
        }
    });
}

#[test]
fn ten_thousand_runs_leave_no_entry_no_sequence_and_no_memory_behind() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tiny.gguf");
    tiny::write(&model_file(SMOLLM), &file);
    let options = LoadOptions {
        context: 512,
        threads: 2,
        // Full within the first thousand runs: what grows after that is a leak.
        host_cache_mib: Some(1),
        ..LoadOptions::default()
    };
    let model = LocalModel::load(&file, options).unwrap();
    let stops = StopRegistry::new();

    run_clients(&model, &stops, RUNS / 10);
    wait_until("the engine is idle", || is_idle(&model));
    let before = private_memory_kib();
    run_clients(&model, &stops, RUNS - RUNS / 10);
    wait_until("the engine is idle", || is_idle(&model));
    let after = private_memory_kib();

    assert!(stops.is_empty());
    let grown = after.abs_diff(before) as f64 / before as f64;
    println!(
        "private memory: {before} KiB after {}, {after} KiB after {RUNS}",
        RUNS / 10
    );
    assert!(
        after <= before || grown <= 0.02,
        "grew from {before} to {after} KiB"
    );
    assert!(model.generate(endless(&model, "still alive", 3)).is_ok());
}
