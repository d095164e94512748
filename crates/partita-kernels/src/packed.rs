//! [`PackedBatch`]: rows that are only kept, in less memory than as arrays.
//!
//! A result is often larger than all that was held to compute it, and memory that was never used before costs more than
//! what is written to it: the system has to clear it. So whole numbers and short texts are kept as their distance from
//! the least of their batch (Zukowski, Héman, Nes, Boncz: "Super-Scalar RAM-CPU Cache Compression", ICDE 2006, without its
//! exceptions), floats of few decimals and texts that end in a number as whole numbers, and columns that came as dictionaries
//! stay codes, each with as few bytes as do. [`PackedBatch::unpack`] gives the same values back as arrays of the declared types.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Fields, Schema, SchemaRef};

use crate::Result;

mod bounds;
mod column;
mod decimals;
mod distances;
mod narrowing;
mod notation;
mod numbered;
mod short;
mod unified;
mod width;

pub use column::PackedColumn;
pub(crate) use distances::NumberSpan;
pub(crate) use narrowing::Narrowing;
pub(crate) use short::{TextSpan, views_of};
pub(crate) use width::of_width;

/// Rows in a form that is only kept.
#[derive(Clone, Debug)]
pub struct PackedBatch {
    schema: SchemaRef,
    columns: Vec<PackedColumn>,
    rows: usize,
}

impl PackedBatch {
    /// Packs rows of a schema; a column of theirs may also [be a dictionary](is_coded) of its type in the schema.
    ///
    /// # Errors
    /// Only if arrow refuses to rebuild a nested array.
    pub fn pack(batch: &RecordBatch, schema: &SchemaRef) -> Result<PackedBatch> {
        let rows = batch.num_rows();
        let fields = batch.columns().iter().zip(schema.fields());
        let columns = fields.map(|(column, field)| PackedColumn::of(column, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let declared = batch.columns().iter().zip(batch.schema_ref().fields().iter().zip(schema.fields()));
        let fields = declared.map(|(column, (own, field))| {
            Arc::clone(if is_coded(column, field.data_type()) { field } else { own })
        });
        let fields: Fields = fields.collect();
        let schema = match (fields == batch.schema_ref().fields, fields == schema.fields) {
            (true, _) => batch.schema(),
            (_, true) => Arc::clone(schema),
            _ => Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())),
        };
        Ok(PackedBatch { schema, columns, rows })
    }

    /// Rows that are kept as they are.
    pub fn plain(batch: &RecordBatch) -> PackedBatch {
        let columns = batch.columns().iter().map(|column| PackedColumn::plain(Arc::clone(column)));
        PackedBatch { schema: batch.schema(), columns: columns.collect(), rows: batch.num_rows() }
    }

    /// Columns of a schema, each of so many rows.
    pub(crate) fn of_columns(schema: &SchemaRef, columns: Vec<PackedColumn>, rows: usize) -> PackedBatch {
        PackedBatch { schema: Arc::clone(schema), columns, rows }
    }

    /// The rows as they were, with the declared types.
    pub fn unpack(&self) -> RecordBatch {
        let columns = self.columns.iter().map(PackedColumn::to_array).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options);
        batch.expect("every column has been one of this schema and as long")
    }

    /// `len` rows from `offset` on; nothing is copied.
    #[must_use]
    pub fn slice(&self, offset: usize, len: usize) -> PackedBatch {
        let columns = self.columns.iter().map(|column| column.slice(offset, len)).collect();
        PackedBatch { schema: Arc::clone(&self.schema), columns, rows: len }
    }

    /// The columns and their types.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The number of rows.
    pub fn num_rows(&self) -> usize {
        self.rows
    }

    /// Its columns.
    pub fn columns(&self) -> &[PackedColumn] {
        &self.columns
    }

    /// The arrays that are kept in memory for it, but for those that are kept for another batch anyway.
    pub fn kept_beside<'a>(&'a self, other: Option<&'a PackedBatch>) -> impl Iterator<Item = &'a ArrayRef> {
        self.columns.iter().enumerate().flat_map(move |(index, column)| {
            column.kept_beside(other.and_then(|other| other.columns.get(index)))
        })
    }
}

/// Whether a column came as a dictionary, with codes of 32 bits, of the values that it is declared to have.
pub fn is_coded(column: &ArrayRef, declared: &DataType) -> bool {
    let coded = |codes: &DataType, values: &DataType| *codes == DataType::UInt32 && values == declared;
    column.data_type() != declared
        && matches!(column.data_type(), DataType::Dictionary(codes, values) if coded(codes, values))
}

#[cfg(test)]
mod tests;
