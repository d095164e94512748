//! One column of one row group: pages read here (`flat.rs`) or, for what those do not know, the crate's decoder
//! (`decode.rs`). Both give the next so many rows, of which only some are wanted.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{concat, take};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::RowSelector;
use parquet::basic::Encoding;

use super::decode::{Decoder, Place, Rows, damaged, take_fault};
use super::flat::{FlatColumn, Loaded, Picked, Shape, Stop, coded_by_row};
use super::guard::guarded;
use super::pages::{Fault, PageContext};
use super::row_group::RowGroup;
use crate::{Error, Result};

/// Encodings that `flat.rs` reads, and those that levels may have.
const READ: [Encoding; 5] = [
    Encoding::PLAIN,
    Encoding::BYTE_STREAM_SPLIT,
    Encoding::PLAIN_DICTIONARY,
    Encoding::RLE_DICTIONARY,
    Encoding::RLE,
];

/// A column of a file.
pub(crate) struct Column {
    place: Place,
    root: usize,
    rows: Rows,
    batch_rows: usize,
    is_nullable: bool,
    reader: Reader,
}

enum Reader {
    Flat(Box<FlatColumn>, Fault),
    Decoded(Box<Decoded>),
}

/// Batches of the crate's decoder, cut as they are asked for.
struct Decoded {
    decoder: Decoder,
    /// The batch of which some rows have been given, and how many.
    open: Option<(ArrayRef, usize)>,
    /// Rows that are passed over before the next one is given.
    behind: usize,
}

/// Rows of a column that have been read.
pub(crate) enum Rowful {
    Flat(Loaded),
    /// An array, and which row of the batch it begins with.
    Array(ArrayRef, usize),
}

/// Opens the columns `roots` of a row group, of which `rows` are wanted.
pub(crate) fn open(place: &Place, roots: &[usize], rows: &Rows, batch_rows: usize) -> Result<Vec<Column>> {
    let fault: Fault = Arc::new(Mutex::new(None));
    let context = PageContext {
        limits: place.context.limits.clone(),
        memory: Arc::clone(&place.context.memory),
        fault: Arc::clone(&fault),
    };
    let metadata = &place.parquet.metadata;
    let leaves: Vec<usize> =
        roots.iter().filter_map(|root| flat_leaf(place, *root).map(|(leaf, _)| leaf)).collect();
    let group =
        RowGroup::new(Arc::clone(metadata), place.row_group, Arc::clone(&place.open), context, &leaves);
    let column = |root: &usize| -> Result<Column> {
        let (reader, is_nullable) = match flat_leaf(place, *root) {
            Some((leaf, shape)) if rows.selected > 0 => {
                let is_nullable = metadata.file_metadata().schema_descr().column(leaf).max_def_level() > 0;
                let pages = guarded(|| group.pages(leaf).map_err(|error| damaged(&error)));
                let pages = pages.map_err(|error| take_fault(&fault).unwrap_or(error));
                let pages = pages.map_err(|error| place.explain(error, *root))?;
                let data_type = place.parquet.schema().field(*root).data_type().clone();
                let memory = Arc::clone(&place.context.memory);
                let pages = Box::new(pages);
                let flat = FlatColumn::new(pages, shape, data_type, is_nullable, rows.selectors(), memory);
                (Reader::Flat(Box::new(flat), Arc::clone(&fault)), is_nullable)
            }
            _ => (Reader::Decoded(Box::new(Decoded::new(place, *root, rows.clone(), batch_rows)?)), true),
        };
        Ok(Column { place: place.clone(), root: *root, rows: rows.clone(), batch_rows, is_nullable, reader })
    };
    roots.iter().map(column).collect()
}

/// The leaf and the shape of a column that `flat.rs` reads.
fn flat_leaf(place: &Place, root: usize) -> Option<(usize, Shape)> {
    let leaf = place.parquet.reading.single_leaf(root)?;
    let chunk = place.parquet.metadata.row_group(place.row_group).column(leaf);
    let data_type = place.parquet.schema().fields().get(root)?.data_type();
    let shape = Shape::of(chunk.column_descr(), data_type)?;
    chunk.encodings().all(|encoding| READ.contains(&encoding)).then_some((leaf, shape))
}

impl Column {
    /// Most rows that should be asked for at once.
    pub(crate) fn batch_rows(&self) -> usize {
        match &self.reader {
            Reader::Flat(..) => self.batch_rows,
            Reader::Decoded(decoded) => decoded.decoder.batch_rows(),
        }
    }

    /// Whether a row of the column may be null.
    pub(crate) fn is_nullable(&self) -> bool {
        self.is_nullable
    }

    /// Passes over the next `count` rows.
    pub(crate) fn skip(&mut self, count: usize) {
        match &mut self.reader {
            Reader::Flat(flat, _) => flat.skip(count),
            Reader::Decoded(decoded) => decoded.behind += count,
        }
    }

    /// The next `count` rows, of which only those in `wanted` can be looked at.
    pub(crate) fn load(&mut self, count: usize, wanted: Range<usize>) -> Result<Rowful> {
        if let Reader::Flat(flat, fault) = &mut self.reader {
            match flat.load(count, wanted.clone()) {
                Ok(loaded) => return Ok(Rowful::Flat(loaded)),
                Err(Stop::Failed(error)) => {
                    let error = take_fault(fault).unwrap_or(error);
                    return Err(self.place.explain(error, self.root));
                }
                Err(Stop::Unread) => {
                    let rows = self.rows.after(flat.passed());
                    let decoded = Decoded::new(&self.place, self.root, rows, self.batch_rows)?;
                    self.reader = Reader::Decoded(Box::new(decoded));
                }
            }
        }
        match &mut self.reader {
            Reader::Decoded(decoded) => decoded.load(count, wanted, &self.place),
            Reader::Flat(..) => Err(Error::invalid("a column was not opened again")),
        }
    }
}

impl Decoded {
    fn new(place: &Place, root: usize, rows: Rows, batch_rows: usize) -> Result<Decoded> {
        let decoder = Decoder::new(place, root, rows, batch_rows)?;
        Ok(Decoded { decoder, open: None, behind: 0 })
    }

    fn load(&mut self, count: usize, wanted: Range<usize>, place: &Place) -> Result<Rowful> {
        self.behind += wanted.start;
        let mut pieces: Vec<ArrayRef> = Vec::new();
        let mut left = wanted.len();
        while left > 0 {
            let (batch, at) = match self.open.take() {
                Some(open) => open,
                None => match self.decoder.next()? {
                    Some(batch) => (Arc::clone(batch.column(0)), 0),
                    None => return Err(place.out_of_step()),
                },
            };
            let passed = self.behind.min(batch.len() - at);
            self.behind -= passed;
            let at = at + passed;
            let rows = left.min(batch.len() - at);
            if rows > 0 {
                pieces.push(batch.slice(at, rows));
                left -= rows;
            }
            if at + rows < batch.len() {
                self.open = Some((batch, at + rows));
            }
        }
        self.behind += count - wanted.end;
        let array = match pieces.as_slice() {
            [one] => Arc::clone(one),
            many => concat(&many.iter().map(AsRef::as_ref).collect::<Vec<_>>()).map_err(internal)?,
        };
        Ok(Rowful::Array(array, wanted.start))
    }
}

impl Rowful {
    /// A dictionary of the picked rows.
    pub(crate) fn coded(&self, picked: &Picked) -> Result<ArrayRef> {
        match self {
            Rowful::Flat(loaded) => loaded.coded(picked),
            Rowful::Array(..) => coded_by_row(self.array(picked)?),
        }
    }

    /// An array of the picked rows.
    pub(crate) fn array(&self, picked: &Picked) -> Result<ArrayRef> {
        match (self, picked) {
            (Rowful::Flat(loaded), _) => loaded.array(picked),
            (Rowful::Array(array, _), Picked::All(_)) => Ok(Arc::clone(array)),
            (Rowful::Array(array, first), Picked::Some(rows)) => {
                let places: UInt32Array = rows.iter().map(|row| row - *first as u32).collect();
                take(array, &places, None).map_err(internal)
            }
        }
    }
}

impl Rows {
    /// What is skipped and what is selected, to the last selected row.
    fn selectors(&self) -> Vec<RowSelector> {
        self.selection.clone().unwrap_or_else(|| vec![RowSelector::select(self.selected)])
    }

    /// Of these rows those behind the first `passed` ones of the row group.
    fn after(&self, passed: usize) -> Rows {
        let (mut selection, mut selected, mut at) = (vec![RowSelector::skip(passed)], 0, 0);
        for selector in self.selectors() {
            let end = at + selector.row_count;
            let row_count = end.saturating_sub(passed).min(selector.row_count);
            if row_count > 0 {
                selected += if selector.skip { 0 } else { row_count };
                selection.push(RowSelector { row_count, skip: selector.skip });
            }
            at = end;
        }
        Rows { selection: Some(selection), selected }
    }
}

fn internal(error: ArrowError) -> Error {
    Error::invalid(format!("rows of a Parquet column do not fit together: {error}"))
}
