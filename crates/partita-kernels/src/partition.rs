//! Radix partitioning of rows by the high bits of their hashes: the order of rows that a shuffle writes.
//!
//! The order is stable: rows of one bucket keep theirs, so what a reader sees does not depend on how many buckets
//! lie in one file. `take.rs` carries rows into it.

use crate::plain::row_count;
use crate::{Error, Result};

/// The most bits that one pass partitions by: more would need more write streams than caches hold lines.
pub const MAX_PARTITION_BITS: u32 = 16;

/// Rows ordered by bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions {
    /// Row numbers, bucket after bucket, in row order inside a bucket.
    pub order: Vec<u32>,
    /// Bucket `b` is `order[offsets[b]..offsets[b + 1]]`; one more entry than there are buckets.
    pub offsets: Vec<u32>,
}

/// Orders rows by the highest `bits` bits of their hashes (a stable counting sort).
///
/// # Errors
/// When there are more than `u32::MAX` rows or more than [`MAX_PARTITION_BITS`] bits.
pub fn partition_by_hash(hashes: &[u64], bits: u32) -> Result<Partitions> {
    let rows = row_count(hashes.len())?;
    if bits > MAX_PARTITION_BITS {
        return Err(Error::invalid(format!(
            "cannot partition by {bits} bits; {MAX_PARTITION_BITS} is the most"
        )));
    }
    if bits == 0 {
        return Ok(Partitions { order: (0..rows).collect(), offsets: vec![0, rows] });
    }
    let shift = 64 - bits;
    let mut counts = vec![0u32; 1 << bits];
    for hash in hashes {
        counts[(hash >> shift) as usize] += 1;
    }
    let mut offsets = Vec::with_capacity(counts.len() + 1);
    let mut next = 0;
    offsets.push(0);
    for count in &mut counts {
        let start = next;
        next += *count;
        *count = start;
        offsets.push(next);
    }
    let mut order = vec![0u32; hashes.len()];
    for (row, hash) in (0u32..).zip(hashes) {
        let place = &mut counts[(hash >> shift) as usize];
        order[*place as usize] = row;
        *place += 1;
    }
    Ok(Partitions { order, offsets })
}

#[cfg(test)]
mod tests;
