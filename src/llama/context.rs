//! [`Context`]: KV cells and compute buffers over a model, owned by one decode thread.

use std::cell::Cell;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

use llama_cpp_sys_2 as sys;

use super::logits_tap::LogitsTap;
use super::operation::Operation;
use super::stop_check::StopCheck;
use super::threadpool::Threadpool;
use super::{Batch, ContextParams, FlashAttention, LlamaError, Model, SeqId, backend, shim};

/// What became of a decode that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeOutcome {
    /// All rows are computed.
    Done,
    /// There are no free cells for the rows; nothing has changed.
    NoCells,
    /// The abort callback ended it. What was computed of each sequence must be asked of [`Context::bounds`].
    Aborted,
}

/// Positions that a sequence holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeqBounds {
    /// The first position present (greater than 0 where a sliding window has moved on).
    pub first: u32,
    /// One past the last position.
    pub end: u32,
}

type AbortCheck<'a> = &'a dyn Fn() -> bool;

/// Where the abort callback finds the check of the decode that is running. Boxed, so that its address
/// stays the same when the context moves to its thread.
struct AbortSlot {
    check: Cell<Option<NonNull<dyn Fn() -> bool>>>,
}

/// A llama.cpp context. `Send`, so that it can be made anywhere and move to its decode thread; not `Sync`:
/// one thread computes, and nothing else touches it. What crosses threads into a running decode is
/// what the abort check reads.
pub struct Context {
    pub(super) ptr: NonNull<sys::llama_context>,
    abort: Box<AbortSlot>,
    pub(super) n_vocab: usize,
    n_batch: u32,
    pub(super) n_seq_max: u32,
    n_ctx_seq: u32,
    /// The rows of the last batch that have logits, in ascending order.
    pub(super) outputs: Vec<usize>,
    /// A row that was copied from the device.
    pub(super) copied: Vec<f32>,
    // Dropped after the context itself (see `Drop`), in this order.
    pub(super) tap: Option<LogitsTap>,
    threadpool: Threadpool,
    model: Model,
    not_sync: PhantomData<Cell<()>>,
}

// SAFETY: nothing in a llama.cpp context is bound to the thread that made it; all use goes through
// `&mut self` or a `!Sync` reference, so one thread at a time.
unsafe impl Send for Context {}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("n_ctx_seq", &self.n_ctx_seq)
            .field("n_seq_max", &self.n_seq_max)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// Makes a context: allocates the KV cells and the compute buffers for the largest batch.
    ///
    /// Every sequence has cells of its own (`kv_unified = false`): what other sequences hold then costs
    /// nobody's attention anything, and no run can take another's cells.
    ///
    /// `should_stop` is asked all the time, by the calling thread; where it says true, this ends with
    /// [`LlamaError::LoadStopped`].
    pub fn new(
        model: &Model,
        params: &ContextParams,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Self, LlamaError> {
        let n_seq_max = params.n_seq_max.clamp(1, 256);
        let n_batch = params.n_batch.clamp(32, 4096);
        // SAFETY: a plain getter of default values.
        let mut native = unsafe { sys::llama_context_default_params() };
        native.n_ctx = params.n_ctx;
        native.n_seq_max = n_seq_max;
        native.n_batch = n_batch;
        native.n_ubatch = n_batch;
        // Only the last row of a prompt, the decode rows and drafts are sampled: without this llama.cpp reserves
        // logits for a whole batch, half a gigabyte at a vocabulary of 262k.
        native.n_outputs_max = params.n_outputs.clamp(n_seq_max, n_batch.max(n_seq_max));
        native.n_threads = params.n_threads as i32;
        native.n_threads_batch = params.n_threads as i32;
        native.type_k = params.kv_type.to_native();
        native.type_v = native.type_k;
        native.flash_attn_type = match params.flash_attention {
            FlashAttention::Auto => sys::LLAMA_FLASH_ATTN_TYPE_AUTO,
            FlashAttention::On => sys::LLAMA_FLASH_ATTN_TYPE_ENABLED,
            FlashAttention::Off => sys::LLAMA_FLASH_ATTN_TYPE_DISABLED,
        };
        native.kv_unified = false;
        native.swa_full = false;
        native.no_perf = true;
        if !params.logits_on_device {
            return Self::with_native(model, native, should_stop);
        }
        // Drafts have several outputs of one sequence.
        native.n_outputs_max_per_seq = native.n_outputs_max;
        let tap = LogitsTap::new(n_seq_max);
        let mut samplers = tap.configs();
        native.samplers = samplers.as_mut_ptr();
        native.n_samplers = samplers.len();
        let mut context = Self::with_native(model, native, should_stop)?;
        context.tap = Some(tap);
        Ok(context)
    }

    /// Makes a context of these parameters, with compute threads and an abort callback of its own.
    pub(super) fn with_native(
        model: &Model,
        mut native: sys::llama_context_params,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Self, LlamaError> {
        // llama.cpp adjusts fields of the model while it makes a context.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

        let threadpool = Threadpool::new(native.n_threads.clamp(1, 512) as u32)?;
        let abort = Box::new(AbortSlot {
            check: Cell::new(None),
        });
        native.abort_callback = Some(on_abort_check);
        native.abort_callback_data = (&raw const *abort).cast_mut().cast::<c_void>();

        backend::take_recent_errors();
        let mut ptr = std::ptr::null_mut();
        let mut stop = StopCheck::new(should_stop);
        let status = {
            let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            shim::call(Operation::NewContext, |err| {
                // SAFETY: the model is alive, params and check outlive the call, and the abort slot is
                // boxed and dropped after the context.
                unsafe {
                    shim::rein_context_new(
                        model.as_ptr(),
                        &raw const native,
                        StopCheck::CALLBACK,
                        stop.as_data(),
                        &raw mut ptr,
                        err,
                    )
                }
            })
        };
        let context = NonNull::new(ptr).map(|ptr| {
            // SAFETY: context and pool are alive, and the pool is freed after the context.
            unsafe {
                sys::llama_attach_threadpool(
                    ptr.as_ptr(),
                    threadpool.as_ptr(),
                    threadpool.as_ptr(),
                );
            }
            Self {
                ptr,
                abort,
                n_vocab: model.vocab().len(),
                // llama.cpp lowers it to the cells there are, and asserts on it.
                // SAFETY: a getter on a live context.
                n_batch: unsafe { sys::llama_n_batch(ptr.as_ptr()) },
                n_seq_max: native.n_seq_max,
                // SAFETY: a getter on a live context.
                n_ctx_seq: unsafe { sys::llama_n_ctx_seq(ptr.as_ptr()) },
                outputs: Vec::new(),
                copied: Vec::new(),
                tap: None,
                threadpool,
                model: model.clone(),
                not_sync: PhantomData,
            }
        });
        if should_stop() {
            // Its cells may hold anything: clearing them may have been cut short.
            return Err(LlamaError::LoadStopped);
        }
        status?;
        context.ok_or_else(|| LlamaError::Context {
            n_ctx: native.n_ctx,
            reason: backend::take_recent_errors(),
        })
    }

    /// True where sequences keep what was computed: a KV cache or a recurrent state. Encoders (BERT and its
    /// kind) keep nothing, and so generate nothing.
    #[must_use]
    pub fn has_memory(&self) -> bool {
        // SAFETY: a getter on a live context.
        !unsafe { sys::llama_get_memory(self.ptr.as_ptr()) }.is_null()
    }

    pub(super) fn as_ptr(&self) -> *mut sys::llama_context {
        self.ptr.as_ptr()
    }

    /// The model this computes with.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Number of sequences.
    #[must_use]
    pub fn n_seq_max(&self) -> u32 {
        self.n_seq_max
    }

    /// Cells of one sequence: the longest that prompt and answer can be together, in tokens.
    #[must_use]
    pub fn n_ctx_seq(&self) -> u32 {
        self.n_ctx_seq
    }

    /// The most rows of one batch.
    #[must_use]
    pub fn n_batch(&self) -> u32 {
        self.n_batch
    }

    /// Computes the rows of a batch, and waits until they are: GPU backends only queue the work, and what is measured,
    /// stopped and planned here is the computing.
    ///
    /// `should_abort` is asked after every graph node on the CPU (hundreds of times a second); where it
    /// says true the decode ends within milliseconds, and the rows of *every* sequence in the batch are
    /// undone. GPU backends do not ask.
    pub fn decode(
        &mut self,
        batch: &mut Batch,
        should_abort: AbortCheck<'_>,
    ) -> Result<DecodeOutcome, LlamaError> {
        self.validate(batch)?;
        let native = batch.as_native();
        // SAFETY: only the lifetime is erased; the slot is emptied below before `should_abort` ends, also
        // when a panic unwinds (the shim does not unwind, and nothing else here panics).
        let check: NonNull<dyn Fn() -> bool> = unsafe {
            std::mem::transmute::<NonNull<dyn Fn() -> bool + '_>, NonNull<dyn Fn() -> bool + 'static>>(
                NonNull::from(should_abort),
            )
        };
        self.abort.check.set(Some(check));
        let status = shim::call(Operation::Decode, |err| {
            // SAFETY: the context is alive and used by this thread only; the rows were validated, and the
            // native view is valid while `batch` is borrowed.
            unsafe { shim::rein_decode(self.ptr.as_ptr(), &raw const native, err) }
        });
        self.abort.check.set(None);
        self.outputs.clear();
        if self.tap.is_some() {
            self.outputs.extend(batch.outputs());
        }
        match status? {
            0 => Ok(DecodeOutcome::Done),
            1 => Ok(DecodeOutcome::NoCells),
            2 => Ok(DecodeOutcome::Aborted),
            status => Err(LlamaError::Decode { status }),
        }
    }

    /// Says that no decode will follow soon: the compute threads sleep until one does.
    pub fn rest(&self) {
        self.threadpool.rest();
    }

    /// What llama.cpp would answer with an assertion, which ends the process, is refused here.
    fn validate(&self, batch: &Batch) -> Result<(), LlamaError> {
        let problem = if !self.model.has_weights() {
            Some("is for a model that was loaded without its weights")
        } else if batch.is_empty() {
            Some("has no rows")
        } else if batch.len() > self.n_batch as usize {
            Some("has more rows than the context's n_batch")
        } else if batch.seqs().any(|seq| seq.0 >= self.n_seq_max) {
            Some("names a sequence that the context does not have")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(LlamaError::Unusable {
                what: "the batch",
                problem,
            });
        }
        self.model.vocab().check(batch.tokens())
    }

    /// Forgets everything in all sequences.
    pub fn clear(&mut self) -> Result<(), LlamaError> {
        shim::call(Operation::MemoryClear, |err| {
            // SAFETY: the context is alive.
            unsafe { shim::rein_memory_clear(self.ptr.as_ptr(), err) }
        })?;
        Ok(())
    }

    /// Forgets a sequence from position `keep` on. Returns false where its memory cannot be cut there
    /// (recurrent models); the sequence is then unchanged.
    pub fn truncate(&mut self, seq: SeqId, keep: u32) -> Result<bool, LlamaError> {
        self.check_seq(seq)?;
        let mut removed = false;
        shim::call(Operation::MemoryRemove, |err| {
            // SAFETY: the context is alive and the sequence exists.
            unsafe {
                shim::rein_memory_seq_rm(
                    self.ptr.as_ptr(),
                    seq.0 as i32,
                    keep as i32,
                    -1,
                    &raw mut removed,
                    err,
                )
            }
        })?;
        Ok(removed)
    }

    /// Makes `to` hold what `from` holds. The cells are copied before the next decode.
    pub fn copy(&mut self, from: SeqId, to: SeqId) -> Result<(), LlamaError> {
        self.check_seq(from)?;
        self.check_seq(to)?;
        shim::call(Operation::MemoryCopy, |err| {
            // SAFETY: the context is alive, both sequences exist, and the range is the full one, the only
            // one llama.cpp allows between sequences with cells of their own.
            unsafe { shim::rein_memory_seq_cp(self.ptr.as_ptr(), from.0 as i32, to.0 as i32, err) }
        })?;
        Ok(())
    }

    /// The positions a sequence holds; `None` while it is empty.
    pub fn bounds(&self, seq: SeqId) -> Result<Option<SeqBounds>, LlamaError> {
        self.check_seq(seq)?;
        let (mut min, mut max) = (-1, -1);
        shim::call(Operation::MemoryBounds, |err| {
            // SAFETY: the context is alive and the sequence exists.
            unsafe {
                shim::rein_memory_seq_bounds(
                    self.ptr.as_ptr(),
                    seq.0 as i32,
                    &raw mut min,
                    &raw mut max,
                    err,
                )
            }
        })?;
        Ok((max >= 0).then(|| SeqBounds {
            first: min.max(0) as u32,
            end: max as u32 + 1,
        }))
    }

    pub(super) fn check_seq(&self, seq: SeqId) -> Result<(), LlamaError> {
        if seq.0 < self.n_seq_max {
            return Ok(());
        }
        Err(LlamaError::Unusable {
            what: "the sequence id",
            problem: "is not one of the context's",
        })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by llama_init_from_model and freed once; abort slot, threads and model are fields
        // and so outlive this call.
        unsafe {
            sys::llama_detach_threadpool(self.ptr.as_ptr());
            sys::llama_free(self.ptr.as_ptr());
        }
    }
}

extern "C" fn on_abort_check(data: *mut c_void) -> bool {
    // SAFETY: `data` is the context's boxed slot, which outlives the context. ggml calls back on the
    // thread that runs the decode (thread 0 of its pool is the caller), so the cell is not shared.
    let slot = unsafe { &*data.cast_const().cast::<AbortSlot>() };
    slot.check.get().is_some_and(|check| {
        // SAFETY: the slot is filled only while `Context::decode` runs, during which the check is borrowed.
        let check = unsafe { check.as_ref() };
        // A panic must not unwind into C++; it ends the decode instead.
        catch_unwind(AssertUnwindSafe(check)).unwrap_or(true)
    })
}
