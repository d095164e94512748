//! How the buckets of a hash exchange are shared out to tasks.

use std::ops::Range;

/// Bits of the hash that choose a bucket.
pub(crate) const BUCKET_BITS: u32 = 8;
/// Buckets of every hash exchange. Fixed, so that a run can be cut before the total size is known.
pub(crate) const BUCKETS: usize = 1 << BUCKET_BITS;

/// Cuts the buckets into contiguous ranges of about `target` bytes each, given the bytes in each bucket. There
/// is always at least one range, and every bucket is in exactly one.
pub(crate) fn bucket_ranges(bytes: &[u64; BUCKETS], target: u64) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut sum) = (0, 0u64);
    for (bucket, &size) in bytes.iter().enumerate() {
        // An empty bucket never begins a range: a merge without keys has all rows in one bucket, and a second
        // task would make a second row of nothing.
        if size > 0 && sum > 0 && sum + size > target {
            ranges.push(start..bucket);
            (start, sum) = (bucket, 0);
        }
        sum += size;
    }
    ranges.push(start..BUCKETS);
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
            let ranges = bucket_ranges(&bytes, target);
            assert_eq!(ranges[0].start, 0);
            assert_eq!(ranges[ranges.len() - 1].end, BUCKETS);
            assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
            let within = |range: &Range<usize>| bytes[range.clone()].iter().sum::<u64>() <= target;
            let single =
                |range: &Range<usize>| bytes[range.clone()].iter().filter(|&&size| size > 0).count() <= 1;
            assert!(ranges.iter().all(|range| within(range) || single(range)));
        }
        assert_eq!(bucket_ranges(&[0; BUCKETS], 10), vec![0..BUCKETS]);
        let mut one = [0; BUCKETS];
        one[0] = 11;
        assert_eq!(bucket_ranges(&one, 10), vec![0..BUCKETS]);
    }
}
