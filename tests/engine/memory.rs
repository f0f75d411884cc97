//! What a model takes is known before its weights are loaded.

use rein::llama::{
    Backend, Context, ContextMemory, ContextParams, EmbeddingContext, EmbeddingContextParams,
    KvType, Model, ModelParams, Placement, Pooling,
};

use super::support::{SMOLLM, model_file};

/// Elements of a key and a value of one token of SmolLM2-135M: 30 layers of 3 heads of 64.
const ELEMENTS: u64 = 2 * 30 * 3 * 64;

fn model(without_weights: bool) -> Model {
    let params = ModelParams {
        placement: Placement::default().with_layers(0),
        use_mmap: false,
        without_weights,
    };
    let path = model_file(SMOLLM);
    Model::load(
        Backend::init().unwrap(),
        &path,
        &params,
        &mut |_| {},
        &|| false,
    )
    .unwrap()
}

fn memory(model: &Model, n_ctx: u32, kv_type: KvType) -> ContextMemory {
    let params = ContextParams {
        n_ctx,
        n_seq_max: 2,
        kv_type,
        ..ContextParams::default()
    };
    let context = Context::new(model, &params, &|| false).unwrap();
    context.memory_use().unwrap()
}

#[test]
fn without_weights_as_much_is_measured_as_is_taken_with_them() {
    let (measured, taken) = (model(true), model(false));
    for (n_ctx, kv_type) in [
        (512, KvType::F16),
        (8192, KvType::F16),
        (8192, KvType::Q8_0),
    ] {
        let memory = |of| memory(of, n_ctx, kv_type);
        let (measured, taken) = (memory(&measured), memory(&taken));
        assert_eq!(measured, taken, "{n_ctx} {kv_type:?}");
        let cells = u64::from(n_ctx) * ELEMENTS;
        let cells = (cells as f64 * kv_type.bytes_per_element()) as u64;
        assert_eq!(measured.host.cells, cells);
        assert!(measured.host.compute > 0);
        assert!(measured.host.total() > measured.host.weights + cells);
        assert!(measured.gpus.iter().all(|gpu| gpu.total() == 0));
    }
    assert!(memory(&measured, 512, KvType::F16).host.weights >= measured.size_bytes());
}

#[test]
fn a_context_for_embeddings_is_measured_too() {
    let measure = |model: &Model| {
        let params = EmbeddingContextParams {
            pooling: Pooling::Mean,
            max_input: 512,
            max_tokens: 128,
            max_inputs: 4,
            n_threads: 1,
        };
        let context = EmbeddingContext::new(model, &params, &|| false).unwrap();
        context.memory_use().unwrap()
    };
    let (measured, taken) = (measure(&model(true)), measure(&model(false)));
    assert_eq!(measured, taken);
    assert!(measured.host.cells >= 512 * ELEMENTS);
}
