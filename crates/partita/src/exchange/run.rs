//! A run: rows that wait between two stages, in memory or on disk.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use partita_kernels::sort::SortKeys;

use super::buckets::BUCKETS;
use super::ledger::Reservation;
use super::packed::PackedRows;
use super::spill::SpilledRun;
use crate::error::Result;
use crate::op::{Flow, Held, Out, PackedBatch, PackedColumn, Rereadable, kept_bytes};

/// Rows of a run in memory that are read at a time.
const READ_ROWS: usize = 16_384;

/// Rows of one partition, in order, or ordered by bucket if `offsets` are there.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) rows: usize,
    offsets: Option<Offsets>,
    /// Of a sorted run, the keys of some of its rows; see `sorted.rs`.
    samples: Option<SortKeys>,
    body: Body,
}

/// Where the rows of buckets that follow each other lie. A run has few buckets if it is small, for there are many such runs.
#[derive(Debug)]
pub(super) struct Offsets {
    first: usize,
    /// The first row of each bucket and the end of the last.
    rows: Box<[u32]>,
}

impl Offsets {
    /// Of some of all buckets, whose rows lie behind each other.
    pub(super) fn of(buckets: &Range<usize>, offsets: &[u32]) -> Offsets {
        let start = offsets[buckets.start];
        let rows = offsets[buckets.start..=buckets.end].iter().map(|row| row - start).collect();
        Offsets { first: buckets.start, rows }
    }

    /// Each bucket and its rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        (self.first..).zip(self.rows.windows(2).map(|ends| ends[0] as usize..ends[1] as usize))
    }

    /// The row at which each bucket ends.
    pub(super) fn ends(&self) -> &[u32] {
        &self.rows[1..]
    }

    /// The rows of a range of buckets, some of which may be others.
    pub(super) fn rows(&self, buckets: &Range<usize>) -> Range<usize> {
        let row = |bucket: usize| self.rows[bucket.saturating_sub(self.first).min(self.rows.len() - 1)];
        row(buckets.start) as usize..row(buckets.end) as usize
    }
}

#[derive(Debug)]
pub(super) enum Body {
    /// For who reads the rows again and again.
    Memory { batch: RecordBatch, _held: Reservation },
    /// In memory too.
    Packed { rows: PackedRows, _held: Reservation },
    Disk {
        rows: SpilledRun,
        /// What it says about itself is in memory all the same.
        _held: Reservation,
    },
}

impl Run {
    pub(super) fn new(rows: usize, body: Body, offsets: Option<Offsets>, samples: Option<SortKeys>) -> Run {
        Run { rows, offsets, samples, body }
    }

    pub(super) fn samples(&self) -> Option<&SortKeys> {
        self.samples.as_ref()
    }

    /// Where the rows of a range of buckets lie. Rows that came in no order of buckets are all in the first.
    pub(super) fn bucket_rows(&self, buckets: &Range<usize>) -> Range<usize> {
        match &self.offsets {
            Some(offsets) => offsets.rows(buckets),
            None if buckets.contains(&0) => 0..self.rows,
            None => 0..0,
        }
    }

    /// The rows themselves, if they are in memory as one batch.
    pub(super) fn in_memory(&self) -> Option<&RecordBatch> {
        if let Body::Memory { batch, .. } = &self.body { Some(batch) } else { None }
    }

    /// The parts of a column, if the rows are in memory.
    pub(crate) fn column(&self, column: usize) -> Option<Vec<PackedColumn>> {
        match &self.body {
            Body::Memory { batch, .. } => Some(vec![PackedColumn::plain(Arc::clone(batch.column(column)))]),
            Body::Packed { rows, .. } => {
                Some(rows.batches().iter().map(|batch| batch.columns()[column].clone()).collect())
            }
            Body::Disk { .. } => None,
        }
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        !matches!(self.body, Body::Disk { .. })
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
            Body::Packed { rows: packed, .. } => Ok(packed.read(rows)),
            Body::Disk { rows: spilled, .. } => spilled.read(rows),
        }
    }

    /// Rows by position, as they are kept; of a run on disk they are read and packed.
    ///
    /// # Errors
    /// The spill file cannot be read, or there is no memory for what is read.
    fn packed(&self, rows: Range<usize>, read: &mut Held) -> Result<Vec<PackedBatch>> {
        match &self.body {
            Body::Memory { batch, .. } => Ok(vec![PackedBatch::plain(&batch.slice(rows.start, rows.len()))]),
            Body::Packed { rows: packed, .. } => Ok(packed.slices(rows)),
            Body::Disk { rows: spilled, .. } => {
                let before = read.bytes();
                read.set(before + self.bytes_of(rows.len()))?;
                let pack = |batch: RecordBatch| Ok(PackedBatch::pack(&batch, batch.schema_ref())?);
                let packed = spilled.read(rows)?.into_iter().map(pack).collect::<Result<Vec<_>>>()?;
                read.set(before + packed.iter().map(|batch| kept_bytes(batch, None)).sum::<usize>())?;
                Ok(packed)
            }
        }
    }

    /// Where a reader that goes through rows in order and has come to `row` should stop, so that no block of a
    /// spill file is read twice, and nothing unpacked twice.
    pub(super) fn next_stop(&self, row: usize) -> usize {
        match &self.body {
            Body::Memory { .. } => (row / READ_ROWS + 1) * READ_ROWS,
            Body::Packed { rows, .. } => rows.batch_end(row),
            Body::Disk { rows: spilled, .. } => spilled.block_end(row),
        }
    }

    /// About how many bytes so many rows take when they are read, beside what the run holds.
    pub(super) fn bytes_of(&self, rows: usize) -> usize {
        match &self.body {
            Body::Memory { .. } => 0,
            Body::Packed { rows: packed, .. } => packed.bytes_of(rows),
            Body::Disk { rows: spilled, .. } => spilled.bytes().saturating_mul(rows) / self.rows.max(1),
        }
    }

    /// About how many bytes of memory reading rows in order takes.
    pub(super) fn reading_bytes(&self) -> usize {
        match &self.body {
            Body::Memory { .. } => 0,
            Body::Packed { rows, .. } => rows.batch_bytes(),
            Body::Disk { rows: spilled, .. } => spilled.block_bytes(),
        }
    }
}

/// What one task wrote into an exchange.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    pub(super) runs: Vec<Arc<Run>>,
    /// As [`logical_bytes`](crate::op::logical_bytes) counts.
    pub(super) bytes: u64,
    /// The same per bucket, in an exchange by hash.
    pub(super) bucket_bytes: Option<Arc<[u64; BUCKETS]>>,
    /// In an exchange by range, the keys of some of the rows as they came.
    pub(super) sampled: Vec<ArrayRef>,
}

impl Runs {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn rows(&self) -> usize {
        self.runs.iter().map(|run| run.rows).sum()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Arc<Run>> {
        self.runs.iter()
    }
}

/// All runs of a stage: per partition, in order.
#[derive(Debug, Default)]
pub(crate) struct RunSet {
    pub(crate) partitions: Vec<Arc<Runs>>,
}

impl RunSet {
    pub(crate) fn rows(&self) -> usize {
        self.partitions.iter().map(|runs| runs.rows()).sum()
    }

    /// How many bytes of rows there are: a function of the rows, however they lie in runs.
    pub(crate) fn bytes(&self) -> u64 {
        self.partitions.iter().map(|runs| runs.bytes).sum()
    }

    /// Hands on rows by position in some partitions, in partition order and then run order.
    ///
    /// # Errors
    /// A spill file cannot be read.
    pub(crate) fn in_order(
        &self,
        partitions: Range<usize>,
        rows: &Range<usize>,
        out: &mut Out<'_>,
    ) -> Result<Flow> {
        let mut first = 0;
        for run in self.partitions[partitions].iter().flat_map(|runs| runs.iter()) {
            let (from, to) = (rows.start.max(first), rows.end.min(first + run.rows));
            let mut at = from;
            while at < to {
                let stop = (first + run.next_stop(at - first)).min(to);
                for batch in run.read(at - first..stop - first)? {
                    if out(batch)? == Flow::Done {
                        return Ok(Flow::Done);
                    }
                }
                at = stop;
            }
            first += run.rows;
            if first >= rows.end {
                break;
            }
        }
        Ok(Flow::Continue)
    }

    /// The rows of a range of buckets as they are kept, in partition order; `read` holds what comes from disk.
    ///
    /// # Errors
    /// A spill file cannot be read, or there is no memory for what is read.
    pub(crate) fn packed(&self, buckets: &Range<usize>, read: &mut Held) -> Result<Vec<PackedBatch>> {
        let mut packed = Vec::new();
        for run in self.runs() {
            let rows = run.bucket_rows(buckets);
            if !rows.is_empty() {
                packed.extend(run.packed(rows, read)?);
            }
        }
        Ok(packed)
    }

    /// In partition order, then run order.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.partitions.iter().flat_map(|runs| runs.iter())
    }

    /// The runs that have rows of a range of buckets: who holds only these keeps nothing else in memory.
    pub(crate) fn of_buckets(&self, buckets: &Range<usize>) -> RunSet {
        let has = |run: &&Arc<Run>| !run.bucket_rows(buckets).is_empty();
        let narrowed = self.partitions.iter().map(|runs| Runs {
            runs: runs.iter().filter(has).cloned().collect(),
            bytes: runs.bytes,
            bucket_bytes: runs.bucket_bytes.clone(),
            sampled: Vec::new(),
        });
        RunSet { partitions: narrowed.filter(|runs| !runs.runs.is_empty()).map(Arc::new).collect() }
    }

    /// How many rows lie in a range of buckets.
    pub(crate) fn bucket_rows(&self, buckets: &Range<usize>) -> usize {
        self.runs().map(|run| run.bucket_rows(buckets).len()).sum()
    }

    /// Whether the rows lie by bucket.
    pub(crate) fn is_by_bucket(&self) -> bool {
        self.partitions.iter().all(|runs| runs.bucket_bytes.is_some())
    }

    /// How many bytes lie in each bucket: a function of the rows, however they lie in runs.
    pub(crate) fn bucket_bytes(&self) -> [u64; BUCKETS] {
        let mut bytes = [0u64; BUCKETS];
        for more in self.partitions.iter().filter_map(|runs| runs.bucket_bytes.as_ref()) {
            bytes.iter_mut().zip(more.iter()).for_each(|(sum, more)| *sum += more);
        }
        bytes
    }
}

impl Rereadable for RunSet {
    fn rows(&self) -> usize {
        RunSet::rows(self)
    }

    fn bytes(&self) -> u64 {
        RunSet::bytes(self)
    }

    fn each(&self, out: &mut Out<'_>) -> Result<Flow> {
        self.in_order(0..self.partitions.len(), &(0..usize::MAX), out)
    }
}
