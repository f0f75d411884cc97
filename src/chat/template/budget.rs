//! What one render may spend: bytes that it creates and bytes that it looks through.
//!
//! The engine's own fuel counts instructions, and one instruction may double a string: forty doublings are
//! a terabyte. So everything that can make or scan something large charges this budget *before* it does so.
//! A render is one synchronous call on one thread, which is why the budget lives in a thread-local.

use std::cell::Cell;
use std::fmt;

use minijinja::{Error, ErrorKind};

/// Budget of a render, in bytes: a base, and so many times what the client sent.
const BYTES_BASE: usize = 64 << 20;
const BYTES_FACTOR: usize = 32;
const BYTES_MOST: usize = 1 << 30;
/// Steps of a render: a base, and so many for each message. Real templates take 50 to 300 a message.
const FUEL_BASE: u64 = 1_000_000;
const FUEL_PER_MESSAGE: u64 = 2_000;
const FUEL_MOST: u64 = 8_000_000;

/// How much a render may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Instructions.
    pub(super) fuel: u64,
    /// Bytes made or looked through.
    pub(super) bytes: usize,
}

impl Limits {
    /// For the small conversations that a template is tried out with, so that a hostile one cannot make
    /// loading slow.
    pub(super) const TRIAL: Self = Self {
        fuel: 100_000,
        bytes: 4 << 20,
    };

    /// For so many messages, of so many bytes with tools and all.
    pub(super) fn of(messages: usize, bytes: usize) -> Self {
        let for_messages = FUEL_PER_MESSAGE.saturating_mul(messages as u64);
        Self {
            fuel: FUEL_BASE.saturating_add(for_messages).min(FUEL_MOST),
            bytes: bytes
                .saturating_mul(BYTES_FACTOR)
                .saturating_add(BYTES_BASE)
                .min(BYTES_MOST),
        }
    }
}

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
