//! A load that is stopped gives the device's memory back, wherever the stop meets it.
//!
//! What is being loaded asks whether it is still wanted thousands of times, at every allocation (`vendor/llama/stoppable.h`).
//! A first load tells at which of these questions the device's memory changes; then loads are stopped there, and just
//! before and after, where something has been taken and may have no owner yet.

use std::cell::{Cell, RefCell};

use rein::llama::{Backend, Context, ContextParams, LlamaError, Model, ModelParams};
use rein::models::LoadError;
use rein::{LocalModel, OpenError, StopCause, StopFlag};

use super::models::smollm2;
use super::stand_in::on_device;
use super::support::{answer, free_memory, load, options, wait_until};

/// Stops before and after a change of the device's memory, in questions.
const BEFORE: usize = 2;
const AFTER: usize = 12;

/// Stops that are spread over the whole load.
const SPREAD: usize = 16;

/// Makes something that takes the device's memory; it asks whether to stop.
type Make<'a, T> = &'a dyn Fn(&dyn Fn() -> bool) -> Result<T, LlamaError>;

/// The numbers of the questions to stop at.
fn stops<T>(make: Make<'_, T>) -> Vec<usize> {
    let asked = Cell::new(0_usize);
    let last = RefCell::new(free_memory());
    let changes = RefCell::new(Vec::<usize>::new());
    let whole = make(&|| {
        let gpus = Backend::gpus().iter();
        let mut last = last.borrow_mut();
        for (gpu, last) in gpus.zip(last.iter_mut()) {
            let free = gpu.memory().free;
            if free != *last {
                *last = free;
                changes.borrow_mut().push(asked.get());
            }
        }
        asked.set(asked.get() + 1);
        false
    });
    whole.expect("nothing stops it");
    let all = asked.get();
    let near = changes
        .borrow()
        .iter()
        .flat_map(|&at| at.saturating_sub(BEFORE)..(at + AFTER).min(all))
        .collect::<Vec<_>>();
    assert!(!near.is_empty(), "{all} questions, but no memory was taken");
    let mut stops: Vec<usize> = (0..SPREAD).map(|i| all * i / SPREAD).chain(near).collect();
    stops.sort_unstable();
    stops.dedup();
    eprintln!(
        "{all} questions, {} stops, changes at {:?}",
        stops.len(),
        changes.borrow()
    );
    stops
}

fn check<T>(make: Make<'_, T>) {
    // What is made once for the process is made now.
    drop(make(&|| false).expect("nothing stops it"));
    let before = free_memory();
    let mut lost = Vec::new();
    for stop in stops(make) {
        let free = free_memory();
        let asked = Cell::new(0_usize);
        let outcome = make(&|| {
            asked.set(asked.get() + 1);
            asked.get() > stop
        });
        assert!(
            matches!(outcome, Err(LlamaError::LoadStopped)),
            "stopped at question {stop}"
        );
        if free_memory() != free {
            lost.push((stop, free[0] - free_memory()[0]));
        }
    }
    assert!(lost.is_empty(), "(question, bytes lost): {lost:?}");
    drop(make(&|| false).expect("nothing stops it"));
    assert_eq!(free_memory(), before);
}

fn check_models() {
    let backend = Backend::init().expect("llama.cpp starts");
    check(&|should_stop| {
        Model::load(
            backend,
            &smollm2(),
            &ModelParams::default(),
            &mut |_| {},
            should_stop,
        )
    });
}

fn check_contexts() {
    let model = load();
    let params = ContextParams {
        n_ctx: 2048,
        n_seq_max: 2,
        ..ContextParams::default()
    };
    let model = model.loaded().engine.model();
    check(&|should_stop| Context::new(model, &params, should_stop));
}

#[test]
fn a_model_that_is_stopped_anywhere_gives_all_memory_back() {
    on_device(&[], || {
        check_models();
    });
}

#[test]
fn a_model_on_two_devices_that_is_stopped_anywhere_gives_all_memory_back() {
    on_device(&[("GPUS", "2")], || {
        check_models();
    });
}

#[test]
fn a_context_that_is_stopped_anywhere_gives_all_memory_back() {
    on_device(&[], || {
        check_contexts();
    });
}

#[test]
fn a_context_on_two_devices_that_is_stopped_anywhere_gives_all_memory_back() {
    on_device(&[("GPUS", "2")], || {
        check_contexts();
    });
}

#[test]
fn after_a_load_that_was_stopped_by_its_flag_the_next_one_works() {
    on_device(&[], || {
        let before = free_memory();
        for progress in [0.0, 0.3, 0.8] {
            let flag = StopFlag::new();
            let theirs = flag.clone();
            let loading = std::thread::spawn(move || {
                LocalModel::load_stoppable(smollm2(), options(), &theirs)
            });
            // As much of it as is on the device by then.
            let taken = (progress * 80e6) as u64;
            wait_until("the device holds so much", || {
                loading.is_finished() || before[0] - free_memory()[0] >= taken
            });
            flag.set(StopCause::User);
            match loading.join().expect("no panic") {
                Err(OpenError::Load(LoadError::Stopped)) => {}
                Ok(model) => drop(model), // too late
                Err(other) => panic!("{other}"),
            }
            assert_eq!(free_memory(), before);
        }
        assert_eq!(answer(&load(), "Once upon a time", 8).len(), 8);
    });
}
