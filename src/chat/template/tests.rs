//! What the tests share: templates of the main families, ways to render them, and a small stack.

mod control_tokens;
mod families;
mod hostile;
mod language;
mod turns;

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::chat::ChatMessage;

pub(super) const TEMPLATES: [(&str, &str); 7] = [
    ("gemma", include_str!("testdata/gemma.jinja")),
    ("llama3", include_str!("testdata/llama3.jinja")),
    ("mistral", include_str!("testdata/mistral.jinja")),
    ("phi", include_str!("testdata/phi.jinja")),
    ("python", include_str!("testdata/python.jinja")),
    ("qwen", include_str!("testdata/qwen.jinja")),
    ("smollm2", include_str!("testdata/smollm2.jinja")),
];

fn template(source: &str) -> Result<ChatTemplate, TemplateError> {
    let specials = SpecialTokens {
        bos: "<s>".to_owned(),
        eos: "</s>".to_owned(),
    };
    let control = ["<|im_start|>", "<|im_end|>", "<|im_start|>system", "</s>"];
    ChatTemplate::new(source, specials, control.map(str::to_owned).to_vec())
}

fn render(source: &str, messages: &[ChatMessage]) -> Result<Vec<PromptPiece>, TemplateError> {
    template(source)?.render(&RenderInput::new(messages))
}

fn joined(pieces: &[PromptPiece]) -> String {
    pieces.iter().map(PromptPiece::as_str).collect()
}

/// The whole prompt, or the error's text.
fn text(source: &str, messages: &[ChatMessage]) -> String {
    render(source, messages).map_or_else(|error| error.to_string(), |pieces| joined(&pieces))
}

/// A thread with the stack of an ordinary worker.
fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(run)
        .expect("is valid")
        .join()
        .expect("is valid")
}
