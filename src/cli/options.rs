//! Options that several commands share.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::gpu_args::GpuArgs;
use crate::models::{
    DraftKind, KvType, LoadOptions, ModelFile, ModelRegistry, identify, model_directory, progress,
};

/// How the model is loaded.
#[derive(Debug, Clone, Args)]
pub(super) struct ModelArgs {
    /// KV cells in all, shared evenly by the parallel runs (as in llama-server); 0 gives every run the
    /// context the model was trained for, if memory allows
    #[arg(
        short,
        long,
        value_name = "TOKENS",
        default_value_t = 0,
        env = "REIN_CTX_SIZE"
    )]
    pub(super) ctx_size: u32,
    /// Threads that compute; 0 takes one a core
    #[arg(
        short,
        long,
        value_name = "N",
        default_value_t = 0,
        env = "REIN_THREADS"
    )]
    pub(super) threads: u32,
    /// Layers to keep on the GPU; -1 means all, or as many as fit
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true, env = "REIN_N_GPU_LAYERS")]
    pub(super) n_gpu_layers: i32,
    #[command(flatten)]
    pub(super) gpus: GpuArgs,
    /// Element type of the KV cells: f16 (the default), f32, bf16, or a quantised one (the error lists them)
    #[arg(
        long,
        value_name = "TYPE",
        default_value = "f16",
        env = "REIN_CACHE_TYPE_KV"
    )]
    pub(super) cache_type_kv: KvType,
    /// Guess tokens and verify them together: off, default, ngram-simple, ngram-mod (tokens that repeat earlier
    /// text), or model (see --model-draft)
    #[arg(long, value_name = "KIND", env = "REIN_SPECULATIVE_TYPE")]
    pub(super) speculative_type: Option<DraftKind>,
    /// A smaller model with the same vocabulary, whose guesses the model verifies
    #[arg(
        short = 'd',
        long = "model-draft",
        value_name = "FILE",
        env = "REIN_MODEL_DRAFT"
    )]
    pub(super) model_draft: Option<PathBuf>,
    /// Compute attention in one fused operation: on, off, or auto for what is best here
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        env = "REIN_FLASH_ATTN"
    )]
    pub(super) flash_attn: When,
    /// Host memory for conversations that have no sequence any more, in MiB; 0 keeps none, and without it
    /// a tenth of the free memory is used, at most 2048
    #[arg(long, value_name = "MIB", env = "REIN_CACHE_RAM")]
    pub(super) cache_ram: Option<u32>,
    /// A file with a Jinja chat template that replaces the model's own
    #[arg(long, value_name = "FILE", env = "REIN_CHAT_TEMPLATE")]
    pub(super) chat_template: Option<PathBuf>,
}

impl ModelArgs {
    pub(super) fn load_options(&self, parallel: u32) -> anyhow::Result<LoadOptions> {
        let chat_template = self
            .chat_template
            .as_ref()
            .map(|path| {
                std::fs::read_to_string(path)
                    .with_context(|| format!("the chat template {} cannot be read", path.display()))
            })
            .transpose()?;
        Ok(LoadOptions {
            context: self.ctx_size / parallel.max(1),
            parallel,
            threads: self.threads,
            n_gpu_layers: self.n_gpu_layers,
            gpus: self.gpus.choice()?,
            gpu_sampling: self.gpus.sampling(),
            kv_type: self.cache_type_kv,
            drafts: self.speculative_type.unwrap_or_else(|| self.usual_drafts()),
            draft_model: self.model_draft.clone(),
            flash_attention: self.flash_attn.decided(),
            host_cache_mib: self.cache_ram,
            chat_template,
            ..LoadOptions::default()
        })
    }
}

impl ModelArgs {
    /// Who names a draft model wants it to be asked.
    fn usual_drafts(&self) -> DraftKind {
        match self.model_draft {
            Some(_) => DraftKind::Model,
            None => DraftKind::Off,
        }
    }
}

/// On, off, or left to rein.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum When {
    On,
    Off,
    Auto,
}

impl When {
    fn decided(self) -> Option<bool> {
        match self {
            Self::On => Some(true),
            Self::Off => Some(false),
            Self::Auto => None,
        }
    }
}

/// Finds a model by path, or by the name of a file in rein's model directory.
pub(super) fn find_model(name: &str) -> anyhow::Result<ModelFile> {
    let in_directory = model_directory().join(name);
    let name = if !std::path::Path::new(name).exists() && in_directory.exists() {
        in_directory.to_string_lossy().into_owned()
    } else {
        name.to_owned()
    };
    Ok(identify(&name, None)?)
}

/// Shows the progress of a load on a terminal until the returned guard is dropped.
pub(super) fn show_progress(models: &ModelRegistry, name: &str) -> Option<ProgressGuard> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new(progress::PARTS.into()).with_message(format!("loading {name}"));
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {percent}%") {
        bar.set_style(style);
    }
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let (models, ticking) = (models.clone(), bar.clone());
    let thread = std::thread::spawn(move || {
        while wait.recv_timeout(Duration::from_millis(50))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            ticking.set_position(models.report().parts.into());
        }
    });
    Some(ProgressGuard {
        bar,
        done: Some(done),
        thread: Some(thread),
    })
}

/// Ends the progress bar when dropped.
pub(super) struct ProgressGuard {
    bar: ProgressBar,
    done: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for ProgressGuard {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            // The thread only moves a bar; that it panicked would be no reason to fail a load.
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}
