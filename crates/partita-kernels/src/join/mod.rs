//! Hash joins: a [`JoinTable`] over the build side's keys, probed batch by batch for pairs of row numbers.
//!
//! `coder.rs` packs key columns into one word per row, `index.rs` finds the first build row with that word (a direct array,
//! or one of the maps of `map.rs`), `coded.rs` does so once for each value of a dictionary, `table.rs` adds the other rows of each key, `probe.rs` turns matches into bounded chunks
//! of row numbers, `matched.rs` remembers which build rows found a partner, and `filter.rs` is the small filter that the
//! other side's scan can apply early. The row numbers then go to [`crate::take`].

mod bits;
mod coded;
mod coder;
mod cross;
mod filter;
mod index;
mod map;
mod matched;
mod prefetch;
mod probe;
mod table;
#[cfg(test)]
mod tests;

pub use bits::KeySpan;
pub use cross::CrossPairs;
pub use filter::JoinFilter;
pub use matched::MatchedRows;
pub use probe::{JoinMode, JoinPairs, ProbeRows, ProbeState};
pub use table::JoinTable;

/// The row number that stands for no row, which is why a table holds at most `u32::MAX` rows.
pub(crate) const NO_ROW: u32 = u32::MAX;
