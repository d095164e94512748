//! Splitting a bucket that is too large to be worked on at once: into buckets by the next bits of the hash, and
//! apart from them the rows of the most frequent hash, which no number of bits would spread.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, not};
use partita_io::Reserve;

use super::buckets::HashKeys;
use super::run::{RunSet, Runs};
use super::writer::{Arrangement, RunStore};
use crate::error::Result;
use crate::op::{Flow, Out, Rereadable};

/// The rows of a bucket after it was split.
pub(crate) struct Split {
    /// The rows of the hash that was asked for apart, as they came.
    pub(crate) hot: Option<Arc<RunSet>>,
    /// All others, by bucket on the next level.
    pub(crate) rest: Arc<RunSet>,
}

/// The rows of some buckets.
struct OfRange<'a> {
    runs: &'a RunSet,
    range: &'a Range<usize>,
    memory: &'a Arc<dyn Reserve>,
}

impl Rereadable for OfRange<'_> {
    fn rows(&self) -> usize {
        self.runs.bucket_rows(self.range)
    }

    fn bytes(&self) -> u64 {
        self.runs.bucket_bytes()[self.range.clone()].iter().sum()
    }

    fn each(&self, out: &mut Out<'_>) -> Result<Flow> {
        self.runs.in_bucket_order(self.range, self.memory, out)
    }
}

/// A bucket that is not larger than so many times the mean of all is split without a look for a frequent hash: if one hash
/// has most of its rows, that shows when its part is to be split again.
const SUSPICIOUS: u64 = 2;

/// The hash that more than half of some rows have, if there is one; if there is none it may be any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrequentHash {
    pub(crate) hash: u64,
    /// Whether all rows have it.
    pub(crate) is_only: bool,
}

impl RunSet {
    /// The most frequent hash of a range of buckets of the level before `level`, if it is worth looking for. It depends
    /// on the rows and their order alone.
    ///
    /// # Errors
    /// A spill file cannot be read.
    pub(crate) fn frequent_hash(
        &self,
        range: &Range<usize>,
        keys: &HashKeys,
        level: u32,
        memory: &Arc<dyn Reserve>,
    ) -> Result<Option<FrequentHash>> {
        let bytes = self.bucket_bytes();
        let (filled, all) = (bytes.iter().filter(|bytes| **bytes > 0).count(), bytes.iter().sum::<u64>());
        let mean = all / (filled as u64).max(1);
        if level == 1 && filled > 1 && bytes[range.clone()].iter().sum::<u64>() <= SUSPICIOUS * mean {
            return Ok(None);
        }
        let (mut hashes, mut candidate, mut count) = (Vec::new(), 0, 0u64);
        let (mut first, mut is_only) = (None, true);
        self.in_bucket_order(range, memory, &mut |batch| {
            keys.hashes(&batch, &mut hashes)?;
            // The votes of Boyer and Moore.
            for &hash in &hashes {
                is_only &= *first.get_or_insert(hash) == hash;
                if count == 0 {
                    candidate = hash;
                }
                count = if hash == candidate { count + 1 } else { count - 1 };
            }
            Ok(Flow::Continue)
        })?;
        Ok(Some(FrequentHash { hash: candidate, is_only }))
    }

    /// The rows of a range of buckets, to be read again and again.
    pub(crate) fn of_range<'a>(
        &'a self,
        range: &'a Range<usize>,
        memory: &'a Arc<dyn Reserve>,
    ) -> impl Rereadable + 'a {
        OfRange { runs: self, range, memory }
    }

    /// Splits the rows of a range of buckets of the level before `level`; those of a hash apart, if one is given.
    ///
    /// # Errors
    /// A spill file cannot be read or written.
    pub(crate) fn split(
        &self,
        range: &Range<usize>,
        keys: &HashKeys,
        level: u32,
        hot: Option<u64>,
        store: &RunStore,
    ) -> Result<Split> {
        let memory: Arc<dyn Reserve> = Arc::clone(&store.ledger) as _;
        let mut rest = store.writer(Arrangement::ByBucket(keys.clone(), level));
        let mut apart = hot.map(|hash| (hash, store.writer(Arrangement::AsTheyCome)));
        let mut hashes = Vec::new();
        self.in_bucket_order(range, &memory, &mut |batch: RecordBatch| {
            let Some((hot, of_hot)) = &mut apart else {
                rest.push(batch)?;
                return Ok(Flow::Continue);
            };
            keys.hashes(&batch, &mut hashes)?;
            let is_hot: BooleanArray = hashes.iter().map(|hash| Some(hash == hot)).collect();
            of_hot.push(filter_record_batch(&batch, &is_hot)?)?;
            rest.push(filter_record_batch(&batch, &not(&is_hot)?)?)?;
            Ok(Flow::Continue)
        })?;
        let set = |runs: Runs| Arc::new(RunSet { partitions: vec![Arc::new(runs)] });
        let hot = apart.map(|(_, of_hot)| of_hot.finish()).transpose()?;
        Ok(Split { hot: hot.map(set), rest: set(rest.finish()?) })
    }
}
