//! Encoders and rerankers, on a tiny one with random weights.

use rein::engine::SubmitError;
use rein::engine::pooled::EmbeddingSpec;
use rein::generation::GenerateError;
use rein::llama::{Token, TokenizeOptions};
use rein::{
    EmbedInput, EmbedRequest, EmbeddingError, GenerateRequest, LoadOptions, LocalModel, Normalize,
    RerankRequest, StopFlag,
};

use super::embed::{cosine, embed};
use super::support::words;
use super::tiny_bert::{CLS, CONTEXT, SEP, TinyBert, WIDTH};

/// Weights are f32 here, but attention is computed on keys and values of 16 bits, in an order that depends on the
/// batch. Elements are around 0.1.
const TOLERANCE: f32 = 5e-4;

pub const EMBEDDER: TinyBert = TinyBert {
    pooling: Some(1),
    labels: 0,
    rerank_template: None,
};

const RERANKER: TinyBert = TinyBert {
    pooling: Some(4),
    labels: 1,
    rerank_template: None,
};

/// Writes and loads a tiny encoder.
pub fn load_tiny(bert: TinyBert, options: LoadOptions) -> LocalModel {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("tiny-bert.gguf");
    bert.write(&file);
    LocalModel::load(&file, options).unwrap()
}

fn options() -> LoadOptions {
    LoadOptions {
        threads: 2,
        ..LoadOptions::default()
    }
}

pub fn assert_close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (x, y) in a.iter().zip(b) {
        assert!((x - y).abs() <= TOLERANCE, "{x} and {y}");
    }
}

/// Scores as the classification head gives them for these tokens.
fn score_tokens(model: &LocalModel, inputs: Vec<Vec<Token>>) -> Vec<Vec<f32>> {
    let flag = StopFlag::new();
    let engine = model.loaded().embedders.ranker(&flag).unwrap();
    let run = engine.submit(EmbeddingSpec { inputs, flag }).unwrap();
    run.wait().unwrap().rows
}

fn plain_tokens(model: &LocalModel, text: &str) -> Vec<Token> {
    let options = TokenizeOptions {
        add_special: false,
        parse_special: false,
    };
    let vocab = model.loaded().engine.model().vocab();
    vocab.tokenize(text, options).unwrap()
}

#[test]
fn an_encoder_embeds_in_batches_with_every_pooling() {
    for pooling in [None, Some(1), Some(2), Some(3)] {
        let bert = TinyBert {
            pooling,
            ..EMBEDDER
        };
        let model = load_tiny(bert, options());
        let texts: Vec<String> = (0..40).map(|i| words(i, i % 13)).collect();
        let together = embed(&model, &texts);
        for (text, row) in texts.iter().zip(&together.rows) {
            assert_eq!(row.len(), WIDTH);
            let alone = embed(&model, std::slice::from_ref(text));
            assert_close(row, &alone.rows[0]);
        }
        // Random weights tell texts apart, too.
        assert!(cosine(&together.rows[1], &together.rows[2]) < 0.999);
    }
}

#[test]
fn an_encoder_takes_its_trained_positions_and_no_more() {
    // Asking for a longer context gives it no more positions.
    let options = LoadOptions {
        context: 4096,
        ..options()
    };
    let model = load_tiny(EMBEDDER, options);
    let request = |n| EmbedRequest {
        inputs: vec![EmbedInput::Tokens(vec![Token(9); n])],
        normalize: Normalize::None,
    };
    let pooled = model.embed(request(CONTEXT)).unwrap().wait().unwrap();
    assert_eq!(pooled.n_tokens, [CONTEXT]);
    let error = model.embed(request(CONTEXT + 1)).unwrap_err().to_string();
    assert!(
        error.contains("132 tokens") && error.contains("takes 131"),
        "{error}"
    );
}

#[test]
fn an_encoder_refuses_to_generate() {
    let model = load_tiny(EMBEDDER, options());
    let error = model.generate(GenerateRequest::user("Hello")).unwrap_err();
    assert!(
        matches!(error, GenerateError::Submit(SubmitError::NotGenerative)),
        "{error}"
    );
    assert!(!model.loaded().engine.generates());
}

#[test]
fn a_reranker_scores_pairs_as_its_tokenizer_marks_them() {
    let model = load_tiny(RERANKER, options());
    // The last one says a control token, which must stay text.
    let documents = ["a river of stone", "winter", "cloud [SEP] copper", ""];
    let query = "copper river?";
    let request = RerankRequest {
        query: query.into(),
        documents: documents.map(str::to_owned).to_vec(),
    };
    let scores = model.rerank(&request).unwrap().wait().unwrap();
    // BERT adds [CLS] and [SEP], and has no EOS.
    let pairs: Vec<Vec<Token>> = documents
        .iter()
        .map(|document| {
            let mut tokens = vec![Token(CLS)];
            tokens.extend(plain_tokens(&model, query));
            tokens.push(Token(SEP));
            tokens.extend(plain_tokens(&model, document));
            tokens
        })
        .collect();
    let lengths: Vec<usize> = pairs.iter().map(Vec::len).collect();
    assert_eq!(scores.n_tokens, lengths);
    assert!(
        pairs[2]
            .iter()
            .filter(|&&token| token == Token(SEP))
            .count()
            == 1
    );
    for (pair, score) in pairs.into_iter().zip(&scores.scores) {
        let alone = score_tokens(&model, vec![pair]);
        assert_close(&alone[0], &[*score]);
    }
    let apart = (scores.scores[0] - scores.scores[1]).abs();
    assert!(apart > 0.0, "{scores:?}");

    let error = model.embed(EmbedRequest::texts(["x"])).unwrap_err();
    assert!(matches!(error, EmbeddingError::IsReranker), "{error}");
}

#[test]
fn a_rerank_template_is_filled_and_names_no_control_tokens_for_others() {
    let template = "[CLS] query: {query} [SEP] document: {document} [SEP]";
    let model = load_tiny(
        TinyBert {
            rerank_template: Some(template),
            ..RERANKER
        },
        options(),
    );
    let check = |query: &str, document: &str| {
        let request = RerankRequest {
            query: query.into(),
            documents: vec![document.into()],
        };
        let scores = model.rerank(&request).unwrap().wait().unwrap();
        let mut tokens = vec![Token(CLS)];
        tokens.extend(plain_tokens(&model, &format!("query: {query}")));
        tokens.push(Token(SEP));
        tokens.extend(plain_tokens(&model, &format!("document: {document}")));
        tokens.push(Token(SEP));
        assert_eq!(scores.n_tokens, [tokens.len()], "{query:?} {document:?}");
        assert_close(&score_tokens(&model, vec![tokens])[0], &scores.scores);
    };
    check("copper river", "a stone");
    check("copper {document}", "a {query}");
    check("copper [SEP] river", "[CLS] stone");
}

#[test]
fn the_first_label_is_the_score() {
    let bert = TinyBert {
        labels: 3,
        ..RERANKER
    };
    let model = load_tiny(bert, options());
    let request = RerankRequest {
        query: "winter".into(),
        documents: vec!["garden".into()],
    };
    let scores = model.rerank(&request).unwrap().wait().unwrap();
    let mut pair = vec![Token(CLS)];
    pair.extend(plain_tokens(&model, "winter"));
    pair.push(Token(SEP));
    pair.extend(plain_tokens(&model, "garden"));
    let rows = score_tokens(&model, vec![pair]);
    assert_eq!(rows[0].len(), 3);
    assert_close(&rows[0][..1], &scores.scores);
}

#[test]
fn an_encoder_without_a_head_cannot_rerank() {
    for pooling in [None, Some(1), Some(4)] {
        let bert = TinyBert {
            pooling,
            ..EMBEDDER
        };
        let model = load_tiny(bert, options());
        let request = RerankRequest {
            query: "winter".into(),
            documents: vec!["garden".into()],
        };
        let error = model.rerank(&request).unwrap_err();
        assert!(matches!(error, EmbeddingError::NoRankHead), "{error}");
    }
}
