//! How a run gets its sequence, and the beginning of its prompt without computing it.

use std::sync::atomic::Ordering;

use super::DecodeThread;
use crate::engine::drafts::{DraftKind, RunDrafts};
use crate::engine::metrics::EngineMetrics;
use crate::engine::prefix::{Assignment, Found, Scope, Source};
use crate::engine::run::{Awaited, Run};
use crate::llama::{LlamaError, SeqId, Token};

/// Tokens that are worth the copying to host memory when their sequence is taken.
const MIN_RESCUE: usize = 32;

/// A model with a sliding window can be rolled back by what its cells happen to hold beyond the window; further
/// than this is not even tried.
const MAX_WINDOW_CUT: usize = 64;

impl DecodeThread {
    /// Gives sequences to waiting runs.
    pub(super) fn admit(&mut self) {
        self.serve_awaiting();
        while self.sequences.idle() > 0 {
            let Some(mut run) = self.waiting.pop_front() else {
                break;
            };
            if !run.flag.begin() {
                self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
                Self::finish_stopped(run);
                continue;
            }
            self.shared.running.fetch_add(1, Ordering::AcqRel);
            self.shared.waiting.fetch_sub(1, Ordering::AcqRel);
            let in_host = self.in_host(&run);
            let Some(place) = self
                .sequences
                .choose(&run.tokens, self.scope(&run), in_host)
            else {
                self.shared.running.fetch_sub(1, Ordering::AcqRel);
                run.fail(
                    "no sequence is free, although one should be; send the request again".into(),
                );
                break;
            };
            self.rescue(place);
            run.admit(place.seq);
            if self.drafts != DraftKind::Off && run.may_draft() {
                run.drafts = Some(RunDrafts::new(self.drafts.into(), run.namespace));
            }
            self.metrics
                .prompt_tokens
                .increment(run.tokens.len() as u64);
            match self.occupy(&mut run, place) {
                Ok(()) => self.active.push(run),
                Err(error) => {
                    self.sequences.set_tokens(place.seq, &[]);
                    self.vacate(&run);
                    run.fail(error.to_string());
                }
            }
        }
    }

    /// Gives their prefix to runs that waited for another to compute it, or another source where it will not
    /// come.
    fn serve_awaiting(&mut self) {
        for index in 0..self.active.len() {
            let run = &self.active[index];
            let (Some(awaited), Some(seq)) = (run.awaits, run.seq) else {
                continue;
            };
            let prefix = &run.tokens[..awaited.prefix];
            let place = match self
                .sequences
                .awaited(awaited.leader, prefix, self.scope(run))
            {
                Some(false) => continue,
                Some(true) => Assignment {
                    seq,
                    keep: awaited.prefix,
                    source: Source::Copy(awaited.leader),
                },
                None => {
                    let in_host = self.in_host(run);
                    self.sequences
                        .choose_again(seq, &run.tokens, self.scope(run), in_host)
                }
            };
            let mut run = self.active.remove(index);
            let id = run.id;
            let outcome = self.occupy(&mut run, place);
            self.active.insert(index, run);
            if let Err(error) = outcome {
                self.fail_all(&[id], &error.to_string());
                // The others have moved up; they are served in the next turn.
                return;
            }
        }
    }

    /// Makes a run's sequence hold the beginning of its prompt, or notes for whom it waits.
    fn occupy(&mut self, run: &mut Run, place: Assignment) -> Result<(), LlamaError> {
        self.sequences.take(place, &run.tokens, self.scope(run));
        if let Source::Awaited(leader) = place.source {
            self.context.truncate(place.seq, 0)?;
            run.awaits = Some(Awaited {
                leader,
                prefix: place.keep,
            });
            return Ok(());
        }
        run.awaits = None;
        let kept = self.fetch(run, place)?;
        self.sequences.set_tokens(place.seq, &run.tokens[..kept]);
        self.metrics.prompt_tokens_cached.increment(kept as u64);
        if kept > 0 {
            EngineMetrics::count_hit(place.source);
        }
        run.begin_at(kept);
        Ok(())
    }

    /// Brings the cells. Returns how many tokens are really there: fewer than hoped for where the model's
    /// memory cannot be cut at that place.
    fn fetch(&mut self, run: &Run, place: Assignment) -> Result<usize, LlamaError> {
        let Assignment { seq, keep, source } = place;
        match source {
            Source::Copy(from) => {
                self.context.truncate(seq, 0)?;
                self.context.copy(from, seq)?;
            }
            Source::Host => return self.fetch_from_host(run, seq),
            Source::InPlace | Source::Awaited(_) => {}
        }
        if keep > 0 && self.context.truncate(seq, keep as u32)? && self.is_whole(seq, keep)? {
            return Ok(keep);
        }
        if keep > 0 {
            return self.fetch_from_host(run, seq);
        }
        self.context.truncate(seq, 0)?;
        Ok(0)
    }

    fn fetch_from_host(&mut self, run: &Run, seq: SeqId) -> Result<usize, LlamaError> {
        if let Some(found) = self.find_in_host(run) {
            let restored = self.context.restore(seq, self.host.get(found));
            if let Err(error) = restored {
                tracing::warn!(%error, "a cached prefix is computed again");
            } else if self.context.truncate(seq, found.shared as u32)?
                && self.is_whole(seq, found.shared)?
            {
                return Ok(found.shared);
            }
        }
        self.context.truncate(seq, 0)?;
        Ok(0)
    }

    /// True where a sequence cut to `keep` tokens has all that the next token attends to. A sliding
    /// window may have moved past what is needed.
    fn is_whole(&self, seq: SeqId, keep: usize) -> Result<bool, LlamaError> {
        let Some(bounds) = self.context.bounds(seq)? else {
            return Ok(keep == 0);
        };
        let window = self.context.model().n_swa();
        let needed_from = if window == 0 {
            0
        } else {
            (keep as u32 + 1).saturating_sub(window)
        };
        Ok(bounds.end as usize == keep && bounds.first <= needed_from)
    }

    /// How many tokens of a run's prompt host memory has.
    fn in_host(&self, run: &Run) -> usize {
        self.find_in_host(run).map_or(0, |found| found.shared)
    }

    fn find_in_host(&self, run: &Run) -> Option<Found> {
        let namespace = self.scope(run).in_host()?;
        self.host.find(&run.tokens, namespace, self.max_cut())
    }

    /// With whom a run shares prefixes.
    fn scope(&self, run: &Run) -> Scope {
        if !run.deterministic {
            Scope::Namespace(run.namespace)
        } else if self.max_cut() == usize::MAX {
            Scope::Deterministic(run.namespace)
        } else {
            // The cells of a sliding window lie where its past had them, and a state cannot be cut to a point of
            // the grid.
            Scope::Alone(run.id)
        }
    }

    /// Moves what a sequence holds to host memory, if the run that takes it will not go on from there.
    fn rescue(&mut self, place: Assignment) {
        let (tokens, scope) = self.sequences.held_by(place.seq);
        let kept = match place.source {
            Source::InPlace => place.keep,
            _ => 0,
        };
        let lost = tokens.len() - kept;
        // Who regenerates an answer leaves the old one for good.
        if lost >= MIN_RESCUE && lost > kept {
            let tokens = tokens.to_vec();
            self.keep_in_host(place.seq, tokens, scope);
        }
    }

    /// After a prompt: models that cannot be rolled back far keep a state to come back to, because the next
    /// turn need not go on from exactly the answer.
    pub(super) fn checkpoint(&mut self, seq: SeqId) {
        if self.max_cut() < usize::MAX {
            let (tokens, scope) = self.sequences.held_by(seq);
            if tokens.len() >= MIN_RESCUE {
                let tokens = tokens.to_vec();
                self.keep_in_host(seq, tokens, scope);
            }
        }
    }

    /// A failure costs no more than the prefix.
    fn keep_in_host(&mut self, seq: SeqId, tokens: Vec<Token>, scope: Scope) {
        let Some(namespace) = scope.in_host() else {
            return;
        };
        let max_cut = self.max_cut();
        if self.host.covers(&tokens, namespace, max_cut) {
            return;
        }
        let saved = self.context.state_len(seq).and_then(|len| {
            if self.host.takes(len) {
                self.context.save(seq).map(Some)
            } else {
                Ok(None)
            }
        });
        match saved {
            Ok(Some(state)) => {
                let bytes = state.len() + std::mem::size_of_val(&tokens[..]);
                self.host.insert(tokens, namespace, state, bytes, max_cut);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a prefix is not kept"),
        }
    }

    /// How many tokens may be cut off the end of a saved state.
    pub(super) fn max_cut(&self) -> usize {
        let model = self.context.model();
        if model.is_recurrent() {
            0
        } else if model.n_swa() > 0 {
            MAX_WINDOW_CUT
        } else {
            usize::MAX
        }
    }
}
