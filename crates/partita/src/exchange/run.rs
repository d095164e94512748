//! A run: rows that wait between two stages, in memory or on disk.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};

use super::buckets::BUCKETS;
use super::ledger::Reservation;
use super::spill::SpilledRun;
use crate::error::Result;
use crate::op::logical_bytes;

/// Rows of one partition, in order, or ordered by bucket if `offsets` are there.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) rows: usize,
    /// As [`logical_bytes`] counts.
    pub(crate) bytes: usize,
    /// `BUCKETS + 1` row offsets.
    offsets: Option<Box<[u32]>>,
    /// Of a sorted run, the keys of some of its rows; see `sorted.rs`.
    samples: Vec<ArrayRef>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Memory { batch: RecordBatch, _held: Reservation },
    Disk(SpilledRun),
}

impl Run {
    pub(crate) fn in_memory(batch: RecordBatch, offsets: Option<Box<[u32]>>, held: Reservation) -> Run {
        let (rows, bytes) = (batch.num_rows(), logical_bytes(&batch));
        Run { rows, bytes, offsets, samples: Vec::new(), body: Body::Memory { batch, _held: held } }
    }

    pub(crate) fn on_disk(
        spilled: SpilledRun,
        rows: usize,
        bytes: usize,
        offsets: Option<Box<[u32]>>,
    ) -> Run {
        Run { rows, bytes, offsets, samples: Vec::new(), body: Body::Disk(spilled) }
    }

    pub(super) fn with_samples(self, samples: Vec<ArrayRef>) -> Run {
        Run { samples, ..self }
    }

    pub(super) fn samples(&self) -> &[ArrayRef] {
        &self.samples
    }

    /// The rows of a range of buckets, as batches.
    ///
    /// # Errors
    /// The spill file cannot be read.
    pub(crate) fn bucket_rows(&self, buckets: &Range<usize>) -> Result<Vec<RecordBatch>> {
        match &self.offsets {
            Some(offsets) => self.read(offsets[buckets.start] as usize..offsets[buckets.end] as usize),
            None => self.read(0..self.rows),
        }
    }

    /// Rows by position, as batches.
    ///
    /// # Errors
    /// The spill file cannot be read.
    pub(crate) fn read(&self, rows: Range<usize>) -> Result<Vec<RecordBatch>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        match &self.body {
            Body::Memory { batch, .. } => Ok(vec![batch.slice(rows.start, rows.len())]),
            Body::Disk(spilled) => spilled.read(rows),
        }
    }

    fn bucket_count(&self, bucket: usize) -> usize {
        match &self.offsets {
            Some(offsets) => (offsets[bucket + 1] - offsets[bucket]) as usize,
            None => 0,
        }
    }
}

/// All runs of a stage: per partition, in order.
#[derive(Debug, Default)]
pub(crate) struct RunSet {
    pub(crate) partitions: Vec<Arc<Vec<Run>>>,
}

impl RunSet {
    pub(crate) fn rows(&self) -> usize {
        self.runs().map(|run| run.rows).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.runs().map(|run| run.bytes as u64).sum()
    }

    /// In partition order, then run order.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.partitions.iter().flat_map(|runs| runs.iter())
    }

    /// About how many bytes lie in each bucket.
    pub(crate) fn bucket_bytes(&self) -> [u64; BUCKETS] {
        let mut bytes = [0u64; BUCKETS];
        for run in self.runs().filter(|run| run.rows > 0) {
            for (bucket, sum) in bytes.iter_mut().enumerate() {
                *sum += (run.bytes as u64 * run.bucket_count(bucket) as u64) / run.rows as u64;
            }
        }
        bytes
    }
}
