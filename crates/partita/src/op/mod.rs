//! 6: what one task does to one partition. An operator's parameters are shared and immutable; its state is
//! made anew for each task. An operator never sees a plan, a thread or another partition.
//!
//! Batches are pushed: [`OperatorState::push`] is given a batch and hands what it makes of it to `out`, which
//! is the next operator or the task's sink. Next in the flow: the kernels.

mod distinct;
mod filter;
mod group_by;
mod join;
mod limit;
mod map_partitions;
mod project;
mod top_k;

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use partita_io::Reserve;

pub(crate) use distinct::{FinalDistinct, KeepRow, PartialDistinct};
pub(crate) use filter::{FilterRows, ScanFilter};
pub(crate) use group_by::{MergeGroups, PartialGroups};
pub(crate) use join::{BuildSide, JoinKind, JoinShape, OutputColumn, ProbeJoin};
pub(crate) use limit::{DropRows, LastRows, TakeRows};
pub(crate) use map_partitions::{MapBatches, held_to_schema};
pub(crate) use project::{ProjectColumns, batch_of};
pub(crate) use top_k::TopK;

use crate::error::{Result, Step};

/// Whether whoever pushes should go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// More is wanted.
    Continue,
    /// Nothing that is still to come can change the result; the source may stop reading.
    Done,
}

/// Where an operator hands its batches.
pub(crate) type Out<'a> = dyn FnMut(RecordBatch) -> Result<Flow> + 'a;

/// What an operator may use besides its input.
#[derive(Clone)]
pub(crate) struct Workspace {
    /// Asked before memory is taken that grows with the data.
    pub(crate) memory: Arc<dyn Reserve>,
    /// Most rows per batch.
    pub(crate) batch_rows: usize,
}

/// An operator's parameters.
pub(crate) trait Operator: Send + Sync + Debug {
    /// As `explain` prints it, with its parameters.
    fn describe(&self) -> String;
    /// The schema of what it hands on.
    fn schema(&self) -> &SchemaRef;
    /// The user's step that it comes from.
    fn step(&self) -> Step;
    /// The state for one task.
    fn start(&self, workspace: &Workspace) -> Result<Box<dyn OperatorState>>;
}

/// An operator at work on one partition.
pub(crate) trait OperatorState: Send {
    /// Takes a batch and hands on what comes of it, at once or later.
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow>;
    /// Hands on what was kept until the end.
    fn finish(&mut self, out: &mut Out<'_>) -> Result<()> {
        let _ = out;
        Ok(())
    }
}

/// Memory that an operator holds, told to the budget as it grows and given back on drop.
pub(crate) struct Held {
    memory: Arc<dyn Reserve>,
    bytes: usize,
}

impl Held {
    pub(crate) fn new(memory: &Arc<dyn Reserve>) -> Held {
        Held { memory: Arc::clone(memory), bytes: 0 }
    }

    /// What is held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Says that `bytes` are held now in all.
    ///
    /// # Errors
    /// The budget does not hold the growth.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<()> {
        if bytes > self.bytes {
            self.memory.reserve(bytes - self.bytes)?;
        } else {
            self.memory.release(self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.release(self.bytes);
    }
}

/// Bytes of a batch's values as they count for decisions: by rows and text lengths, never by capacities, so
/// that the number is the same on every run.
pub(crate) fn logical_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| array_bytes(column.as_ref())).sum()
}

fn array_bytes(array: &dyn arrow::array::Array) -> usize {
    use arrow::array::AsArray;
    use arrow::datatypes::DataType;
    let rows = array.len();
    match array.data_type() {
        DataType::Null => 0,
        DataType::Boolean => rows.div_ceil(8),
        DataType::Utf8View => {
            let views = array.as_string_view();
            rows * 16 + views.lengths().map(|len| if len > 12 { len as usize } else { 0 }).sum::<usize>()
        }
        DataType::BinaryView => {
            let views = array.as_binary_view();
            rows * 16 + views.lengths().map(|len| if len > 12 { len as usize } else { 0 }).sum::<usize>()
        }
        other => match other.primitive_width() {
            Some(width) => rows * width,
            None => array.to_data().get_slice_memory_size().unwrap_or(rows * 16),
        },
    }
}
