//! Distinct rows in two operators around an exchange. [`PartialDistinct`] drops a partition's repeats where
//! that can be known early; [`FinalDistinct`] decides for one range of buckets, which holds all rows of its
//! keys in the frame's order. Comes from `plan/distinct.rs`.

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use partita_kernels::group::GroupTable;
use partita_kernels::take::take_batch;

use super::{Flow, Held, Operator, OperatorState, Out, Workspace, logical_bytes};
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
    fn start(&self, workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        let seen = Seen::new(&self.keys, &self.schema, workspace)?;
        Ok(Box::new(First { seen, max_keys: Some(MAX_KEYS) }))
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
            return Ok(Box::new(First { seen, max_keys: None }));
        }
        let held = Held::new(&workspace.memory);
        let keep_last = self.keep == KeepRow::Last;
        Ok(Box::new(Whole { seen, keep_last, batches: Vec::new(), bytes: 0, held, places: Vec::new() }))
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
}

/// Streams the first row of each key.
struct First {
    seen: Seen,
    max_keys: Option<usize>,
}

impl OperatorState for First {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let mut next = self.seen.table.len() as u32;
        self.seen.assign(&batch)?;
        // Ids are given in order of first appearance, so a row is new exactly if it has the next id.
        let new = self.seen.ids.iter().map(|&id| {
            let is_new = id == next;
            next += u32::from(is_new);
            Some(is_new)
        });
        let new: BooleanArray = new.collect();
        let fresh = filter_record_batch(&batch, &new)?;
        if self.max_keys.is_some_and(|most| self.seen.table.len() >= most) {
            self.seen.table = GroupTable::new(&self.seen.types)?;
        }
        if fresh.num_rows() == 0 { Ok(Flow::Continue) } else { out(fresh) }
    }
}

/// Needs all rows before it can tell: the last of equals, or those without equals.
struct Whole {
    seen: Seen,
    keep_last: bool,
    batches: Vec<RecordBatch>,
    bytes: usize,
    held: Held,
    /// For each key the batch and row of its last occurrence, and how often it occurred.
    places: Vec<(u32, u32, u64)>,
}

impl OperatorState for Whole {
    fn push(&mut self, batch: RecordBatch, _out: &mut Out<'_>) -> Result<Flow> {
        self.bytes += logical_bytes(&batch);
        self.held.set(self.bytes)?;
        self.seen.assign(&batch)?;
        self.places.resize(self.seen.table.len(), (0, 0, 0));
        let number = self.batches.len() as u32;
        for (row, &id) in self.seen.ids.iter().enumerate() {
            let place = &mut self.places[id as usize];
            *place = (number, row as u32, place.2 + 1);
        }
        self.batches.push(batch);
        Ok(Flow::Continue)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<()> {
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); self.batches.len()];
        for &(batch, row, count) in &self.places {
            if self.keep_last || count == 1 {
                rows[batch as usize].push(row);
            }
        }
        for (batch, mut rows) in self.batches.iter().zip(rows) {
            rows.sort_unstable();
            if !rows.is_empty() && out(take_batch(batch, &UInt32Array::from(rows))?)? == Flow::Done {
                break;
            }
        }
        Ok(())
    }
}
