//! Numbers the rows of a partition, so that what an exchange has mixed can be put in order again. The run adds it
//! before the probe side of a join is exchanged only for want of memory; see `run/join.rs`.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::{Flow, OperatorState, Out, batch_of};
use crate::error::{Error, Result};

/// A number holds the partition in its high bits and the row in these low ones.
const ROW_BITS: u32 = 40;

/// The schema with a column of row numbers at its end, whose name no other column has.
pub(crate) fn numbered(schema: &SchemaRef) -> SchemaRef {
    let mut name = "row".to_owned();
    while schema.index_of(&name).is_ok() {
        name.push('_');
    }
    let number = Arc::new(Field::new(name, DataType::UInt64, false));
    Arc::new(Schema::new(schema.fields().iter().cloned().chain([number]).collect::<Vec<_>>()))
}

/// The number of a partition's first row.
///
/// # Errors
/// There are more partitions than numbers for them.
pub(crate) fn first_number(partition: usize) -> Result<u64> {
    let partition = u64::try_from(partition).ok().filter(|partition| partition >> (64 - ROW_BITS) == 0);
    let many =
        || Error::invalid("a join has too many partitions to keep their order; read fewer files at once");
    Ok(partition.ok_or_else(many)? << ROW_BITS)
}

/// Appends the numbers.
pub(crate) struct NumberRows {
    schema: SchemaRef,
    next: u64,
}

impl NumberRows {
    /// `schema` is that of the rows with their numbers.
    ///
    /// # Errors
    /// As [`first_number`].
    pub(crate) fn new(schema: &SchemaRef, partition: usize) -> Result<NumberRows> {
        Ok(NumberRows { schema: Arc::clone(schema), next: first_number(partition)? })
    }
}

impl OperatorState for NumberRows {
    fn push(&mut self, batch: RecordBatch, out: &mut Out<'_>) -> Result<Flow> {
        let rows = batch.num_rows();
        let end = self.next + rows as u64;
        let mut columns = batch.columns().to_vec();
        columns.push(Arc::new(UInt64Array::from_iter_values(self.next..end)));
        self.next = end;
        out(batch_of(&self.schema, columns, rows)?)
    }
}
