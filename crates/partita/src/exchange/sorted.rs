//! The exchange behind a sort. A task sorts what it gathers into runs; when all are there, splitters chosen
//! from samples of their keys cut the key space into ranges, and each merge task merges its range of all runs,
//! in partition order and then run order, so that the sort is stable.
//!
//! A run keeps the keys of every [`SAMPLE_ROWS`]-th row. They serve twice: to choose splitters, and to find
//! where a range begins in a run without reading more than one block of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat, concat_batches};
use arrow::datatypes::SchemaRef;
use partita_kernels::sort::{Merge, RunBatch, SortKeys, SortOptions, Splitters, sort_indices};
use partita_kernels::take::take_batch;

use super::run::{Run, RunSet};
use crate::error::{Error, Result, Step};
use crate::expr::{BoundList, Expr};
use crate::op::{Flow, Out};

/// Rows between two samples of a run.
const SAMPLE_ROWS: usize = 1024;
/// Rows of a run that a merge reads at a time.
const READ_ROWS: usize = 16_384;

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

    fn key_columns(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        self.keys.evaluate(batch).map_err(|error| error.at_step(self.step))
    }

    fn sort_keys(&self, batch: &RecordBatch) -> Result<SortKeys> {
        Ok(SortKeys::encode(&self.key_columns(batch)?, &self.options)?)
    }

    /// The rows of a run in order, and the keys of every [`SAMPLE_ROWS`]-th of them.
    pub(super) fn sorted(&self, gathered: &[RecordBatch]) -> Result<(RecordBatch, Vec<ArrayRef>)> {
        let batch = concat_batches(&gathered[0].schema(), gathered)?;
        let keys = self.key_columns(&batch)?;
        let order = UInt32Array::from(sort_indices(&keys, &self.options)?);
        let sampled: UInt32Array = order.iter().step_by(SAMPLE_ROWS).collect();
        let samples = keys
            .iter()
            .map(|key| arrow::compute::take(key, &sampled, None))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        Ok((take_batch(&batch, &order)?, samples))
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
    let range = |splitters: Option<&Arc<Splitters>>, range| MergedRange {
        runs: Arc::clone(&runs),
        spec: Arc::clone(spec),
        splitters: splitters.cloned(),
        range,
    };
    let sampled: Vec<&[ArrayRef]> =
        runs.runs().map(Run::samples).filter(|samples| !samples.is_empty()).collect();
    if wanted == 1 || sampled.is_empty() {
        return Ok(vec![range(None, 0)]);
    }
    let columns = (0..spec.options.len())
        .map(|column| {
            let parts: Vec<&dyn arrow::array::Array> =
                sampled.iter().map(|keys| keys[column].as_ref()).collect();
            concat(&parts)
        })
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let splitters = Arc::new(Splitters::choose(&columns, &spec.options, wanted)?);
    Ok((0..splitters.ranges()).map(|index| range(Some(&splitters), index)).collect())
}

impl MergedRange {
    /// Hands on the range's rows in order.
    ///
    /// # Errors
    /// A spill file cannot be read.
    pub(crate) fn pump(self, batch_rows: usize, out: &mut Out<'_>) -> Result<()> {
        let mut sources = Vec::new();
        for run in self.runs.runs() {
            let (from, to) = match &self.splitters {
                None => (0, run.rows),
                Some(splitters) => (
                    self.begin(run, splitters, self.range)?,
                    if self.range + 1 == splitters.ranges() {
                        run.rows
                    } else {
                        self.begin(run, splitters, self.range + 1)?
                    },
                ),
            };
            if from < to {
                sources.push(RangeOfRun { run, spec: &self.spec, next: from, end: to, waiting: Vec::new() });
            }
        }
        for batch in Merge::<_, Error>::new(sources, batch_rows) {
            if out(batch?)? == Flow::Done {
                break;
            }
        }
        Ok(())
    }

    /// The first row of a run that belongs to a range.
    fn begin(&self, run: &Run, splitters: &Splitters, range: usize) -> Result<usize> {
        if range == 0 || run.rows == 0 {
            return Ok(0);
        }
        let samples = SortKeys::encode(run.samples(), &self.spec.options)?;
        let before = splitters.cut(&samples)[range];
        if before == 0 {
            return Ok(0);
        }
        let (from, to) = ((before - 1) * SAMPLE_ROWS, (before * SAMPLE_ROWS).min(run.rows));
        let mut begin = from;
        for batch in run.read(from..to)? {
            let keys = self.spec.sort_keys(&batch)?;
            let inside = splitters.cut(&keys)[range];
            begin += inside;
            if inside < batch.num_rows() {
                break;
            }
        }
        Ok(begin)
    }
}

/// The rows of a run that belong to a range, read a few thousand at a time.
#[derive(Debug)]
struct RangeOfRun<'a> {
    run: &'a Run,
    spec: &'a SortSpec,
    next: usize,
    end: usize,
    /// Batches of the last read, last first.
    waiting: Vec<RecordBatch>,
}

impl RangeOfRun<'_> {
    fn read(&mut self) -> Result<Option<RunBatch>> {
        if self.waiting.is_empty() && self.next < self.end {
            // Up to the next multiple, so that a spilled block is read once.
            let to = ((self.next / READ_ROWS + 1) * READ_ROWS).min(self.end);
            self.waiting = self.run.read(self.next..to)?;
            self.waiting.reverse();
            self.next = to;
        }
        let Some(rows) = self.waiting.pop() else { return Ok(None) };
        let keys = self.spec.sort_keys(&rows)?;
        Ok(Some(RunBatch { rows, keys }))
    }
}

impl Iterator for RangeOfRun<'_> {
    type Item = Result<RunBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
