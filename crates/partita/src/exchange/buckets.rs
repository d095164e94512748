//! Buckets of a hash exchange: which rows share one, and how they are shared out to tasks.

use std::ops::Range;

use arrow::array::RecordBatch;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use partita_kernels::hash::hash_columns;
use partita_kernels::partition::BUCKET_BITS;

use crate::error::Result;

pub(crate) use partita_kernels::partition::BUCKETS;

/// How often a bucket can be split into buckets by the next bits of the hash.
pub(crate) const LEVELS: u32 = u64::BITS / BUCKET_BITS;

/// The columns by whose hash rows are spread, and the types that their values are cast to before: the two sides of
/// a join must hash alike.
#[derive(Clone, Debug)]
pub(crate) struct HashKeys {
    pub(crate) columns: Vec<usize>,
    pub(crate) types: Vec<DataType>,
}

impl HashKeys {
    /// The hash of each row. Without columns all rows have one.
    ///
    /// # Errors
    /// A column cannot be hashed, which binding has excluded.
    pub(crate) fn hashes(&self, batch: &RecordBatch, hashes: &mut Vec<u64>) -> Result<()> {
        hashes.clear();
        if self.columns.is_empty() {
            hashes.resize(batch.num_rows(), 0);
            return Ok(());
        }
        let columns = self.columns.iter().zip(&self.types).map(|(&index, to)| cast(batch.column(index), to));
        hash_columns(&columns.collect::<std::result::Result<Vec<_>, _>>()?, hashes)?;
        Ok(())
    }
}

/// Cuts the buckets of `within` into contiguous ranges of about `target` bytes each, given the bytes in each
/// bucket. There is always at least one range, every bucket is in exactly one, and a range of more than
/// `target` bytes holds a single bucket that is not empty.
pub(crate) fn bucket_ranges(bytes: &[u64; BUCKETS], within: Range<usize>, target: u64) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut sum) = (within.start, 0u64);
    for bucket in within.clone() {
        let size = bytes[bucket];
        // An empty bucket never begins a range: a merge without keys has all rows in one bucket, and a second
        // task would make a second row of nothing.
        if size > 0 && sum > 0 && sum + size > target {
            ranges.push(start..bucket);
            (start, sum) = (bucket, 0);
        }
        sum += size;
    }
    ranges.push(start..within.end);
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_is_in_one_range() {
        let mut bytes = [0u64; BUCKETS];
        for (index, size) in bytes.iter_mut().enumerate() {
            *size = (index as u64 * 7919) % 100;
        }
        for target in [0, 1, 50, 99, 1000, u64::MAX] {
            let ranges = bucket_ranges(&bytes, 3..250, target);
            assert_eq!(ranges[0].start, 3);
            assert_eq!(ranges[ranges.len() - 1].end, 250);
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            let within = |range: &Range<usize>| bytes[range.clone()].iter().sum::<u64>() <= target;
            let single =
                |range: &Range<usize>| bytes[range.clone()].iter().filter(|&&size| size > 0).count() <= 1;
            assert!(ranges.iter().all(|range| within(range) || single(range)));
        }
        assert_eq!(bucket_ranges(&[0; BUCKETS], 0..BUCKETS, 10), vec![0..BUCKETS]);
        let mut one = [0; BUCKETS];
        one[0] = 11;
        assert_eq!(bucket_ranges(&one, 0..BUCKETS, 10), vec![0..BUCKETS]);
    }
}
