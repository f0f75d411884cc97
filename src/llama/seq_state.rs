//! [`SeqState`]: what a sequence holds, moved to host memory and back.

use super::operation::Operation;
use super::{Context, LlamaError, SeqId, shim};

/// The cells of a sequence (for recurrent models its state), copied out of a context. Only a context of the
/// same model and KV type can take it back.
#[derive(Debug)]
pub struct SeqState {
    data: Vec<u8>,
}

impl SeqState {
    /// Bytes of host memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// True without bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }
}

impl Context {
    /// Bytes that [`Self::save`] would take for a sequence.
    pub fn state_len(&mut self, seq: SeqId) -> Result<usize, LlamaError> {
        self.check_seq(seq)?;
        let mut size = 0;
        shim::call(Operation::StateSave, |err| {
            // SAFETY: the context is alive and the sequence exists.
            unsafe { shim::rein_state_size(self.as_ptr(), seq.0 as i32, &raw mut size, err) }
        })?;
        Ok(size)
    }

    /// Copies a sequence to host memory.
    pub fn save(&mut self, seq: SeqId) -> Result<SeqState, LlamaError> {
        let capacity = self.state_len(seq)?;
        let mut data = Vec::new();
        data.try_reserve_exact(capacity)
            .map_err(|_| LlamaError::State("there is no memory for it"))?;
        data.resize(capacity, 0_u8);
        let mut written = 0;
        shim::call(Operation::StateSave, |err| {
            // SAFETY: the context is alive, the sequence exists, and `data` has `capacity` bytes.
            unsafe {
                shim::rein_state_get(
                    self.as_ptr(),
                    seq.0 as i32,
                    data.as_mut_ptr(),
                    capacity,
                    &raw mut written,
                    err,
                )
            }
        })?;
        if written == 0 || written > capacity {
            return Err(LlamaError::State("llama.cpp could not write it"));
        }
        data.truncate(written);
        Ok(SeqState { data })
    }

    /// Makes a sequence hold what was saved; what it held is gone. After an error it is empty.
    pub fn restore(&mut self, seq: SeqId, state: &SeqState) -> Result<(), LlamaError> {
        self.truncate(seq, 0)?;
        let mut read = 0;
        let result = shim::call(Operation::StateRestore, |err| {
            // SAFETY: the context is alive, the sequence exists, and the bytes were written by the same call of a
            // context of this model, so what they declare of themselves holds.
            unsafe {
                shim::rein_state_set(
                    self.as_ptr(),
                    seq.0 as i32,
                    state.data.as_ptr(),
                    state.data.len(),
                    &raw mut read,
                    err,
                )
            }
        });
        if result.is_ok() && read == state.data.len() {
            return Ok(());
        }
        // Half a state is worse than none.
        self.truncate(seq, 0)?;
        result?;
        Err(LlamaError::State("llama.cpp could not read it back"))
    }
}
