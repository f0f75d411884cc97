//! [`Batch`]: rows for one decode.

use llama_cpp_sys_2 as sys;

use super::Token;

/// A sequence of KV cells; `0..n_seq_max` of its context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeqId(pub u32);

/// Tokens to compute, each at a position of one sequence.
#[derive(Debug, Default)]
pub struct Batch {
    tokens: Vec<Token>,
    positions: Vec<i32>,
    seqs: Vec<i32>,
    outputs: Vec<i8>,
    /// What the C struct wants besides: the number of sequences of each row, and where their ids are.
    seq_counts: Vec<i32>,
    seq_pointers: Vec<*mut i32>,
}

// SAFETY: the pointers are rewritten from `seqs` by every `as_native` before anything reads them, so
// between calls they are mere leftovers that nothing follows.
unsafe impl Send for Batch {}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes all rows, keeping the memory.
    pub fn clear(&mut self) {
        self.tokens.clear();
        self.positions.clear();
        self.seqs.clear();
        self.outputs.clear();
    }

    /// Adds a row and returns its index. `output`: logits are wanted for it.
    pub fn push(&mut self, token: Token, position: usize, seq: SeqId, output: bool) -> usize {
        self.tokens.push(token);
        self.positions.push(position as i32);
        self.seqs.push(seq.0 as i32);
        self.outputs.push(i8::from(output));
        self.tokens.len() - 1
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    pub(super) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub(super) fn seqs(&self) -> impl Iterator<Item = SeqId> {
        self.seqs.iter().map(|&seq| SeqId(seq as u32))
    }

    /// The rows that logits are wanted for, in ascending order.
    pub(super) fn outputs(&self) -> impl Iterator<Item = usize> {
        let outputs = self.outputs.iter().enumerate();
        outputs.filter_map(|(row, &wanted)| (wanted != 0).then_some(row))
    }

    /// The C view of the rows; valid until the batch is changed or dropped.
    pub(super) fn as_native(&mut self) -> sys::llama_batch {
        self.seq_counts.clear();
        self.seq_counts.resize(self.tokens.len(), 1);
        self.seq_pointers.clear();
        self.seq_pointers
            .extend(self.seqs.iter_mut().map(std::ptr::from_mut));
        sys::llama_batch {
            n_tokens: self.tokens.len() as i32,
            token: self.tokens.as_mut_ptr().cast(),
            embd: std::ptr::null_mut(),
            pos: self.positions.as_mut_ptr(),
            n_seq_id: self.seq_counts.as_mut_ptr(),
            seq_id: self.seq_pointers.as_mut_ptr(),
            logits: self.outputs.as_mut_ptr(),
        }
    }
}
