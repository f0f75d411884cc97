//! Reading what a decode has computed.

use llama_cpp_sys_2 as sys;

use super::operation::Operation;
use super::{Context, DeviceRow, LlamaError, shim};

impl Context {
    /// The logits of a row of the last batch, one for each token of the vocabulary. The row must have
    /// been pushed with `output`.
    pub fn logits(&mut self, row: usize) -> Result<&[f32], LlamaError> {
        if self.tap.is_some() {
            return self.copied_logits(row);
        }
        let mut ptr = std::ptr::null_mut();
        shim::call(Operation::ReadLogits, |err| {
            // SAFETY: the context is alive; a row without logits gives a null pointer.
            unsafe { shim::rein_logits(self.ptr.as_ptr(), row as i32, &raw mut ptr, err) }
        })?;
        if ptr.is_null() {
            return Err(LlamaError::NoLogits { row });
        }
        // SAFETY: llama.cpp gives `n_vocab` floats that stay until the next decode, which needs `&mut
        // self` and so waits for this borrow.
        Ok(unsafe { std::slice::from_raw_parts(ptr, self.n_vocab) })
    }

    fn copied_logits(&mut self, row: usize) -> Result<&[f32], LlamaError> {
        let mut copied = std::mem::take(&mut self.copied);
        let found = self.device_row(row).map(|found| found.read(&mut copied));
        self.copied = copied;
        found.ok_or(LlamaError::NoLogits { row })?;
        Ok(&self.copied)
    }

    /// True where logits stay on the device.
    #[must_use]
    pub fn keeps_logits_on_device(&self) -> bool {
        self.tap.is_some()
    }

    /// Logits are copied to the host from the next decode on, as without
    /// [`logits_on_device`](super::ContextParams::logits_on_device).
    pub fn copy_logits_to_host(&mut self) {
        for seq in 0..self.n_seq_max as i32 {
            // SAFETY: the context is alive; without a sampler of that sequence this does nothing.
            unsafe { sys::llama_set_sampler(self.ptr.as_ptr(), seq, std::ptr::null_mut()) };
        }
        self.tap = None;
    }

    /// The same where the device has them. None for a row without logits, and where
    /// [`logits_on_device`](super::ContextParams::logits_on_device) is off.
    #[must_use]
    pub fn device_row(&self, row: usize) -> Option<DeviceRow<'_>> {
        let tensor = self.tap.as_ref()?.logits()?;
        let index = self.outputs.binary_search(&row).ok()?;
        // SAFETY: the graph of the last decode, which is done, stays until the next, which needs `&mut self`.
        unsafe { DeviceRow::of(tensor, index, self.outputs.len(), self.n_vocab) }
    }
}
