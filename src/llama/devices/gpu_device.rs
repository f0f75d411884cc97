//! [`GpuDevice`]: a GPU that models can be put on.

use std::ffi::CStr;
use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

/// A GPU of a loaded backend. It lives as long as the process.
#[derive(Debug, Clone)]
pub struct GpuDevice {
    handle: NonNull<sys::ggml_backend_device>,
    name: String,
}

// SAFETY: ggml's device handles are never freed, and the calls made with them here lock what they share.
unsafe impl Send for GpuDevice {}
// SAFETY: as above.
unsafe impl Sync for GpuDevice {}

/// Memory of a device, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceMemory {
    /// What nobody has taken, other processes included.
    pub free: u64,
    /// All there is.
    pub total: u64,
}

impl GpuDevice {
    /// The devices of a registry that ggml gave, in its order.
    pub(super) fn all_of(registry: sys::ggml_backend_reg_t) -> Vec<Self> {
        // SAFETY: the registry lives as long as the process, and an index under the count has a device.
        let handles = (0..unsafe { sys::ggml_backend_reg_dev_count(registry) })
            .map(|index| unsafe { sys::ggml_backend_reg_dev_get(registry, index) });
        handles
            .filter_map(NonNull::new)
            .map(|handle| Self {
                // SAFETY: the description of a device is NUL-terminated and lives as long as the device.
                name: unsafe { CStr::from_ptr(sys::ggml_backend_dev_description(handle.as_ptr())) }
                    .to_string_lossy()
                    .into_owned(),
                handle,
            })
            .collect()
    }

    pub(in super::super) fn as_ptr(&self) -> sys::ggml_backend_dev_t {
        self.handle.as_ptr()
    }

    /// What it is called, as in `NVIDIA H200`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its memory, asked now.
    #[must_use]
    pub fn memory(&self) -> DeviceMemory {
        let (mut free, mut total) = (0, 0);
        // SAFETY: the device is live, and both are written.
        unsafe {
            sys::ggml_backend_dev_memory(self.handle.as_ptr(), &raw mut free, &raw mut total);
        }
        DeviceMemory {
            free: free as u64,
            total: total as u64,
        }
    }

    /// Whether it is this one.
    pub(in super::super) fn is(&self, device: sys::ggml_backend_dev_t) -> bool {
        self.handle.as_ptr() == device
    }
}
