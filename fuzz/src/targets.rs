//! The fuzz targets: what each checks, what it begins with, and which words mean something to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::api::openai::stream_properties as streams;
use crate::api::properties as requests;
use crate::chat::reasoning::properties as reasoning;
use crate::chat::template_properties as templates;
use crate::chat::tools::properties as tool_calls;
use crate::chat::{ChatTemplate, template_properties};
use crate::constraint::properties as constraints;
use crate::generation::answer_properties as answers;
use crate::harness::Target;
use crate::models::gguf::properties as gguf;

/// Bodies of requests: limits before trees, typed errors, nothing accepted that is beyond a limit.
pub static REQUESTS: Target = Target {
    check: requests::check,
    seeds: || files("fuzz/seeds/requests"),
    words: requests::words,
};

/// Streams of events: a strict client reads back what was said.
pub static STREAMS: Target = Target {
    check: streams::check,
    seeds: streams::seeds,
    words: streams::words,
};

/// Any template with any conversation: it ends, within its budget, with a prompt or a short error.
pub static TEMPLATES: Target = Target {
    check: templates::check_source,
    seeds: template_seeds,
    words: templates::words,
};

/// Real templates with any conversation: what a client wrote is never a control token.
pub static CONVERSATIONS: Target = Target {
    check: |data| templates::check_conversation(corpus(), data),
    seeds: conversation_seeds,
    words: templates::words,
};

/// Thoughts: streamed is whole, nothing is lost, little waits, no tag is shown.
pub static REASONING: Target = Target {
    check: reasoning::check,
    seeds: reasoning::seeds,
    words: reasoning::words,
};

/// Tool calls: streamed is whole, arguments are JSON if and only if the call ended, no tool is invented.
pub static TOOL_CALLS: Target = Target {
    check: tool_calls::check,
    seeds: tool_calls::seeds,
    words: tool_calls::words,
};

/// Thoughts and calls together, as the pipeline reads them: streamed is whole, each token is told once.
pub static ANSWERS: Target = Target {
    check: answers::check,
    seeds: answers::seeds,
    words: answers::words,
};

/// Grammars and schemas: checked, converted, and what is generated under them is what they describe.
pub static CONSTRAINTS: Target = Target {
    check: constraints::check,
    seeds: constraints::seeds,
    words: constraints::words,
};

/// Headers of model files: a header or a typed error.
pub static GGUF: Target = Target {
    check: gguf::check,
    seeds: gguf::seeds,
    words: gguf::words,
};

/// A place in the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The files in a directory of the repository, in the order of their names.
fn files(directory: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(repository(directory)).expect(directory);
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect(directory).path())
        .collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect(directory))
        .collect()
}

/// The templates of `tests/data/templates`.
fn sources() -> Vec<String> {
    let texts = files("tests/data/templates").into_iter();
    let texts = texts.filter_map(|bytes| String::from_utf8(bytes).ok());
    texts
        .filter(|text| text.contains("{%") || text.contains("{{"))
        .collect()
}

fn corpus() -> &'static [ChatTemplate] {
    static CORPUS: OnceLock<Vec<ChatTemplate>> = OnceLock::new();
    CORPUS.get_or_init(|| {
        let compiled = sources().into_iter();
        compiled
            .filter_map(|source| template_properties::template(&source).ok())
            .collect()
    })
}

/// Every template with a conversation of its own turn.
fn template_seeds() -> Vec<Vec<u8>> {
    let conversations = templates::conversations().into_iter().cycle();
    let seeds = sources().into_iter().zip(conversations);
    seeds
        .map(|(source, conversation)| [source.as_bytes(), b"\xff", &conversation].concat())
        .collect()
}

/// Every conversation with a few of the templates.
fn conversation_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (index, conversation) in templates::conversations().into_iter().enumerate() {
        for template in (index..corpus().len()).step_by(7) {
            seeds.push([&[template as u8], &conversation[..]].concat());
        }
    }
    seeds
}
