//! Tests of `gpu_fit`, on a model that exists only in numbers.

use super::*;
use crate::llama::PlacementError;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// 31 layers and an output layer of 256 MiB each (8 GiB in all). A token takes 4 KiB in each layer but the output layer
/// (4,096 tokens: 496 MiB; 32,768: 3,968 MiB), and a GPU with a layer 128 MiB for computing.
const LAYERS: u32 = 31;
const NATIVE: u32 = 32_768;
const LAYER: u64 = 256 * MIB;
const CELL: u64 = 4096;
const COMPUTE: u64 = 128 * MIB;

/// Answers as that model would, and counts.
struct Numbers {
    gpus: usize,
    asked: Vec<(Vec<usize>, i32, u32)>,
}

impl Measure for Numbers {
    fn needs(&mut self, placement: &Placement, context: u32) -> Result<Vec<u64>, LoadError> {
        let layers = placement.n_gpu_layers();
        self.asked
            .push((placement.gpus().to_vec(), layers, context));
        let mut needs = vec![0; self.gpus];
        let all = LAYERS as usize + 1;
        let count = usize::try_from(layers).map_or(all, |layers| layers.min(all));
        for layer in all - count..all {
            let place = (layer + count - all) as f32 / count as f32;
            let gpu = placement.gpus()[shared(placement, place)];
            if needs[gpu] == 0 {
                needs[gpu] = COMPUTE;
            }
            let is_output = layer == LAYERS as usize;
            needs[gpu] += LAYER + u64::from(!is_output) * CELL * u64::from(context);
        }
        Ok(needs)
    }
}

/// Which of a placement's GPUs has the layer at this part of all, as llama.cpp shares them out.
fn shared(placement: &Placement, place: f32) -> usize {
    let Some(shares) = placement.shares() else {
        return 0;
    };
    let sum: f32 = shares.as_slice().iter().sum();
    let ends = shares.as_slice().iter().scan(0.0, |end, share| {
        *end += share / sum;
        Some(*end)
    });
    let last = shares.as_slice().len() - 1;
    ends.take(last).filter(|end| *end <= place).count()
}

/// GPUs of 80 GiB with so much free, in MiB.
fn gpus(free: &[u64]) -> Vec<GpuState> {
    let gpu = |(index, mib)| GpuState {
        name: format!("Test {index}"),
        memory: DeviceMemory {
            free: mib * MIB,
            total: 80 * GIB,
        },
    };
    free.iter().copied().enumerate().map(gpu).collect()
}

/// What is kept free of 80 GiB, and what one GPU takes of the whole model.
const KEPT: u64 = 4096;
const WEIGHTS: u64 = 8192 + 128;
const FULL: u64 = WEIGHTS + 31 * 128;
const LEAST: u64 = WEIGHTS + 31 * 16;

fn anywhere() -> GpuChoice {
    GpuChoice::default()
}

fn on(gpus: &[usize]) -> GpuChoice {
    GpuChoice::new(gpus.to_vec(), Split::default()).unwrap()
}

fn fitted(
    gpus: &[GpuState],
    choice: &GpuChoice,
    layers: i32,
    context: u32,
) -> (Result<GpuPlan, LoadError>, usize) {
    let wish = Wish {
        choice,
        n_gpu_layers: layers,
        context,
        native_context: NATIVE,
        n_layers: LAYERS,
    };
    let mut numbers = Numbers {
        gpus: gpus.len(),
        asked: Vec::new(),
    };
    let plan = fit(gpus, wish, &mut numbers);
    if let Ok(plan) = &plan {
        assert!(plan.check(gpus).is_ok(), "{plan:?}");
        if plan.placement.n_gpu_layers() != 0 {
            let again = numbers.needs(&plan.placement, plan.context).unwrap();
            assert_eq!(plan.needs, again);
        }
    }
    let bound = gpus.len() + 16;
    assert!(numbers.asked.len() <= bound, "{:?}", numbers.asked);
    (plan, numbers.asked.len())
}

/// A fit, and where it should be: GPUs, layers, context.
fn check(
    free: &[u64],
    choice: &GpuChoice,
    (layers, context): (i32, u32),
    expected: (&[usize], i32, u32),
) {
    let plan = fitted(&gpus(free), choice, layers, context).0;
    let plan = plan.unwrap_or_else(|error| panic!("{free:?}: {error}"));
    let got = (
        plan.placement.gpus(),
        plan.placement.n_gpu_layers(),
        plan.context,
    );
    assert_eq!(got, expected, "{free:?}");
}

fn refused(
    free: &[u64],
    choice: &GpuChoice,
    (layers, context): (i32, u32),
    expected_gpu: usize,
) -> GpuMemoryError {
    match fitted(&gpus(free), choice, layers, context).0 {
        Err(LoadError::GpuMemory(error)) => {
            assert_eq!(error.gpu, expected_gpu, "{error}");
            error
        }
        other => panic!("{free:?}: {other:?}"),
    }
}

#[test]
fn a_gpu_that_holds_everything_takes_everything() {
    check(&[40_000], &anywhere(), (-1, 0), (&[0], -1, NATIVE));
    check(&[40_000], &anywhere(), (-1, 100_000), (&[0], -1, 100_000));
    check(&[40_000], &anywhere(), (8, 0), (&[0], 8, NATIVE));
}

#[test]
fn the_fewest_gpus_are_taken_and_those_with_most_free_memory_first() {
    check(&[9000, 30_000], &anywhere(), (-1, 0), (&[1], -1, NATIVE));
    let three = [9000, 12_000, 11_000];
    check(&three, &anywhere(), (-1, 0), (&[1, 2], -1, NATIVE));
    check(&[9000; 3], &anywhere(), (-1, 0), (&[0, 1, 2], -1, NATIVE));
    // Equal ones in their order.
    check(&[20_000; 3], &anywhere(), (-1, 0), (&[0], -1, NATIVE));
}

#[test]
fn named_gpus_are_all_used_and_no_other_is() {
    let free = [80_000, 30_000, 30_000];
    check(&free, &on(&[2, 1]), (-1, 0), (&[2, 1], -1, NATIVE));
    check(&free, &on(&[1]), (-1, 0), (&[1], -1, NATIVE));
    refused(&[80_000, 5000], &on(&[1]), (32, 0), 1);
}

#[test]
fn without_a_split_one_gpu_takes_the_model() {
    let one = |gpus: &[usize]| GpuChoice::new(gpus.to_vec(), Split::OneGpu).unwrap();
    let free = [20_000, 60_000, 40_000];
    check(&free, &one(&[]), (-1, 0), (&[1], -1, NATIVE));
    check(&free, &one(&[0, 2]), (-1, 0), (&[2], -1, NATIVE));
    refused(&[9000, 12_000, 11_000], &one(&[]), (32, NATIVE), 1);
}

#[test]
fn shares_that_were_asked_for_are_kept() {
    let shares = Shares::new(vec![0.0, 1.0]).unwrap();
    let choice = GpuChoice::new(vec![], Split::Layers(Some(shares))).unwrap();
    let plan = fitted(&gpus(&[60_000, 30_000]), &choice, -1, 0).0.unwrap();
    assert_eq!(plan.needs, [0, FULL * MIB]);
    refused(&[60_000, 9000], &choice, (32, NATIVE), 1);
}

#[test]
fn a_context_that_nobody_asked_for_is_as_long_as_fits() {
    // Exactly what is needed, then less; a tenth is left where that is more than the head-room.
    let of = |needed: u64| needed + KEPT;
    check(&[of(FULL)], &anywhere(), (-1, 0), (&[0], -1, NATIVE));
    check(
        &[of(FULL) - 1],
        &anywhere(),
        (-1, 0),
        (&[0], -1, NATIVE - 256),
    );
    let half = WEIGHTS + 31 * 64;
    check(&[of(half)], &anywhere(), (-1, 0), (&[0], -1, NATIVE / 2));
    check(&[of(LEAST)], &anywhere(), (-1, 0), (&[0], -1, 4096));
    // A number of layers is kept too.
    check(&[of(LEAST)], &anywhere(), (32, 0), (&[0], 32, 4096));
}

#[test]
fn a_context_that_was_asked_for_is_refused_where_a_shorter_one_would_do() {
    let error = refused(&[LEAST + KEPT], &anywhere(), (-1, 16_384), 0);
    assert_eq!(error.needed, (WEIGHTS + 31 * 64) * MIB);
    assert_eq!((error.free, error.kept), ((LEAST + KEPT) * MIB, KEPT * MIB));
    let text = error.to_string();
    for part in [
        "GPU 0 (Test 0)",
        "16384 tokens",
        "10304 MiB are needed",
        "12912 MiB are free",
        "4096 MiB of them",
        "--ctx-size",
        "--n-gpu-layers",
        "--cache-type-kv",
        "gpu_ids",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_model_that_is_too_large_leaves_layers_to_the_cpu() {
    // Of 8 GiB with 4 kept free, 15 layers and their cells of 4,096 tokens: 15 * 272 MiB - 16 + 128 fit 4,096 MiB.
    check(&[8192], &anywhere(), (-1, 0), (&[0], 14, 4096));
    check(&[8192 + 128], &anywhere(), (-1, 0), (&[0], 15, 4096));
    // With the context that was asked for, however short or long.
    check(&[8192], &anywhere(), (-1, 2048), (&[0], 15, 2048));
    check(&[8192], &anywhere(), (-1, NATIVE), (&[0], 10, NATIVE));
    check(&[6000, 6000], &anywhere(), (-1, 0), (&[0, 1], 12, 4096));
}

#[test]
fn gpus_without_room_for_a_layer_get_none() {
    let plan = fitted(&gpus(&[KEPT + 300]), &anywhere(), -1, 0).0.unwrap();
    assert_eq!((plan.placement.n_gpu_layers(), plan.context), (0, 4096));
    assert_eq!(plan.needs, [0]);
}

#[test]
fn a_number_of_layers_that_was_asked_for_is_kept_or_refused() {
    check(&[8192], &anywhere(), (14, 0), (&[0], 14, 7424));
    refused(&[8192], &anywhere(), (20, 0), 0);
    refused(&[8192], &anywhere(), (20, 2048), 0);
}

#[test]
fn a_gpu_that_does_not_say_what_it_has_refuses_nothing() {
    let mut unknown = gpus(&[0]);
    unknown[0].memory.total = 0;
    let plan = fitted(&unknown, &anywhere(), -1, 1_000_000).0.unwrap();
    assert_eq!(plan.needs.len(), 1);
    assert_eq!(plan.check(&unknown), Ok(()));
}

#[test]
fn a_model_of_a_short_context_is_not_made_shorter() {
    let wish = Wish {
        choice: &anywhere(),
        n_gpu_layers: 32,
        context: 0,
        native_context: 2048,
        n_layers: LAYERS,
    };
    let gpus = gpus(&[LEAST + KEPT]);
    let mut numbers = Numbers {
        gpus: 1,
        asked: Vec::new(),
    };
    assert_eq!(fit(&gpus, wish, &mut numbers).unwrap().context, 2048);
}

#[test]
fn what_is_kept_free_is_a_part_of_all_memory_and_never_little() {
    let check = |free: u64, total: u64, limit: Option<u64>, budget: Option<u64>| {
        let gpu = GpuState {
            name: String::new(),
            memory: DeviceMemory { free, total },
        };
        assert_eq!((gpu.limit(), gpu.budget()), (limit, budget));
    };
    let mib = |mib: u64| Some(mib * MIB);
    check(8 * GIB, 8 * GIB, mib(7680), Some(8 * GIB * 9 / 10));
    check(80 * GIB, 80 * GIB, mib(76 * 1024), mib(72 * 1024));
    check(10 * GIB, 80 * GIB, mib(6 * 1024), mib(6 * 1024));
    check(GIB / 4, 8 * GIB, Some(0), Some(0));
    check(
        u64::MAX,
        u64::MAX,
        Some(u64::MAX - u64::MAX / 20),
        Some((u128::from(u64::MAX) * 9 / 10) as u64),
    );
    check(0, 0, None, None);
}

#[test]
fn a_plan_is_checked_against_what_is_free_now() {
    let plan = fitted(&gpus(&[40_000]), &anywhere(), -1, 0).0.unwrap();
    assert_eq!(plan.check(&gpus(&[FULL + KEPT])), Ok(()));
    let error = plan.check(&gpus(&[FULL + KEPT - 1])).unwrap_err();
    assert_eq!(error.needed, FULL * MIB);
}

#[test]
fn a_measurement_that_fails_ends_the_search() {
    struct Fails;
    impl Measure for Fails {
        fn needs(&mut self, _: &Placement, _: u32) -> Result<Vec<u64>, LoadError> {
            Err(LoadError::Stopped)
        }
    }
    let wish = Wish {
        choice: &anywhere(),
        n_gpu_layers: -1,
        context: 0,
        native_context: NATIVE,
        n_layers: LAYERS,
    };
    let result = fit(&gpus(&[40_000, 40_000]), wish, &mut Fails);
    assert!(matches!(result, Err(LoadError::Stopped)));
}

#[test]
fn errors_of_a_choice_are_errors_of_a_load() {
    let error = LoadError::from(PlacementError::NoSuchGpu { gpu: 3, gpus: 1 });
    assert!(error.to_string().contains("GPU 3"));
}
