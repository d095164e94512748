//! From a reader of one file's own columns to the [`BatchReader`] that the engine calls: columns of the
//! source, in the order asked for, with exactly the rows that pass the filter.
//!
//! For readers that do not use the filter while they decode. A format gives a [`FileReader`]; several
//! readers in a row (small files in one split) are a [`Chained`].

use std::collections::VecDeque;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{filter_record_batch, prep_null_mask_filter};

use crate::file_columns::FileColumns;
use crate::{BatchReader, Error, Notice, Result, RowFilter, ScanRequest};

/// Decodes columns of one file (or a piece of it) as the file has them.
pub(crate) trait FileReader: Send {
    /// The next rows: the columns that [`Adapter::file_indices`] named, in that order, and how many rows
    /// they have. `None` at the end.
    fn next_columns(&mut self) -> Result<Option<(Vec<ArrayRef>, usize)>>;
    /// As [`BatchReader::bytes_read`].
    fn bytes_read(&self) -> u64;
    /// As [`BatchReader::take_notices`].
    fn take_notices(&mut self) -> Vec<Notice> {
        Vec::new()
    }
}

/// Turns decoded columns of one file into batches of the source.
#[derive(Clone, Debug)]
pub(crate) struct Adapter {
    columns: FileColumns,
    projection: Vec<usize>,
    filter: Option<Arc<dyn RowFilter>>,
    file_indices: Vec<usize>,
}

impl Adapter {
    /// For what `request` wants of a file.
    pub(crate) fn new(columns: FileColumns, request: &ScanRequest, source_columns: usize) -> Self {
        let projection = request.projection.clone().unwrap_or_else(|| (0..source_columns).collect());
        let mut needed = projection.clone();
        needed.extend(request.filter.iter().flat_map(|filter| filter.columns()));
        let file_indices = columns.file_indices(&needed);
        Adapter { columns, projection, filter: request.filter.clone(), file_indices }
    }

    /// The file's columns to decode, ascending.
    pub(crate) fn file_indices(&self) -> &[usize] {
        &self.file_indices
    }

    /// The rows that pass, in the source's columns.
    pub(crate) fn adapt(&self, decoded: &[ArrayRef], rows: usize) -> Result<RecordBatch> {
        let assemble = |wanted: &[usize]| self.columns.assemble(wanted, &self.file_indices, decoded, rows);
        let Some(filter) = &self.filter else { return assemble(&self.projection) };
        filter.looks_at(rows);
        let keep = filter.keep(&assemble(filter.columns())?)?;
        let keep = if keep.null_count() > 0 { prep_null_mask_filter(&keep) } else { keep };
        let kept = keep.true_count();
        let batch = assemble(&self.projection)?;
        if kept == rows {
            return Ok(batch);
        }
        if batch.num_columns() == 0 {
            let options = RecordBatchOptions::new().with_row_count(Some(kept));
            return RecordBatch::try_new_with_options(batch.schema(), Vec::new(), &options).map_err(misfit);
        }
        filter_record_batch(&batch, &keep).map_err(misfit)
    }
}

fn misfit(error: arrow::error::ArrowError) -> Error {
    Error::invalid(format!("the filter does not fit the batch: {error}"))
}

/// A [`FileReader`] behind an [`Adapter`].
pub(crate) struct AdaptedReader {
    reader: Box<dyn FileReader>,
    adapter: Adapter,
    batch_rows: usize,
    /// How many more rows anybody will read.
    left: usize,
    /// Decoded rows that are more than a batch takes, and where the next batch begins.
    decoded: Option<(Vec<ArrayRef>, usize, usize)>,
    rows_read: u64,
}

impl AdaptedReader {
    /// Reads what `adapter` was made for.
    pub(crate) fn new(reader: Box<dyn FileReader>, adapter: Adapter, request: &ScanRequest) -> Self {
        let left = request.limit.unwrap_or(usize::MAX);
        AdaptedReader {
            reader,
            adapter,
            batch_rows: request.batch_rows.max(1),
            left,
            decoded: None,
            rows_read: 0,
        }
    }
}

impl BatchReader for AdaptedReader {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.left == 0 {
            return Ok(None);
        }
        let (columns, from, rows) = match self.decoded.take() {
            Some(decoded) => decoded,
            None => match self.reader.next_columns()? {
                None => return Ok(None),
                Some((columns, rows)) => {
                    self.rows_read += rows as u64;
                    (columns, 0, rows)
                }
            },
        };
        let count = (rows - from).min(self.batch_rows);
        let whole = count == rows;
        let piece: Vec<ArrayRef> = if whole {
            columns.clone()
        } else {
            columns.iter().map(|column| column.slice(from, count)).collect()
        };
        if from + count < rows {
            self.decoded = Some((columns, from + count, rows));
        }
        let batch = self.adapter.adapt(&piece, count)?;
        self.left = self.left.saturating_sub(batch.num_rows());
        Ok(Some(batch))
    }

    fn bytes_read(&self) -> u64 {
        self.reader.bytes_read()
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        let mut notices = self.reader.take_notices();
        let rows = std::mem::take(&mut self.rows_read);
        if rows > 0 {
            notices.extend(missing_notices(&self.adapter.columns, &self.adapter.projection, rows));
        }
        notices
    }
}

/// What the user should know of columns that a file lacks. The text names no file, so that the notices of
/// many files add up.
pub(crate) fn missing_notices(columns: &FileColumns, projection: &[usize], rows: u64) -> Vec<Notice> {
    let message = |name| format!("the column `{name}` is missing in some files; its values are null there");
    columns.missing(projection).into_iter().map(|name| Notice { message: message(name), rows }).collect()
}

/// Opens the reader of the next file only when the one before is done.
type Opener = Box<dyn FnOnce() -> Result<Box<dyn BatchReader>> + Send>;

/// Several readers, one after the other.
pub(crate) struct Chained {
    waiting: VecDeque<Opener>,
    current: Option<Box<dyn BatchReader>>,
    /// The readers' files, where they are known, from the current one on.
    files: VecDeque<PathBuf>,
    bytes_done: u64,
    notices: Vec<Notice>,
}

impl Chained {
    /// Reads in the order given.
    pub(crate) fn new(openers: impl IntoIterator<Item = Opener>) -> Self {
        Chained {
            waiting: openers.into_iter().collect(),
            current: None,
            files: VecDeque::new(),
            bytes_done: 0,
            notices: Vec::new(),
        }
    }

    /// Says which files the readers read.
    pub(crate) fn of_files(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        self.files = files.into_iter().collect();
        self
    }

    /// Reads readers that are open already.
    pub(crate) fn of(readers: impl IntoIterator<Item = Box<dyn BatchReader>>) -> Self {
        Chained::new(readers.into_iter().map(|reader| Box::new(move || Ok(reader)) as Opener))
    }
}

impl BatchReader for Chained {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(reader) = &mut self.current {
                if let Some(batch) = reader.next_batch()? {
                    return Ok(Some(batch));
                }
                self.bytes_done += reader.bytes_read();
                self.notices.extend(reader.take_notices());
                self.current = None;
                self.files.pop_front();
            }
            match self.waiting.pop_front() {
                Some(open) => self.current = Some(open()?),
                None => return Ok(None),
            }
        }
    }

    fn file(&self) -> Option<&Path> {
        self.files.front().map(PathBuf::as_path)
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_done + self.current.as_ref().map_or(0, |reader| reader.bytes_read())
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        let mut notices = std::mem::take(&mut self.notices);
        if let Some(reader) = &mut self.current {
            notices.extend(reader.take_notices());
        }
        notices
    }
}

/// Joins neighbouring files into splits of about `target` bytes: a small file never costs a task of its own.
pub(crate) fn grouped(bytes: &[u64], target: u64) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let (mut start, mut sum) = (0, 0u64);
    for (index, &len) in bytes.iter().enumerate() {
        if index > start && sum.saturating_add(len) > target {
            groups.push(start..index);
            (start, sum) = (index, 0);
        }
        sum = sum.saturating_add(len);
    }
    if start < bytes.len() {
        groups.push(start..bytes.len());
    }
    groups
}

#[cfg(test)]
mod tests;
