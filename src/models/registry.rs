//! [`ModelRegistry`]: which model is loaded, which one is being loaded, and the way from one to the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use super::build::build;
use super::gguf::GgufHeader;
use super::gpu_fit::GpuPlan;
use super::gpu_measure::weightless;
use super::gpu_plan;
use super::identify::ModelFile;
use super::load_error::LoadError;
use super::load_options::LoadOptions;
use super::loaded::LoadedModel;
use super::progress::{LoadProgress, LoadReport};
use crate::chat::{ChatTemplate, SpecialTokens};
use crate::llama::{Backend, Device, Placement};
use crate::stop::{StopCause, StopFlag, StopRecord};

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
            Some(model) if model.placement.n_gpu_layers() == 0 => Device::Cpu,
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
        Backend::init()?;
        options.gpus.check(Backend::gpus().len())?;
        let mut plan = None;
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
            plan = self.make_way(&current, &file, &options, force, flag)?;
        }
        let loaded = Arc::new(build(file, options, plan, flag, &progress)?);
        *self
            .inner
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(loaded.clone());
        Ok((loaded, false))
    }

    /// Unloads the present model, once it is sure that the new file is good, that the GPUs will hold it, and that
    /// nobody's work is lost. Gives its place on the GPUs.
    fn make_way(
        &self,
        current: &LoadedModel,
        file: &ModelFile,
        options: &LoadOptions,
        force: bool,
        flag: &StopFlag,
    ) -> Result<Option<GpuPlan>, LoadError> {
        let running = current.busy();
        if running > 0 && !force {
            return Err(LoadError::InUse {
                model: current.file.display_name.clone(),
                running,
            });
        }
        let stopped = || flag.is_set();
        let header = GgufHeader::read_unless(&file.path, &stopped)?;
        // What the present model takes will be free.
        let plan = gpu_plan::plan(file, &header, options, &current.gpu_needs, &stopped)?;
        if plan.is_none() {
            // llama.cpp may still refuse what the header check permits (an architecture it does not know).
            let placement = Placement::default().with_layers(options.n_gpu_layers);
            weightless(Backend::init()?, &file.path, &placement, &stopped)?;
        }
        if flag.is_set() {
            return Err(LoadError::Stopped);
        }
        self.unload_current();
        Ok(plan)
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
