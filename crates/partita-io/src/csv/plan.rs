//! What is wanted of each row, and how the rows of a table become a batch of it.
//!
//! A batch is converted a column at a time. Rows that a policy drops and rows that the filter drops are taken
//! out of the table before the other columns are converted, so they cost nothing there. A value is looked
//! at when it is read: under the policies `Error` and `Null` nobody looks at columns that are not asked for;
//! under `Skip` and `Reject` every column with a given type is checked, so that which rows there are does not
//! depend on which columns are read.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{filter, prep_null_mask_filter};
use arrow::datatypes::{Schema, SchemaRef};

use super::columns::Fields;
use super::convert::{Field, Text, convert, is_text, missing};
use super::file::Head;
use super::infer::Column;
use super::judge::Judge;
use super::rows::{Cells, Table};
use super::source::Shared;
use crate::file_columns::repeated;
use crate::reject::BadRows;
use crate::{Error, Result, RowFilter, ScanRequest};

/// What is wanted of each row.
pub(super) struct Plan {
    shared: Arc<Shared>,
    /// Columns of the source in the order wanted, and the schema of the batches.
    output: Vec<usize>,
    schema: SchemaRef,
    filter: Option<(Arc<dyn RowFilter>, SchemaRef)>,
    /// Columns that are converted before all others to find bad rows.
    checked: Vec<usize>,
    fields: Vec<Option<usize>>,
    pub(super) file_fields: usize,
    /// Number of the file in the listing.
    file_number: usize,
    pub(super) batch_rows: usize,
}

/// Why there is no batch.
struct Halt {
    error: Error,
    /// The row that is bad, if it is a row's fault.
    row: Option<u32>,
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Halt { error, row: None }
    }
}

impl Halt {
    /// For a row among the selected ones: which it is among all.
    fn among(mut self, selected: Option<&Vec<u32>>) -> Self {
        if let (Some(row), Some(selected)) = (self.row, selected) {
            self.row = selected.get(row as usize).copied();
        }
        self
    }
}

impl Plan {
    pub(super) fn new(
        shared: &Arc<Shared>,
        schema: &SchemaRef,
        fields: Fields,
        head: &Head,
        file_number: usize,
        request: &ScanRequest,
    ) -> Result<Self> {
        let (columns, all) = (shared.columns.len(), schema.fields().len());
        let output = request.projection.clone().unwrap_or_else(|| (0..all).collect());
        let needed = output.iter().chain(request.filter.iter().flat_map(|filter| filter.columns()));
        if let Some(column) = needed.copied().find(|&column| column >= all) {
            return Err(Error::invalid(format!("column {column} is asked for but there are {all}")));
        }
        let drops_rows = matches!(shared.options.bad_rows, BadRows::Skip | BadRows::Reject(_));
        let checked = (0..columns)
            .filter(|&column| {
                let Column { data_type, kinds, .. } = &shared.columns[column];
                drops_rows && (kinds.is_none() || is_text(data_type)) && fields.fields[column].is_some()
            })
            .collect();
        let only = |columns: &[usize]| {
            let fields: Vec<_> = columns.iter().map(|&column| Arc::clone(&schema.fields()[column])).collect();
            Arc::new(Schema::new(fields))
        };
        Ok(Plan {
            shared: Arc::clone(shared),
            schema: only(&output),
            filter: request.filter.as_ref().map(|filter| (Arc::clone(filter), only(filter.columns()))),
            output,
            checked,
            file_fields: if shared.options.header { head.fields } else { columns },
            fields: fields.fields,
            file_number,
            batch_rows: request.batch_rows.max(1),
        })
    }

    /// The rows of `cells` that are wanted. Of several bad rows the first is the error.
    pub(super) fn batch(
        &self,
        text: Text<'_>,
        mut cells: Cells<'_>,
        judge: &mut Judge<'_>,
    ) -> Result<RecordBatch> {
        let mut found = None;
        loop {
            match self.converted(text, cells, judge) {
                Ok(batch) => return found.map_or(Ok(batch), Err),
                Err(Halt { row: None, error }) => return Err(error),
                // A column that comes later may have a bad value further up.
                Err(Halt { row: Some(row), error }) => {
                    found = Some(error);
                    cells = cells.first(row as usize);
                }
            }
        }
    }

    fn converted(
        &self,
        text: Text<'_>,
        cells: Cells<'_>,
        judge: &mut Judge<'_>,
    ) -> std::result::Result<RecordBatch, Halt> {
        let good = self.good_rows(text, cells, judge)?;
        let table = good.as_ref().map(|rows| Table::select(&cells, rows, self.file_fields));
        let cells = table.as_ref().map_or(cells, |table| table.cells(cells.bytes, 0, table.rows()));
        let mut arrays: Vec<Option<ArrayRef>> =
            vec![None; self.shared.columns.len() + self.shared.listing.partitions.len()];
        let kept = match &self.filter {
            Some((filter, schema)) => self
                .kept_rows(text, cells, judge, &**filter, schema, &mut arrays)
                .map_err(|halt| halt.among(good.as_ref()))?,
            None => None,
        };
        let table = kept.as_ref().map(|rows| Table::select(&cells, rows, self.file_fields));
        let cells = table.as_ref().map_or(cells, |table| table.cells(cells.bytes, 0, table.rows()));
        let mut columns = Vec::with_capacity(self.output.len());
        for &column in &self.output {
            let array = match &arrays[column] {
                Some(array) => Arc::clone(array),
                None => self
                    .column(text, cells, judge, column)
                    .map_err(|halt| halt.among(kept.as_ref()).among(good.as_ref()))?,
            };
            arrays[column] = Some(Arc::clone(&array));
            columns.push(array);
        }
        Ok(record_batch(&self.schema, columns, cells.rows())?)
    }

    /// Under a policy that drops rows: the rows whose values all fit, if not all do.
    fn good_rows(&self, text: Text<'_>, cells: Cells<'_>, judge: &mut Judge<'_>) -> Result<Option<Vec<u32>>> {
        let mut bad: Vec<(u32, usize)> = Vec::new();
        for &column in &self.checked {
            let data_type = &self.shared.columns[column].data_type;
            let (true, Some(field)) = (!is_text(data_type) || !text.is_utf8, self.field(column)) else {
                continue;
            };
            let converted = convert(&self.shared.decoder, text, cells, field)?;
            bad.extend(converted.bad.iter().map(|&row| (row, column)));
        }
        if bad.is_empty() {
            return Ok(None);
        }
        bad.sort_unstable();
        bad.dedup_by_key(|(row, _)| *row);
        for &(row, column) in &bad {
            if let Some(field) = self.field(column) {
                judge.dropped(&self.shared.columns[column], cells, field, row)?;
            }
        }
        let mut bad = bad.iter().map(|(row, _)| *row).peekable();
        Ok(Some((0..cells.rows() as u32).filter(|row| bad.next_if_eq(row).is_none()).collect()))
    }

    /// The rows that the filter keeps, if not all; its columns are left in `arrays`, filtered.
    fn kept_rows(
        &self,
        text: Text<'_>,
        cells: Cells<'_>,
        judge: &mut Judge<'_>,
        row_filter: &dyn RowFilter,
        schema: &SchemaRef,
        arrays: &mut [Option<ArrayRef>],
    ) -> std::result::Result<Option<Vec<u32>>, Halt> {
        let mut columns = Vec::with_capacity(row_filter.columns().len());
        for &column in row_filter.columns() {
            columns.push(self.column(text, cells, judge, column)?);
        }
        let batch = record_batch(schema, columns, cells.rows())?;
        row_filter.looks_at(batch.num_rows());
        let keep = row_filter.keep(&batch)?;
        let keep = if keep.null_count() > 0 { prep_null_mask_filter(&keep) } else { keep };
        if keep.len() != cells.rows() {
            return Err(Error::invalid("the filter did not answer for every row").into());
        }
        let all = !keep.has_false();
        for (&column, array) in row_filter.columns().iter().zip(batch.columns()) {
            arrays[column] = Some(if all { Arc::clone(array) } else { filtered(array, &keep)? });
        }
        Ok((!all).then(|| keep.values().set_indices_u32().collect()))
    }

    fn field(&self, column: usize) -> Option<Field<'_>> {
        let number = self.fields[column]?;
        let Column { data_type, .. } = &self.shared.columns[column];
        let grammar = self.shared.columns[column].grammar();
        Some(Field { number, is_last: number + 1 == self.file_fields, data_type, grammar })
    }

    fn column(
        &self,
        text: Text<'_>,
        cells: Cells<'_>,
        judge: &mut Judge<'_>,
        column: usize,
    ) -> std::result::Result<ArrayRef, Halt> {
        let Some(described) = self.shared.columns.get(column) else {
            let constant = &self.shared.listing.partitions[column - self.shared.columns.len()];
            return Ok(repeated(&constant.values.slice(self.file_number, 1), cells.rows())?);
        };
        let Some(field) = self.field(column) else { return Ok(missing(&described.data_type, cells.rows())) };
        let converted = convert(&self.shared.decoder, text, cells, field)
            .map_err(|error| error.in_column(&*described.name))?;
        let row = converted.bad.first().copied();
        judge.values(described, cells, field, &converted.bad).map_err(|error| Halt { row, error })?;
        Ok(converted.array)
    }
}

fn filtered(array: &ArrayRef, keep: &BooleanArray) -> Result<ArrayRef> {
    filter(array, keep).map_err(|error| Error::filter(Box::new(error)))
}

fn record_batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| Error::invalid(format!("a batch does not have the schema of its source ({error})")))
}
