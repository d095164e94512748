//! One run of the crate's decoder: a column of some rows of one row group, batch by batch.
//!
//! Every step runs guarded, every batch is counted, so that what comes out is exactly the rows that the
//! footer promises or an error that names the row group and the column.

use std::sync::{Arc, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowSelection, RowSelector};

use super::footer::ParquetFile;
use super::guard::guarded;
use super::pages::{Fault, PageContext};
use super::row_group::RowGroup;
use super::window::OpenFile;
use crate::file_columns::FileColumns;
use crate::{Error, ReadContext, Result};

/// Fixed-width values of one batch take at most this much.
const BATCH_BYTES: usize = 64 << 20;

/// A row group of an open file.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) parquet: Arc<ParquetFile>,
    pub(crate) columns: Arc<FileColumns>,
    pub(crate) open: Arc<OpenFile>,
    pub(crate) row_group: usize,
    pub(crate) context: ReadContext,
}

/// Rows to be decoded: selectors that together skip and select what is wanted, and how many are selected.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// `None` for all rows of the row group.
    pub(crate) selection: Option<Vec<RowSelector>>,
    pub(crate) selected: usize,
}

/// Decodes the column `root` of the file.
pub(crate) struct Decoder {
    place: Place,
    root: usize,
    rows: Rows,
    batch_rows: usize,
    reader: Option<ParquetRecordBatchReader>,
    fault: Fault,
    left: usize,
    schema: Arc<Schema>,
}

impl Decoder {
    pub(crate) fn new(place: &Place, root: usize, rows: Rows, batch_rows: usize) -> Result<Self> {
        let schema = place.parquet.schema().project(&[root]);
        let schema = Arc::new(schema.map_err(|error| Error::invalid(error.to_string()))?);
        let batch_rows = batch_rows.min((BATCH_BYTES / width(&schema).max(1)).max(1)).max(1);
        let (left, fault) = (rows.selected, Fault::default());
        let mut decoder =
            Decoder { place: place.clone(), root, rows, batch_rows, reader: None, fault, left, schema };
        if left > 0 {
            decoder.reader = Some(decoder.start().map_err(|error| place.explain(error, root))?);
        }
        Ok(decoder)
    }

    /// Most rows of a batch: what was asked for, or fewer if single values are large.
    pub(crate) fn batch_rows(&self) -> usize {
        self.batch_rows
    }

    fn start(&self) -> Result<ParquetRecordBatchReader> {
        let Place { parquet, open, row_group, context, .. } = &self.place;
        let pages = PageContext {
            limits: context.limits.clone(),
            memory: Arc::clone(&context.memory),
            fault: Arc::clone(&self.fault),
        };
        let roots = &[self.root];
        guarded(|| {
            let levels = parquet.reading.levels(&parquet.metadata, roots)?;
            let group = RowGroup::new(
                Arc::clone(&parquet.metadata),
                *row_group,
                Arc::clone(open),
                pages,
                &parquet.reading.leaves_of(roots),
            );
            let selection = self.rows.selection.clone().map(RowSelection::from);
            ParquetRecordBatchReader::try_new_with_row_groups(&levels, &group, self.batch_rows, selection)
                .map_err(|error| damaged(&error))
        })
        .map_err(|error| take_fault(&self.fault).unwrap_or(error))
    }

    /// The next rows; `None` once all selected ones have been given.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        if self.left == 0 {
            self.reader = None;
            return Ok(None);
        }
        match self.step() {
            Ok(batch) => Ok(Some(batch)),
            Err(error) => {
                self.reader = None;
                self.left = 0;
                Err(self.place.explain(error, self.root))
            }
        }
    }

    fn step(&mut self) -> Result<RecordBatch> {
        let Some(reader) = &mut self.reader else {
            return Err(Error::invalid("a failed reader was asked for more"));
        };
        let batch = guarded(|| reader.next().transpose().map_err(|error| damaged(&error)))
            .map_err(|error| take_fault(&self.fault).unwrap_or(error))?;
        let rows = batch.as_ref().map_or(0, RecordBatch::num_rows);
        if rows == 0 || rows > self.left {
            return Err(Error::corrupt(format!(
                "{} of the {} rows wanted of a row group of {} are missing or too many",
                self.left.abs_diff(rows),
                self.rows.selected,
                self.place.parquet.metadata.row_group(self.place.row_group).num_rows()
            )));
        }
        self.left -= rows;
        let columns = batch.map(|batch| batch.columns().to_vec()).unwrap_or_default();
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|error| Error::corrupt(error.to_string()))
    }
}

/// The decoder's own words, without the names of its layers.
pub(crate) fn damaged(error: &dyn std::fmt::Display) -> Error {
    let mut message = error.to_string();
    for layer in ["Parquet argument error: ", "Parquet error: ", "EOF: ", "Arrow: "] {
        message = message.replace(layer, "");
    }
    Error::corrupt(format!("the data is damaged: {message}"))
}

/// What a page left behind.
pub(crate) fn take_fault(fault: &Fault) -> Option<Error> {
    fault.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Bytes per row of the columns whose width the file chooses.
fn width(schema: &Schema) -> usize {
    let of = |data_type: &DataType| match data_type {
        DataType::FixedSizeBinary(size) => usize::try_from(*size).unwrap_or(0),
        DataType::FixedSizeList(_, size) => usize::try_from(*size).unwrap_or(0).saturating_mul(16),
        _ => 0,
    };
    schema.fields().iter().map(|field| of(field.data_type())).fold(1, usize::saturating_add)
}

impl Place {
    /// Adds the place to an error of one column.
    pub(crate) fn explain(&self, error: Error, root: usize) -> Error {
        if let Err(changed) = self.open.file.check_unchanged() {
            return changed;
        }
        let error = error.in_row_group(self.row_group).in_file(&self.parquet.info.path);
        match self.parquet.schema().fields().get(root) {
            Some(field) => error.in_column(field.name()),
            None => error,
        }
    }

    /// Columns of one row group gave different numbers of rows.
    pub(crate) fn out_of_step(&self) -> Error {
        Error::corrupt("the columns of a row group do not have the same rows")
            .in_row_group(self.row_group)
            .in_file(&self.parquet.info.path)
    }
}
