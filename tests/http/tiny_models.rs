//! Servers with tiny models of random weights, for what the models of the other tests do not have.

use std::path::Path;

use rein::LoadOptions;
use rein::models::identify;
use rein::stop::StopFlag;

use crate::common::models;
use crate::common::server::{Setup, TestServer};
use crate::tiny;
use crate::tiny_bert::TinyBert;

/// Gives embeddings.
pub const EMBEDDER: TinyBert = TinyBert {
    pooling: Some(1),
    labels: 0,
    rerank_template: None,
};

/// Scores pairs of texts.
pub const RERANKER: TinyBert = TinyBert {
    pooling: Some(4),
    labels: 1,
    rerank_template: None,
};

/// Tokens of the vocabulary that [`infill`] has for prefix, suffix and middle.
pub const INFILL: [i32; 3] = [3, 4, 5];

/// A server with a tiny encoder.
pub fn encoder(bert: TinyBert) -> TestServer {
    serve(|path| bert.write(path))
}

/// A server with a tiny language model that has tokens for writing a middle.
pub fn infill() -> TestServer {
    serve(|path| {
        tiny::write(&models::smollm2(), path);
        let file = std::fs::read(path).expect("the model");
        std::fs::write(path, with_infill_tokens(&file)).expect("a file");
    })
}

fn serve(write: impl FnOnce(&Path)) -> TestServer {
    let server = TestServer::with(Setup {
        model: false,
        ..Setup::default()
    });
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("tiny.gguf");
    write(&path);
    let file = identify(&path.to_string_lossy(), None).expect("a model file");
    let options = LoadOptions {
        threads: 1,
        ..LoadOptions::default()
    };
    let models = &server.state.models;
    models
        .load(file, options, false, &StopFlag::new())
        .expect("the model loads");
    server
}

/// The file with [`INFILL`] in its metadata, and something to fill the alignment.
fn with_infill_tokens(file: &[u8]) -> Vec<u8> {
    const NUMBER: u32 = 4;
    const TEXT: u32 = 8;
    const FIRST_KEY: usize = 24;
    let key = |name: &str, kind: u32, value: &[u8]| {
        let mut bytes = (name.len() as u64).to_le_bytes().to_vec();
        bytes.extend(name.as_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(value);
        bytes
    };
    let mut keys = Vec::new();
    for (name, token) in ["pre", "suf", "mid"].into_iter().zip(INFILL) {
        let name = format!("tokenizer.ggml.fim_{name}_token_id");
        keys.extend(key(&name, NUMBER, &token.to_le_bytes()));
    }
    let filler = |length: usize| {
        let mut text = (length as u64).to_le_bytes().to_vec();
        text.resize(8 + length, b'x');
        key("general.description", TEXT, &text)
    };
    let room = 32 - (keys.len() + filler(0).len()) % 32;
    keys.extend(filler(room));
    let count = u64::from_le_bytes(file[16..FIRST_KEY].try_into().expect("eight bytes"));
    let head = [&file[..16], &(count + 4).to_le_bytes()[..]].concat();
    [&head, &keys[..], &file[FIRST_KEY..]].concat()
}
