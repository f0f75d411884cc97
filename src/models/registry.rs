//! [`ModelRegistry`]: which model is loaded, which one is being loaded, and the way from one to the other.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use super::defaults::inference_defaults;
use super::embedders::Embedders;
use super::fingerprint::fingerprint;
use super::gguf::{GgufError, GgufHeader};
use super::identify::ModelFile;
use super::loaded::LoadedModel;
use super::memory;
use super::progress::{LoadProgress, LoadReport};
use super::thought_markup::ThoughtMarkup;
use super::tool_markup::ToolMarkup;
use crate::chat::{ChatTemplate, SpecialTokens, TemplateCapabilities, TemplateError};
use crate::engine::drafts::DraftKind;
use crate::engine::{Engine, EngineError, EngineParams};
use crate::llama::{Backend, Device, KvType, LlamaError, Model, ModelParams};
use crate::stop::{StopCause, StopFlag, StopRecord};

/// How a model is to be loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadOptions {
    /// Tokens of prompt and answer together; 0 takes what the model was trained for, or less where the
    /// machine's memory does not hold that.
    pub context: u32,
    /// Runs that compute at the same time.
    pub parallel: u32,
    /// Threads that compute; 0 takes one for each core.
    pub threads: u32,
    /// Runs that may wait.
    pub max_queue: usize,
    /// How long a step may take while somebody is decoding, in milliseconds.
    pub max_step_ms: u32,
    /// Layers on the GPU; -1 means all.
    pub n_gpu_layers: i32,
    /// Element type of the KV cells.
    pub kv_type: KvType,
    /// Where drafts come from.
    pub drafts: DraftKind,
    /// The file of the model that [`DraftKind::Model`] asks.
    pub draft_model: Option<PathBuf>,
    /// Whether attention is one fused operation; `None` leaves it to the engine.
    pub flash_attention: Option<bool>,
    /// Host memory for conversations that have no sequence any more, in MiB; `None` takes a share of what is
    /// free.
    pub host_cache_mib: Option<u32>,
    /// A Jinja template that replaces the model's own.
    pub chat_template: Option<String>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            context: 0,
            parallel: 4,
            threads: 0,
            max_queue: 64,
            max_step_ms: 100,
            n_gpu_layers: -1,
            kv_type: KvType::default(),
            drafts: DraftKind::Off,
            draft_model: None,
            flash_attention: None,
            host_cache_mib: None,
            chat_template: None,
        }
    }
}

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not what it says it is.
    #[error(transparent)]
    File(GgufError),
    /// llama.cpp refused.
    #[error(transparent)]
    Llama(LlamaError),
    /// The engine could not start.
    #[error(transparent)]
    Engine(EngineError),
    /// The chat template cannot be used.
    #[error("the chat template cannot be used: {0}")]
    Template(#[from] TemplateError),
    /// Somebody stopped the load.
    #[error("the load was cancelled")]
    Stopped,
    /// Another model is being loaded.
    #[error("{0} is being loaded already; wait for it, or unload it to cancel")]
    Busy(String),
    /// Another model is generating, and the load was not forced.
    #[error(
        "{running} generation(s) of {model} are running; wait for them, stop them, or send force_cancel_active"
    )]
    InUse {
        /// The loaded model.
        model: String,
        /// Runs that compute or wait.
        running: usize,
    },
}

impl From<GgufError> for LoadError {
    fn from(error: GgufError) -> Self {
        match error {
            GgufError::Stopped => Self::Stopped,
            error => Self::File(error),
        }
    }
}

impl From<LlamaError> for LoadError {
    fn from(error: LlamaError) -> Self {
        match error {
            LlamaError::LoadStopped => Self::Stopped,
            error => Self::Llama(error),
        }
    }
}

impl From<EngineError> for LoadError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Stopped => Self::Stopped,
            error => Self::Engine(error),
        }
    }
}

/// The loaded model, if there is one. Cheap to clone; clones share.
#[derive(Debug, Clone, Default)]
pub struct ModelRegistry {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    current: RwLock<Option<Arc<LoadedModel>>>,
    loading: Mutex<Option<Loading>>,
}

#[derive(Debug, Clone)]
struct Loading {
    file: ModelFile,
    flag: StopFlag,
    progress: Arc<LoadProgress>,
    begun: Instant,
}

/// Ends the "loading" state however the load ends.
struct LoadingGuard<'a>(&'a ModelRegistry);

impl Drop for LoadingGuard<'_> {
    fn drop(&mut self) {
        if let Some(loading) = self.0.loading().take() {
            if let (Some(cause), Some(set)) = (loading.flag.cause(), loading.flag.set_at()) {
                StopRecord {
                    phase: "load",
                    cause,
                    set,
                    last_computing: Some((loading.begun, Instant::now())),
                }
                .publish();
            }
            loading.flag.release();
        }
    }
}

impl ModelRegistry {
    /// A registry without a model.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn loading(&self) -> MutexGuard<'_, Option<Loading>> {
        self.inner
            .loading
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The loaded model.
    #[must_use]
    pub fn current(&self) -> Option<Arc<LoadedModel>> {
        let current = self
            .inner
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    /// What computes: what the loaded model was put on, or where there is none, what the next one will be put on.
    #[must_use]
    pub fn device(&self) -> Device {
        match self.current() {
            Some(model) if model.options.n_gpu_layers == 0 => Device::Cpu,
            _ => Backend::device(),
        }
    }

    /// How far the load that is going on is, or that a model is ready, or that there is none.
    #[must_use]
    pub fn report(&self) -> LoadReport {
        if let Some(loading) = &*self.loading() {
            return loading.progress.report();
        }
        self.current().map_or_else(LoadReport::default, |current| {
            let done = LoadProgress::new(current.file.size_bytes);
            done.set_ready();
            done.report()
        })
    }

    /// The model that is being loaded.
    #[must_use]
    pub fn being_loaded(&self) -> Option<ModelFile> {
        self.loading().as_ref().map(|loading| loading.file.clone())
    }

    /// Loads a model in place of the present one. Blocks; a set `flag` ends it within milliseconds to a
    /// quarter of a second, and nothing of it is left then.
    ///
    /// Returns the model, and whether it had been loaded like this already.
    pub fn load(
        &self,
        file: ModelFile,
        options: LoadOptions,
        force: bool,
        flag: &StopFlag,
    ) -> Result<(Arc<LoadedModel>, bool), LoadError> {
        let progress = Arc::new(LoadProgress::new(file.size_bytes));
        {
            let mut loading = self.loading();
            if let Some(other) = &*loading {
                return Err(LoadError::Busy(other.file.display_name.clone()));
            }
            if !flag.begin() {
                return Err(LoadError::Stopped);
            }
            *loading = Some(Loading {
                file: file.clone(),
                flag: flag.clone(),
                progress: progress.clone(),
                begun: Instant::now(),
            });
        }
        let _loading = LoadingGuard(self);
        if let Some(current) = self.current() {
            if current.file.path == file.path
                && current.options == options
                && current.engine.is_running()
            {
                return Ok((current, true));
            }
            if let Some(source) = &options.chat_template {
                // One that cannot be read must not cost the model that is loaded.
                ChatTemplate::new(source, SpecialTokens::default(), Vec::new())?;
            }
            self.make_way(&current, &file, force, flag)?;
        }
        let loaded = Arc::new(build(file, options, flag, &progress)?);
        *self
            .inner
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(loaded.clone());
        Ok((loaded, false))
    }

    /// Unloads the present model, once it is sure that the new file is good and nobody's work is lost.
    fn make_way(
        &self,
        current: &LoadedModel,
        file: &ModelFile,
        force: bool,
        flag: &StopFlag,
    ) -> Result<(), LoadError> {
        let running = current.busy();
        if running > 0 && !force {
            return Err(LoadError::InUse {
                model: current.file.display_name.clone(),
                running,
            });
        }
        let stopped = || flag.is_set();
        GgufHeader::read_unless(&file.path, &stopped)?;
        // llama.cpp may still refuse what the header check permits (an architecture it does not know).
        let params = ModelParams {
            without_weights: true,
            ..ModelParams::default()
        };
        Model::load(Backend::init()?, &file.path, &params, &mut |_| {}, &stopped)?;
        if flag.is_set() {
            return Err(LoadError::Stopped);
        }
        self.unload_current();
        Ok(())
    }

    /// Unloads the model of that id, and cancels a load of it. Returns whether there was one.
    pub fn unload(&self, matches: impl Fn(&ModelFile) -> bool) -> bool {
        let mut found = false;
        if let Some(loading) = &*self.loading()
            && matches(&loading.file)
        {
            loading.flag.set(StopCause::Unload);
            found = true;
        }
        if self.current().is_some_and(|current| matches(&current.file)) {
            self.unload_current();
            found = true;
        }
        found
    }

    fn unload_current(&self) {
        let current = self
            .inner
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(current) = current {
            current.close(StopCause::Unload);
        }
    }

    /// Stops every run and every load: the process is about to end.
    pub fn shut_down(&self) {
        if let Some(loading) = &*self.loading() {
            loading.flag.set(StopCause::Shutdown);
        }
        if let Some(current) = self.current() {
            current.close(StopCause::Shutdown);
        }
    }

    /// The flag of the load that is going on, for whoever wants to wait for its end.
    #[must_use]
    pub fn loading_flag(&self) -> Option<StopFlag> {
        self.loading().as_ref().map(|loading| loading.flag.clone())
    }
}

/// How much of the progress is left for the context and the first decode, after the weights.
const WEIGHTS_SHARE: f32 = 0.95;

fn build(
    file: ModelFile,
    options: LoadOptions,
    flag: &StopFlag,
    progress: &LoadProgress,
) -> Result<LoadedModel, LoadError> {
    let begun = Instant::now();
    let stopped = || flag.is_set();
    let header = GgufHeader::read_unless(&file.path, &stopped)?;
    let backend = Backend::init()?;
    let params = ModelParams {
        n_gpu_layers: options.n_gpu_layers,
        ..ModelParams::default()
    };
    let mut on_progress = |done| progress.set_fraction(done * WEIGHTS_SHARE);
    let model = Model::load(backend, &file.path, &params, &mut on_progress, &stopped)?;
    let native_context = model.n_ctx_train().max(256);
    let weights = begun.elapsed();
    let draft_model = draft_model(backend, &options, &stopped)?;
    let engine = Engine::start(
        &model,
        EngineParams {
            draft_model,
            ..engine_params(&header, native_context, &options)
        },
        flag,
    )?;
    let engine_ready = begun.elapsed();
    let (template, template_source) = template_of(&model, options.chat_template.as_deref())?;
    progress.set_ready();
    tracing::debug!(?weights, ?engine_ready, all = ?begun.elapsed(), "{} is loaded", file.display_name);
    Ok(LoadedModel {
        capabilities: TemplateCapabilities::detect(
            template_source.as_deref().unwrap_or(""),
            &file.id,
        ),
        thought_markup: ThoughtMarkup::of_model(
            template_source.as_deref().unwrap_or(""),
            &file.id,
            model.vocab(),
        )?,
        tool_markup: ToolMarkup::of_model(&template, &file.id, model.vocab())?,
        defaults: inference_defaults(&file.id),
        fingerprint: fingerprint(&header, &file, &options),
        embedders: Embedders::new(&engine, &header, &options),
        engine,
        template,
        template_source,
        native_context,
        file,
        options,
        loaded_at: chrono::Utc::now().timestamp(),
    })
}

/// Loads the draft model, where drafts come from one.
fn draft_model(
    backend: Backend,
    options: &LoadOptions,
    should_stop: &dyn Fn() -> bool,
) -> Result<Option<Model>, LoadError> {
    let path = options.draft_model.as_ref();
    let Some(path) = path.filter(|_| options.drafts == DraftKind::Model) else {
        return Ok(None);
    };
    // What is wrong with a header is found here, where llama.cpp would end the process.
    GgufHeader::read_unless(path, should_stop)?;
    let params = ModelParams {
        n_gpu_layers: options.n_gpu_layers,
        ..ModelParams::default()
    };
    Ok(Some(Model::load(
        backend,
        path,
        &params,
        &mut |_| {},
        should_stop,
    )?))
}

fn engine_params(header: &GgufHeader, native_context: u32, options: &LoadOptions) -> EngineParams {
    let parallel = options.parallel.clamp(1, 256);
    let context = if options.context > 0 {
        options.context
    } else {
        memory::fitting_context(header, native_context, parallel, options.kv_type)
    };
    let defaults = EngineParams::default();
    EngineParams {
        n_ctx: context.saturating_mul(parallel),
        parallel,
        threads: if options.threads > 0 {
            options.threads
        } else {
            defaults.threads
        },
        kv_type: options.kv_type,
        drafts: options.drafts,
        flash_attention: options.flash_attention,
        host_cache_bytes: options
            .host_cache_mib
            .map_or_else(memory::host_cache_bytes, |mib| mib as usize * 1024 * 1024),
        max_queue: options.max_queue,
        max_step: std::time::Duration::from_millis(u64::from(options.max_step_ms.max(1))),
        ..defaults
    }
}

fn template_of(
    model: &Model,
    replacement: Option<&str>,
) -> Result<(ChatTemplate, Option<String>), LoadError> {
    let vocab = model.vocab();
    let text = |token: Option<crate::llama::Token>| {
        token.map_or(Ok(String::new()), |token| vocab.text(token))
    };
    let specials = SpecialTokens {
        bos: text(vocab.bos())?,
        eos: text(vocab.eos())?,
    };
    let control = vocab.control_texts()?;
    let source = replacement
        .map(str::to_owned)
        .filter(|source| !source.trim().is_empty())
        .or_else(|| model.chat_template());
    let template = match &source {
        Some(source) => ChatTemplate::new(source, specials, control)?,
        None => ChatTemplate::chatml(specials, control)?,
    };
    Ok((template, source))
}

/// Where models live that rein fetched itself: `$REIN_HOME/models`, else below the user's data directory.
#[must_use]
pub fn model_directory() -> PathBuf {
    let home = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    home("REIN_HOME")
        .or_else(|| home("XDG_DATA_HOME").map(|data| data.join("rein")))
        .or_else(|| home("HOME").map(|home| home.join(".local/share/rein")))
        .unwrap_or_else(|| PathBuf::from(".rein"))
        .join("models")
}
