//! How the columns of a source come out of one of its files: by name, widened, null where the file lacks
//! them, constant where a directory's name gives them.
//!
//! A reader asks [`FileColumns::file_indices`] what to decode and gives the arrays to
//! [`FileColumns::assemble`]. Readers that cannot use a filter themselves go through `adapter.rs` instead.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, new_null_array};
use arrow::compute::take;
use arrow::datatypes::{Schema, SchemaRef};

use crate::unify::{Widening, common_type, widen};
use crate::{Error, Listing, Result};

/// The columns of a source as one file gives them.
#[derive(Clone, Debug)]
pub(crate) struct FileColumns {
    source: SchemaRef,
    path: PathBuf,
    /// One for each column of the source.
    origins: Vec<Origin>,
}

#[derive(Clone, Debug)]
enum Origin {
    /// The index of the column in the file.
    File(usize),
    /// The one value of all rows.
    Constant(ArrayRef),
    /// Null in all rows.
    Missing,
}

impl FileColumns {
    /// Matches the source's columns with those of file number `file` of the listing, whose partition columns
    /// are the last ones of `source`.
    ///
    /// # Errors
    /// A column of the file has a type that the source's does not hold: the file is not what it was when
    /// the source was opened.
    pub(crate) fn new(source: &SchemaRef, listing: &Listing, file: usize, schema: &Schema) -> Result<Self> {
        let path = &listing.files[file].path;
        let own = source.fields().len() - listing.partitions.len();
        let mut origins = Vec::with_capacity(source.fields().len());
        for field in &source.fields()[..own] {
            origins.push(match schema.index_of(field.name()) {
                Err(_) => Origin::Missing,
                Ok(index) => {
                    let (from, to) = (schema.field(index).data_type(), field.data_type());
                    if common_type(from, to, Widening { int_to_float: true }).as_ref() != Some(to) {
                        return Err(Error::invalid(format!(
                            "the column is {from} in this file, which {to} does not hold"
                        ))
                        .in_column(field.name())
                        .in_file(path));
                    }
                    Origin::File(index)
                }
            });
        }
        let constants =
            listing.partitions.iter().map(|column| Origin::Constant(column.values.slice(file, 1)));
        origins.extend(constants);
        Ok(FileColumns { source: Arc::clone(source), path: path.clone(), origins })
    }

    /// Which columns of the file are needed for these columns of the source: ascending, each once.
    pub(crate) fn file_indices(&self, wanted: &[usize]) -> Vec<usize> {
        let mut indices: Vec<usize> = wanted.iter().filter_map(|&column| self.file_index(column)).collect();
        indices.sort_unstable();
        indices.dedup();
        indices
    }

    /// Where one column of the source is in the file; `None` if it is missing or constant.
    pub(crate) fn file_index(&self, column: usize) -> Option<usize> {
        match self.origins.get(column) {
            Some(Origin::File(index)) => Some(*index),
            _ => None,
        }
    }

    /// The one value that a partition column has in this file.
    pub(crate) fn constant(&self, column: usize) -> Option<&ArrayRef> {
        match self.origins.get(column) {
            Some(Origin::Constant(value)) => Some(value),
            _ => None,
        }
    }

    /// Names of the columns that the file lacks.
    pub(crate) fn missing(&self, wanted: &[usize]) -> Vec<&str> {
        let missing =
            wanted.iter().filter(|&&column| matches!(self.origins.get(column), Some(Origin::Missing)));
        missing.map(|&column| self.source.field(column).name().as_str()).collect()
    }

    /// The schema of [`FileColumns::assemble`]'s batches.
    pub(crate) fn schema(&self, wanted: &[usize]) -> Result<SchemaRef> {
        let schema = self.source.project(wanted);
        schema
            .map(Arc::new)
            .map_err(|_| Error::invalid("a column that the source does not have was asked for"))
    }

    /// One column of the source. `decoded` is the file's own, if it has it.
    pub(crate) fn column(&self, column: usize, decoded: Option<&ArrayRef>, rows: usize) -> Result<ArrayRef> {
        let field = self.source.field(column);
        match (&self.origins[column], decoded) {
            (Origin::File(_), Some(array)) => widen(array, field.data_type()).map_err(|error| {
                Error::corrupt(format!("a value does not fit {}: {error}", field.data_type()))
                    .in_column(field.name())
                    .in_file(&self.path)
            }),
            (Origin::Constant(value), _) => repeated(value, rows),
            (Origin::Missing | Origin::File(_), _) => Ok(new_null_array(field.data_type(), rows)),
        }
    }

    /// A batch with the `wanted` columns of the source, in that order. `decoded[i]` is the file's column
    /// `indices[i]`; `indices` is what [`FileColumns::file_indices`] gave for these columns or for more.
    pub(crate) fn assemble(
        &self,
        wanted: &[usize],
        indices: &[usize],
        decoded: &[ArrayRef],
        rows: usize,
    ) -> Result<RecordBatch> {
        debug_assert_eq!(indices.len(), decoded.len(), "a reader must decode what was asked");
        let find = |index: usize| indices.binary_search(&index).ok().and_then(|at| decoded.get(at));
        let columns = wanted
            .iter()
            .map(|&column| self.column(column, self.file_index(column).and_then(find), rows))
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema(wanted)?, columns, &options).map_err(|error| {
            Error::corrupt(format!("the decoded columns do not fit together: {error}")).in_file(&self.path)
        })
    }
}

/// The one value of `value`, `rows` times.
pub(crate) fn repeated(value: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    let zeros = UInt32Array::from(vec![0; rows]);
    take(value, &zeros, None)
        .map_err(|error| Error::invalid(format!("a partition value cannot be repeated: {error}")))
}
