//! One prefix, computed once: what the sequences hold, what the host memory holds, and where a new run
//! finds the longest beginning of its prompt.
//!
//! Pure bookkeeping: whoever calls moves the cells.

mod host;
mod scope;
mod sequences;

pub use host::{Found, HostCache};
pub use scope::Scope;
pub use sequences::{Assignment, Sequences, Source};

use crate::llama::Token;

pub(super) fn common_prefix(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
