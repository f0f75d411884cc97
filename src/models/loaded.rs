//! [`LoadedModel`]: a model that is ready, with everything that requests need to know of it.

use super::defaults::InferenceDefaults;
use super::embedders::Embedders;
use super::identify::ModelFile;
use super::thought_markup::ThoughtMarkup;
use super::tool_markup::ToolMarkup;
use crate::chat::{ChatTemplate, TemplateCapabilities};
use crate::engine::Engine;
use crate::llama::{LlamaError, Placement, Token, TokenizeOptions};
use crate::stop::StopCause;

/// A running model.
#[derive(Debug)]
pub struct LoadedModel {
    /// Where it came from, and its public names.
    pub file: ModelFile,
    /// The decode thread.
    pub engine: Engine,
    /// The threads for embeddings and scores, made when they are first asked for.
    pub embedders: Embedders,
    /// Renders conversations.
    pub template: ChatTemplate,
    /// The template's text; `None` where the model has none and ChatML stands in.
    pub template_source: Option<String>,
    /// What the template can do.
    pub capabilities: TemplateCapabilities,
    /// How it marks its thoughts; `None` where it has none.
    pub thought_markup: Option<ThoughtMarkup>,
    /// How it writes tool calls.
    pub tool_markup: ToolMarkup,
    /// Recommended sampling.
    pub defaults: InferenceDefaults,
    /// The same as long as the same model is computed by the same code in the same way: `fp_` and 12 hexadecimal digits.
    pub fingerprint: String,
    /// The context length the model was trained for, in tokens.
    pub native_context: u32,
    /// What the load was asked for, to recognise a repeated load.
    pub options: super::LoadOptions,
    /// Where its layers are.
    pub placement: Placement,
    /// What it takes of each GPU with its context, in bytes; empty where the CPU computes.
    pub(super) gpu_needs: Vec<u64>,
    /// Seconds since the epoch.
    pub loaded_at: i64,
}

impl LoadedModel {
    /// The longest that prompt and answer can be together, in tokens.
    #[must_use]
    pub fn context_length(&self) -> u32 {
        self.engine.n_ctx() as u32
    }

    /// Runs and requests of all kinds that compute or wait.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.engine.busy() + self.embedders.busy()
    }

    /// Stops all of them with this cause, and waits until their threads have ended.
    pub fn close(&self, cause: StopCause) {
        self.engine.close(cause);
        self.embedders.close(cause);
    }

    /// True if BOS is to be added to a prompt that a template rendered: the tokenizer wants it, and the
    /// template has not written it.
    #[must_use]
    pub fn adds_bos_to(&self, rendered: &str) -> bool {
        let vocab = self.engine.model().vocab();
        vocab.adds_bos()
            && vocab
                .bos()
                .and_then(|bos| vocab.text(bos).ok())
                .is_none_or(|bos| !rendered.starts_with(&bos))
    }

    /// Tokenises plain text: what looks like a control token stays text.
    pub fn tokenize_text(&self, text: &str) -> Result<Vec<Token>, LlamaError> {
        let options = TokenizeOptions {
            add_special: true,
            parse_special: false,
        };
        self.engine.model().vocab().tokenize(text, options)
    }
}
