//! Drafts: guesses at a run's next tokens, verified in the step that computes them.
//!
//! A decode of a few rows takes little longer than that of one, because both read the same weights. So where
//! something foretells the next tokens, they are computed together: k drafted tokens that are all accepted give
//! k + 1 tokens in one step. Text that repeats itself (a rewritten file, a quoted document) is foretold by n-grams.
//!
//! Pure: no llama.cpp calls, no clocks, no threads. One concept a file:
//! - [`DraftKind`], [`DraftParams`]: the names of `speculative_type` and what they mean;
//! - [`NgramSimple`]: drafts from the run's own tokens; [`NgramMod`]: from what other runs of its
//!   namespace wrote, kept in [`NgramTables`];
//! - [`DraftPolicy`]: how many tokens to draft, from the [`Acceptance`] learnt and from [`RowCosts`];
//! - [`verify`]: which of them are accepted; [`DraftCounters`]: how it went;
//! - [`RunDrafts`]: all of that for one run.
//!
//! # A step of the decode thread
//!
//! Propose → rows → verify → truncate → learn. Deterministic runs draft nothing, nor do models whose memory
//! cannot be cut back to any position (recurrent ones).
//!
//! ```
//! use std::time::Duration;
//! use rein::engine::drafts::{
//!     DraftKind, DraftLimits, DraftParams, NgramTables, RowCosts, RunDrafts, verify,
//! };
//! use rein::llama::Token;
//!
//! // For each engine: the tables, and what decodes cost here.
//! let mut tables = NgramTables::new(16);
//! let mut costs = RowCosts::new(64);
//! # for rows in 1..=64 { costs.learn(rows, Duration::from_micros(19_800 + 200 * rows as u64)); }
//!
//! // For each run, when it is admitted.
//! let kind: DraftKind = "ngram-simple".parse()?;
//! let mut drafts = RunDrafts::new(DraftParams::from(kind), 0);
//! let mut tokens: Vec<Token> = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5].map(Token).to_vec();
//! let mut computed = 12;
//! # let max_tokens = tokens.len() + 6;
//! # let end_of_generation = Token(0);
//!
//! while tokens.len() < max_tokens {
//!     // Propose. Of m tokens that are still wanted, one comes without being drafted.
//!     let limits = DraftLimits { room: max_tokens - tokens.len() - 1, runs: 1 };
//!     let rows = 1;
//!     let drafted = drafts.propose(
//!         &tokens,
//!         &mut tables,
//!         limits,
//!         |token| token == end_of_generation,
//!         |k| costs.seconds(rows + k),
//!     );
//!
//!     // Rows: the last token and the drafted ones, at the positions that follow, each with logits.
//!     let n_rows = rows + drafted.len();
//!     // batch.push(tokens[computed], computed, seq, true);
//!     // for (i, &token) in drafted.iter().enumerate() {
//!     //     batch.push(token, computed + 1 + i, seq, true);
//!     // }
//!     // let took = context.decode(&mut batch, ...)?;
//!     # let took = Duration::from_millis(20);
//!     costs.learn(n_rows, took);
//!
//!     // Verify: the sampler draws, and accepts what it has drawn before the next row.
//!     let verified = verify(drafted, |row| {
//!         // let token = sampler.draw(context.logits(first_row + row)?);
//!         // sampler.accept(token);
//!         # let token = Token((tokens.len() + row) as i32 % 8 + 1);
//!         Ok::<_, String>(token)
//!     })?;
//!
//!     // Truncate: the cells of the drafts that were not accepted. The last drawn token has no cell yet.
//!     computed += 1 + verified.accepted;
//!     // context.truncate(seq, computed)?;
//!
//!     // Learn, then hand the tokens out one by one; the first that ends the run drops the others.
//!     drafts.learn(&verified.tokens);
//!     tokens.extend(verified.tokens);
//! }
//! assert_eq!(tokens.len(), computed + 1);
//! assert_eq!(drafts.counters().accepted, 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
mod run_drafts;
#[cfg(test)]
mod simulation;
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
pub use run_drafts::{DraftLimits, RunDrafts};
pub use verify::{Verified, verify};
