//! What one render may spend: bytes that it creates and bytes that it looks through.
//!
//! The engine's own fuel counts instructions, and one instruction may double a string: forty doublings are
//! a terabyte. So everything that can make or scan something large charges this budget *before* it does so.
//! A render is one synchronous call on one thread, which is why the budget lives in a thread-local.

use std::cell::Cell;
use std::fmt;

use minijinja::{Error, ErrorKind};

thread_local! {
    /// Bytes left to the render on this thread; nothing outside one.
    static LEFT: Cell<usize> = const { Cell::new(0) };
}

/// The budget is spent. Travels as the source of the engine's error.
#[derive(Debug, thiserror::Error)]
#[error("the template makes or scans too much text")]
pub(super) struct Exhausted;

/// Runs one render with `bytes` to spend.
pub(super) fn with<R>(bytes: usize, render: impl FnOnce() -> R) -> R {
    /// Takes the budget back, also when the render panics.
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            LEFT.set(0);
        }
    }
    LEFT.set(bytes);
    let _reset = Reset;
    render()
}

/// What is left, in bytes.
pub(super) fn left() -> usize {
    LEFT.get()
}

/// Spends `bytes`. Once the budget is overdrawn, every further charge fails.
pub(super) fn charge(bytes: usize) -> Result<(), Error> {
    match LEFT.get().checked_sub(bytes) {
        Some(rest) if rest > 0 => {
            LEFT.set(rest);
            Ok(())
        }
        _ => {
            LEFT.set(0);
            Err(exhausted())
        }
    }
}

/// The engine's form of [`Exhausted`].
pub(super) fn exhausted() -> Error {
    Error::new(ErrorKind::InvalidOperation, "too much text").with_source(Exhausted)
}

/// A string that pays for what is written to it.
#[derive(Debug, Default)]
pub(super) struct PaidString(pub(super) String);

impl fmt::Write for PaidString {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        charge(text.len()).map_err(|_| fmt::Error)?;
        self.0.push_str(text);
        Ok(())
    }
}
