//! 6: what one task does to one partition. An operator's parameters are shared and immutable; its state is
//! made anew for each task. An operator never sees a plan, a thread or another partition.
//!
//! Batches are pushed: [`OperatorState::push`] is given a batch and hands what it makes of it to `out`, which
//! is the next operator or the task's sink. Next in the flow: the kernels.

mod build_side;
mod distinct;
mod filter;
mod group_by;
mod hot_group;
mod join;
mod join_pieces;
mod limit;
mod map_partitions;
mod number_rows;
mod partial_groups;
mod project;
mod reduce;
mod top_k;

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, GenericByteViewArray, OffsetSizeTrait, RecordBatch,
    UInt32Array,
};
use arrow::datatypes::{ByteViewType, DataType, SchemaRef, UInt32Type};
use partita_io::Reserve;
pub(crate) use partita_kernels::packed::{PackedBatch, PackedColumn};
pub(crate) use partita_kernels::take::compact_batch;

pub(crate) use build_side::{BuildColumn, BuildSide, BuildTable};
pub(crate) use distinct::{FinalDistinct, KeepRow, PartialDistinct};
pub(crate) use filter::{FilterRows, ScanFilter};
pub(crate) use group_by::MergeGroups;
pub(crate) use join::{JoinKind, JoinShape, OutputColumn, ProbeJoin};
pub(crate) use join_pieces::PieceByPiece;
pub(crate) use limit::{DropRows, LastRows, TakeRows};
pub(crate) use map_partitions::{MapBatches, held_to_schema};
pub(crate) use number_rows::{NumberRows, first_number, numbered};
pub(crate) use partial_groups::PartialGroups;
pub(crate) use project::{ProjectColumns, batch_of};
pub(crate) use reduce::{KeyFilter, ReduceRows, ReducedScan, Visit};
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
    /// A table of partial results is handed on when it may take so many bytes. Results depend on it.
    pub(crate) partial_bytes: usize,
}

/// An operator's parameters.
pub(crate) trait Operator: Send + Sync + Debug {
    /// As `explain` prints it, with its parameters.
    fn describe(&self) -> String;
    /// The schema of what it hands on.
    fn schema(&self) -> &SchemaRef;
    /// The user's step that it comes from.
    fn step(&self) -> Step;
    /// The input column that an output column is, if the operator does no more to rows than drop some and change
    /// other columns: then rows that are to be dropped later may be dropped before it.
    fn input_of(&self, column: usize) -> Option<usize> {
        let _ = column;
        None
    }
    /// Whether it does more with an input column than hand it on: then that must come in its declared type, and not as
    /// a dictionary of it.
    fn looks_at(&self, column: usize) -> bool {
        let _ = column;
        true
    }
    /// What makes fewer rows of those that it handed on in several partitions, given them bucket by bucket and in partition
    /// order: rows of the same schema, that the operator behind the exchange makes the same of.
    fn combine(&self) -> Option<Arc<dyn Operator>> {
        None
    }
    /// The state for one task.
    fn start(&self, workspace: &Workspace) -> Result<Box<dyn OperatorState>>;
}

/// An operator at work on one partition.
pub(crate) trait OperatorState: Send {
    /// Takes a batch and hands on what comes of it, at once or later.
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow>;
    /// Is told, first behind an exchange by hash, that no row to come has a key that was there: hands on what
    /// is known of those that were, so that memory is free for the others.
    fn end_of_keys(&mut self, out: &mut Out<'_>) -> Result<Flow> {
        let _ = out;
        Ok(Flow::Continue)
    }
    /// Takes the rows of one hash, nearly always of one key, that are too many to be kept, and hands on what comes
    /// of them, as `push` and `end_of_keys` would.
    fn push_key(&mut self, rows: &dyn Rereadable, out: &mut Out<'_>) -> Result<Flow> {
        if rows.each(&mut |batch| self.push(batch, out))? == Flow::Done {
            return Ok(Flow::Done);
        }
        self.end_of_keys(out)
    }
    /// Hands on what was kept until the end.
    fn finish(&mut self, out: &mut Out<'_>) -> Result<()> {
        let _ = out;
        Ok(())
    }
}

/// Rows that can be read as often as need be, in the same order each time.
pub(crate) trait Rereadable {
    /// How many there are.
    fn rows(&self) -> usize;
    /// As [`logical_bytes`] counts.
    fn bytes(&self) -> u64;
    /// Hands on all of them.
    fn each(&self, out: &mut Out<'_>) -> Result<Flow>;
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

    /// The same where it is known that `whole` bytes will be held in the end.
    ///
    /// # Errors
    /// As [`Held::set`].
    pub(crate) fn set_of(&mut self, bytes: usize, whole: usize) -> Result<()> {
        if bytes > self.bytes {
            self.memory.reserve_of(bytes - self.bytes, whole.max(bytes) - self.bytes)?;
        } else {
            self.memory.release(self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({} bytes)", self.bytes)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.release(self.bytes);
    }
}

/// Texts up to this length lie in their views.
const INLINE: u32 = 12;

/// Bytes of a batch's values as they count for decisions: by rows and text lengths, never by capacities, so
/// that the number is the same on every run. It is the sum over the rows, however they are cut into batches.
pub(crate) fn logical_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| column_bytes(column.as_ref())).sum()
}

/// Bytes of what is kept of packed rows, but for what is kept with the batch before them.
pub(crate) fn kept_bytes(batch: &PackedBatch, before: Option<&PackedBatch>) -> usize {
    batch.kept_beside(before).map(|array| column_bytes(array.as_ref())).sum()
}

/// The same as [`logical_bytes`] of one column.
pub(crate) fn column_bytes(array: &dyn Array) -> usize {
    let rows = array.len();
    match array.data_type() {
        DataType::Utf8View => rows * 16 + long_bytes(array.as_string_view()),
        DataType::BinaryView => rows * 16 + long_bytes(array.as_binary_view()),
        DataType::Utf8 => rows * 4 + span(array.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => rows * 8 + span(array.as_string::<i64>().value_offsets()),
        DataType::Binary => rows * 4 + span(array.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => rows * 8 + span(array.as_binary::<i64>().value_offsets()),
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            rows * 4 + inner_bytes(lists.values(), lists.value_offsets())
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            rows * 8 + inner_bytes(lists.values(), lists.value_offsets())
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            rows * 4 + inner_bytes(&entries, map.value_offsets())
        }
        DataType::Struct(_) => {
            array.as_struct().columns().iter().map(|column| column_bytes(column.as_ref())).sum()
        }
        DataType::FixedSizeList(_, size) => {
            let (lists, size) = (array.as_fixed_size_list(), *size as usize);
            let first = lists.value_offset(0) as usize;
            column_bytes(lists.values().slice(first, rows * size).as_ref())
        }
        DataType::Dictionary(_, values) => {
            let long = array.as_dictionary_opt().map_or(0, coded_long_bytes);
            rows * fixed_bytes(values).unwrap_or(16) + long
        }
        other => rows * fixed_bytes(other).unwrap_or(16),
    }
}

/// Bytes of the texts that do not lie in their views.
fn long_bytes<T: ByteViewType>(texts: &GenericByteViewArray<T>) -> usize {
    match texts.data_buffers().is_empty() {
        true => 0,
        false => texts.views().iter().map(long_length).sum(),
    }
}

/// The same of a dictionary, each text as often as it comes.
fn coded_long_bytes(coded: &DictionaryArray<UInt32Type>) -> usize {
    fn of<T: ByteViewType>(codes: &UInt32Array, texts: &GenericByteViewArray<T>) -> usize {
        let views = texts.views();
        match texts.data_buffers().is_empty() {
            true => 0,
            false => codes.iter().flatten().map(|code| views.get(code as usize).map_or(0, long_length)).sum(),
        }
    }
    match coded.values().data_type() {
        DataType::Utf8View => of(coded.keys(), coded.values().as_string_view()),
        DataType::BinaryView => of(coded.keys(), coded.values().as_binary_view()),
        _ => 0,
    }
}

/// The length of a view's text, if it does not lie in the view.
fn long_length(view: &u128) -> usize {
    let length = *view as u32;
    if length > INLINE { length as usize } else { 0 }
}

/// About how many bytes of a row are expected to count, from its types alone.
pub(crate) fn about_row_bytes(schema: &SchemaRef) -> f64 {
    const TEXT: usize = 24;
    let fields = schema.fields().iter();
    fields.map(|field| fixed_bytes(field.data_type()).unwrap_or(TEXT)).sum::<usize>() as f64
}

/// Bytes of each value of a type, if all have the same.
pub(crate) fn fixed_bytes(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Null => Some(0),
        DataType::Boolean => Some(1),
        DataType::FixedSizeBinary(size) => Some(*size as usize),
        other => other.primitive_width(),
    }
}

fn span<O: OffsetSizeTrait>(offsets: &[O]) -> usize {
    match offsets {
        [first, .., last] => last.as_usize() - first.as_usize(),
        _ => 0,
    }
}

fn inner_bytes<O: OffsetSizeTrait>(values: &ArrayRef, offsets: &[O]) -> usize {
    let first = offsets.first().map_or(0, |first| first.as_usize());
    column_bytes(values.slice(first, span(offsets)).as_ref())
}
