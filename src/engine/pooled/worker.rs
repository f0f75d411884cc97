//! [`Worker`]: the loop that owns the embedding context and computes for every request.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Receiver;
use metrics::{Counter, Histogram, counter, histogram};

use super::EmbeddingError;
use super::handle::Shared;
use super::plan::{Limits, plan};
use super::request::Request;
use crate::llama::{DecodeOutcome, EmbeddingContext, LlamaError, Token};
use crate::stop::StopFlag;

/// Tokens of a batch with several inputs. From 64 rows on ggml computes attention with another kernel, which rounds
/// otherwise: below that a short text gets the row that it would get alone. On two cores more rows are no faster.
const SHARED_TOKENS: usize = 63;

/// The state of an embedding thread.
pub(super) struct Worker {
    context: EmbeddingContext,
    commands: Receiver<Request>,
    shared: Arc<Shared>,
    /// Accepted requests that are not finished, in the order of their turns.
    requests: VecDeque<Request>,
    metrics: Metrics,
}

/// What one request gives to a batch: its place among the requests, and how many of its next inputs.
struct Part {
    at: usize,
    inputs: usize,
}

struct Metrics {
    tokens: Counter,
    wasted: Counter,
    step_seconds: Histogram,
}

impl Worker {
    pub(super) fn new(
        context: EmbeddingContext,
        commands: Receiver<Request>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            context,
            commands,
            shared,
            requests: VecDeque::new(),
            metrics: Metrics {
                tokens: counter!("rein_embedding_tokens_total"),
                wasted: counter!("rein_wasted_tokens_total"),
                step_seconds: histogram!("rein_embedding_step_seconds"),
            },
        }
    }

    /// Runs until the engine closes. A panic ends every request with an error and nothing else.
    pub(super) fn run(mut self) {
        let shared = self.shared.clone();
        let ended = shared.closing.run(|| self.turn());
        self.take_commands();
        for request in std::mem::take(&mut self.requests) {
            self.shared.leave();
            if ended.panicked {
                request.fail(EmbeddingError::Closed);
            } else {
                request.flag.set(ended.cause);
                request.finish_stopped();
            }
        }
    }

    /// One turn of the loop: take commands, drop what is stopped, compute a batch.
    fn turn(&mut self) {
        self.take_commands();
        self.sweep();
        if self.requests.is_empty() {
            self.context.rest();
            // Woken by a new request, by a flag that is set, and by the end.
            std::thread::park();
            return;
        }
        let first = self.requests[0].flag.clone();
        let counts = self.plan();
        let parts = self.claim(&counts);
        self.compute(&parts);
        // The next batch begins with the inputs of whoever comes next.
        if self
            .requests
            .front()
            .is_some_and(|r| r.flag.same_as(&first))
        {
            self.requests.rotate_left(1);
        }
    }

    fn take_commands(&mut self) {
        while let Ok(request) = self.commands.try_recv() {
            self.requests.push_back(request);
        }
    }

    /// Drops every request that is stopped.
    fn sweep(&mut self) {
        while let Some(at) = self.requests.iter().position(Request::is_over) {
            if let Some(request) = self.remove(at) {
                self.metrics
                    .wasted
                    .increment(request.tokens_computed() as u64);
                request.finish_stopped();
            }
        }
    }

    /// Takes a request out: it does not count as accepted any more, before anybody is told of its end.
    fn remove(&mut self, at: usize) -> Option<Request> {
        let request = self.requests.remove(at)?;
        self.shared.leave();
        Some(request)
    }

    fn plan(&self) -> Vec<usize> {
        let lengths: Vec<&[usize]> = self.requests.iter().map(|r| r.pending().1).collect();
        plan(
            &lengths,
            Limits {
                tokens: SHARED_TOKENS,
                inputs: self.context.max_inputs(),
            },
        )
    }

    /// Claims the requests that the next batch takes inputs of. One that was stopped in this moment and had not
    /// begun is left to the next sweep.
    fn claim(&mut self, counts: &[usize]) -> Vec<Part> {
        let mut parts = Vec::new();
        for (at, (request, &inputs)) in self.requests.iter_mut().zip(counts).enumerate() {
            if inputs > 0 && request.begin() {
                parts.push(Part { at, inputs });
            }
        }
        parts
    }

    /// Computes these inputs in one batch.
    fn compute(&mut self, parts: &[Part]) {
        if parts.is_empty() {
            return;
        }
        let mut flags: Vec<StopFlag> = Vec::new();
        let mut inputs: Vec<&[Token]> = Vec::new();
        for part in parts {
            let request = &self.requests[part.at];
            flags.push(request.flag.clone());
            let (pending, _) = request.pending();
            inputs.extend(pending[..part.inputs].iter().map(Vec::as_slice));
        }
        let tokens: usize = inputs.iter().map(|input| input.len()).sum();
        let shared = &self.shared;
        // Aborting undoes every row of the batch, so only when nobody wants theirs.
        let nobody_wants_it = || flags.iter().all(StopFlag::is_set) || shared.closing.is_set();
        let started = Instant::now();
        let outcome = self.context.compute(&inputs, &nobody_wants_it);
        let ended = Instant::now();
        for part in parts {
            self.requests[part.at].last_batch = Some((started, ended));
        }
        match outcome {
            Ok(DecodeOutcome::Done) => {
                self.metrics.tokens.increment(tokens as u64);
                self.metrics
                    .step_seconds
                    .record((ended - started).as_secs_f64());
                self.distribute(parts);
            }
            // Everybody in it is stopped: the next sweep ends them.
            Ok(DecodeOutcome::Aborted) => {}
            Ok(DecodeOutcome::NoCells) => self.fail(parts, "the batch does not fit the KV cache"),
            Err(error) => self.fail(parts, &error.to_string()),
        }
    }

    /// Hands out the rows of the batch, and ends the requests that have all of theirs. From the last request to the
    /// first, so that places stay right.
    fn distribute(&mut self, parts: &[Part]) {
        let mut end: usize = parts.iter().map(|part| part.inputs).sum();
        for part in parts.iter().rev() {
            let rows = end - part.inputs..end;
            end = rows.start;
            match self.hand_out(part.at, rows) {
                Ok(false) => {}
                Ok(true) => {
                    if let Some(request) = self.remove(part.at) {
                        request.finish();
                    }
                }
                Err(message) => self.fail(std::slice::from_ref(part), &message),
            }
        }
    }

    /// Gives a request its rows of the batch. True once it has all and still wants them.
    fn hand_out(&mut self, at: usize, rows: Range<usize>) -> Result<bool, String> {
        let mut all = false;
        for row in rows {
            let row = self
                .context
                .row(row)
                .map_err(|error: LlamaError| error.to_string())?;
            if !row.iter().all(|x| x.is_finite()) {
                return Err("the model gave a value that is not a finite number".to_owned());
            }
            all = self.requests[at].accept(row);
        }
        Ok(all && !self.requests[at].is_over())
    }

    /// Ends the named requests with an error.
    fn fail(&mut self, parts: &[Part], message: &str) {
        tracing::error!(
            message,
            requests = parts.len(),
            "a batch of embeddings failed"
        );
        for part in parts.iter().rev() {
            if let Some(request) = self.remove(part.at) {
                request.fail(EmbeddingError::Failed {
                    message: message.to_owned(),
                });
            }
        }
    }
}
