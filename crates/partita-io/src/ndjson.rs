//! Newline-delimited JSON: one object per line, plain or compressed with gzip or Zstandard.
//!
//! `ndjson/lines.rs` cuts files into lines, `ndjson/json.rs` reads the JSON of one, `ndjson/shape.rs` infers
//! types from a sample, `ndjson/column.rs` and `ndjson/reader.rs` build batches; this file makes a [`Source`]
//! of them.
//!
//! # Rules
//! - Types are inferred from the first rows of all files. Integers of 64 bits are int64; with fractions among
//!   them float64, if every integer is exact as a float; larger integers, and every other mixture, are text,
//!   spelled as in the file. Strings are text. Arrays are lists and objects structs. A value that does not
//!   fit makes the source read everything once more and widen ([`Source::widened`]).
//! - A key that is missing in a row is null. A key that is twice in one object makes the row bad, unless its
//!   column is not read. A key that no sampled row has goes by [`NdjsonOptions::extra_columns`].
//! - In a column of a type given by the caller, a value that does not fit exactly makes the row bad.
//! - Blank lines are passed over; a byte order mark at the beginning of a file, too.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::adapter::{AdaptedReader, Adapter, Chained, grouped};
use crate::file_columns::FileColumns;
use crate::unify::{ExtraColumns, Widening, unify};
use crate::{
    BatchReader, Compression, DataFile, Error, Listing, Notice, ReadContext, Result, ScanRequest, Source,
    Split, Statistics,
};

mod column;
mod infer;
mod json;
mod lines;
mod reader;
mod shape;

pub use crate::reject::BadRows;
use crate::reject::RejectFile;
use infer::{Kinds, Sample};
use lines::Lines;

/// How newline-delimited JSON is to be read.
#[derive(Clone, Debug)]
pub struct NdjsonOptions {
    /// Types of some or all columns. All others are inferred and widen.
    pub types: Vec<(String, DataType)>,
    /// What to do with a line that is not a JSON object, or with a value that is not of the type given.
    pub bad_rows: BadRows,
    /// What to do with a key that is not among the columns: an error that names it; the union of the keys of
    /// all rows, for which everything is read first; or to pass over it, and to say so.
    pub extra_columns: ExtraColumns,
    /// Rows that are looked at to infer columns and types, over all files in their order. Default 20,000.
    pub infer_rows: usize,
    /// Bytes of a split of a large uncompressed file; small files are joined. Default 16 MiB.
    pub split_bytes: u64,
}

impl Default for NdjsonOptions {
    fn default() -> Self {
        NdjsonOptions {
            types: Vec::new(),
            bad_rows: BadRows::default(),
            extra_columns: ExtraColumns::default(),
            infer_rows: 20_000,
            split_bytes: 16 << 20,
        }
    }
}

/// Looks at the first rows for columns and types.
///
/// # Errors
/// A file cannot be read, a sampled line is not JSON (unless bad rows are let pass), a type given cannot be
/// read, or there is no column at all.
pub fn open(listing: Listing, options: &NdjsonOptions, context: &ReadContext) -> Result<Arc<dyn Source>> {
    let mut compressions = Vec::with_capacity(listing.files.len());
    for info in &listing.files {
        compressions.push(Compression::of_file(&DataFile::open(&*context.files, info)?)?);
    }
    let files = Arc::new(Files { listing, compressions, options: options.clone() });
    let rows = (options.extra_columns != ExtraColumns::Union).then(|| options.infer_rows.max(1));
    let sample = Sample::take(&files, rows, context)?;
    let (rows, bytes) = (sample.rows, sample.bytes);
    let kinds = Arc::new(sample.into_kinds(&options.types)?);
    let row_bytes = if rows == 0 { 0 } else { bytes.div_ceil(rows) };
    Ok(Arc::new(NdjsonSource::new(files, kinds, row_bytes)?))
}

/// What does not change when types widen.
#[derive(Debug)]
struct Files {
    listing: Listing,
    compressions: Vec<Compression>,
    options: NdjsonOptions,
}

impl Files {
    fn lines(&self, file: usize, range: Range<u64>, context: &ReadContext) -> Result<Lines> {
        let file_info = &self.listing.files[file];
        let opened = DataFile::open(&*context.files, file_info)?;
        Lines::open(opened, self.compressions[file], range, context)
            .map_err(|error| error.in_file(&file_info.path))
    }
}

impl Files {
    /// How some files are cut: by their sizes alone.
    fn pieces(&self, files: impl IntoIterator<Item = usize>) -> Vec<Piece> {
        let step = self.options.split_bytes.max(1);
        let mut pieces = Vec::new();
        for file in files {
            let len = self.listing.files[file].len;
            if self.compressions[file] != Compression::None {
                pieces.push(Piece { file, range: 0..len });
                continue;
            }
            let mut start = 0;
            while start < len {
                let end = start.saturating_add(step).min(len);
                pieces.push(Piece { file, range: start..end });
                start = end;
            }
        }
        pieces
    }
}

#[derive(Debug)]
struct NdjsonSource {
    schema: SchemaRef,
    /// The schema without partition columns.
    own: Schema,
    files: Arc<Files>,
    kinds: Arc<Kinds>,
    /// Bytes of a row on average, in the sample; 0 if there was none.
    row_bytes: u64,
}

/// Bytes of one file; lines that begin in them.
#[derive(Clone, Debug)]
struct Piece {
    file: usize,
    range: Range<u64>,
}

#[derive(Debug)]
struct Part {
    pieces: Vec<Piece>,
    reject: Option<(Arc<RejectFile>, usize)>,
}

impl NdjsonSource {
    fn new(files: Arc<Files>, kinds: Arc<Kinds>, row_bytes: u64) -> Result<Self> {
        let mut fields = Vec::new();
        for (name, kind) in kinds.iter() {
            fields.push(Field::new(name, kind.column()?.data_type().clone(), true));
        }
        let own = Schema::new(fields);
        let path = files.listing.files.first().map(|info| info.path.as_path());
        let path = path.ok_or_else(|| Error::invalid("there is no NDJSON file to read"))?;
        let partitions = files.listing.partition_fields();
        let schema = unify([(path, &own)], &partitions, ExtraColumns::Error, Widening::default())?;
        Ok(NdjsonSource { schema, own, files, kinds, row_bytes })
    }

    fn listing(&self) -> &Listing {
        &self.files.listing
    }

    fn reader(
        &self,
        piece: &Piece,
        request: &ScanRequest,
        context: &ReadContext,
        rejects: &Arc<Mutex<Vec<u8>>>,
    ) -> Result<AdaptedReader> {
        let columns = FileColumns::new(&self.schema, self.listing(), piece.file, &self.own)?;
        let adapter = Adapter::new(columns, request, self.schema.fields().len());
        let lines = self.files.lines(piece.file, piece.range.clone(), context)?;
        let rows = reader::Rows::new(
            lines,
            Arc::clone(&self.kinds),
            adapter.file_indices(),
            &self.files.options,
            request.batch_rows,
            context.limits.nesting,
            Arc::clone(rejects),
        )?;
        Ok(AdaptedReader::new(Box::new(rows), adapter, request))
    }

    fn label(&self, pieces: &[Piece]) -> String {
        match pieces {
            [one] => {
                let path = self.listing().files[one.file].path.display();
                format!("{path} bytes {}..{}", one.range.start, one.range.end)
            }
            [first, rest @ ..] => {
                let path = self.listing().files[first.file].path.display();
                format!("{path} and {} more files", rest.len())
            }
            [] => String::new(),
        }
    }
}

impl Source for NdjsonSource {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn describe(&self) -> String {
        format!("ndjson {}", self.listing())
    }

    fn statistics(&self) -> Statistics {
        let bytes = self.listing().bytes();
        let rows = bytes.checked_div(self.row_bytes);
        Statistics { rows, exact_rows: false, bytes, columns: Vec::new() }
    }

    fn splits(&self, request: &ScanRequest, context: &ReadContext) -> Result<Vec<Split>> {
        let pieces = self.files.pieces(self.listing().kept(&request.prune, self.own.fields().len()));
        let bytes: Vec<u64> = pieces.iter().map(|piece| piece.range.end - piece.range.start).collect();
        let groups = grouped(&bytes, self.files.options.split_bytes);
        let reject = match &self.files.options.bad_rows {
            BadRows::Reject(path) => {
                Some(Arc::new(RejectFile::new(path, groups.len(), &context.files, &context.memory)))
            }
            _ => None,
        };
        let split = |(index, range): (usize, Range<usize>)| {
            let pieces = pieces[range.clone()].to_vec();
            Split {
                label: self.label(&pieces),
                bytes: bytes[range].iter().sum(),
                rows: None,
                part: Box::new(Part { pieces, reject: reject.clone().map(|reject| (reject, index)) }),
            }
        };
        Ok(groups.into_iter().enumerate().map(split).collect())
    }

    fn read(
        &self,
        split: &Split,
        request: &ScanRequest,
        context: &ReadContext,
    ) -> Result<Box<dyn BatchReader>> {
        let Some(part) = split.part.downcast_ref::<Part>() else {
            return Err(Error::invalid("the split belongs to another source"));
        };
        let rejects = Arc::new(Mutex::new(Vec::new()));
        let readers = part.pieces.iter().map(|piece| self.reader(piece, request, context, &rejects));
        let readers = readers.collect::<Result<Vec<_>>>()?;
        let chained = Chained::of(readers.into_iter().map(|reader| Box::new(reader) as Box<dyn BatchReader>));
        Ok(match &part.reject {
            None => Box::new(chained),
            Some((reject, split)) => {
                Box::new(Rejecting { chained, reject: Arc::clone(reject), split: *split, rejects })
            }
        })
    }

    fn widened(
        &self,
        request: &ScanRequest,
        context: &ReadContext,
    ) -> Result<(Arc<dyn Source>, Vec<Notice>)> {
        let all: Vec<usize> = (0..self.own.fields().len()).collect();
        let mut wanted = request.projection.clone().unwrap_or(all);
        wanted.extend(request.filter.iter().flat_map(|filter| filter.columns()));
        let sample = Sample::again(&self.files, &self.kinds, &wanted, context)?;
        let kinds = Arc::new(sample.into_kinds(&self.files.options.types)?);
        let wider = NdjsonSource::new(Arc::clone(&self.files), kinds, self.row_bytes)?;
        let mut notices = Vec::new();
        for (old, new) in self.own.fields().iter().zip(wider.own.fields()) {
            if old.data_type() != new.data_type() {
                let message = format!(
                    "the column `{}` is read as {} and not as {}, because a value beyond the first rows does not \
                     fit",
                    old.name(),
                    new.data_type(),
                    old.data_type()
                );
                notices.push(Notice { message, rows: 0 });
            }
        }
        Ok((Arc::new(wider), notices))
    }
}

/// Hands the rejected rows of a split in when the split was read to its end.
struct Rejecting {
    chained: Chained,
    reject: Arc<RejectFile>,
    split: usize,
    rejects: Arc<Mutex<Vec<u8>>>,
}

impl BatchReader for Rejecting {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let batch = self.chained.next_batch();
        match &batch {
            Ok(Some(_)) => {}
            Ok(None) => {
                let lines = std::mem::take(&mut *self.rejects.lock().unwrap_or_else(PoisonError::into_inner));
                self.reject.finish(self.split, lines)?;
            }
            // For want of memory the split may be read once more.
            Err(error) if error.is_memory() => {}
            Err(_) => self.reject.fail(),
        }
        batch
    }
    fn bytes_read(&self) -> u64 {
        self.chained.bytes_read()
    }
    fn take_notices(&mut self) -> Vec<Notice> {
        self.chained.take_notices()
    }
}

#[cfg(test)]
mod tests;
