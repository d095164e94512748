//! Distinct rows in two operators around an exchange. [`PartialDistinct`] drops a partition's repeats where
//! that can be known early; [`FinalDistinct`] decides for one range of buckets, which holds all rows of its
//! keys in the frame's order. Comes from `plan/distinct.rs`.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use partita_kernels::group::GroupTable;
use partita_kernels::take::take_batch;

use super::{Flow, Held, Operator, OperatorState, Out, Workspace, column_bytes, logical_bytes};
use crate::error::{Result, Step};

/// Which of several equal rows stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepRow {
    First,
    Last,
    /// Only rows without equals.
    Unique,
}

/// A partial table that holds so many keys starts again: later repeats then reach the final operator.
const MAX_KEYS: usize = 1 << 17;
/// Whether to start again is asked after each so many rows of the partition, however they are cut into batches:
/// what reaches the exchange must not depend on that.
const STRIDE: usize = 1 << 14;

/// Drops repeats within a partition when the first of equals is kept.
#[derive(Debug)]
pub(crate) struct PartialDistinct {
    pub(crate) keys: Vec<usize>,
    pub(crate) schema: SchemaRef,
    pub(crate) step: Step,
}

impl Operator for PartialDistinct {
    fn describe(&self) -> String {
        "partial distinct".to_owned()
    }
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    fn step(&self) -> Step {
        self.step
    }
    fn combine(&self) -> Option<Arc<dyn Operator>> {
        let (keys, schema, step) = (self.keys.clone(), Arc::clone(&self.schema), self.step);
        Some(Arc::new(FinalDistinct { keys, keep: KeepRow::First, schema, step }))
    }
    fn start(&self, workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        let seen = Seen::new(&self.keys, &self.schema, workspace)?;
        Ok(Box::new(PartialFirst { seen, rows: 0, grown: 0, most_bytes: workspace.partial_bytes }))
    }
}

/// Decides which rows of a range of buckets stay.
#[derive(Debug)]
pub(crate) struct FinalDistinct {
    pub(crate) keys: Vec<usize>,
    pub(crate) keep: KeepRow,
    pub(crate) schema: SchemaRef,
    pub(crate) step: Step,
}

impl Operator for FinalDistinct {
    fn describe(&self) -> String {
        let names: Vec<&str> = self.keys.iter().map(|&key| self.schema.field(key).name().as_str()).collect();
        format!("distinct by {}, keep {:?}", names.join(", "), self.keep)
    }
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    fn step(&self) -> Step {
        self.step
    }
    fn start(&self, workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        let seen = Seen::new(&self.keys, &self.schema, workspace)?;
        if self.keep == KeepRow::First {
            return Ok(Box::new(First { seen }));
        }
        let held = Held::new(&workspace.memory);
        let keep_last = self.keep == KeepRow::Last;
        let patience = workspace.partial_bytes;
        Ok(Box::new(Whole {
            seen,
            keep_last,
            batches: Vec::new(),
            bytes: 0,
            crowded: patience,
            patience,
            held,
            places: Vec::new(),
        }))
    }
}

/// The keys met so far.
struct Seen {
    columns: Vec<usize>,
    types: Vec<DataType>,
    table: GroupTable,
    ids: Vec<u32>,
    held: Held,
}

impl Seen {
    fn new(columns: &[usize], schema: &SchemaRef, workspace: &Workspace) -> Result<Seen> {
        let types: Vec<DataType> =
            columns.iter().map(|&index| schema.field(index).data_type().clone()).collect();
        Ok(Seen {
            columns: columns.to_vec(),
            table: GroupTable::new(&types)?,
            types,
            ids: Vec::new(),
            held: Held::new(&workspace.memory),
        })
    }

    fn assign(&mut self, batch: &RecordBatch) -> Result<()> {
        let keys: Vec<ArrayRef> = self.columns.iter().map(|&index| batch.column(index).clone()).collect();
        self.table.upsert(&keys, &mut self.ids)?;
        self.held.set(self.table.size_bytes())
    }

    /// The rows whose keys are new.
    fn fresh(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut next = self.table.len() as u32;
        self.assign(batch)?;
        // Ids are given in order of first appearance, so a row is new exactly if it has the next id.
        let new = self.ids.iter().map(|&id| {
            let is_new = id == next;
            next += u32::from(is_new);
            Some(is_new)
        });
        let new: BooleanArray = new.collect();
        Ok(filter_record_batch(batch, &new)?)
    }

    fn forget(&mut self) -> Result<()> {
        self.table = GroupTable::new(&self.types)?;
        self.held.set(0)
    }
}

/// Drops repeats among the rows since the table last started again.
struct PartialFirst {
    seen: Seen,
    /// Rows of the partition so far.
    rows: usize,
    /// Bytes of keys since the table started.
    grown: usize,
    most_bytes: usize,
}

impl OperatorState for PartialFirst {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let mut start = 0;
        while start < batch.num_rows() {
            let rows = (STRIDE - self.rows % STRIDE).min(batch.num_rows() - start);
            let stretch = batch.slice(start, rows);
            start += rows;
            self.rows += rows;
            let fresh = self.seen.fresh(&stretch)?;
            let keys = self.seen.columns.iter().map(|&column| column_bytes(fresh.column(column).as_ref()));
            self.grown += keys.sum::<usize>();
            let full = self.seen.table.len() >= MAX_KEYS || self.grown >= self.most_bytes;
            if full && self.rows.is_multiple_of(STRIDE) {
                self.seen.forget()?;
                self.grown = 0;
            }
            if fresh.num_rows() > 0 && out(fresh)? == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        Ok(Flow::Continue)
    }
}

/// Streams the first row of each key.
struct First {
    seen: Seen,
}

impl OperatorState for First {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let fresh = self.seen.fresh(&batch)?;
        if fresh.num_rows() == 0 { Ok(Flow::Continue) } else { out(fresh) }
    }

    fn end_of_keys(&mut self, _out: &mut Out<'_>) -> Result<Flow> {
        self.seen.forget()?;
        Ok(Flow::Continue)
    }
}

/// Needs all rows before it can tell: the last of equals, or those without equals.
struct Whole {
    seen: Seen,
    keep_last: bool,
    batches: Vec<RecordBatch>,
    bytes: usize,
    /// Bytes after which rows that are out of the question are dropped: at first `patience`, since to drop early
    /// would cost more than it frees.
    crowded: usize,
    patience: usize,
    held: Held,
    /// For each key the batch and row of its last occurrence, and how often it occurred.
    places: Vec<(u32, u32, u64)>,
}

impl Whole {
    /// Drops the rows that cannot stay. Most of what is held are rows that may, or there was little before.
    fn drop_losers(&mut self) -> Result<()> {
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); self.batches.len()];
        for &(batch, row, count) in &self.places {
            if self.keep_last || count == 1 {
                rows[batch as usize].push(row);
            }
        }
        let mut new_rows: Vec<Vec<u32>> = Vec::with_capacity(rows.len());
        for (batch, rows) in self.batches.iter_mut().zip(&mut rows) {
            rows.sort_unstable();
            // Where each old row is now; losers are never asked for.
            let mut places = vec![0; batch.num_rows()];
            (0..).zip(rows.iter()).for_each(|(now, &before)| places[before as usize] = now);
            new_rows.push(places);
            *batch = take_batch(batch, &UInt32Array::from(std::mem::take(rows)))?;
        }
        for (batch, row, count) in &mut self.places {
            if self.keep_last || *count == 1 {
                *row = new_rows[*batch as usize][*row as usize];
            }
        }
        self.bytes = self.batches.iter().map(logical_bytes).sum();
        self.crowded = (2 * self.bytes).max(self.patience);
        Ok(())
    }

    /// Hands on the rows that stay, in the order in which they came.
    fn drain(&mut self, out: &mut Out<'_>) -> Result<Flow> {
        self.drop_losers()?;
        self.places.clear();
        self.bytes = 0;
        for batch in std::mem::take(&mut self.batches) {
            if batch.num_rows() > 0 && out(batch)? == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        Ok(Flow::Continue)
    }
}

impl OperatorState for Whole {
    fn push(&mut self, batch: RecordBatch, _out: &mut Out<'_>) -> Result<Flow> {
        self.bytes += logical_bytes(&batch);
        self.seen.assign(&batch)?;
        self.places.resize(self.seen.table.len(), (0, 0, 0));
        let number = self.batches.len() as u32;
        for (row, &id) in self.seen.ids.iter().enumerate() {
            let place = &mut self.places[id as usize];
            *place = (number, row as u32, place.2 + 1);
        }
        self.batches.push(batch);
        if self.bytes > self.crowded {
            self.drop_losers()?;
        }
        self.held.set(self.bytes + self.places.capacity() * size_of::<(u32, u32, u64)>())?;
        Ok(Flow::Continue)
    }

    fn end_of_keys(&mut self, out: &mut Out<'_>) -> Result<Flow> {
        let flow = self.drain(out)?;
        self.seen.forget()?;
        self.held.set(0)?;
        Ok(flow)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<()> {
        self.drain(out).map(drop)
    }
}
