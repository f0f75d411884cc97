//! The first decodes, before anybody waits for one.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::DecodeThread;
use crate::engine::error::EngineError;
use crate::llama::{DecodeOutcome, LlamaError, SeqId, Token};
use crate::sampling::cuda::StepSampler;
use crate::sampling::{Sampler, SamplingParams};
use crate::stop::StopFlag;

impl DecodeThread {
    /// Computes what shows whether everything works, so that the first request pays for nothing. On the CPU that is one
    /// small decode, which pages the weights in. On a GPU it is the largest prompt chunk and the largest decode: whatever
    /// memory they take, they take now, when running out of it costs nobody's work, and how long they take is where the
    /// planner starts from.
    pub(in crate::engine) fn warm_up(&mut self, flag: &StopFlag) -> Result<(), EngineError> {
        self.warm_rows(1, flag)?;
        if self.context.keeps_logits_on_device() {
            self.warm_chunk(flag)?;
            self.warm_chunk(flag)?;
            let all = self.context.n_seq_max();
            self.warm_rows(all, flag)?;
            let took = self.warm_rows(all, flag)?;
            self.cost.learn_rows(all as usize, took);
            if self.context.device_row(0).is_some() {
                self.step_sampler = self.step_sampler();
                let draws_on_gpu = self.step_sampler.is_some();
                self.shared
                    .draws_on_gpu
                    .store(draws_on_gpu, Ordering::Relaxed);
            } else {
                tracing::warn!(
                    "the logits are not where they are expected: they are copied to the host"
                );
                self.context.copy_logits_to_host();
            }
            let took = self.warm_rows(1, flag)?;
            self.cost.learn_rows(1, took);
        }
        self.context.rest();
        self.context.clear()?;
        Ok(())
    }

    /// A token each of the first `n` sequences. How long it took.
    fn warm_rows(&mut self, n: u32, flag: &StopFlag) -> Result<Duration, EngineError> {
        self.batch.clear();
        for seq in (0..n).map(SeqId) {
            self.batch.push(self.any_token(), 0, seq, true);
        }
        self.warm(flag)
    }

    /// The largest chunk of a prompt; the planner learns what it costs.
    fn warm_chunk(&mut self, flag: &StopFlag) -> Result<(), EngineError> {
        let n = self.limits.max_chunk.min(self.context.n_ctx_seq() as usize);
        self.batch.clear();
        for position in 0..n {
            self.batch
                .push(self.any_token(), position, SeqId(0), position + 1 == n);
        }
        let took = self.warm(flag)?;
        self.cost.learn_chunk(n, 0, took);
        Ok(())
    }

    /// A token that means nothing.
    pub(super) fn any_token(&self) -> Token {
        self.context.model().vocab().bos().unwrap_or(Token(0))
    }

    /// Computes the batch in empty sequences.
    fn warm(&mut self, flag: &StopFlag) -> Result<Duration, EngineError> {
        self.context.clear()?;
        let started = Instant::now();
        let outcome = self.context.decode(&mut self.batch, &|| flag.is_set())?;
        let took = started.elapsed();
        if outcome == DecodeOutcome::Aborted || flag.is_set() {
            return Err(EngineError::Stopped);
        }
        Ok(took)
    }

    /// What draws on the GPU, after a decode of a row of every sequence. None where that does not work: then the rows are copied,
    /// and drawn from on the host.
    fn step_sampler(&mut self) -> Option<StepSampler> {
        let gpu = self.context.device_row(0)?.gpu()?;
        let tried = StepSampler::new(gpu, self.gpu_sampling).map_err(|error| error.to_string());
        let tried = tried.and_then(|sampler| match sampler {
            Some(sampler) => self.tried(sampler).map(Some),
            None => Ok(None),
        });
        if let Ok(Some(sampler)) = &tried {
            tracing::info!("tokens are drawn by {}", sampler.name());
        }
        tried.unwrap_or_else(|reason| {
            tracing::warn!("tokens are drawn on the CPU: {reason}");
            None
        })
    }

    /// The sampler, once it has found the most likely token of every row.
    fn tried(&mut self, mut sampler: StepSampler) -> Result<StepSampler, String> {
        let words = |error: LlamaError| error.to_string();
        let mut greedy = Sampler::new(SamplingParams::greedy());
        let n = self.batch.len();
        let mut expected = Vec::with_capacity(n);
        for row in 0..n {
            let drawn = greedy.draw(self.context.logits(row).map_err(words)?, None);
            expected.push(drawn.map_err(|error| error.to_string())?.token);
        }
        let mut step = sampler.step();
        for row in 0..n {
            let row = self.context.device_row(row);
            let row = row.ok_or("the logits are not where they are expected")?;
            step.push(row, &greedy.request(None));
        }
        let results = step.draw().map_err(|error| error.to_string())?;
        for (result, expected) in results.iter().zip(expected) {
            let found = greedy.drawn(result).map_err(|error| error.to_string())?;
            if found.token != expected {
                let found = found.token;
                return Err(format!(
                    "rein's kernels drew token {found} where {expected} was the most likely"
                ));
            }
        }
        Ok(sampler)
    }
}
