//! [`Request`]: one request on the embedding thread, from the queue to its answer.

use std::time::Instant;

use tokio::sync::oneshot;

use super::EmbeddingError;
use crate::llama::Token;
use crate::stop::{StopFlag, StopRecord};

/// What is asked of the engine: token sequences in, one row each out.
#[derive(Debug)]
pub struct EmbeddingSpec {
    /// The inputs; none may be empty. Special tokens are the caller's to add.
    pub inputs: Vec<Vec<Token>>,
    /// The request's one flag.
    pub flag: StopFlag,
}

/// What a request got: a row for each input, in the order of the inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Pooled {
    /// As the model computed them: embeddings, or the outputs of its classification head.
    pub rows: Vec<Vec<f32>>,
    /// Tokens of each input.
    pub n_tokens: Vec<usize>,
}

/// Where an answer goes.
pub(super) type Reply = oneshot::Sender<Result<Pooled, EmbeddingError>>;

/// A request on the embedding thread. Dropping it, for whatever reason, releases its flag.
pub(super) struct Request {
    inputs: Vec<Vec<Token>>,
    pub(super) flag: StopFlag,
    /// Tokens of each input.
    lengths: Vec<usize>,
    /// The rows of the first inputs, those that are computed.
    rows: Vec<Vec<f32>>,
    begun: bool,
    is_over: bool,
    /// Taken by the answer.
    reply: Option<Reply>,
    /// Begin and end of the last batch that contained it.
    pub(super) last_batch: Option<(Instant, Instant)>,
}

impl Request {
    pub(super) fn new(spec: EmbeddingSpec, reply: Reply) -> Self {
        Self {
            lengths: spec.inputs.iter().map(Vec::len).collect(),
            rows: Vec::with_capacity(spec.inputs.len()),
            inputs: spec.inputs,
            flag: spec.flag,
            begun: false,
            is_over: false,
            reply: Some(reply),
            last_batch: None,
        }
    }

    /// The inputs that are still to be computed, and their lengths.
    pub(super) fn pending(&self) -> (&[Vec<Token>], &[usize]) {
        let done = self.rows.len();
        (&self.inputs[done..], &self.lengths[done..])
    }

    /// Claims the request for computing. False where it was stopped before, or where its flag has served another
    /// request: it is then over.
    pub(super) fn begin(&mut self) -> bool {
        self.begun = self.begun || self.flag.begin();
        self.is_over = !self.begun;
        self.begun
    }

    /// True where nothing is to be computed for it any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_over || self.flag.is_set()
    }

    /// Takes the row of the first pending input. True once all are there.
    pub(super) fn accept(&mut self, row: &[f32]) -> bool {
        self.rows.push(row.to_vec());
        self.rows.len() == self.inputs.len()
    }

    /// Tokens whose rows are there.
    pub(super) fn tokens_computed(&self) -> usize {
        self.lengths[..self.rows.len()].iter().sum()
    }

    /// Answers with all rows.
    pub(super) fn finish(mut self) {
        let pooled = Pooled {
            rows: std::mem::take(&mut self.rows),
            n_tokens: std::mem::take(&mut self.lengths),
        };
        self.answer(Ok(pooled));
    }

    /// Answers that the request was stopped, and records how long that took.
    pub(super) fn finish_stopped(self) {
        let Some(cause) = self.flag.cause() else {
            let message = "its stop flag has served another request; give each one its own";
            return self.fail(EmbeddingError::Failed {
                message: message.to_owned(),
            });
        };
        StopRecord {
            phase: if self.flag.is_withdrawn() {
                "queued"
            } else {
                "embed"
            },
            cause,
            set: self.flag.set_at().unwrap_or_else(Instant::now),
            last_computing: self.last_batch,
        }
        .publish();
        self.fail(EmbeddingError::Stopped(cause));
    }

    /// Answers with an error.
    pub(super) fn fail(mut self, error: EmbeddingError) {
        self.answer(Err(error));
    }

    /// The flag is released first: whoever has an answer finds the engine free of the request.
    fn answer(&mut self, answer: Result<Pooled, EmbeddingError>) {
        self.flag.release();
        if let Some(reply) = self.reply.take() {
            // Where nobody waits any more, the answer is of no use.
            let _ = reply.send(answer);
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.flag.release();
    }
}
