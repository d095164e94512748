//! Rows that wait in memory, packed batch by batch: those of a run, which are unpacked where they are read (`writer.rs`,
//! `run.rs`), and those of a result (`run/sink.rs`).

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use partita_kernels::take::compact_batch;

use crate::error::Result;
use crate::op::{PackedBatch, kept_bytes, logical_bytes};

/// Batches of fewer rows are packed together with those behind them...
const FEW_ROWS: usize = 2_048;
/// ...up to so many bytes, for they are there twice then.
const FEW_BYTES: usize = 1 << 20;

/// Gathers rows as they come.
#[derive(Debug)]
pub(crate) struct Packing {
    /// What rows are declared to be, though some columns may come as codes.
    schema: SchemaRef,
    /// Batches that are too small to be packed alone, their rows and their bytes.
    few: Vec<RecordBatch>,
    rows_of_few: usize,
    bytes_of_few: usize,
    packed: Vec<PackedBatch>,
    /// Bytes of what is packed.
    kept: usize,
}

/// The rows of a run.
#[derive(Debug)]
pub(super) struct PackedRows {
    batches: Vec<PackedBatch>,
    /// Of each batch, the number of rows until its end.
    ends: Vec<usize>,
    /// Of all rows unpacked.
    bytes: usize,
}

impl Packing {
    pub(crate) fn new(schema: &SchemaRef) -> Packing {
        let (few, packed) = (Vec::new(), Vec::new());
        Packing { schema: Arc::clone(schema), few, rows_of_few: 0, bytes_of_few: 0, packed, kept: 0 }
    }

    /// # Errors
    /// Only if arrow refuses to rebuild a nested array.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if self.few.first().is_some_and(|first| first.schema_ref() != batch.schema_ref()) {
            self.pack_few()?;
        }
        if self.few.is_empty() && batch.num_rows() >= FEW_ROWS {
            return self.pack(&batch);
        }
        self.rows_of_few += batch.num_rows();
        self.bytes_of_few += logical_bytes(&batch);
        // A few rows of each of many pages must not keep all of them.
        self.few.push(compact_batch(&batch)?);
        let are_enough = self.rows_of_few >= FEW_ROWS || self.bytes_of_few >= FEW_BYTES;
        if are_enough { self.pack_few() } else { Ok(()) }
    }

    fn pack_few(&mut self) -> Result<()> {
        (self.rows_of_few, self.bytes_of_few) = (0, 0);
        match std::mem::take(&mut self.few).as_slice() {
            [] => Ok(()),
            [one] => self.pack(one),
            many => self.pack(&concat_batches(many[0].schema_ref(), many)?),
        }
    }

    fn pack(&mut self, batch: &RecordBatch) -> Result<()> {
        let packed = PackedBatch::pack(batch, &self.schema)?;
        self.kept += kept_bytes(&packed, self.packed.last());
        self.packed.push(packed);
        Ok(())
    }

    /// Bytes of all that is there.
    pub(crate) fn bytes(&self) -> usize {
        self.kept + self.bytes_of_few
    }

    /// All rows since the last time, and the bytes of what is kept of them.
    ///
    /// # Errors
    /// As [`Packing::push`].
    pub(crate) fn take(&mut self) -> Result<(Vec<PackedBatch>, usize)> {
        self.pack_few()?;
        Ok((std::mem::take(&mut self.packed), std::mem::take(&mut self.kept)))
    }
}

impl PackedRows {
    /// Of so many bytes unpacked.
    pub(super) fn new(batches: Vec<PackedBatch>, bytes: usize) -> PackedRows {
        let ends = batches.iter().scan(0, |rows, batch| {
            *rows += batch.num_rows();
            Some(*rows)
        });
        PackedRows { ends: ends.collect(), batches, bytes }
    }

    pub(super) fn rows(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    pub(super) fn batches(&self) -> &[PackedBatch] {
        &self.batches
    }

    /// Bytes of all rows unpacked.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of them, one after the other.
    pub(super) fn unpacked(&self) -> impl Iterator<Item = RecordBatch> {
        self.batches.iter().map(PackedBatch::unpack)
    }

    /// Bytes of what is kept.
    pub(super) fn kept_bytes(&self) -> usize {
        let before = std::iter::once(None).chain(self.batches.iter().map(Some));
        self.batches.iter().zip(before).map(|(batch, before)| kept_bytes(batch, before)).sum()
    }

    /// About how many bytes so many rows take unpacked.
    pub(super) fn bytes_of(&self, rows: usize) -> usize {
        self.bytes.saturating_mul(rows) / self.rows().max(1)
    }

    /// About how many bytes a batch takes unpacked.
    pub(super) fn batch_bytes(&self) -> usize {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        self.bytes_of(self.ends.iter().zip(starts).map(|(end, start)| end - start).max().unwrap_or(0))
    }

    /// The first row after the batch that holds `row`.
    pub(super) fn batch_end(&self, row: usize) -> usize {
        self.ends.get(self.at(row)).copied().unwrap_or(usize::MAX)
    }

    /// Rows by position, unpacked.
    pub(super) fn read(&self, rows: Range<usize>) -> Vec<RecordBatch> {
        self.slices(rows).iter().map(PackedBatch::unpack).collect()
    }

    /// Rows by position; nothing is copied.
    pub(super) fn slices(&self, rows: Range<usize>) -> Vec<PackedBatch> {
        let first = self.at(rows.start);
        let mut from = first.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut slices = Vec::new();
        for (batch, end) in self.batches.iter().zip(&self.ends).skip(first) {
            if from >= rows.end {
                break;
            }
            let (start, stop) = (rows.start.max(from), rows.end.min(*end));
            slices.push(batch.slice(start - from, stop - start));
            from = *end;
        }
        slices
    }

    /// The batch that holds a row.
    fn at(&self, row: usize) -> usize {
        self.ends.partition_point(|end| *end <= row)
    }
}
