//! Embeddings of language models: right, in order, the same again, and refused where they must be.

use std::collections::VecDeque;

use rein::engine::pooled::{EmbeddingEngine, EmbeddingEngineParams, EmbeddingSpec, Pooled};
use rein::llama::{Pooling, Token, TokenizeOptions};
use rein::{
    EmbedInput, EmbedRequest, EmbeddingError, LoadOptions, LocalModel, Normalize, RerankRequest,
    StopFlag,
};

use super::replay::replay;
use super::support::{GEMMA, SMOLLM, endless, ends, finish, load, model_file, words};

/// Quantised weights are multiplied by other kernels for few rows and for many, so rows of one text differ a little from
/// batch to batch; what is computed wrong (pooled over a part, mixed with a neighbour) points elsewhere. The
/// encoder's tests, on weights of 32 bits, compare element by element.
pub const SAME_DIRECTION: f32 = 0.999;

/// Embeddings of texts, of length 1, in one request.
pub fn embed(model: &LocalModel, texts: &[String]) -> Pooled {
    let request = EmbedRequest::texts(texts.iter().cloned());
    model.embed(request).unwrap().wait().unwrap()
}

pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Checks that two rows of length 1 are the same embedding. Returns their cosine.
pub fn same(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let cosine = cosine(a, b);
    assert!(cosine >= SAME_DIRECTION, "cosine {cosine}");
    cosine
}

#[test]
fn a_batch_gives_what_each_text_gives_alone_in_order() {
    for name in [SMOLLM, GEMMA] {
        let model = load(name, 2048);
        // Of very different lengths: were a batch split, the longer ones would be pooled over a part.
        let texts: Vec<String> = [3, 40, 1, 100, 7]
            .iter()
            .enumerate()
            .map(|(seed, &n)| words(seed, n))
            .collect();
        let together = embed(&model, &texts);
        assert_eq!(together.rows.len(), texts.len());
        let mut least = 1.0_f32;
        for (i, text) in texts.iter().enumerate() {
            let alone = embed(&model, std::slice::from_ref(text));
            assert_eq!(alone.n_tokens, [together.n_tokens[i]]);
            least = least.min(same(&together.rows[i], &alone.rows[0]));
            let length = cosine(&alone.rows[0], &alone.rows[0]);
            assert!((length - 1.0).abs() < 1e-4, "{length}");
        }
        println!("{name}: the least cosine is {least}");
    }
}

#[test]
fn a_long_input_in_pieces_is_the_same_embedding() {
    let model = load(SMOLLM, 2048);
    let options = TokenizeOptions {
        add_special: true,
        parse_special: false,
    };
    let vocab = model.loaded().engine.model().vocab();
    // Ends in the middle of a piece.
    let input = vocab.tokenize(&words(3, 150), options).unwrap();
    for pooling in [Pooling::Mean, Pooling::Cls, Pooling::Last] {
        let whole = embed_tokens(&model, pooling, &input, input.len() as u32);
        let pieces = embed_tokens(&model, pooling, &input, 64);
        println!("{pooling:?}: cosine {}", same(&whole, &pieces));
    }
}

/// The row of an input, of length 1, by an engine with batches of so many tokens.
fn embed_tokens(
    model: &LocalModel,
    pooling: Pooling,
    input: &[Token],
    batch_tokens: u32,
) -> Vec<f32> {
    let params = EmbeddingEngineParams {
        pooling,
        max_input: 1024,
        threads: 2,
        max_queue: 1,
        batch_tokens,
    };
    let model = model.loaded().engine.model();
    let engine = EmbeddingEngine::start(model, &params, &|| false).unwrap();
    let spec = EmbeddingSpec {
        inputs: vec![input.to_vec()],
        flag: StopFlag::new(),
    };
    let mut row = engine.submit(spec).unwrap().wait().unwrap().rows.remove(0);
    Normalize::Euclidean.apply(&mut row);
    row
}

#[test]
fn the_same_request_gives_the_same_bits() {
    let model = load(SMOLLM, 2048);
    let texts: Vec<String> = (0..5).map(|i| words(i, 5 + i * 5)).collect();
    assert_eq!(embed(&model, &texts), embed(&model, &texts));
}

#[test]
fn sentences_of_a_subject_are_closer_than_others() {
    let model = load(SMOLLM, 2048);
    let subjects = [
        [
            "The cat slept on the warm windowsill.",
            "A kitten is napping by the sunny window.",
        ],
        [
            "The central bank raised interest rates again.",
            "Borrowing money became more expensive after the rate decision.",
        ],
        [
            "She repaired the bicycle's flat tyre.",
            "He fixed a puncture on his bike.",
        ],
    ];
    let texts: Vec<String> = subjects.as_flattened().iter().map(|&t| t.into()).collect();
    let rows = embed(&model, &texts).rows;
    for subject in 0..subjects.len() {
        let (a, b) = (&rows[2 * subject], &rows[2 * subject + 1]);
        let others = (0..texts.len()).filter(|i| i / 2 != subject);
        let nearest = others
            .flat_map(|i| [cosine(a, &rows[i]), cosine(b, &rows[i])])
            .fold(f32::MIN, f32::max);
        println!(
            "{subject}: {:.4} to its own, {nearest:.4} to others",
            cosine(a, b)
        );
        assert!(cosine(a, b) > nearest, "{subject}");
    }
}

#[test]
fn what_cannot_be_embedded_is_refused_by_name() {
    let options = LoadOptions {
        context: 256,
        threads: 2,
        ..LoadOptions::default()
    };
    let model = LocalModel::load(model_file(SMOLLM), options).unwrap();
    let check = |inputs: Vec<EmbedInput>, expected: &str| {
        let request = EmbedRequest {
            inputs,
            normalize: Normalize::default(),
        };
        let error = model.embed(request).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let tokens = |n: usize| EmbedInput::Tokens(vec![Token(5); n]);
    check(vec![], "no inputs");
    // This tokenizer adds nothing to a text.
    check(
        vec![tokens(1), EmbedInput::Text(String::new())],
        "input 1 has no tokens",
    );
    check(
        vec![tokens(256), tokens(257)],
        "input 1 has 257 tokens, and the model takes 256 at once",
    );
    check(
        vec![EmbedInput::Tokens(vec![Token(49_152)])],
        "token 49152 is not in the vocabulary",
    );
    check(
        vec![EmbedInput::Tokens(vec![Token(-1)])],
        "token -1 is not in the vocabulary",
    );
    let exactly = EmbedRequest {
        inputs: vec![tokens(256)],
        normalize: Normalize::None,
    };
    assert_eq!(
        model.embed(exactly).unwrap().wait().unwrap().n_tokens,
        [256]
    );

    let pair = RerankRequest {
        query: "q".into(),
        documents: vec!["d".into()],
    };
    let error = model.rerank(&pair).unwrap_err();
    assert!(matches!(error, EmbeddingError::NoRankHead), "{error}");
}

#[test]
fn a_long_input_gets_its_turn_beside_a_stream_of_short_ones() {
    let model = load(SMOLLM, 2048);
    let long = words(1, 200);
    let expected = embed(&model, std::slice::from_ref(&long));
    let short = EmbedRequest::texts(["A short one."]);
    // Two are always waiting.
    let mut stream: VecDeque<_> = (0..2)
        .map(|_| model.embed(short.clone()).unwrap())
        .collect();
    let job = model.embed(EmbedRequest::texts([long])).unwrap();
    let flag = job.stop_flag().clone();
    let mut computed = 0;
    while !flag.is_released() {
        stream.push_back(model.embed(short.clone()).unwrap());
        let oldest = stream.pop_front().unwrap();
        assert_eq!(oldest.wait().unwrap().rows.len(), 1);
        computed += 1;
        assert!(computed < 2000, "the long one waits for ever");
    }
    same(&expected.rows[0], &job.wait().unwrap().rows[0]);
}

#[test]
fn generation_goes_on_beside_embeddings() {
    let model = load(SMOLLM, 2048);
    let prompt = "Once upon a time";
    let answer = model.generate(endless(&model, prompt, 30)).unwrap();
    let reader = std::thread::spawn(move || finish(answer));
    let texts: Vec<String> = (0..3).map(|i| words(i, 40)).collect();
    let beside = embed(&model, &texts);
    let answer = reader.join().unwrap();
    assert_eq!(answer.tokens.len(), 30);
    let prompt = rein::generation::tokenize(model.loaded(), &rein::Prompt::Text(prompt.into()));
    replay(&model, &prompt.unwrap(), &answer.tokens, &ends(&model)).assert_good();
    for (a, b) in embed(&model, &texts).rows.iter().zip(&beside.rows) {
        same(a, b);
    }
}
