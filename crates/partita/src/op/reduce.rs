//! Drops rows early that a join is to drop anyway, by a small filter made of the other side's keys. A scan applies it
//! before it decodes its other columns ([`ReducedScan`]); where the keys do not come straight from a scan, it is an
//! operator ([`ReduceRows`]). The filter changes no result; a filter that nearly all rows pass is given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::buffer::{BooleanBuffer, MutableBuffer};
use arrow::compute::{cast, filter, filter_record_batch};
use arrow::datatypes::DataType;
use partita_io::RowFilter;
use partita_kernels::join::{JoinFilter, JoinTable, KeySpan};

use super::{Flow, Held, OperatorState, Out, Workspace};
use crate::error::{Error, Result, Step};

/// After so many rows it is judged whether a filter pays...
const TRIAL_ROWS: usize = 1 << 16;
/// ...and it does not if more than this share of them passed, in tenths.
const MOST_PASS: usize = 8;
/// If fewer rows than one in so many are left, only their keys are looked up.
const FEW_LEFT: usize = 4;
/// Where a filter has to be read off a table, it is made of at most so many keys...
const MOST_IN_TABLE: usize = 1 << 18;
/// ...each of which takes about so much meanwhile.
const BYTES_PER_KEY: usize = 40;

/// Is given batches, one after the other.
pub(crate) type Visit<'a> = dyn FnMut(RecordBatch) -> Result<()> + 'a;

/// A join's filter, with the types in which keys are compared.
#[derive(Debug)]
pub(crate) struct KeyFilter {
    filter: JoinFilter,
    key_types: Vec<DataType>,
}

impl KeyFilter {
    /// The filter of a table, if there can be a small one.
    pub(crate) fn of_table(table: &JoinTable, key_types: &[DataType]) -> Option<KeyFilter> {
        table.filter().map(|filter| KeyFilter { filter, key_types: key_types.to_vec() })
    }

    /// The filter of some rows, which `each` hands out once per call; `None` if there can be no small one.
    ///
    /// # Errors
    /// The rows cannot be read, or the memory that the filter takes while it is made is refused.
    pub(crate) fn of_rows(
        each: &dyn Fn(&mut Visit<'_>) -> Result<()>,
        keys: &[usize],
        key_types: &[DataType],
        nulls_equal: bool,
        workspace: &Workspace,
    ) -> Result<Option<KeyFilter>> {
        let of_batch = |batch: &RecordBatch| -> Result<Vec<ArrayRef>> {
            let columns = keys.iter().zip(key_types).map(|(&key, to)| cast(batch.column(key), to));
            Ok(columns.collect::<std::result::Result<_, _>>()?)
        };
        let mut held = Held::new(&workspace.memory);
        let mut span = KeySpan::new(nulls_equal);
        each(&mut |batch| Ok(span.add(&of_batch(&batch)?)?))?;
        if let Some(mut filter) = span.filter() {
            held.set(filter.size_bytes())?;
            each(&mut |batch| Ok(filter.insert(&of_batch(&batch)?)?))?;
            return Ok(Some(KeyFilter { filter, key_types: key_types.to_vec() }));
        }
        if span.rows() > MOST_IN_TABLE {
            return Ok(None);
        }
        held.set(span.rows() * BYTES_PER_KEY)?;
        let mut batches = Vec::new();
        each(&mut |batch| {
            batches.push(of_batch(&batch)?);
            Ok(())
        })?;
        let table = JoinTable::build(key_types, &batches, nulls_equal)?;
        Ok(KeyFilter::of_table(&table, key_types))
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.filter.size_bytes()
    }

    fn might_match(&self, keys: &[ArrayRef]) -> Result<BooleanBuffer> {
        let keys = keys.iter().zip(&self.key_types).map(|(key, to)| cast(key, to));
        Ok(self.filter.might_match(&keys.collect::<std::result::Result<Vec<_>, _>>()?)?)
    }
}

/// A filter at work on one task's batches.
#[derive(Debug)]
pub(crate) struct Reduction {
    filter: Arc<KeyFilter>,
    /// The key columns of the batches.
    columns: Vec<usize>,
    // Only ever touched by one task: the atomics are there because a reader's filter must be `Sync`.
    seen: AtomicUsize,
    passed: AtomicUsize,
}

impl Reduction {
    pub(crate) fn new(filter: Arc<KeyFilter>, columns: Vec<usize>) -> Reduction {
        Reduction { filter, columns, seen: AtomicUsize::new(0), passed: AtomicUsize::new(0) }
    }

    fn is_idle(&self) -> bool {
        let (seen, passed) = (self.seen.load(Ordering::Relaxed), self.passed.load(Ordering::Relaxed));
        seen >= TRIAL_ROWS && passed > seen / 10 * MOST_PASS
    }

    /// Of the rows in `mask`, those that may have a partner.
    fn narrow(&self, batch: &RecordBatch, mask: BooleanBuffer) -> Result<BooleanBuffer> {
        let left = mask.count_set_bits();
        if left == 0 || self.is_idle() {
            return Ok(mask);
        }
        let keys = self.columns.iter().map(|&column| Arc::clone(batch.column(column)));
        let narrowed = if left * FEW_LEFT < batch.num_rows() {
            let rows = BooleanArray::new(mask.clone(), None);
            let keys = keys.map(|key| filter(&key, &rows)).collect::<std::result::Result<Vec<_>, _>>()?;
            unset(&mask, &self.filter.might_match(&keys)?)
        } else {
            &mask & &self.filter.might_match(&keys.collect::<Vec<_>>())?
        };
        self.seen.fetch_add(left, Ordering::Relaxed);
        self.passed.fetch_add(narrowed.count_set_bits(), Ordering::Relaxed);
        Ok(narrowed)
    }
}

/// `mask` without those of its rows whose bit in `keep`, one for each of them, is not set.
fn unset(mask: &BooleanBuffer, keep: &BooleanBuffer) -> BooleanBuffer {
    let mut bits = MutableBuffer::from_len_zeroed(mask.len().div_ceil(8));
    for (place, row) in mask.set_indices().enumerate() {
        if keep.value(place) {
            bits.as_slice_mut()[row / 8] |= 1 << (row % 8);
        }
    }
    BooleanBuffer::new(bits.into(), 0, mask.len())
}

/// A filter by keys as a reader asks it.
#[derive(Debug)]
struct ReducedColumns {
    /// Of the source, ascending.
    columns: Vec<usize>,
    reduction: Reduction,
    step: Step,
}

impl RowFilter for ReducedColumns {
    fn columns(&self) -> &[usize] {
        &self.columns
    }
    fn keep(&self, batch: &RecordBatch) -> partita_io::Result<BooleanArray> {
        let all = BooleanBuffer::new_set(batch.num_rows());
        let mask = self.reduction.narrow(batch, all).map_err(|error| of_step(error, self.step))?;
        Ok(BooleanArray::new(mask, None))
    }
    fn is_pure(&self) -> bool {
        true
    }
    fn passes_all(&self) -> bool {
        self.reduction.is_idle()
    }
}

/// A scan's own filter, and then the filters of joins that its rows come to.
#[derive(Debug)]
pub(crate) struct ReducedScan {
    /// Of the source, ascending: those of all filters.
    columns: Vec<usize>,
    own: Option<Arc<dyn RowFilter>>,
    reductions: Vec<Arc<ReducedColumns>>,
    step: Step,
}

impl ReducedScan {
    /// `reductions` are filters and the source's columns that they are for.
    pub(crate) fn new(
        own: Option<Arc<dyn RowFilter>>,
        reductions: Vec<(Arc<KeyFilter>, Vec<usize>)>,
        step: Step,
    ) -> Result<ReducedScan> {
        let ascending = |mut columns: Vec<usize>| {
            columns.sort_unstable();
            columns.dedup();
            columns
        };
        let of_own = own.iter().flat_map(|own| own.columns().iter().copied());
        let of_all = reductions.iter().flat_map(|(_, columns)| columns.iter().copied());
        let columns = ascending(of_own.chain(of_all).collect());
        let reduction = |(filter, wanted): (Arc<KeyFilter>, Vec<usize>)| {
            let columns = ascending(wanted.clone());
            let reduction = Reduction::new(filter, places(&wanted, &columns)?);
            Ok(Arc::new(ReducedColumns { columns, reduction, step }))
        };
        let reductions = reductions.into_iter().map(reduction).collect::<Result<Vec<_>>>()?;
        Ok(ReducedScan { columns, own, reductions, step })
    }

    /// Some columns of a batch of all columns.
    fn only(&self, batch: &RecordBatch, columns: &[usize]) -> partita_io::Result<RecordBatch> {
        let places = places(columns, &self.columns).map_err(|error| of_step(error, self.step))?;
        batch.project(&places).map_err(|error| of_step(error.into(), self.step))
    }
}

fn of_step(error: Error, step: Step) -> partita_io::Error {
    partita_io::Error::filter(Box::new(error.at_step(step)))
}

/// Where columns are among others, which ascend.
fn places(wanted: &[usize], among: &[usize]) -> Result<Vec<usize>> {
    let place = |column: &usize| among.binary_search(column).map_err(|_| missing());
    wanted.iter().map(place).collect()
}

fn missing() -> Error {
    Error::internal("a scan's filter lost a column")
}

impl RowFilter for ReducedScan {
    fn columns(&self) -> &[usize] {
        &self.columns
    }
    fn keep(&self, batch: &RecordBatch) -> partita_io::Result<BooleanArray> {
        let mut mask = match &self.own {
            None => BooleanBuffer::new_set(batch.num_rows()),
            Some(own) => own.keep(&self.only(batch, own.columns())?)?.values().clone(),
        };
        for part in &self.reductions {
            let keys = self.only(batch, &part.columns)?;
            mask = part.reduction.narrow(&keys, mask).map_err(|error| of_step(error, self.step))?;
        }
        Ok(BooleanArray::new(mask, None))
    }
    fn parts(&self) -> Vec<Arc<dyn RowFilter>> {
        let mut parts: Vec<Arc<dyn RowFilter>> = Vec::new();
        if let Some(own) = &self.own {
            parts = own.parts();
            if parts.is_empty() {
                parts.push(Arc::clone(own));
            }
        }
        // Terms over several columns come last: a filter by keys mostly leaves fewer rows.
        let single = parts.iter().take_while(|part| !part.is_pure() || part.columns().len() < 2).count();
        let reductions = self.reductions.iter().map(|part| Arc::clone(part) as Arc<dyn RowFilter>);
        parts.splice(single..single, reductions);
        parts
    }
}

/// A filter in the middle of a pipeline.
pub(crate) struct ReduceRows {
    reduction: Reduction,
}

impl ReduceRows {
    pub(crate) fn new(filter: Arc<KeyFilter>, columns: Vec<usize>) -> ReduceRows {
        ReduceRows { reduction: Reduction::new(filter, columns) }
    }
}

impl OperatorState for ReduceRows {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let all = BooleanBuffer::new_set(batch.num_rows());
        let keep = BooleanArray::new(self.reduction.narrow(&batch, all)?, None);
        match keep.true_count() {
            0 => Ok(Flow::Continue),
            kept if kept == batch.num_rows() => out(batch),
            _ => out(filter_record_batch(&batch, &keep)?),
        }
    }
}
