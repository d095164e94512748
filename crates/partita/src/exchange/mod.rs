//! 5: where rows change partition, and where they wait for it.
//!
//! A stage that feeds an exchange writes **runs**: record batches of bounded size, in the order in which its
//! partition made them. A hash exchange orders the rows of a run by *bucket* (the top bits of the key's hash)
//! and keeps the offsets, so that a reader slices its range of buckets without copying. A run stays in memory
//! or, when the ledger refuses, goes to a spill file; what is computed does not depend on which.
//!
//! How runs and bucket ranges are cut depends on the data and the settings alone. Readers go through runs in
//! partition order, then run order: that makes every result the same for any number of threads.
//! Next in the flow: `op/mod.rs`.

mod buckets;
mod ledger;
mod run;
mod sorted;
mod spill;
mod writer;

pub(crate) use buckets::bucket_ranges;
pub(crate) use ledger::Ledger;
pub(crate) use run::{Run, RunSet};
pub(crate) use sorted::{MergedRange, SortSpec, split_ranges};
pub(crate) use spill::SpillDirectory;
pub(crate) use writer::{Arrangement, HashKeys, RunWriter};
