//! Arrow IPC: files with a footer (`.arrow`, Feather V2) and streams (`.arrows`), told apart by their bytes.
//!
//! `ipc/index.rs` finds the messages of a file, `ipc/message.rs` reads one and checks what it declares before
//! memory is taken, `ipc/reader.rs` decodes record batches; this file makes a [`Source`] of them.
//!
//! Text and binary columns become views, other types stay as the file has them. A stream without its end
//! marker is an error: it may have been cut off between two batches.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};

use crate::adapter::{AdaptedReader, Adapter, Chained, grouped};
use crate::file_columns::FileColumns;
use crate::unify::{ExtraColumns, Widening, unify};
use crate::{
    BatchReader, DataFile, Error, Listing, ReadContext, Result, ScanRequest, Source, Split, Statistics,
};

mod index;
mod lz4;
mod message;
mod reader;

use index::FileIndex;

/// How Arrow IPC files are to be read.
#[derive(Clone, Debug)]
pub struct IpcOptions {
    /// What to do with columns that the first file does not have. Default an error.
    pub extra_columns: ExtraColumns,
    /// Bytes of a split: neighbouring batches, and small files, are joined up to this. Default 64 MiB.
    pub split_bytes: u64,
}

impl Default for IpcOptions {
    fn default() -> Self {
        IpcOptions { extra_columns: ExtraColumns::default(), split_bytes: 64 << 20 }
    }
}

/// Arrow IPC files with one schema.
#[derive(Debug)]
struct IpcSource {
    schema: SchemaRef,
    listing: Listing,
    indexes: Vec<Arc<FileIndex>>,
    split_bytes: u64,
}

/// Neighbouring batches of one file.
#[derive(Clone, Debug)]
struct Piece {
    file: usize,
    batches: Range<usize>,
}

/// Reads where the batches of each file are, and joins the schemas.
///
/// # Errors
/// A file cannot be read, is not Arrow IPC, is damaged, or its schema does not go with the others'.
pub fn open(listing: Listing, options: &IpcOptions, context: &ReadContext) -> Result<Arc<dyn Source>> {
    Ok(Arc::new(IpcSource::open(listing, options, context)?))
}

impl IpcSource {
    fn open(listing: Listing, options: &IpcOptions, context: &ReadContext) -> Result<Self> {
        let mut indexes = Vec::with_capacity(listing.files.len());
        for info in &listing.files {
            let file = DataFile::open(&*context.files, info)?;
            let index = FileIndex::read(&file, context).map_err(|error| error.in_file(&info.path))?;
            indexes.push(Arc::new(index));
        }
        let schemas = listing.files.iter().zip(&indexes).map(|(info, index)| (&*info.path, &*index.schema));
        let schema = unify(schemas, &listing.partition_fields(), options.extra_columns, Widening::default())?;
        let fields: Vec<FieldRef> = schema.fields().iter().map(viewed_field).collect();
        let schema = Arc::new(Schema::new(fields));
        Ok(IpcSource { schema, listing, indexes, split_bytes: options.split_bytes.max(1) })
    }

    fn first_partition(&self) -> usize {
        self.schema.fields().len() - self.listing.partitions.len()
    }

    fn bytes(&self, piece: &Piece) -> u64 {
        self.indexes[piece.file].batches[piece.batches.clone()].iter().map(|batch| batch.block.len()).sum()
    }

    fn rows(&self, piece: &Piece) -> u64 {
        self.indexes[piece.file].batches[piece.batches.clone()].iter().map(|batch| batch.rows).sum()
    }

    fn reader(&self, piece: &Piece, request: &ScanRequest, context: &ReadContext) -> Result<AdaptedReader> {
        let index = &self.indexes[piece.file];
        let columns = FileColumns::new(&self.schema, &self.listing, piece.file, &index.schema)?;
        let adapter = Adapter::new(columns, request, self.schema.fields().len());
        let file = DataFile::open(&*context.files, &self.listing.files[piece.file])?;
        let wanted = adapter.file_indices().to_vec();
        let reader =
            reader::Batches::new(file, Arc::clone(index), piece.batches.clone(), wanted, context.clone());
        Ok(AdaptedReader::new(Box::new(reader), adapter, request))
    }
}

impl Source for IpcSource {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn describe(&self) -> String {
        format!("ipc {}", self.listing)
    }

    fn statistics(&self) -> Statistics {
        let rows = self.indexes.iter().flat_map(|index| &index.batches).map(|batch| batch.rows).sum();
        Statistics { rows: Some(rows), exact_rows: true, bytes: self.listing.bytes(), columns: Vec::new() }
    }

    fn splits(&self, request: &ScanRequest, _context: &ReadContext) -> Result<Vec<Split>> {
        let mut pieces = Vec::new();
        for file in self.listing.kept(&request.prune, self.first_partition()) {
            let bytes: Vec<u64> = self.indexes[file].batches.iter().map(|batch| batch.block.len()).collect();
            let batches = grouped(&bytes, self.split_bytes);
            pieces.extend(batches.into_iter().map(|batches| Piece { file, batches }));
        }
        let bytes: Vec<u64> = pieces.iter().map(|piece| self.bytes(piece)).collect();
        let split = |range: Range<usize>| {
            let pieces = pieces[range.clone()].to_vec();
            Split {
                label: self.label(&pieces),
                bytes: bytes[range].iter().sum(),
                rows: Some(pieces.iter().map(|piece| self.rows(piece)).sum()),
                part: Box::new(pieces),
            }
        };
        Ok(grouped(&bytes, self.split_bytes).into_iter().map(split).collect())
    }

    fn read(
        &self,
        split: &Split,
        request: &ScanRequest,
        context: &ReadContext,
    ) -> Result<Box<dyn BatchReader>> {
        let Some(pieces) = split.part.downcast_ref::<Vec<Piece>>() else {
            return Err(Error::invalid("the split belongs to another source"));
        };
        let readers = pieces.iter().map(|piece| self.reader(piece, request, context));
        // Files are opened here, few per split, so that a file that is gone is an error before any row.
        let readers = readers.collect::<Result<Vec<_>>>()?;
        Ok(Box::new(Chained::of(readers.into_iter().map(|reader| Box::new(reader) as Box<dyn BatchReader>))))
    }
}

impl IpcSource {
    fn label(&self, pieces: &[Piece]) -> String {
        match pieces {
            [one] => {
                let path = self.listing.files[one.file].path.display();
                format!("{path} batches {}..{}", one.batches.start, one.batches.end)
            }
            [first, rest @ ..] => {
                format!("{} and {} more files", self.listing.files[first.file].path.display(), rest.len())
            }
            [] => String::new(),
        }
    }
}

/// The type that a column has in batches: views instead of text and binary, also inside lists and structs.
fn viewed(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        DataType::List(item) => DataType::List(viewed_field(item)),
        DataType::LargeList(item) => DataType::LargeList(viewed_field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(viewed_field).collect::<Fields>()),
        other => other.clone(),
    }
}

fn viewed_field(field: &FieldRef) -> FieldRef {
    let data_type = viewed(field.data_type());
    if data_type == *field.data_type() {
        FieldRef::clone(field)
    } else {
        Arc::new(Field::clone(field).with_data_type(data_type))
    }
}

#[cfg(test)]
mod tests;
