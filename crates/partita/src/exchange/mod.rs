//! 5: where rows change partition, and where they wait for it.
//!
//! A stage that feeds an exchange writes **runs**: record batches of bounded size, in the order in which its
//! partition made them. A hash exchange orders the rows of a run by *bucket* (the top bits of the key's hash)
//! and keeps the offsets, so that a reader takes its buckets alone. A run stays in memory, packed (`packed.rs`: a
//! third to a half of the bytes, and memory that was never used before costs more than packing), or, when the ledger
//! refuses, goes to a spill file.
//!
//! How large runs are may follow the memory limit, so nothing that is computed depends on it: buckets are read
//! one after the other, in each the rows of all partitions in order (`bucket_order.rs`), sorted runs are merged,
//! and every number that decides something is one of the rows, not of the runs. A bucket too large to be worked
//! on at once is split by further bits of the hash (`split.rs`). So every result is the same for any number of
//! threads and any limit. Next in the flow: `op/mod.rs`.

mod bucket_order;
mod buckets;
mod ledger;
mod merge;
mod packed;
mod run;
mod sorted;
mod spill;
mod split;
mod writer;

pub(crate) use buckets::{BUCKETS, HashKeys, LEVELS, bucket_ranges};
use ledger::COPIES;
pub(crate) use ledger::Ledger;
pub(crate) use packed::Packing;
pub(crate) use run::{RunSet, Runs};
pub(crate) use sorted::{MergedRange, SortSpec, ranges_from, split_ranges};
pub(crate) use spill::SpillDirectory;
pub(crate) use writer::{Arrangement, RunStore, RunWriter};
