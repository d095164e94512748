//! What the engine's scan sees of any format: a schema, splits, and readers of record batches.
//!
//! The flow: a format's `open` resolves files and schema into a [`Source`]; the optimizer's wishes go into
//! a [`ScanRequest`]; [`Source::splits`] says what pieces of work there are; [`Source::read`] is called once
//! per split, by any thread.

use std::any::Any;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::{DataType, Schema, SchemaRef};

use crate::{Error, FileSystem, Limits, Result};

/// Files of one format with one schema.
pub trait Source: Send + Sync + Debug {
    /// Columns of the whole source, hive partition columns last.
    fn schema(&self) -> &SchemaRef;

    /// One line for `explain`: format, place, number of files, bytes.
    fn describe(&self) -> String;

    /// What is known without reading data. Used to choose sides and orders, never for an answer unless
    /// [`Statistics::exact_rows`] is set.
    fn statistics(&self) -> Statistics;

    /// The pieces of work, in row order. How a source is cut depends on the files and the options alone.
    /// Splits whose rows cannot pass `request.prune` are left out.
    ///
    /// # Errors
    /// A file cannot be opened, or its footer is not what it should be.
    fn splits(&self, request: &ScanRequest, context: &ReadContext) -> Result<Vec<Split>>;

    /// Reads one split: batches of at most `request.batch_rows` rows with the columns of
    /// `request.projection`, holding exactly the rows that pass `request.filter`, in file order.
    ///
    /// # Errors
    /// The file cannot be opened or is not what it should be; errors name file and place.
    fn read(
        &self,
        split: &Split,
        request: &ScanRequest,
        context: &ReadContext,
    ) -> Result<Box<dyn BatchReader>>;

    /// Whether a column of the schema, one of text, bytes or numbers, lies in the files as codes of dictionaries
    /// throughout, so that [`ScanRequest::coded`] saves work.
    fn is_coded(&self, column: usize) -> bool {
        let _ = column;
        false
    }

    /// The source itself, for an engine that has sources of its own and must know them again.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }

    /// Called once when a reader failed with [`crate::Error::is_type_too_narrow`]: reads the projected
    /// columns of all files and returns this source with types that hold every value, and what was widened.
    /// Formats whose files declare their types never fail so.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn widened(
        &self,
        request: &ScanRequest,
        context: &ReadContext,
    ) -> Result<(Arc<dyn Source>, Vec<Notice>)> {
        let _ = (request, context);
        unreachable!("only a source that infers types can find them too narrow")
    }
}

/// What the engine wants of a source.
#[derive(Clone, Debug)]
pub struct ScanRequest {
    /// Indices into the source's schema, in the order wanted; `None` for all columns.
    pub projection: Option<Vec<usize>>,
    /// Those of the projected columns that are wanted as dictionaries with codes of 32 bits; [`Source::is_coded`] holds
    /// for them. Batches with the codes of one dictionary share its values, the same array.
    pub coded: Vec<usize>,
    /// Terms that must all hold for a row to be wanted. A reader may use them to skip files, row groups and
    /// pages; it need not drop single rows by them.
    pub prune: Vec<Prune>,
    /// The exact filter; a reader returns only rows for which it is true.
    pub filter: Option<Arc<dyn RowFilter>>,
    /// Most rows per batch. Default 16,384.
    pub batch_rows: usize,
    /// A hint that no more rows than this will be read from any split.
    pub limit: Option<usize>,
}

impl Default for ScanRequest {
    fn default() -> Self {
        ScanRequest {
            projection: None,
            coded: Vec::new(),
            prune: Vec::new(),
            filter: None,
            batch_rows: 16_384,
            limit: None,
        }
    }
}

impl ScanRequest {
    /// The schema of the batches that a source of this schema gives.
    ///
    /// # Errors
    /// The projection names a column that the source does not have.
    pub fn output(&self, schema: &SchemaRef) -> Result<SchemaRef> {
        let all = (0..schema.fields().len()).collect();
        let projection = self.projection.as_ref().unwrap_or(&all);
        let output = schema.project(projection).map_err(|error| Error::invalid(error.to_string()))?;
        if self.coded.is_empty() {
            return Ok(Arc::new(output));
        }
        let fields = output.fields().iter().zip(projection).map(|(field, column)| {
            if !self.coded.contains(column) {
                return Arc::clone(field);
            }
            let coded = DataType::Dictionary(Box::new(DataType::UInt32), Box::new(field.data_type().clone()));
            Arc::new(field.as_ref().clone().with_data_type(coded))
        });
        Ok(Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), output.metadata().clone())))
    }
}

/// A comparison in a [`Prune`] term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Equal to the only literal.
    Equal,
    /// Not equal to the only literal.
    NotEqual,
    /// Less than the only literal.
    Less,
    /// Less than or equal to the only literal.
    LessOrEqual,
    /// Greater than the only literal.
    Greater,
    /// Greater than or equal to the only literal.
    GreaterOrEqual,
    /// Equal to one of the literals.
    In,
    /// Null; no literal.
    IsNull,
    /// Not null; no literal.
    IsNotNull,
}

/// One term of a conjunction: a column compared with literals.
#[derive(Clone, Debug)]
pub struct Prune {
    /// Index into the source's schema.
    pub column: usize,
    /// How it is compared.
    pub compare: Compare,
    /// The literals, of the column's type: one for a comparison, any number for `In`, none for null tests.
    pub literals: ArrayRef,
}

/// A filter over some columns of a source, evaluated by the engine on batches that the reader decodes first.
pub trait RowFilter: Send + Sync + Debug {
    /// Indices into the source's schema, ascending, of the columns that [`RowFilter::keep`] needs.
    fn columns(&self) -> &[usize];
    /// True for each row to keep; null counts as false. `batch` holds exactly the columns of
    /// [`RowFilter::columns`], in that order.
    ///
    /// # Errors
    /// The filter's expression fails on a value (an overflow, say).
    fn keep(&self, batch: &RecordBatch) -> Result<BooleanArray>;
    /// Is told of rows that it decides on, before it is asked: by [`RowFilter::keep`] about all of them, or in parts,
    /// about fewer. For whoever counts.
    fn looks_at(&self, rows: usize) {
        let _ = rows;
    }
    /// The same filter as several that must all hold, for readers that read the columns of the next one only where
    /// those before have left rows. All but the first are pure. None if it does not fall into parts.
    fn parts(&self) -> Vec<Arc<dyn RowFilter>> {
        Vec::new()
    }
    /// Whether the answer for a row depends on its values alone and never fails, so that any rows may be asked about:
    /// only some of a file's, or the values of a dictionary, in any order.
    fn is_pure(&self) -> bool {
        false
    }
    /// Whether the filter has found out that it drops next to nothing, and does so no more.
    fn passes_all(&self) -> bool {
        false
    }
}

/// A piece of a source: a byte range of a CSV file, row groups of a Parquet file, several small files.
#[derive(Debug)]
pub struct Split {
    /// For messages and progress: file and range.
    pub label: String,
    /// Bytes to be read, as they are on disk.
    pub bytes: u64,
    /// Rows, where the file says so.
    pub rows: Option<u64>,
    /// What the source itself needs to find the piece again.
    pub part: Box<dyn Any + Send + Sync>,
}

/// Batches of one split.
pub trait BatchReader: Send {
    /// The next batch, `None` at the end. Batches may be empty.
    ///
    /// # Errors
    /// Bad data or a failing disk; the error names file, row or row group, and column.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>>;
    /// Bytes of the file consumed so far, for progress.
    fn bytes_read(&self) -> u64;
    /// The file that the last batch came from, where the split has several.
    fn file(&self) -> Option<&Path> {
        None
    }
    /// What the user should be told after the run (rows skipped, columns missing), drained.
    fn take_notices(&mut self) -> Vec<Notice> {
        Vec::new()
    }
}

/// Something that the user should know although nothing failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// A full sentence.
    pub message: String,
    /// How many rows it concerns; notices with one message are added up.
    pub rows: u64,
}

/// What a reader may use.
#[derive(Clone, Debug)]
pub struct ReadContext {
    /// The way to files.
    pub files: Arc<dyn FileSystem>,
    /// Bounds on what a file may declare.
    pub limits: Limits,
    /// Asked before memory is taken whose size comes from a file.
    pub memory: Arc<dyn Reserve>,
    /// Asked every now and then whether the work is still wanted.
    pub stop: Arc<dyn Stop>,
    /// Threads that may be used where much is read outside a run: schemas that need many files, and
    /// [`Source::widened`].
    pub threads: usize,
}

impl ReadContext {
    /// Over these files, with the default limits, without a budget, never stopped, on one thread.
    pub fn new(files: Arc<dyn FileSystem>) -> Self {
        ReadContext {
            files,
            limits: Limits::default(),
            memory: Arc::new(Unlimited),
            stop: Arc::new(Unlimited),
            threads: 1,
        }
    }

    /// An error once the work is not wanted any more.
    pub(crate) fn check(&self) -> Result<()> {
        if self.stop.is_stopped() { Err(Error::cancelled()) } else { Ok(()) }
    }
}

/// Whether work is still wanted.
pub trait Stop: Send + Sync + Debug {
    /// True once it is not. Asked often, so it must be cheap.
    fn is_stopped(&self) -> bool;
}

/// The engine's memory ledger as a reader sees it.
pub trait Reserve: Send + Sync + Debug {
    /// Asks for `bytes`, to be given back by [`Reserve::release`].
    ///
    /// # Errors
    /// The budget does not hold them; the error names budget, use and what was asked.
    fn reserve(&self, bytes: usize) -> Result<()>;
    /// The same where it is known that `more` bytes will be needed in the end, these among them: of a line of which a
    /// part has been read, of a row group that is not full. The error says what would do for all of them.
    ///
    /// # Errors
    /// As [`Reserve::reserve`].
    fn reserve_of(&self, bytes: usize, more: usize) -> Result<()> {
        let _ = more;
        self.reserve(bytes)
    }
    /// Gives back what was reserved.
    fn release(&self, bytes: usize);
}

/// A [`Reserve`] without a budget and a [`Stop`] that never comes, for tools and tests.
#[derive(Debug, Default)]
pub struct Unlimited;

impl Reserve for Unlimited {
    fn reserve(&self, _bytes: usize) -> Result<()> {
        Ok(())
    }
    fn release(&self, _bytes: usize) {}
}

impl Stop for Unlimited {
    fn is_stopped(&self) -> bool {
        false
    }
}

/// Facts about a source.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Rows, exact if `exact_rows`, else an estimate.
    pub rows: Option<u64>,
    /// Whether `rows` is exact.
    pub exact_rows: bool,
    /// Bytes on disk.
    pub bytes: u64,
    /// Per column of the schema, where known; empty if nothing is known.
    pub columns: Vec<ColumnStatistics>,
}

/// Facts about one column.
#[derive(Clone, Debug, Default)]
pub struct ColumnStatistics {
    /// A lower bound of the non-null values, one element.
    pub min: Option<ArrayRef>,
    /// An upper bound of the non-null values, one element.
    pub max: Option<ArrayRef>,
    /// Nulls, exact where given.
    pub nulls: Option<u64>,
}
