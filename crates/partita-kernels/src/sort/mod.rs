//! Sorting: stable row orders, merges of sorted runs, key ranges for parallel merges, and the best k rows.
//!
//! The order of one key: numbers ascend, NaN comes after all numbers, -0.0 equals 0.0, `false` before `true`, text by its
//! bytes, lists and structs element by element. `descending` is the exact reverse of that (NaN first), and nulls stand where
//! `nulls_first` says whatever the direction. Rows with equal keys keep their order, always.
//!
//! `indices.rs` orders the rows of one batch: `pack.rs` and `text.rs` make words of the keys, `radix.rs` sorts the words.
//! Across batches, `prefix.rs` encodes keys so that most comparisons are of one 128-bit integer ([`SortKeys`]); `merge.rs` merges sorted runs; `split.rs` cuts runs into
//! disjoint key ranges; `top_k.rs` keeps the first k rows of any number of batches.

mod indices;
mod merge;
mod pack;
mod prefix;
mod radix;
mod split;
#[cfg(test)]
mod tests;
mod text;
mod top_k;

pub use indices::sort_indices;
pub use merge::{Merge, RunBatch};
pub use prefix::SortKeys;
pub use split::Splitters;
pub use top_k::TopK;

/// The direction of one sort key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SortOptions {
    /// Largest value first.
    pub descending: bool,
    /// Nulls before all values, whatever the direction; the default is after them.
    pub nulls_first: bool,
}

impl SortOptions {
    /// Smallest value first, nulls last.
    pub const ASCENDING: SortOptions = SortOptions { descending: false, nulls_first: false };
    /// Largest value first, nulls last.
    pub const DESCENDING: SortOptions = SortOptions { descending: true, nulls_first: false };
}
