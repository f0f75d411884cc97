//! [`Engine`]: what the rest of rein holds of a decode thread.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};

use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::mpsc;

use super::closing::{Closing, join};
use super::decode_thread::DecodeThread;
use super::draft_model::DraftModel;
use super::drafts::DraftKind;
use super::dry::DryCache;
use super::error::{EngineError, SubmitError};
use super::params::EngineParams;
use super::run::{Run, RunSpec};
use super::run_handle::RunHandle;
use crate::constraint::{Constraint, ConstraintError, LazyCompiler, MaskWorker, Matcher};
use crate::llama::{Context, Model, Token};
use crate::sampling::{Sampler, SamplingParams};
use crate::stop::{StopCause, StopFlag};

/// What the decode thread and its handles share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Accepted runs that have no sequence yet.
    pub(super) waiting: AtomicUsize,
    /// Runs that have one. A run that is admitted counts here before it stops counting as waiting, so
    /// that it never counts nowhere.
    pub(super) running: AtomicUsize,
    pub(super) closing: Closing,
    /// Set once, while the engine starts.
    pub(super) draws_on_gpu: AtomicBool,
    pub(super) slots: Mutex<Vec<SlotView>>,
}

/// What a sequence is doing, for `/slots`.
#[derive(Debug, Clone, Default)]
pub struct SlotView {
    /// Its run, if there is one.
    pub run: Option<RunView>,
    /// Tokens that the sequence holds, cached ones included.
    pub n_held: usize,
}

/// How far a run is.
#[derive(Debug, Clone)]
pub struct RunView {
    /// The run's number on its engine.
    pub id: u64,
    /// Tokens of its prompt.
    pub n_prompt: usize,
    /// Those that a cached prefix had.
    pub n_cached: usize,
    /// Those that were computed so far.
    pub n_prompt_computed: usize,
    /// Tokens generated.
    pub n_decoded: usize,
    /// The most it may generate.
    pub max_new: usize,
    /// How it draws tokens.
    pub sampling: Arc<SamplingParams>,
}

/// A running model: the decode thread, its queue, and the weights.
#[derive(Debug)]
pub struct Engine {
    model: Model,
    n_ctx: usize,
    params: EngineParams,
    dry: DryCache,
    /// The tokens that end an answer.
    ends: Arc<[Token]>,
    compiler: LazyCompiler,
    masks: MaskWorker,
    shared: Arc<Shared>,
    queue: Sender<Run>,
    next_id: AtomicU64,
    worker: Thread,
    generates: bool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Allocates the KV cells and starts the decode thread. Blocks for as long as that takes, which a set
    /// `flag` shortens.
    pub fn start(
        model: &Model,
        params: EngineParams,
        flag: &StopFlag,
    ) -> Result<Self, EngineError> {
        if !model.is_causal_lm() {
            return Err(EngineError::NotCausal);
        }
        let context = Context::new(model, &params.context(model), &|| flag.is_set())?;
        let masks = MaskWorker::spawn()?;
        if !context.has_memory() {
            return Ok(Self::without_generation(model, params, masks));
        }
        let draft_model = draft_model(model, &params, flag)?;
        let n_ctx = context.n_ctx_seq() as usize;
        let shared = Arc::new(Shared {
            waiting: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            closing: Closing::default(),
            draws_on_gpu: AtomicBool::new(false),
            slots: Mutex::new(vec![SlotView::default(); context.n_seq_max() as usize]),
        });
        // `waiting` bounds the queue; the channel's own bound leaves room for what is withdrawn.
        let (queue, commands) = crossbeam_channel::bounded(params.max_queue.max(1) * 2 + 256);
        let mut decode = DecodeThread::new(context, draft_model, commands, shared.clone(), &params);
        decode.warm_up(flag)?;
        let thread = std::thread::Builder::new()
            .name("rein-decode".into())
            .spawn(move || decode.run())?;
        Ok(Self {
            model: model.clone(),
            n_ctx,
            params,
            dry: DryCache::default(),
            ends: model.vocab().ends().collect(),
            compiler: LazyCompiler::default(),
            masks,
            shared,
            queue,
            next_id: AtomicU64::new(0),
            worker: thread.thread().clone(),
            generates: true,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// An engine without a decode thread, for an encoder: it refuses every run.
    fn without_generation(model: &Model, params: EngineParams, masks: MaskWorker) -> Self {
        let (queue, _) = crossbeam_channel::bounded(0);
        Self {
            model: model.clone(),
            n_ctx: model.n_ctx_train() as usize,
            params,
            dry: DryCache::default(),
            ends: Arc::new([]),
            compiler: LazyCompiler::default(),
            masks,
            shared: Arc::new(Shared {
                waiting: AtomicUsize::new(0),
                running: AtomicUsize::new(0),
                closing: Closing::default(),
                draws_on_gpu: AtomicBool::new(false),
                slots: Mutex::default(),
            }),
            queue,
            next_id: AtomicU64::new(0),
            // Nobody is to be woken; waking whoever this is does no harm.
            worker: std::thread::current(),
            generates: false,
            thread: Mutex::new(None),
        }
    }

    /// False for an encoder (BERT and its kind), which only gives embeddings.
    #[must_use]
    pub fn generates(&self) -> bool {
        self.generates
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The longest that prompt and answer can be together, in tokens.
    #[must_use]
    pub fn n_ctx(&self) -> usize {
        self.n_ctx
    }

    /// The parameters it was started with.
    #[must_use]
    pub fn params(&self) -> &EngineParams {
        &self.params
    }

    /// True where tokens are drawn where a GPU has the logits, but for what its kernels lack.
    #[must_use]
    pub fn draws_on_gpu(&self) -> bool {
        self.shared.draws_on_gpu.load(Ordering::Relaxed)
    }

    /// What every sequence is doing.
    #[must_use]
    pub fn slots(&self) -> Vec<SlotView> {
        self.shared
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Runs that wait for a sequence.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Acquire)
    }

    /// Runs that compute or wait.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.waiting() + self.shared.running.load(Ordering::Acquire)
    }

    /// False once the decode thread has ended, or is about to.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.shared.closing.is_set()
    }

    /// Compiles what an answer is to look like, for [`RunSpec::matcher`]. Takes milliseconds, at the first call
    /// up to a second more, for the vocabulary; never on the decode thread.
    pub fn compile(&self, constraint: &Constraint) -> Result<Matcher, ConstraintError> {
        let compiler = self.compiler.get(self.model.vocab())?;
        compiler.compile(constraint)
    }

    /// Puts a run into the queue. Does not block, but takes a moment where a run is the first to use DRY with its
    /// sequence breakers: they are looked up in the vocabulary.
    pub fn submit(&self, spec: RunSpec) -> Result<RunHandle, SubmitError> {
        let result = self.try_submit(spec);
        result.map_err(|(error, flag)| {
            // Nothing was or will be computed, so whoever stops this run need not wait.
            flag.release();
            error
        })
    }

    fn try_submit(&self, mut spec: RunSpec) -> Result<RunHandle, (SubmitError, StopFlag)> {
        let flag = spec.flag.clone();
        let refuse = |error| (error, flag.clone());
        if !self.is_running() {
            return Err(refuse(SubmitError::Closed));
        }
        if !self.generates {
            return Err(refuse(SubmitError::NotGenerative));
        }
        let n_prompt = spec.prompt.len();
        if n_prompt == 0 {
            return Err(refuse(SubmitError::EmptyPrompt));
        }
        if n_prompt >= self.n_ctx {
            return Err(refuse(SubmitError::PromptTooLong {
                n_prompt,
                n_ctx: self.n_ctx,
            }));
        }
        self.model
            .vocab()
            .check(&spec.prompt)
            .map_err(|error| refuse(SubmitError::UnknownToken(error.to_string())))?;
        let sampler = self.sampler(&spec).map_err(refuse)?;
        self.take_queue_place().map_err(refuse)?;

        flag.wake_thread(self.worker.clone());
        let (sender, events) = mpsc::channel(self.params.event_buffer.max(8));
        let parked = Arc::new(AtomicBool::new(false));
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        // The first mask is computed while the run waits and while its prompt is read.
        let matcher = spec.matcher.take();
        let masks = matcher.map(|matcher| self.masks.start(matcher, Some(self.worker.clone())));
        let run = Run::new(id, spec, sampler, masks, self.n_ctx, sender, parked.clone());
        if let Err(error) = self.queue.try_send(run) {
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(refuse(match error {
                TrySendError::Full(_) => SubmitError::QueueFull {
                    waiting: self.waiting(),
                },
                TrySendError::Disconnected(_) => SubmitError::Closed,
            }));
        }
        self.worker.unpark();
        Ok(RunHandle {
            id,
            events,
            flag,
            parked,
            worker: self.worker.clone(),
            n_prompt,
            finished: false,
        })
    }

    /// A sampler that also knows what the model's file and vocabulary have to say.
    fn sampler(&self, spec: &RunSpec) -> Result<Sampler, SubmitError> {
        let params = &spec.sampling;
        let vocab = self.model.vocab();
        let mut all = params.clone();
        let suppressed = vocab.suppressed().iter();
        all.logit_bias
            .extend(suppressed.map(|&token| (token, f32::NEG_INFINITY)));
        let sampler = Sampler::new(all).with_ends(self.ends.clone(), spec.min_tokens);
        if !params.dry.is_on() {
            return Ok(sampler);
        }
        let breakers = self.dry.breakers(vocab, &params.dry.sequence_breakers);
        let breakers = breakers.map_err(|error| SubmitError::DryBreakers(error.to_string()))?;
        Ok(sampler.with_dry_breakers(breakers))
    }

    fn take_queue_place(&self) -> Result<(), SubmitError> {
        // Runs that a free sequence will take at once pass through the queue too, so the bound counts
        // them in addition.
        let running = self.shared.running.load(Ordering::Acquire);
        let free = (self.params.parallel as usize).saturating_sub(running);
        let limit = self.params.max_queue + free;
        let taken =
            self.shared
                .waiting
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| {
                    (waiting < limit).then_some(waiting + 1)
                });
        taken
            .map(|_| ())
            .map_err(|waiting| SubmitError::QueueFull { waiting })
    }

    /// Stops every run with this cause and waits until the decode thread has ended. Idempotent: the first
    /// cause wins.
    pub fn close(&self, cause: StopCause) {
        self.shared.closing.set(cause);
        self.worker.unpark();
        join(&self.thread, "decode");
    }
}

/// The draft model and its cells, where drafts come from one.
fn draft_model(
    main: &Model,
    params: &EngineParams,
    flag: &StopFlag,
) -> Result<Option<DraftModel>, EngineError> {
    if params.drafts != DraftKind::Model {
        return Ok(None);
    }
    let draft = params.draft_model.as_ref();
    let draft = draft.ok_or(EngineError::NoDraftModel)?;
    let shape = params.draft_context(draft);
    DraftModel::new(draft, main, &shape, &|| flag.is_set()).map(Some)
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close(StopCause::Unload);
    }
}
