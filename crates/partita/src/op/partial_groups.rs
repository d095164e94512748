//! The first of a group-by's two operators: a partition's rows become rows of aggregate states. Next: `group_by.rs`,
//! which has the table that both use, and merges the states.
//!
//! When partial aggregation does not pay (most rows are groups of their own), rows pass through as states.
//! That is decided from the rows of the partition alone, so it is the same on every run.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::take;
use arrow::datatypes::{DataType, SchemaRef};

use super::group_by::{Groups, MergeGroups, Shape};
use super::{Flow, Operator, OperatorState, Out, Workspace, batch_of, column_bytes};
use crate::error::{Result, Step};
use crate::expr::{AggregateCall, BoundList, Expr};

/// A table that holds so many groups is flushed.
const MAX_GROUPS: usize = 1 << 17;
/// Whether to flush is asked after each so many rows of the partition, however they are cut into batches: when a
/// table is flushed decides the order in which floats are added.
const STRIDE: usize = 1 << 14;
/// And so is one that counted so many rows: states count in 32 bits.
const MAX_ROWS: usize = 1 << 31;
/// After so many rows it is decided whether partial aggregation pays...
const TRIAL_ROWS: usize = 1 << 17;
/// ...which it does not if there are more groups than this share of the rows.
const TRIAL_SHARE: f64 = 0.6;
/// After so many rows it is given up already...
const FIRST_ROWS: usize = 1 << 15;
/// ...if there are more groups than this share of them: if groups are as frequent as one another, more than the other
/// share will be groups of their own at the end of the trial too.
const FIRST_SHARE: f64 = 0.9;

/// Rows to states, per partition.
#[derive(Debug)]
pub(crate) struct PartialGroups {
    shape: Arc<Shape>,
    inputs: Arc<BoundList>,
    label: String,
}

impl PartialGroups {
    /// `coded` is the schema of the rows that come: `input`, but that some keys may be dictionaries.
    pub(crate) fn new(
        keys: &[Expr],
        calls: &[AggregateCall],
        input: &SchemaRef,
        coded: &SchemaRef,
        step: Step,
    ) -> Result<PartialGroups> {
        let shape = Arc::new(Shape::new(keys, calls, input, step)?);
        // Keys and all arguments are evaluated together, so that what they share is computed once.
        let keys_bare = keys.iter().cloned();
        let exprs: Vec<Expr> =
            keys_bare.chain(calls.iter().flat_map(|call| call.arguments.iter().cloned())).collect();
        let inputs = Arc::new(BoundList::bind(&exprs, coded)?);
        let label = format!("partial {}", shape.label);
        Ok(PartialGroups { shape, inputs, label })
    }
}

impl Operator for PartialGroups {
    fn describe(&self) -> String {
        self.label.clone()
    }
    fn schema(&self) -> &SchemaRef {
        &self.shape.states
    }
    fn step(&self) -> Step {
        self.shape.step
    }
    fn combine(&self) -> Option<Arc<dyn Operator>> {
        MergeGroups::of_states(&self.shape).map(|merge| Arc::new(merge) as _)
    }
    fn start(&self, workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        Ok(Box::new(Partial {
            groups: Groups::new(Arc::clone(&self.shape), workspace)?,
            inputs: Arc::clone(&self.inputs),
            rows: 0,
            flushed: 0,
            grown: 0,
            most_bytes: workspace.partial_bytes,
            tried: false,
            pass_through: false,
        }))
    }
}

struct Partial {
    groups: Groups,
    inputs: Arc<BoundList>,
    /// Rows of the partition so far.
    rows: usize,
    /// Of them, those that were flushed.
    flushed: usize,
    /// Bytes of growing columns since the last flush.
    grown: usize,
    most_bytes: usize,
    /// Whether it is known if partial aggregation pays.
    tried: bool,
    pass_through: bool,
}

impl OperatorState for Partial {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let columns = self.inputs.evaluate(&batch)?;
        let mut start = 0;
        while start < batch.num_rows() {
            let rows = if self.pass_through {
                batch.num_rows() - start
            } else {
                (STRIDE - self.rows % STRIDE).min(batch.num_rows() - start)
            };
            let flow = if rows == batch.num_rows() {
                self.push_stretch(&columns, rows, out)?
            } else {
                let stretch: Vec<ArrayRef> = columns.iter().map(|column| column.slice(start, rows)).collect();
                self.push_stretch(&stretch, rows, out)?
            };
            if flow == Flow::Done {
                return Ok(Flow::Done);
            }
            start += rows;
        }
        Ok(Flow::Continue)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<()> {
        let states = Arc::clone(&self.groups.shape.states);
        self.groups.drain(&states, false, out).map(|_| ())
    }
}

impl Partial {
    /// Takes rows up to the next multiple of the stride at most.
    fn push_stretch(&mut self, columns: &[ArrayRef], rows: usize, out: &mut Out<'_>) -> Result<Flow> {
        let shape = Arc::clone(&self.groups.shape);
        let (keys, arguments) = columns.split_at(shape.key_types.len());
        if self.pass_through {
            return self.pass(keys, arguments, rows, out);
        }
        let groups = self.groups.assign(keys, rows)?;
        self.groups.update(arguments, groups)?;
        self.groups.hold(0)?;
        self.rows += rows;
        let grown = shape.growing.iter();
        let grown = grown.map(|&(column, free)| column_bytes(columns[column].as_ref()) - free * rows);
        self.grown += grown.sum::<usize>();
        if !self.rows.is_multiple_of(STRIDE) {
            return Ok(Flow::Continue);
        }
        let full = groups >= MAX_GROUPS || groups * shape.group_bytes + self.grown >= self.most_bytes;
        let full = full || self.rows - self.flushed >= MAX_ROWS;
        let ends = full || self.rows >= TRIAL_ROWS;
        if !self.tried && (ends || self.rows == FIRST_ROWS) {
            let share = if ends { TRIAL_SHARE } else { FIRST_SHARE };
            self.pass_through = !keys.is_empty() && groups as f64 > self.rows as f64 * share;
            self.tried = ends || self.pass_through;
        }
        if full || self.pass_through {
            (self.grown, self.flushed) = (0, self.rows);
            return self.groups.drain(&shape.states, false, out);
        }
        Ok(Flow::Continue)
    }

    /// Each row becomes the state of a group of its own.
    fn pass(
        &self,
        keys: &[ArrayRef],
        arguments: &[ArrayRef],
        rows: usize,
        out: &mut Out<'_>,
    ) -> Result<Flow> {
        let shape = &self.groups.shape;
        let mut columns = keys.iter().zip(&shape.key_types).map(plain).collect::<Result<Vec<_>>>()?;
        let mut next = 0;
        for (index, call) in shape.calls.iter().enumerate() {
            let count = shape.arity[index];
            let states = call.convert_to_state(rows, &arguments[next..next + count]);
            columns.extend(states.map_err(|error| shape.failed(index, error))?);
            next += count;
        }
        out(batch_of(&shape.states, columns, rows)?)
    }
}

/// A key as a column of its own type, if it came as a dictionary.
fn plain((key, data_type): (&ArrayRef, &DataType)) -> Result<ArrayRef> {
    match key.as_any_dictionary_opt() {
        Some(coded) if key.data_type() != data_type => Ok(take(coded.values(), coded.keys(), None)?),
        _ => Ok(Arc::clone(key)),
    }
}
