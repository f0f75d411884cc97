//! [`MaskWorker`] and [`MaskAhead`]: the next mask is computed while the model decodes.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, unbounded};
use llguidance::CancellationHandle;

use super::limits::STEP_TIME;
use super::{MatchError, Matcher};
use crate::llama::Token;
use crate::sampling::TokenMask;

/// The stack of the worker: derivatives of a nested regex are computed by recursion.
const STACK_BYTES: usize = 64 << 20;

/// A thread that computes masks, one after the other, for all runs of an engine. It sleeps when there
/// is nothing to do, and ends when the last handle is dropped. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MaskWorker {
    jobs: Sender<Job>,
    current: Current,
}

/// The step that is being computed: since when, and how to end it.
#[derive(Debug, Clone, Default)]
struct Current(Arc<Mutex<Option<(Instant, CancellationHandle)>>>);

impl Current {
    fn set(&self, step: Option<(Instant, CancellationHandle)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }

    /// Ends the step if it has had its time.
    fn cancel_overdue(&self) {
        if let Some((since, handle)) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner)
            && since.elapsed() >= STEP_TIME
        {
            handle.cancel();
        }
    }
}

/// One step: the token that was drawn, if any, then the mask of the next.
#[derive(Debug)]
struct Job {
    prepared: Box<Prepared>,
    accept: Option<Token>,
    reply: Sender<Result<Box<Prepared>, MatchError>>,
    wake: Option<Thread>,
}

#[derive(Debug)]
struct Prepared {
    matcher: Matcher,
    mask: TokenMask,
}

impl MaskWorker {
    /// Starts the thread.
    pub fn spawn() -> std::io::Result<Self> {
        let (jobs, queue) = unbounded::<Job>();
        let current = Current::default();
        let of_thread = current.clone();
        std::thread::Builder::new()
            .name("masks".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || work(&queue, &of_thread))?;
        Ok(Self { jobs, current })
    }

    /// Takes over a matcher and begins with the mask of the first token. `wake` is unparked whenever a mask
    /// is there, for a thread that does other things in between.
    #[must_use]
    pub fn start(&self, matcher: Matcher, wake: Option<Thread>) -> MaskAhead {
        let mask = matcher.new_mask();
        let prepared = Box::new(Prepared { matcher, mask });
        let mut ahead = MaskAhead {
            worker: self.clone(),
            cancellation: prepared.matcher.cancellation(),
            wake,
            state: State::Ready(prepared),
        };
        ahead.send(None);
        ahead
    }
}

fn work(queue: &Receiver<Job>, current: &Current) {
    for mut job in queue {
        let handle = job.prepared.matcher.cancellation();
        current.set(handle.map(|handle| (Instant::now(), handle)));
        let outcome = step(&mut job.prepared, job.accept);
        current.set(None);
        // A run that ended meanwhile has dropped its receiver, and nobody wants the matcher any more.
        let _ = job.reply.send(outcome.map(|()| job.prepared));
        if let Some(thread) = job.wake {
            thread.unpark();
        }
    }
}

fn step(prepared: &mut Prepared, accept: Option<Token>) -> Result<(), MatchError> {
    if let Some(token) = accept {
        prepared.matcher.accept(token)?;
    }
    prepared.matcher.write_mask(&mut prepared.mask)
}

/// One run's constraint on the decode thread. Dropping it ends what is being computed for it.
#[derive(Debug)]
pub struct MaskAhead {
    worker: MaskWorker,
    cancellation: Option<CancellationHandle>,
    wake: Option<Thread>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The mask of the next token is there.
    Ready(Box<Prepared>),
    /// The worker has it.
    Away(Receiver<Result<Box<Prepared>, MatchError>>),
    /// Over.
    Failed(MatchError),
}

impl MaskAhead {
    /// Hands a drawn token to the worker, which computes the mask of the next one. Does not wait, except
    /// for a mask that was never taken.
    ///
    /// An error of this token is returned by the next [`Self::mask`].
    pub fn advance(&mut self, token: Token) {
        self.settle();
        self.send(Some(token));
    }

    /// The mask of the next token; waits for it, at most about twice [`STEP_TIME`] for each run whose step
    /// is computed before. An error ends the run.
    pub fn mask(&mut self) -> Result<&TokenMask, MatchError> {
        self.settle();
        match &self.state {
            State::Ready(prepared) => Ok(&prepared.mask),
            State::Failed(error) => Err(error.clone()),
            State::Away(_) => Err(gone()),
        }
    }

    /// True where the answer is complete: the run can be finished without another decode. Does not
    /// wait: false also means that the worker is not done yet.
    pub fn is_complete(&mut self) -> bool {
        self.is_ready(Duration::ZERO)
            && matches!(&self.state, State::Ready(prepared) if prepared.matcher.is_complete())
    }

    /// Waits for the mask of the next token, but not for longer than `patience`. True where [`Self::mask`] will
    /// not wait. Whoever asks also sees to it that no step, of this run or of another before it, takes longer
    /// than [`STEP_TIME`].
    pub fn is_ready(&mut self, patience: Duration) -> bool {
        let State::Away(reply) = &self.state else {
            return true;
        };
        // Where no time is given, not even the system is asked for it.
        let outcome = if patience.is_zero() {
            reply
                .try_recv()
                .map_err(|error| error == TryRecvError::Empty)
        } else {
            let outcome = reply.recv_timeout(patience);
            outcome.map_err(|error| error.is_timeout())
        };
        match outcome {
            Ok(outcome) => self.state = State::from(outcome),
            Err(true) => {
                self.worker.current.cancel_overdue();
                return false;
            }
            Err(false) => self.state = State::Failed(gone()),
        }
        true
    }

    /// Waits until the worker has given the matcher back.
    fn settle(&mut self) {
        while !self.is_ready(STEP_TIME) {}
    }

    /// Hands the matcher over. One that has failed stays failed.
    fn send(&mut self, accept: Option<Token>) {
        let prepared = match std::mem::replace(&mut self.state, State::Failed(gone())) {
            State::Ready(prepared) => prepared,
            other => {
                self.state = other;
                return;
            }
        };
        let (reply, receiver) = bounded(1);
        let job = Job {
            prepared,
            accept,
            reply,
            wake: self.wake.clone(),
        };
        if self.worker.jobs.send(job).is_ok() {
            self.state = State::Away(receiver);
        }
    }
}

impl Drop for MaskAhead {
    fn drop(&mut self) {
        // Other runs wait for the worker.
        if let (State::Away(_), Some(handle)) = (&self.state, &self.cancellation) {
            handle.cancel();
        }
    }
}

impl From<Result<Box<Prepared>, MatchError>> for State {
    fn from(outcome: Result<Box<Prepared>, MatchError>) -> Self {
        match outcome {
            Ok(prepared) => Self::Ready(prepared),
            Err(error) => Self::Failed(error),
        }
    }
}

fn gone() -> MatchError {
    MatchError::Failed("the thread that computes masks ended".to_owned())
}
