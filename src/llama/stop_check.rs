//! [`StopCheck`]: a Rust question that long work in C++ asks again and again.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::shim;

/// Whether the work is still wanted, as C can ask it. Borrowed by one call at a time.
pub(super) struct StopCheck<'a> {
    should_stop: &'a dyn Fn() -> bool,
}

impl<'a> StopCheck<'a> {
    /// The function to be called with [`Self::as_data`].
    pub(super) const CALLBACK: shim::ShouldStop = on_stop_check;

    pub(super) fn new(should_stop: &'a dyn Fn() -> bool) -> Self {
        Self { should_stop }
    }

    /// Valid while `self` stays where it is.
    pub(super) fn as_data(&mut self) -> *mut c_void {
        std::ptr::from_mut(self).cast()
    }
}

extern "C" fn on_stop_check(data: *mut c_void) -> bool {
    // SAFETY: whoever passes `CALLBACK` passes a `StopCheck` that lives until the call returns; it is asked
    // on the thread of that call only.
    let check = unsafe { &*data.cast_const().cast::<StopCheck<'_>>() };
    // A panic must not unwind into C++; it stops the work instead.
    catch_unwind(AssertUnwindSafe(check.should_stop)).unwrap_or(true)
}
