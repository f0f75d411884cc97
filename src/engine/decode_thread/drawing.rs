//! What follows a decode: its tokens are counted, and the next ones drawn, on the GPU where the rows are there.

use super::DecodeThread;
use super::forcing::Forced;
use crate::engine::error::DrawError;
use crate::engine::events::FinishReason;
use crate::engine::run::Run;
use crate::llama::{LlamaError, SeqId, Token};

/// What a decode has computed of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Computed {
    /// The run.
    pub(super) id: u64,
    /// How many more of its tokens are computed.
    pub(super) tokens: usize,
    /// The row that its next token is drawn from; none in the middle of a prompt.
    pub(super) row: Option<usize>,
}

/// A run's row that a token is to be drawn from.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    id: u64,
    row: usize,
}

impl DecodeThread {
    /// Takes note of what a decode has computed, and draws the tokens that follow.
    pub(super) fn advance(&mut self, computed: &[Computed]) {
        let read: Vec<_> = computed.iter().filter_map(|one| self.count(one)).collect();
        let rows = computed.iter().filter_map(|one| {
            let row = one.row?;
            Some(Wanted { id: one.id, row })
        });
        self.take_tokens(rows.collect());
        for seq in read {
            self.checkpoint(seq);
        }
    }

    /// Counts a run's tokens. Gives its sequence where that has now read all of the prompt.
    fn count(&mut self, computed: &Computed) -> Option<SeqId> {
        let run = self.active.iter_mut().find(|run| run.id == computed.id)?;
        let end = run.computed + computed.tokens;
        if let Some(seq) = run.seq {
            self.sequences.extend(seq, &run.tokens[run.computed..end]);
        }
        run.computed = end;
        run.idle_steps = 0;
        if run.computed <= run.n_prompt() {
            run.tell_progress();
        }
        run.seq.filter(|_| run.computed == run.n_prompt())
    }

    /// Draws the next tokens of runs from their rows, and ends the runs where those were their last.
    fn take_tokens(&mut self, mut wanted: Vec<Wanted>) {
        wanted.retain(|&one| self.draws(one));
        let drawn = self.draw_all(&wanted);
        for (one, drawn) in wanted.into_iter().zip(drawn) {
            let Some(index) = self.index_of(one.id) else {
                continue;
            };
            match drawn {
                Ok(token) => self.emit_all(index, &[token]),
                Err(error) => self.fail_all(&[one.id], &error.to_string()),
            }
        }
    }

    /// Where a run stands now: runs are removed as they finish.
    pub(super) fn index_of(&self, id: u64) -> Option<usize> {
        self.active.iter().position(|run| run.id == id)
    }

    /// False where nothing is to be drawn from a run's row, or not now.
    fn draws(&mut self, Wanted { id, row }: Wanted) -> bool {
        let Some(index) = self.index_of(id) else {
            return false;
        };
        self.is_to_draw(index, row).unwrap_or_else(|error| {
            self.fail_all(&[id], &error.to_string());
            false
        })
    }

    fn is_to_draw(&mut self, index: usize, row: usize) -> Result<bool, LlamaError> {
        if self.active[index].flag.is_set() {
            // Computed in the batch that was in flight; the next sweep ends the run.
            self.metrics.wasted_tokens.increment(1);
            return Ok(false);
        }
        // Where the prompt has opened a thought, and there is to be none.
        match self.force(index)? {
            Forced::Nothing => {}
            Forced::More => {
                self.active[index].flush();
                return Ok(false);
            }
            Forced::End(reason) => {
                self.finish(index, reason);
                return Ok(false);
            }
        }
        if self.holds(index, row)? {
            return Ok(false);
        }
        // Nothing could be drawn but the end, which is not counted before such a decode either.
        if self.active[index].is_complete() {
            self.finish(index, FinishReason::EndOfTurn);
            return Ok(false);
        }
        Ok(true)
    }

    /// Draws a token from each of these rows, in this order.
    fn draw_all(&mut self, wanted: &[Wanted]) -> Vec<Result<Token, DrawError>> {
        let on_gpu = self.draw_on_gpu(wanted);
        let each = wanted.iter().zip(on_gpu);
        each.map(|(one, drawn)| drawn.unwrap_or_else(|| self.draw_on_host(one)))
            .collect()
    }

    fn draw_on_host(&mut self, one: &Wanted) -> Result<Token, DrawError> {
        let Some(run) = self.active.iter_mut().find(|run| run.id == one.id) else {
            return Err(DrawError::Gone);
        };
        run.draw(self.context.logits(one.row)?)
    }

    /// Draws for all runs whose parameters our kernels know, at once; nothing for the others.
    fn draw_on_gpu(&mut self, wanted: &[Wanted]) -> Vec<Option<Result<Token, DrawError>>> {
        let mut drawn: Vec<_> = wanted.iter().map(|_| None).collect();
        let Some(sampler) = &mut self.step_sampler else {
            return drawn;
        };
        let n_vocab = self.context.model().vocab().len();
        let mut step = sampler.step();
        let mut places = Vec::with_capacity(wanted.len());
        for (place, one) in wanted.iter().enumerate() {
            let run = self.active.iter_mut().find(|run| run.id == one.id);
            let run = run.filter(|run| run.draws_on_gpu(n_vocab));
            let (Some(run), Some(row)) = (run, self.context.device_row(one.row)) else {
                continue;
            };
            match run.request() {
                Ok(request) => step.push(row, &request),
                Err(error) => {
                    drawn[place] = Some(Err(error));
                    continue;
                }
            }
            places.push(place);
        }
        if places.is_empty() {
            return drawn;
        }
        match step.draw() {
            Ok(results) => {
                for (&place, result) in places.iter().zip(results) {
                    let id = wanted[place].id;
                    let run = self.active.iter_mut().find(|run| run.id == id);
                    drawn[place] = run.map(|run: &mut Run| run.take_result(result));
                }
            }
            Err(error) => {
                let message = error.to_string();
                for place in places {
                    drawn[place] = Some(Err(DrawError::Gpu(message.clone())));
                }
            }
        }
        drawn
    }

    /// Draws the token that follows a row of a draft, for the caller to [`Self::emit`].
    pub(super) fn draw(&mut self, index: usize, row: usize) -> Result<Token, DrawError> {
        let id = self.active[index].id;
        let mut drawn = self.draw_all(&[Wanted { id, row }]);
        drawn.pop().unwrap_or(Err(DrawError::Gone))
    }
}
