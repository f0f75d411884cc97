//! [`Run`]: one generation on the decode thread, from the queue to its last event.

mod draw;
mod spec;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::drafts::RunDrafts;
use super::events::{FinishReason, PromptProgress, RunEvent, Summary, Timings, Usage};
use super::metrics::Phase;
use super::planner::RunView;
use super::run_thoughts::RunThoughts;
use super::text::{OutputText, Pushed};
use super::{grid, handle};
use crate::constraint::MaskAhead;
use crate::llama::{SeqId, Token};
use crate::sampling::{Sampler, SamplingParams, TokenLogprobs};
use crate::stop::StopFlag;

pub use spec::RunSpec;

/// A prefix that another run is computing right now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Awaited {
    /// The sequence of that run.
    pub(super) leader: SeqId,
    /// How many tokens of the prompt it will have.
    pub(super) prefix: usize,
}

/// A run on the decode thread. Dropping it, for whatever reason, releases its flag.
pub(super) struct Run {
    pub(super) id: u64,
    pub(super) flag: StopFlag,
    pub(super) namespace: u64,
    /// The text has to be the same whatever else is computed: see [`grid`].
    pub(super) deterministic: bool,
    pub(super) deadline: Option<Instant>,
    /// Prompt and answer so far.
    pub(super) tokens: Vec<Token>,
    /// How many of them are computed.
    pub(super) computed: usize,
    /// The sequence, once admitted.
    pub(super) seq: Option<SeqId>,
    pub(super) sampler: Sampler,
    /// Guesses at its next tokens; `None` where none are wanted.
    pub(super) drafts: Option<RunDrafts>,
    /// What its constraint lets be drawn; `None` where it has none.
    masks: Option<MaskAhead>,
    /// The form has begun; it holds from there to the end.
    has_begun_form: bool,
    /// Where its thoughts are. The form begins behind them.
    thoughts: RunThoughts,
    /// Logits whose draw waits for its mask; empty where none does.
    held_row: Vec<f32>,
    pub(super) idle_steps: u32,
    /// Whose prefix it waits for.
    pub(super) awaits: Option<Awaited>,
    /// Since when the client has not been reading.
    pub(super) parked_since: Option<Instant>,
    /// Begin and end of the last decode that contained this run.
    pub(super) last_decode: Option<(Instant, Instant)>,
    /// Control tokens whose text is part of the answer.
    shown: Vec<Token>,
    sampling: Arc<SamplingParams>,
    n_prompt: usize,
    max_new: usize,
    n_cached: usize,
    text: OutputText,
    /// Text that is to be sent with the step's event.
    ready: String,
    unsent: Vec<Token>,
    report_progress: bool,
    /// Of the tokens that were drawn since the last event, and so of `unsent`; empty where nobody asked.
    logprobs: Vec<TokenLogprobs>,
    events: mpsc::Sender<RunEvent>,
    parked: Arc<AtomicBool>,
    submitted: Instant,
    admitted: Option<Instant>,
    first_token: Option<Instant>,
    last_token: Option<Instant>,
}

/// Room that is kept in the event channel, so that the last events always fit: held-back text and the end.
const RESERVED_EVENTS: usize = 3;

impl Run {
    /// `n_ctx`: cells of a sequence; the prompt is known to be shorter.
    pub(super) fn new(
        id: u64,
        spec: RunSpec,
        sampler: Sampler,
        masks: Option<MaskAhead>,
        n_ctx: usize,
        events: mpsc::Sender<RunEvent>,
        parked: Arc<AtomicBool>,
    ) -> Self {
        let n_prompt = spec.prompt.len();
        let room = n_ctx - n_prompt;
        Self {
            id,
            flag: spec.flag,
            namespace: spec.namespace,
            deterministic: spec.deterministic,
            deadline: spec.deadline,
            tokens: spec.prompt,
            computed: 0,
            seq: None,
            sampler,
            drafts: None,
            masks,
            has_begun_form: false,
            thoughts: RunThoughts::new(spec.thoughts),
            held_row: Vec::new(),
            idle_steps: 0,
            awaits: None,
            parked_since: None,
            last_decode: None,
            shown: spec.shown,
            sampling: Arc::new(spec.sampling),
            n_prompt,
            max_new: spec.max_tokens.map_or(room, |max| room.min(max as usize)),
            n_cached: 0,
            text: OutputText::new(spec.stop),
            ready: String::new(),
            unsent: Vec::new(),
            report_progress: spec.report_progress,
            logprobs: Vec::new(),
            events,
            parked,
            submitted: Instant::now(),
            admitted: None,
            first_token: None,
            last_token: None,
        }
    }

    /// The run has a sequence.
    pub(super) fn admit(&mut self, seq: SeqId) {
        self.seq = Some(seq);
        self.admitted = Some(Instant::now());
        // The penalties look back on the prompt too.
        self.sampler.accept_all(&self.tokens);
    }

    /// Its sequence holds the first `cached` tokens of its prompt.
    pub(super) fn begin_at(&mut self, cached: usize) {
        self.computed = cached;
        self.n_cached = cached;
        self.tell_progress();
    }

    /// Reports how much of the prompt is read, where that was asked for. A client that does not read misses
    /// reports and nothing else.
    pub(super) fn tell_progress(&self) {
        if self.report_progress && self.events.capacity() > RESERVED_EVENTS {
            self.send(RunEvent::Progress(PromptProgress {
                total: self.n_prompt as u32,
                cached: self.n_cached as u32,
                processed: self.computed.min(self.n_prompt) as u32,
                elapsed: self
                    .admitted
                    .map_or(Duration::ZERO, |admitted| admitted.elapsed()),
            }));
        }
    }

    pub(super) fn n_prompt(&self) -> usize {
        self.n_prompt
    }

    /// Whether the text of a control token is part of the answer.
    pub(super) fn shows(&self, token: Token) -> bool {
        self.shown.contains(&token)
    }

    pub(super) fn remaining(&self) -> usize {
        self.tokens.len() - self.computed
    }

    pub(super) fn phase(&self) -> Phase {
        if self.seq.is_none() {
            Phase::Queued
        } else if self.tokens.len() == self.n_prompt {
            Phase::Prefill
        } else {
            Phase::Decode
        }
    }

    /// True where somebody waits for its next token.
    pub(super) fn is_streaming(&self) -> bool {
        let view = self.view();
        view.remaining == 1 && !view.parked
    }

    pub(super) fn view(&self) -> RunView {
        RunView {
            remaining: self.remaining(),
            computed: self.computed,
            idle_steps: self.idle_steps,
            parked: self.parked_since.is_some() || self.awaits.is_some() || self.holds_row(),
            pause_after: usize::MAX,
            to_grid: self.deterministic.then(|| grid::to_next(self.computed)),
        }
    }

    pub(super) fn n_generated(&self) -> usize {
        self.tokens.len() - self.n_prompt
    }

    pub(super) fn public_view(&self) -> handle::RunView {
        handle::RunView {
            id: self.id,
            n_prompt: self.n_prompt,
            n_cached: self.n_cached,
            n_prompt_computed: self
                .computed
                .min(self.n_prompt)
                .saturating_sub(self.n_cached),
            n_decoded: self.n_generated(),
            max_new: self.max_new,
            sampling: self.sampling.clone(),
        }
    }

    /// True once nobody can receive events any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.events.is_closed()
    }

    /// Parks the run while its client does not read, and unparks it once there is room again.
    pub(super) fn update_parking(&mut self, now: Instant) {
        if self.events.capacity() >= RESERVED_EVENTS {
            self.parked_since = None;
            return;
        }
        // The flag goes up before the second look, so that a reader which makes room in between sees it
        // and wakes this thread.
        self.parked.store(true, Ordering::SeqCst);
        if self.events.capacity() >= RESERVED_EVENTS {
            self.parked_since = None;
        } else {
            self.parked_since.get_or_insert(now);
        }
    }

    /// How many tokens may follow the next one.
    pub(super) fn room(&self) -> usize {
        self.max_new.saturating_sub(self.n_generated() + 1)
    }

    /// Takes a drawn token. Returns why the run is over, if it is. Nothing is sent before [`Self::flush`].
    ///
    /// `bytes` are the token's; `None` for one that ends the answer.
    pub(super) fn accept(
        &mut self,
        token: Token,
        bytes: Option<&[u8]>,
        now: Instant,
    ) -> Option<FinishReason> {
        self.tokens.push(token);
        self.unsent.push(token);
        self.first_token.get_or_insert(now);
        self.last_token = Some(now);
        let Some(bytes) = bytes else {
            return Some(FinishReason::EndOfTurn);
        };
        self.thoughts.follow(bytes);
        match self.text.push(bytes) {
            Pushed::Text(text) => self.ready.push_str(&text),
            Pushed::Stopped(text) => {
                self.ready.push_str(&text);
                // Nothing that is still held back may follow a stop string.
                self.text = OutputText::default();
                return Some(FinishReason::StopString);
            }
        }
        (self.n_generated() >= self.max_new).then_some(FinishReason::Length)
    }

    pub(super) fn since_last_token(&self, now: Instant) -> Option<Duration> {
        self.last_token.map(|last| now - last)
    }

    pub(super) fn since_submitted(&self, now: Instant) -> Duration {
        now - self.submitted
    }

    /// Sends the text of the tokens that were accepted: one event a step, however many tokens it gave.
    pub(super) fn flush(&mut self) {
        if !self.ready.is_empty() {
            let text = std::mem::take(&mut self.ready);
            self.send_output(text);
        }
    }

    fn send_output(&mut self, text: String) {
        let tokens = std::mem::take(&mut self.unsent);
        // A step may have drawn more than it emitted: its answer ended among them.
        let known = self.logprobs.len().min(tokens.len());
        let logprobs = self.logprobs.drain(..known).collect();
        self.send(RunEvent::Output {
            text,
            tokens,
            logprobs,
        });
    }

    /// There is room, because a run without room is parked; and where the reader is gone, the run is
    /// stopped at the next step for that reason.
    fn send(&self, event: RunEvent) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            tracing::error!(
                run = self.id,
                "an event was lost: the channel's reserve is too small"
            );
        }
    }

    /// Sends what is held back and the last event.
    pub(super) fn finish(mut self, reason: FinishReason) -> Summary {
        self.flush();
        let text = self.text.finish();
        if !text.is_empty() || !self.unsent.is_empty() {
            self.send_output(text);
        }
        let summary = self.summary(reason);
        self.send(RunEvent::Done(summary.clone()));
        summary
    }

    /// Ends the run with an error.
    pub(super) fn fail(self, message: String) {
        self.send(RunEvent::Failed { message });
    }

    fn summary(&self, reason: FinishReason) -> Summary {
        let now = Instant::now();
        let admitted = self.admitted.unwrap_or(now);
        let first = self.first_token.unwrap_or(now);
        let decode = self.last_token.map_or(Duration::ZERO, |last| last - first);
        Summary {
            reason,
            usage: Usage {
                prompt_tokens: self.n_prompt as u32,
                cached_tokens: self.n_cached as u32,
                completion_tokens: self.n_generated() as u32,
                reasoning_tokens: self.thoughts.used(),
            },
            timings: Timings {
                queued: admitted - self.submitted,
                prompt_computed: self
                    .computed
                    .min(self.n_prompt)
                    .saturating_sub(self.n_cached) as u32,
                prompt: first.saturating_duration_since(admitted),
                decode,
                drafts: self
                    .drafts
                    .as_ref()
                    .map(RunDrafts::counters)
                    .unwrap_or_default(),
            },
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.flag.release();
    }
}
