//! Drafts: guesses at a run's next tokens, verified in the step that computes them.
//!
//! A decode of a few rows takes little longer than that of one, because both read the same weights. So where
//! something foretells the next tokens, they are computed together: k drafted tokens that are all accepted give
//! k + 1 tokens in one step. Text that repeats itself (a rewritten file, a quoted document) is foretold by n-grams.

mod acceptance;
mod counters;
mod kind;
mod ngram_mod;
mod ngram_simple;
mod ngram_table;
mod ngram_tables;
mod params;
mod policy;
mod position_index;
mod row_costs;
mod verify;
mod window;

pub use acceptance::Acceptance;
pub use counters::DraftCounters;
pub use kind::{DraftKind, UnknownDraftKind};
pub use ngram_mod::NgramMod;
pub use ngram_simple::NgramSimple;
pub use ngram_table::NgramTable;
pub use ngram_tables::NgramTables;
pub use params::{DraftParams, DraftParamsError, NgramParams};
pub use policy::DraftPolicy;
pub use row_costs::RowCosts;
pub use verify::{Verified, verify};
