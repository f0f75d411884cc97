//! Decode rows: a token each of several runs.

use std::time::Instant;

use super::DecodeThread;
use super::drawing::Computed;
use crate::engine::grouping::groups;
use crate::llama::{SeqId, Token};
use crate::stop::StopFlag;

/// Every so many steps gaps are left, so that what decodes of fewer rows cost is known as it is now.
const MEASURE_APART: u32 = 32;

/// A row that is computed for its place between others.
#[derive(Debug, Clone, Copy)]
struct Filler {
    seq: SeqId,
    position: usize,
}

impl DecodeThread {
    /// Computes one token of each of these runs, which are in the order of their sequences, and draws the next.
    pub(super) fn decode_rows(&mut self, ids: &[u64]) {
        let seq_of = |id: &u64| {
            let run = self.active.iter().find(|run| run.id == *id)?;
            Some((*id, run.seq?))
        };
        let rows: Vec<(u64, SeqId)> = ids.iter().filter_map(seq_of).collect();
        let seqs: Vec<u32> = rows.iter().map(|(_, seq)| seq.0).collect();
        self.row_steps = self.row_steps.wrapping_add(1);
        // What has been computed of a filler must leave no trace.
        let may_fill =
            self.max_cut() == usize::MAX && !self.row_steps.is_multiple_of(MEASURE_APART);
        for group in groups(&seqs, &self.cost, may_fill) {
            let rows = &rows[group];
            match self.fillers(rows) {
                Some(fillers) => self.decode_group(rows, &fillers),
                // One sequence between them is full.
                None => rows
                    .chunk_by(|(_, a), (_, b)| a.0 + 1 == b.0)
                    .for_each(|rows| self.decode_group(rows, &[])),
            }
        }
    }

    /// Rows for the sequences between those of a group. None where one has no room.
    fn fillers(&self, rows: &[(u64, SeqId)]) -> Option<Vec<Filler>> {
        let gaps = rows
            .windows(2)
            .flat_map(|pair| pair[0].1.0 + 1..pair[1].1.0);
        let filler = |seq| {
            let seq = SeqId(seq);
            let bounds = self.context.bounds(seq).ok()?;
            let position = bounds.map_or(0, |bounds| bounds.end);
            (position < self.context.n_ctx_seq()).then_some(Filler {
                seq,
                position: position as usize,
            })
        };
        gaps.map(filler).collect()
    }

    /// Computes one token of each of these runs, in one decode, and draws the next.
    fn decode_group(&mut self, rows: &[(u64, SeqId)], fillers: &[Filler]) {
        let mut flags = Vec::with_capacity(rows.len());
        let mut computed = Vec::with_capacity(rows.len());
        let mut before = fillers.iter().peekable();
        let filling = self.any_token();
        self.batch.clear();
        for &(id, seq) in rows {
            while let Some(filler) = before.next_if(|filler| filler.seq < seq) {
                self.batch.push(filling, filler.position, filler.seq, false);
            }
            let Some(run) = self.active.iter().find(|run| run.id == id) else {
                return;
            };
            let token: Token = run.tokens[run.computed];
            computed.push(Computed {
                id,
                tokens: 1,
                row: Some(self.batch.push(token, run.computed, seq, true)),
            });
            flags.push(run.flag.clone());
        }
        let started = Instant::now();
        // Aborting undoes every row of the batch, so only when nobody wants theirs.
        let shared = &self.shared;
        let nobody_wants_it = || flags.iter().all(StopFlag::is_set) || shared.closing.is_set();
        let outcome = self.context.decode(&mut self.batch, &nobody_wants_it);
        let ended = Instant::now();
        let ids: Vec<u64> = rows.iter().map(|(id, _)| *id).collect();
        for run in self.active.iter_mut().filter(|run| ids.contains(&run.id)) {
            run.last_decode = Some((started, ended));
        }
        self.remove(fillers);
        if !self.is_done(&ids, outcome) {
            return;
        }
        let n = self.batch.len();
        self.cost.learn_rows(n, ended - started);
        if n == 1 {
            self.row_costs.learn(1, ended - started);
        }
        self.advance(&computed);
    }

    /// Leaves the fillers' sequences as they were.
    fn remove(&mut self, fillers: &[Filler]) {
        for &Filler { seq, position } in fillers {
            if matches!(self.context.truncate(seq, position as u32), Ok(true)) {
                continue;
            }
            // What it holds cannot be relied on any more.
            match self.active.iter().find(|run| run.seq == Some(seq)) {
                Some(run) => self.fail_all(&[run.id], "this model's memory cannot be cut back"),
                None => self.sequences.set_tokens(seq, &[]),
            }
        }
    }
}
