//! [`EmbeddingEngine`] and [`EmbeddingRun`]: what the rest of rein holds of an embedding thread and of a request
//! on it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, Thread};

use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::oneshot;

use super::EmbeddingError;
use super::request::{EmbeddingSpec, Pooled, Request};
use super::worker::Worker;
use crate::engine::closing::{Closing, join};
use crate::llama::{EmbeddingContext, EmbeddingContextParams, Model, Pooling, Token};
use crate::stop::{StopCause, StopFlag};

/// The shape and the limits of an embedding engine.
#[derive(Debug, Clone)]
pub struct EmbeddingEngineParams {
    /// How the rows of an input become one. [`Pooling::Rank`] needs a model with a classification head.
    pub pooling: Pooling,
    /// The most tokens of one input; at most what the model was trained for.
    pub max_input: u32,
    /// Threads that compute.
    pub threads: u32,
    /// Requests that may be accepted and not finished; more are refused.
    pub max_queue: usize,
    /// The most tokens of one input that are computed at once, if its model only looks back; a longer one is
    /// computed in pieces. A stop takes no longer than its longest graph node, which for language models is the logits
    /// of all rows. At least 64, which is more than several inputs together have.
    pub batch_tokens: u32,
}

/// Inputs of a batch. Recurrent models keep a state, of megabytes, for each.
const MAX_INPUTS: u32 = 64;
const MAX_INPUTS_RECURRENT: u32 = 8;

/// What the embedding thread and its handles share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Accepted requests that are not finished.
    accepted: AtomicUsize,
    pub(super) closing: Closing,
}

impl Shared {
    pub(super) fn leave(&self) {
        self.accepted.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A model that gives embeddings or scores: a context of its own over shared weights, a thread, a queue.
#[derive(Debug)]
pub struct EmbeddingEngine {
    model: Model,
    pooling: Pooling,
    max_input: usize,
    max_queue: usize,
    shared: Arc<Shared>,
    queue: Sender<Request>,
    worker: Thread,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl EmbeddingEngine {
    /// Makes the context and starts the thread. Blocks for as long as that takes; where `should_stop` says true it
    /// ends early, with [`LlamaError::LoadStopped`](crate::llama::LlamaError::LoadStopped).
    pub fn start(
        model: &Model,
        params: &EmbeddingEngineParams,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Self, EmbeddingError> {
        if !model.is_poolable() {
            return Err(EmbeddingError::NotPoolable);
        }
        let max_inputs = if model.is_recurrent() {
            MAX_INPUTS_RECURRENT
        } else {
            MAX_INPUTS
        };
        let batch_tokens = params.batch_tokens.max(64);
        let context = EmbeddingContext::new(
            model,
            &EmbeddingContextParams {
                pooling: params.pooling,
                max_input: params.max_input,
                max_tokens: batch_tokens,
                max_inputs,
                n_threads: params.threads,
            },
            should_stop,
        )?;
        let max_input = context.max_input();
        let shared = Arc::new(Shared::default());
        let max_queue = params.max_queue.max(1);
        // `accepted` bounds the queue, so a place in it always has one here.
        let (queue, commands) = crossbeam_channel::bounded(max_queue);
        let worker = Worker::new(context, commands, shared.clone());
        let thread = std::thread::Builder::new()
            .name("rein-embed".into())
            .spawn(move || worker.run())?;
        Ok(Self {
            model: model.clone(),
            pooling: params.pooling,
            max_input,
            max_queue,
            shared,
            queue,
            worker: thread.thread().clone(),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// How the rows of an input become one.
    #[must_use]
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// The most tokens of one input.
    #[must_use]
    pub fn max_input(&self) -> usize {
        self.max_input
    }

    /// Requests that are accepted and not finished.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.shared.accepted.load(Ordering::Acquire)
    }

    /// Puts a request into the queue. Does not block. On an error the flag is released: whoever waits for it
    /// to stop need not wait.
    pub fn submit(&self, spec: EmbeddingSpec) -> Result<EmbeddingRun, EmbeddingError> {
        let flag = spec.flag.clone();
        let result = self.try_submit(spec);
        if result.is_err() {
            flag.release();
        }
        result
    }

    fn try_submit(&self, spec: EmbeddingSpec) -> Result<EmbeddingRun, EmbeddingError> {
        if self.shared.closing.is_set() {
            return Err(EmbeddingError::Closed);
        }
        self.check(&spec.inputs)?;
        let taken =
            self.shared
                .accepted
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |accepted| {
                    (accepted < self.max_queue).then_some(accepted + 1)
                });
        if let Err(waiting) = taken {
            return Err(EmbeddingError::QueueFull { waiting });
        }
        let flag = spec.flag.clone();
        flag.wake_thread(self.worker.clone());
        let (reply, answer) = oneshot::channel();
        if let Err(error) = self.queue.try_send(Request::new(spec, reply)) {
            self.shared.leave();
            return Err(match error {
                TrySendError::Full(_) => EmbeddingError::QueueFull {
                    waiting: self.busy(),
                },
                TrySendError::Disconnected(_) => EmbeddingError::Closed,
            });
        }
        self.worker.unpark();
        Ok(EmbeddingRun { answer, flag })
    }

    fn check(&self, inputs: &[Vec<Token>]) -> Result<(), EmbeddingError> {
        if inputs.is_empty() {
            return Err(EmbeddingError::NoInputs);
        }
        for (index, input) in inputs.iter().enumerate() {
            let n_tokens = input.len();
            if n_tokens == 0 {
                return Err(EmbeddingError::EmptyInput { index });
            }
            if n_tokens > self.max_input {
                return Err(EmbeddingError::InputTooLong {
                    index,
                    n_tokens,
                    limit: self.max_input,
                });
            }
            self.model.vocab().check(input)?;
        }
        Ok(())
    }

    /// Stops every request with this cause and waits until the thread has ended. Idempotent: the first cause
    /// wins.
    pub fn close(&self, cause: StopCause) {
        self.shared.closing.set(cause);
        self.worker.unpark();
        join(&self.thread, "embedding");
    }
}

impl Drop for EmbeddingEngine {
    fn drop(&mut self) {
        self.close(StopCause::Unload);
    }
}

/// A request, seen from outside: its answer, and its flag. Dropping it stops the request.
#[derive(Debug)]
pub struct EmbeddingRun {
    answer: oneshot::Receiver<Result<Pooled, EmbeddingError>>,
    flag: StopFlag,
}

impl EmbeddingRun {
    /// The request's flag: set it from anywhere to stop.
    #[must_use]
    pub fn flag(&self) -> &StopFlag {
        &self.flag
    }

    /// Waits for all rows. Dropping the future stops the request.
    pub async fn result(mut self) -> Result<Pooled, EmbeddingError> {
        let flag = self.flag.clone();
        let withdrawn = async {
            flag.released().await;
            if !flag.is_withdrawn() {
                // It was begun, so the thread answers.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            answer = &mut self.answer => answer.unwrap_or_else(|_| Err(self.lost())),
            // The thread need not be asked about a request that it never began.
            () = withdrawn => Err(self.lost()),
        }
    }

    /// Waits for all rows. Blocks, and so must not be called from async code. The answer to a request that was
    /// stopped while it was queued comes once the batch that is being computed has ended.
    pub fn wait(mut self) -> Result<Pooled, EmbeddingError> {
        let (_, nothing) = oneshot::channel();
        let answer = std::mem::replace(&mut self.answer, nothing);
        answer.blocking_recv().unwrap_or_else(|_| Err(self.lost()))
    }

    /// Why there will be no answer from the thread.
    fn lost(&self) -> EmbeddingError {
        match self.flag.cause() {
            Some(cause) => EmbeddingError::Stopped(cause),
            None => EmbeddingError::Closed,
        }
    }
}

impl Drop for EmbeddingRun {
    fn drop(&mut self) {
        self.flag.set(StopCause::Disconnect);
    }
}
