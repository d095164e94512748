//! [`CrossPairs`]: the row pairs of a cross join, in bounded chunks.

use arrow::array::UInt32Array;

use super::{JoinPairs, ProbeRows};

/// Every probe row with every build row: probe rows in order, build rows ascending within each.
#[derive(Debug)]
pub struct CrossPairs {
    probe_rows: usize,
    build_rows: usize,
    next: usize,
    limit: usize,
}

impl CrossPairs {
    /// The pairs of `probe_rows` times `build_rows` rows in chunks of at most `limit` pairs.
    ///
    /// Both counts are batch or table lengths, so they are below `u32::MAX`.
    pub fn new(probe_rows: usize, build_rows: usize, limit: usize) -> CrossPairs {
        CrossPairs { probe_rows, build_rows, next: 0, limit: limit.max(1) }
    }
}

impl Iterator for CrossPairs {
    type Item = JoinPairs;

    fn next(&mut self) -> Option<JoinPairs> {
        let total = self.probe_rows.checked_mul(self.build_rows)?;
        if self.next >= total {
            return None;
        }
        let end = total.min(self.next.saturating_add(self.limit));
        let (mut probe, mut build) =
            (Vec::with_capacity(end - self.next), Vec::with_capacity(end - self.next));
        for pair in self.next..end {
            probe.push(u32::try_from(pair / self.build_rows).ok()?);
            build.push(u32::try_from(pair % self.build_rows).ok()?);
        }
        self.next = end;
        Some(JoinPairs {
            probe: ProbeRows::Indices(UInt32Array::from(probe)),
            build: Some(UInt32Array::from(build)),
        })
    }
}
