//! [`Run`]: one generation on the decode thread, from the queue to its last event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::drafts::RunDrafts;
use super::error::DrawError;
use super::events::{FinishReason, PromptProgress, RunEvent, Summary, Timings, Usage};
use super::metrics::Phase;
use super::planner::RunView;
use super::run_thoughts::RunThoughts;
use super::text::{OutputText, Pushed};
use super::{grid, handle};
use crate::chat::reasoning::ThoughtBudget;
use crate::constraint::{MaskAhead, Matcher};
use crate::llama::{SeqId, Token};
use crate::sampling::{Sampler, SamplingParams, TokenLogprobs};
use crate::stop::StopFlag;

/// What is asked of the engine: tokens in, and how to go on from them.
#[derive(Debug)]
pub struct RunSpec {
    /// The prompt; not empty.
    pub prompt: Vec<Token>,
    /// How tokens are drawn.
    pub sampling: SamplingParams,
    /// The form that the answer keeps to; see [`Engine::compile`](super::Engine::compile).
    pub matcher: Option<Matcher>,
    /// Upper bound on generated tokens; `None` means what is left of the context.
    pub max_tokens: Option<u32>,
    /// Stop strings.
    pub stop: Vec<String>,
    /// Control tokens whose text is part of the answer's text; that of others is not.
    pub shown: Vec<Token>,
    /// Follows the model's thoughts and ends those that grow too long; `None` where it has none. What it needs of control
    /// tokens' texts has to be [shown](Self::shown).
    pub thoughts: Option<ThoughtBudget>,
    /// Tokens that must come before the answer may end; `usize::MAX` means that it never ends by itself.
    pub min_tokens: usize,
    /// Whether the text has to be the same whatever else is computed.
    pub deterministic: bool,
    /// Whether to report how much of the prompt is read.
    pub report_progress: bool,
    /// Prefixes are shared only between runs of the same namespace.
    pub namespace: u64,
    /// When the run's wall clock runs out.
    pub deadline: Option<Instant>,
    /// The run's one flag.
    pub flag: StopFlag,
}

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

    /// True where drafts go with it: what a form allows is known one token ahead only, and a text that has to come
    /// next must not come behind a draft.
    pub(super) fn may_draft(&self) -> bool {
        !self.deterministic && self.masks.is_none() && !self.thoughts.may_force()
    }

    /// True where the next token comes before the form: in a thought.
    fn thinks_before_form(&self) -> bool {
        !self.has_begun_form && self.thoughts.come_first()
    }

    /// What the next token may be; `None` where it may be anything.
    fn masks(&mut self) -> Option<&mut MaskAhead> {
        let is_free = self.thinks_before_form();
        self.masks.as_mut().filter(|_| !is_free)
    }

    /// True where the next token has a form to keep to.
    pub(super) fn is_constrained(&self) -> bool {
        self.masks.is_some() && !self.thinks_before_form()
    }

    /// Waits a little for what the next token may be; false where that is not known yet.
    pub(super) fn knows_its_mask(&mut self, patience: Duration) -> bool {
        self.masks().is_none_or(|masks| masks.is_ready(patience))
    }

    /// True where the answer has its form and nothing may follow. Never waits.
    pub(super) fn is_complete(&mut self) -> bool {
        self.masks().is_some_and(MaskAhead::is_complete)
    }

    /// Draws its next token; the caller hands it to [`Self::accept`], in the order of the draws. Where the answer has
    /// a form, what the token after it may be is computed from here on, beside the decode.
    pub(super) fn draw(&mut self, logits: &[f32]) -> Result<Token, DrawError> {
        let is_free = self.thinks_before_form();
        let drawn = match self.masks.as_mut().filter(|_| !is_free) {
            None => self.sampler.draw(logits, None)?,
            Some(masks) => {
                let drawn = self.sampler.draw(logits, Some(masks.mask()?))?;
                masks.advance(drawn.token);
                self.has_begun_form = true;
                drawn
            }
        };
        self.sampler.accept(drawn.token);
        self.logprobs.extend(drawn.logprobs);
        Ok(drawn.token)
    }

    /// Keeps a row of logits until its mask is there; the context forgets it with its next decode.
    pub(super) fn hold_row(&mut self, logits: &[f32]) {
        self.held_row.extend_from_slice(logits);
    }

    /// True where the next token is computed and waits for its mask.
    pub(super) fn holds_row(&self) -> bool {
        !self.held_row.is_empty()
    }

    /// Draws from the row that was kept.
    pub(super) fn draw_held(&mut self) -> Result<Token, DrawError> {
        let mut row = std::mem::take(&mut self.held_row);
        let token = self.draw(&row);
        // Its memory is kept: where one mask was late, others will be.
        row.clear();
        self.held_row = row;
        token
    }

    /// The text that has to come next, with its control tokens.
    pub(super) fn take_forced(&mut self) -> Option<String> {
        self.thoughts.take_forced()
    }

    /// A token that nobody drew is accepted next.
    pub(super) fn expect_forced(&mut self, token: Token) {
        self.sampler.accept(token);
        if self.sampling.logprobs.is_some() {
            // It was certain, and nothing else could have come.
            self.logprobs.push(TokenLogprobs {
                logprob: 0.0,
                top: Vec::new(),
            });
        }
    }

    /// Where the model wants to end its answer within a thought, and a form still has to follow: ends the thought instead,
    /// and forgets what was drawn. False where the answer may end.
    pub(super) fn refuses_end(&mut self) -> bool {
        let refuses = self.masks.is_some() && self.thinks_before_form() && self.thoughts.end();
        if refuses && self.sampling.logprobs.is_some() {
            self.logprobs.pop();
        }
        refuses
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
