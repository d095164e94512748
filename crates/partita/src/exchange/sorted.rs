//! The exchange behind a sort. A task sorts what it gathers into runs; when all are there, splitters chosen
//! from samples of their keys cut the key space into ranges, and each merge task merges its range of all runs,
//! in partition order and then run order, so that the sort is stable.
//!
//! Splitters are chosen from the keys of every [`SAMPLE_ROWS`]-th row of a partition as rows come, so that they
//! do not depend on how the rows were cut into runs, which may follow the memory limit. A run keeps the keys of
//! every [`RUN_SAMPLE_ROWS`]-th of its rows, in order, to find where a range begins without reading more of it than that.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat, concat_batches};
use arrow::datatypes::SchemaRef;
use partita_kernels::sort::{SortKeys, SortOptions, Splitters, sort_indices};
use partita_kernels::take::take_batch;

use super::merge::{RunOfRows, merge};
use super::run::{Run, RunSet};
use super::writer::RunStore;
use crate::error::{Result, Step};
use crate::expr::{BoundList, Expr, col};
use crate::op::Out;

/// Rows between two samples of a partition.
const SAMPLE_ROWS: usize = 1024;
/// The same of a sorted run: every range of every run begins among so many rows, whose keys have to be looked at.
const RUN_SAMPLE_ROWS: usize = 512;

/// What rows are sorted by.
#[derive(Debug)]
pub(crate) struct SortSpec {
    keys: BoundList,
    options: Vec<SortOptions>,
    /// For `explain`.
    pub(crate) label: String,
    step: Step,
}

impl SortSpec {
    pub(crate) fn new(
        keys: &[(Expr, SortOptions)],
        label: String,
        schema: &SchemaRef,
        step: Step,
    ) -> Result<SortSpec> {
        let exprs: Vec<Expr> = keys.iter().map(|(expr, _)| expr.clone()).collect();
        let options = keys.iter().map(|(_, options)| *options).collect();
        Ok(SortSpec { keys: BoundList::bind(&exprs, schema)?, options, label, step })
    }

    /// Ascending by the last column.
    pub(crate) fn of_last(schema: &SchemaRef, label: &str, step: Step) -> Result<SortSpec> {
        let keys: Vec<(Expr, SortOptions)> = schema
            .fields()
            .last()
            .map(|field| (col(field.name()), SortOptions::default()))
            .into_iter()
            .collect();
        SortSpec::new(&keys, label.to_owned(), schema, step)
    }

    fn key_columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.keys.evaluate(batch).map_err(|error| error.at_step(self.step))
    }

    pub(super) fn sort_keys(&self, batch: &RecordBatch) -> Result<SortKeys> {
        Ok(SortKeys::encode(&self.key_columns(batch)?, &self.options)?)
    }

    /// The keys of every [`SAMPLE_ROWS`]-th row, of which this batch's first is number `first`.
    pub(super) fn sampled(&self, batch: &RecordBatch, first: u64) -> Result<Option<Vec<ArrayRef>>> {
        let step = SAMPLE_ROWS as u64;
        let begin = first.next_multiple_of(step) - first;
        let rows: UInt32Array =
            (begin..batch.num_rows() as u64).step_by(SAMPLE_ROWS).map(|row| row as u32).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.key_columns(&take_batch(batch, &rows)?)?))
    }

    /// The rows of a run in order.
    pub(super) fn sorted(&self, gathered: Vec<RecordBatch>) -> Result<SortedRows> {
        let batch = concat_batches(&gathered[0].schema(), &gathered)?;
        drop(gathered);
        let order = UInt32Array::from(sort_indices(&self.key_columns(&batch)?, &self.options)?);
        Ok(SortedRows { batch, order })
    }
}

/// The rows of a run, which are put in order when they are taken.
pub(super) struct SortedRows {
    batch: RecordBatch,
    order: UInt32Array,
}

impl SortedRows {
    pub(super) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// The keys of every [`RUN_SAMPLE_ROWS`]-th row in order.
    pub(super) fn samples(&self, spec: &SortSpec) -> Result<SortKeys> {
        let sampled: UInt32Array = self.order.iter().step_by(RUN_SAMPLE_ROWS).collect();
        // Samples stay as long as the exchange: they must not keep the pages that their texts came in.
        spec.sort_keys(&take_batch(&self.batch, &sampled)?)
    }

    /// The rows in order, so many at a time.
    pub(super) fn blocks(&self, rows: usize) -> impl Iterator<Item = Result<RecordBatch>> {
        (0..self.rows()).step_by(rows.max(1)).map(move |from| {
            let order = self.order.slice(from, rows.min(self.rows() - from));
            Ok(take_batch(&self.batch, &order)?)
        })
    }
}

/// One key range of all runs of a sort.
#[derive(Debug)]
pub(crate) struct MergedRange {
    runs: Arc<RunSet>,
    spec: Arc<SortSpec>,
    splitters: Option<Arc<Splitters>>,
    range: usize,
}

/// Cuts the keys of sorted runs into ranges of about `task_bytes`. There is always at least one.
///
/// # Errors
/// The keys have no order, which binding has excluded.
pub(crate) fn split_ranges(
    runs: Arc<RunSet>,
    spec: &Arc<SortSpec>,
    task_bytes: u64,
) -> Result<Vec<MergedRange>> {
    let wanted = usize::try_from(runs.bytes().div_ceil(task_bytes.max(1))).unwrap_or(usize::MAX).max(1);
    let sampled: Vec<&[ArrayRef]> =
        runs.partitions.iter().map(|runs| &*runs.sampled).filter(|samples| !samples.is_empty()).collect();
    if wanted == 1 || sampled.is_empty() {
        return Ok(vec![MergedRange { runs, spec: Arc::clone(spec), splitters: None, range: 0 }]);
    }
    let columns = concat_columns(&sampled)?;
    Ok(ranges_at(runs, spec, Splitters::choose(&columns, &spec.options, wanted)?))
}

/// Cuts the keys of sorted runs before each of some keys, which are in order and differ.
///
/// # Errors
/// As [`split_ranges`].
pub(crate) fn ranges_from(
    runs: Arc<RunSet>,
    spec: &Arc<SortSpec>,
    keys: &[ArrayRef],
) -> Result<Vec<MergedRange>> {
    Ok(ranges_at(runs, spec, Splitters::at(keys, &spec.options)?))
}

fn ranges_at(runs: Arc<RunSet>, spec: &Arc<SortSpec>, splitters: Splitters) -> Vec<MergedRange> {
    let splitters = Arc::new(splitters);
    let range = |range| MergedRange {
        runs: Arc::clone(&runs),
        spec: Arc::clone(spec),
        splitters: Some(Arc::clone(&splitters)),
        range,
    };
    (0..splitters.ranges()).map(range).collect()
}

/// The columns of several parts, each one after the other.
pub(super) fn concat_columns(parts: &[&[ArrayRef]]) -> Result<Vec<ArrayRef>> {
    let columns = parts.first().map_or(0, |part| part.len());
    let all = (0..columns).map(|column| {
        let parts: Vec<&dyn Array> = parts.iter().map(|part| part[column].as_ref()).collect();
        Ok(concat(&parts)?)
    });
    all.collect()
}

impl MergedRange {
    /// Hands on the range's rows in order.
    ///
    /// # Errors
    /// A spill file cannot be read or written, or there is no memory for a block of a few runs.
    pub(crate) fn pump(&self, batch_rows: usize, store: &RunStore, out: &mut Out<'_>) -> Result<()> {
        let mut sources = Vec::new();
        for run in self.runs.runs() {
            let (from, to) = (self.begin(run, self.range)?, self.begin(run, self.range + 1)?);
            if from < to {
                sources.push(RunOfRows::new(run, from..to));
            }
        }
        merge(sources, &self.spec, batch_rows, store, out)
    }

    /// The first row of a run that belongs to a range or one behind it.
    fn begin(&self, run: &Run, range: usize) -> Result<usize> {
        let Some((splitters, samples)) = self.splitters.as_ref().zip(run.samples()) else {
            return Ok(if range == 0 { 0 } else { run.rows });
        };
        if range == splitters.ranges() {
            return Ok(run.rows);
        }
        // All rows before the last sample that precedes the range precede it too.
        let Some(before) = splitters.begin(range, samples).checked_sub(1) else { return Ok(0) };
        let (mut begin, to) = (before * RUN_SAMPLE_ROWS, ((before + 1) * RUN_SAMPLE_ROWS).min(run.rows));
        for batch in run.read(begin..to)? {
            let inside = splitters.begin(range, &self.spec.sort_keys(&batch)?);
            begin += inside;
            if inside < batch.num_rows() {
                break;
            }
        }
        Ok(begin)
    }
}
