//! Some columns of the source as one file has them: which to decode, and what to make of them.

use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::Result;
use crate::file_columns::FileColumns;

/// Columns that are decoded together.
#[derive(Debug)]
pub(crate) struct Columns {
    file: Arc<FileColumns>,
    /// Indices into the source's schema.
    wanted: Vec<usize>,
    /// Columns of the file to decode, ascending.
    roots: Vec<usize>,
}

impl Columns {
    /// `wanted` are indices into the source's schema.
    pub(crate) fn new(file: &Arc<FileColumns>, wanted: &[usize]) -> Self {
        Columns { file: Arc::clone(file), wanted: wanted.to_vec(), roots: file.file_indices(wanted) }
    }

    /// Columns of the file to decode, ascending.
    pub(crate) fn roots(&self) -> &[usize] {
        &self.roots
    }

    /// Turns a batch of [`Columns::roots`] into one of the wanted columns.
    pub(crate) fn finish(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.file.assemble(&self.wanted, &self.roots, batch.columns(), batch.num_rows())
    }
}
