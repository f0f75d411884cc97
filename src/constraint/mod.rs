//! Structured output: constraints that every drawn token keeps to.
//!
//! A [`Constraint`] is checked and compiled once a request ([`ConstraintCompiler`]), before anything is
//! computed; what cannot be enforced is an error of the request. The run then draws only tokens that its
//! mask allows. An error while generating ends the run: there is no way on without the constraint.
//!
//! How the decode thread uses it:
//!
//! ```no_run
//! use rein::constraint::{Constraint, LazyCompiler, MaskWorker};
//! # use rein::{llama::{Token, Vocab}, sampling::TokenMask};
//! # fn example(
//! #     vocab: &Vocab, decode: impl Fn(), draw: impl Fn(&TokenMask) -> Token,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! // Once a model, once an engine.
//! let compiler = LazyCompiler::default();
//! let worker = MaskWorker::spawn()?;
//!
//! // When a request comes, on a blocking thread: an error here is its answer.
//! let matcher = compiler.get(vocab)?.compile(&Constraint::JsonObject)?;
//!
//! // When its run is admitted: the first mask is computed while the prompt is read.
//! let mut ahead = worker.start(matcher, None);
//! loop {
//!     decode();
//!     let token = draw(ahead.mask()?); // waits for the mask; an error ends the run
//!     if vocab.is_end_of_generation(token) {
//!         break;
//!     }
//!     ahead.advance(token); // the next mask is computed while the next decode runs
//!     if ahead.is_complete() {
//!         break; // never waits; saves the decode of a token that could only be the end
//!     }
//! }
//! # Ok(()) }
//! ```

mod compiler;
mod error;
mod gbnf;
mod guard;
mod lark;
pub mod limits;
mod matcher;
#[cfg(any(test, fuzzing))]
pub(crate) mod properties;
mod regex;
mod request;
mod schema;
#[cfg(any(test, fuzzing))]
mod testing;
#[cfg(test)]
mod tests;
mod vocabulary;
mod worker;

pub use compiler::{ConstraintCompiler, LazyCompiler};
pub use error::{ConstraintError, MatchError};
pub use matcher::Matcher;
pub use request::Constraint;
pub use schema::prepare as enforceable_schema;
pub use vocabulary::{Vocabulary, Word};
pub use worker::{MaskAhead, MaskWorker};
