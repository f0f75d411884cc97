//! [`DeviceRow`]: a row of logits where the device has it.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

use super::{Backend, Context};

/// A row of logits of the last decode, on the device that has computed it. As it borrows the context, no decode can
/// overwrite it.
#[derive(Debug, Clone, Copy)]
pub struct DeviceRow<'a> {
    tensor: NonNull<sys::ggml_tensor>,
    /// Of the first logit, in bytes from the beginning of the tensor.
    offset: usize,
    len: usize,
    context: PhantomData<&'a Context>,
}

impl DeviceRow<'_> {
    /// Row `index` of `rows` that the logits must have, each of `len`; none where they are of another shape or not in
    /// single precision.
    ///
    /// # Safety
    ///
    /// The tensor stays as it is, computed, for the row's lifetime.
    pub(super) unsafe fn of(
        tensor: NonNull<sys::ggml_tensor>,
        index: usize,
        rows: usize,
        len: usize,
    ) -> Option<Self> {
        // SAFETY: as the caller promises.
        let logits = unsafe { tensor.as_ref() };
        let fits = logits.type_ == sys::GGML_TYPE_F32
            && logits.ne == [len as i64, rows as i64, 1, 1]
            && logits.nb[0] == size_of::<f32>()
            && !logits.data.is_null();
        (fits && index < rows).then(|| Self {
            tensor,
            offset: index * logits.nb[1],
            len,
            context: PhantomData,
        })
    }

    /// The address of the first logit, on the device.
    #[must_use]
    pub fn address(&self) -> u64 {
        // SAFETY: the tensor is live as long as the row.
        let logits = unsafe { self.tensor.as_ref() };
        logits.data as u64 + self.offset as u64
    }

    /// How many logits it has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a vocabulary is not empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Which of [`Backend::gpus`] has it; none where it lies in host memory.
    #[must_use]
    pub fn gpu(&self) -> Option<usize> {
        // SAFETY: the tensor is live as long as the row and was computed, so it has a buffer.
        let device = unsafe {
            let buffer = self.tensor.as_ref().buffer;
            if sys::ggml_backend_buffer_is_host(buffer) {
                return None;
            }
            sys::ggml_backend_buft_get_device(sys::ggml_backend_buffer_get_type(buffer))
        };
        let gpus = Backend::gpus();
        gpus.iter().position(|gpu| gpu.is(device))
    }

    /// Copies it to host memory.
    pub fn read(&self, into: &mut Vec<f32>) {
        into.resize(self.len, 0.0);
        // SAFETY: the tensor is live as long as the row, the row lies within it (`of` has checked its shape), and `into` has room
        // for as many bytes.
        unsafe {
            sys::ggml_backend_tensor_get(
                self.tensor.as_ptr(),
                into.as_mut_ptr().cast::<c_void>(),
                self.offset,
                self.len * size_of::<f32>(),
            );
        }
    }
}
