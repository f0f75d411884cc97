//! What a model takes of the device, and that it gives it back.

use rein::LoadOptions;
use rein::llama::Backend;
use rein::models::{GpuChoice, Split};

use super::stand_in::on_device;
use super::support::{answer, free_memory, load, load_with, options};

#[test]
fn unloading_gives_all_memory_back() {
    on_device(&[], || {
        let before = free_memory();
        for _ in 0..2 {
            let model = load();
            let loaded = free_memory();
            assert!(
                before[0] - loaded[0] > model.loaded().engine.model().size_bytes() / 2,
                "the model is on the device: {before:?}, {loaded:?}"
            );
            assert_eq!(answer(&model, "Once upon a time", 8).len(), 8);
            drop(model);
            assert_eq!(free_memory(), before);
        }
    });
}

#[test]
fn a_model_that_is_kept_off_the_device_takes_no_memory_of_it() {
    on_device(&[], || {
        let before = free_memory();
        let model = load_with(LoadOptions {
            n_gpu_layers: 0,
            ..options()
        });
        assert_eq!(answer(&model, "Once upon a time", 8).len(), 8);
        // A queue is made of every device that there is, whatever lies on it; with it go 2 MiB at most.
        assert!(
            before[0] - free_memory()[0] <= 2 << 20,
            "{before:?}, {:?}",
            free_memory()
        );
        drop(model);
        assert_eq!(free_memory(), before);
    });
}

#[test]
fn a_model_that_does_not_fit_is_refused_and_nothing_is_lost() {
    on_device(&[("MIB", "60")], || {
        let before = free_memory();
        let layers = |n_gpu_layers| LoadOptions {
            n_gpu_layers,
            ..options()
        };
        let refused = rein::LocalModel::load(super::models::smollm2(), layers(99));
        let error = refused.expect_err("it does not fit").to_string();
        assert!(error.contains("Stand-in 0"), "{error}");
        assert_eq!(free_memory(), before);
        // Who leaves the number to rein gets as many as fit: none.
        let model = load_with(layers(-1));
        assert_eq!(free_memory(), before);
        assert_eq!(answer(&model, "Once upon a time", 8).len(), 8);
    });
}

#[test]
fn two_devices_share_a_model_and_give_all_memory_back() {
    on_device(&[("GPUS", "2")], || {
        let before = free_memory();
        assert_eq!(Backend::gpus()[1].name(), "Stand-in 1");
        let model = load_with(LoadOptions {
            gpus: GpuChoice::new(vec![0, 1], Split::default()).expect("two GPUs"),
            ..options()
        });
        let loaded = free_memory();
        for (gpu, (before, loaded)) in before.iter().zip(&loaded).enumerate() {
            assert!(before - loaded > 20 << 20, "{gpu}: {before}, {loaded}");
        }
        assert_eq!(answer(&model, "Once upon a time", 8).len(), 8);
        drop(model);
        assert_eq!(free_memory(), before);
    });
}
