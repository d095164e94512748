//! Rows by position within what one task sees: the first, the last, or all but the first. Comes from
//! `plan/slice.rs`; lowering puts partitions together in order before the final cut.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::{Flow, Held, Operator, OperatorState, Out, Workspace, compact_batch, logical_bytes};
use crate::error::{Result, Step};

/// The first so many rows.
#[derive(Debug)]
pub(crate) struct TakeRows {
    pub(crate) rows: usize,
    pub(crate) schema: SchemaRef,
    pub(crate) step: Step,
}

impl Operator for TakeRows {
    fn describe(&self) -> String {
        format!("first {} rows", self.rows)
    }
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    fn step(&self) -> Step {
        self.step
    }
    fn start(&self, _workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        Ok(Box::new(Take { left: self.rows }))
    }
}

struct Take {
    left: usize,
}

impl OperatorState for Take {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let rows = batch.num_rows().min(self.left);
        self.left -= rows;
        let flow = if rows > 0 { out(batch.slice(0, rows))? } else { Flow::Continue };
        Ok(if self.left == 0 { Flow::Done } else { flow })
    }
}

/// All but the first so many rows.
#[derive(Debug)]
pub(crate) struct DropRows {
    pub(crate) rows: usize,
    pub(crate) schema: SchemaRef,
    pub(crate) step: Step,
}

impl Operator for DropRows {
    fn describe(&self) -> String {
        format!("after {} rows", self.rows)
    }
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    fn step(&self) -> Step {
        self.step
    }
    fn start(&self, _workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        Ok(Box::new(Skip { left: self.rows }))
    }
}

struct Skip {
    left: usize,
}

impl OperatorState for Skip {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let skipped = batch.num_rows().min(self.left);
        self.left -= skipped;
        if skipped == batch.num_rows() {
            return Ok(Flow::Continue);
        }
        out(batch.slice(skipped, batch.num_rows() - skipped))
    }
}

/// The last so many rows.
#[derive(Debug)]
pub(crate) struct LastRows {
    pub(crate) rows: usize,
    pub(crate) schema: SchemaRef,
    pub(crate) step: Step,
}

impl Operator for LastRows {
    fn describe(&self) -> String {
        format!("last {} rows", self.rows)
    }
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    fn step(&self) -> Step {
        self.step
    }
    fn start(&self, workspace: &Workspace) -> Result<Box<dyn OperatorState>> {
        let held = Held::new(&workspace.memory);
        Ok(Box::new(Last { wanted: self.rows, kept: VecDeque::new(), rows: 0, bytes: 0, held }))
    }
}

struct Last {
    wanted: usize,
    kept: VecDeque<RecordBatch>,
    rows: usize,
    bytes: usize,
    held: Held,
}

impl OperatorState for Last {
    fn push(&mut self, batch: RecordBatch, _out: &mut Out<'_>) -> Result<Flow> {
        let batch = compact_batch(&batch)?;
        self.rows += batch.num_rows();
        self.bytes += logical_bytes(&batch);
        self.kept.push_back(batch);
        while let Some(front) = self.kept.front() {
            if self.rows - front.num_rows() < self.wanted {
                break;
            }
            self.rows -= front.num_rows();
            self.bytes -= logical_bytes(front);
            self.kept.pop_front();
        }
        self.held.set(self.bytes)?;
        Ok(Flow::Continue)
    }

    fn finish(&mut self, out: &mut Out<'_>) -> Result<()> {
        let mut surplus = self.rows.saturating_sub(self.wanted);
        for batch in self.kept.drain(..) {
            let skipped = surplus.min(batch.num_rows());
            surplus -= skipped;
            let rest = batch.slice(skipped, batch.num_rows() - skipped);
            if rest.num_rows() > 0 && out(rest)? == Flow::Done {
                break;
            }
        }
        Ok(())
    }
}
