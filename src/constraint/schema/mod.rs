//! JSON schemas, checked and brought into the form that llguidance enforces without exception.
//!
//! llguidance ignores keywords that it does not know, and takes options from the schema itself. What it
//! gets to see is therefore written anew from what was checked: only keywords that it
//! enforces, references only to `#` and `#/$defs/…`.

mod data;
mod dialect;
mod disjoint;
mod formats;
mod inhabited;
mod keywords;
mod pattern;
mod pointer;
mod prepare;
#[cfg(test)]
mod tests;

pub use prepare::prepare;
