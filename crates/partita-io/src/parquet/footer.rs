//! The footer of one file: found, checked, decoded and kept.
//!
//! One read of the file's end is usually all. Nothing is allocated for what the footer only claims: its length
//! is held against the file and the limits, its lists against its bytes, its column chunks against the file.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow::datatypes::{DataType, SchemaRef};
use parquet::basic::{Encoding, EncodingMask};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader,
    ParquetStatisticsPolicy, RowGroupMetaData,
};

use super::flat::Shape;
use super::guard::guarded;
use super::schema::{self, Reading};
use super::window::OpenFile;
use super::{ParquetOptions, quirks, thrift};
use crate::reserved::Reserved;
use crate::{DataFile, Error, FileInfo, Limits, ReadContext, Result};

/// What is read of every file at first: enough for most footers.
const TAIL: u64 = 64 << 10;
/// Length of the footer and the magic bytes.
const END: usize = 8;
/// Numbers are worth being codes if their dictionary has no more bytes, so that a batch has about as many rows as it has
/// values...
const FEW_BYTES: i64 = 128 << 10;
/// ...and if so many rows or more come on each byte of it: compressed, a value takes four or so.
const ROWS_PER_BYTE: i64 = 2;

/// A file whose footer has been read.
#[derive(Debug)]
pub(crate) struct ParquetFile {
    pub(crate) info: FileInfo,
    pub(crate) metadata: Arc<ParquetMetaData>,
    pub(crate) reading: Reading,
    /// What the metadata takes, for as long as they are kept.
    _held: Reserved,
}

impl ParquetFile {
    /// The columns of this file, as batches will have them.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.reading.schema
    }

    /// Rows of the file: what its row groups declare.
    pub(crate) fn rows(&self) -> u64 {
        self.metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).sum()
    }

    /// Whether column `root` is of this type and all its pages hold codes of dictionaries.
    pub(crate) fn is_coded(&self, root: usize, data_type: &DataType) -> bool {
        let Some(leaf) = self.reading.single_leaf(root) else { return false };
        let is_coded = |group: &RowGroupMetaData| {
            let column = group.column(leaf);
            let of_codes = |mask: &EncodingMask| {
                mask.is_only(Encoding::RLE_DICTIONARY) || mask.is_only(Encoding::PLAIN_DICTIONARY)
            };
            let is_worth_it = match Shape::of(column.column_descr(), data_type) {
                Some(Shape::Text | Shape::Binary) => true,
                Some(Shape::Eight) => {
                    let few = FEW_BYTES.min(column.num_values() / ROWS_PER_BYTE);
                    dictionary_bytes(column).is_some_and(|bytes| bytes <= few)
                }
                Some(Shape::Four | Shape::FourWide | Shape::EightWide) | None => false,
            };
            is_worth_it && column.page_encoding_stats_mask().is_some_and(of_codes)
        };
        self.schema().field(root).data_type() == data_type && self.metadata.row_groups().iter().all(is_coded)
    }

    /// Opens the file for reading data; an error if it is not what it was when it was listed.
    pub(crate) fn open(&self, context: &ReadContext, read: &Arc<AtomicU64>) -> Result<Arc<OpenFile>> {
        let file = DataFile::open(&*context.files, &self.info)?;
        Ok(Arc::new(OpenFile { file, read: Arc::clone(read) }))
    }
}

/// The bytes of a column's dictionary in the file.
fn dictionary_bytes(column: &ColumnChunkMetaData) -> Option<i64> {
    column.data_page_offset().checked_sub(column.dictionary_page_offset()?)
}

/// Reads the footer of one file.
pub(crate) fn read(info: &FileInfo, options: &ParquetOptions, context: &ReadContext) -> Result<ParquetFile> {
    read_inner(info, options, context).map_err(|error| error.in_file(&info.path))
}

fn read_inner(info: &FileInfo, options: &ParquetOptions, context: &ReadContext) -> Result<ParquetFile> {
    let open = OpenFile { file: DataFile::open(&*context.files, info)?, read: Arc::default() };
    let length = info.len;
    if length < (END + 4) as u64 {
        return Err(Error::corrupt(format!(
            "this is not a Parquet file: it has only {length} bytes; was it written to its end?"
        )));
    }
    let tail_length = length.min(TAIL);
    let tail = open.read(length - tail_length, tail_length as usize)?;
    let end = tail.get(tail.len() - END..).unwrap_or(&[]);
    let (declared, magic) = match end {
        [a, b, c, d, magic @ ..] => (u64::from(u32::from_le_bytes([*a, *b, *c, *d])), magic),
        _ => (0, end),
    };
    match magic {
        b"PAR1" => {}
        b"PARE" => return Err(Error::unsupported("an encrypted footer (Parquet modular encryption)")),
        _ => {
            return Err(Error::corrupt(
                "this is not a Parquet file: it does not end in `PAR1`; was it written to its end?",
            ));
        }
    }
    if declared > length - END as u64 {
        return Err(Error::corrupt(format!(
            "the footer declares {declared} bytes but the file has only {length}"
        )));
    }
    if declared > context.limits.footer_bytes as u64 {
        let limit = context.limits.footer_bytes as u64;
        return Err(Error::limit("the size of the footer", declared, limit, "footer_bytes"));
    }
    let _reserved = Reserved::new(&context.memory, (declared as usize).saturating_mul(4))?;
    let footer = match tail.len().checked_sub(END + declared as usize) {
        Some(from) => tail.slice(from..tail.len() - END),
        None => open.read(length - END as u64 - declared, declared as usize)?,
    };
    let metadata = decode(&footer, &context.limits)?;
    let data_end = length - END as u64 - declared;
    let metadata = Arc::new(guarded(|| quirks::repaired(metadata, data_end).map_err(unreadable))?);
    check(&metadata, length)?;
    let reading = guarded(|| schema::read_as(&metadata, options, &context.limits))?;
    let held = Reserved::new(&context.memory, metadata.memory_size())?;
    Ok(ParquetFile { info: info.clone(), metadata, reading, _held: held })
}

fn decode(footer: &[u8], limits: &Limits) -> Result<ParquetMetaData> {
    let shape = thrift::check_footer(footer).map_err(|flaw| {
        Error::corrupt(match flaw {
            thrift::Flaw::Ends => "the footer is cut off or declares more than it holds".to_owned(),
            thrift::Flaw::Broken(what) => format!("the footer is broken: {what}"),
        })
    })?;
    if shape.encrypted {
        return Err(Error::unsupported("a file with encrypted columns (Parquet modular encryption)"));
    }
    if shape.leaves > limits.columns {
        return Err(Error::limit(
            "the number of columns",
            shape.leaves as u64,
            limits.columns as u64,
            "columns",
        ));
    }
    // A list is two groups in the file, a map too; the exact limit is held when the types are known.
    let deepest = limits.nesting.saturating_mul(3).saturating_add(1);
    if shape.depth > deepest {
        return Err(Error::limit("the nesting", shape.depth as u64, deepest as u64, "nesting"));
    }
    let footer = without(footer, &shape.foreign);
    guarded(|| {
        let options = ParquetMetaDataOptions::new().with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
        ParquetMetaDataReader::decode_metadata_with_options(&footer, Some(&options)).map_err(unreadable)
    })
}

fn unreadable(error: ParquetError) -> Error {
    Error::corrupt(format!("the footer cannot be read: {error}"))
}

/// The footer without the bytes that the decoder would trip over.
fn without<'a>(footer: &'a [u8], foreign: &[std::ops::Range<usize>]) -> Cow<'a, [u8]> {
    if foreign.is_empty() {
        return Cow::Borrowed(footer);
    }
    let mut kept = Vec::with_capacity(footer.len());
    let mut from = 0;
    for range in foreign {
        kept.extend_from_slice(footer.get(from..range.start).unwrap_or(&[]));
        from = range.end;
    }
    kept.extend_from_slice(footer.get(from..).unwrap_or(&[]));
    Cow::Owned(kept)
}

/// Holds the numbers of a footer against each other and against the file.
fn check(metadata: &ParquetMetaData, length: u64) -> Result<()> {
    let declared = metadata.file_metadata().num_rows();
    let mut sum = 0i64;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        check_row_group(group, length).map_err(|error| error.in_row_group(index))?;
        sum = sum.saturating_add(group.num_rows());
    }
    // Some writers leave the sum out.
    if sum != declared && declared != 0 {
        return Err(Error::corrupt(format!(
            "the footer declares {declared} rows but its row groups add up to {sum}"
        )));
    }
    Ok(())
}

fn check_row_group(group: &RowGroupMetaData, length: u64) -> Result<()> {
    let rows = group.num_rows();
    if rows < 0 {
        return Err(Error::corrupt(format!("a row group declares {rows} rows")));
    }
    if group.num_columns() != group.schema_descr().num_columns() {
        return Err(Error::corrupt(format!(
            "a row group has {} column chunks for {} columns",
            group.num_columns(),
            group.schema_descr().num_columns()
        )));
    }
    for column in group.columns() {
        let fail =
            |message: String| Err(Error::corrupt(message).in_column(column.column_descr().path().string()));
        if column.file_path().is_some_and(|path| !path.is_empty()) {
            return Err(Error::unsupported("a column chunk that lies in another file")
                .in_column(column.column_descr().path().string()));
        }
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let size = column.compressed_size();
        let (Ok(start), Ok(size)) = (u64::try_from(start), u64::try_from(size)) else {
            return fail("a column chunk has a negative place or size".into());
        };
        if start.checked_add(size).is_none_or(|end| end > length) {
            return fail(format!("a column chunk ends at {start} + {size} but the file has {length} bytes"));
        }
        let values = column.num_values();
        let repeated = column.column_descr().max_rep_level() > 0;
        if (!repeated && values != rows) || values < rows {
            return fail(format!("a column chunk declares {values} values for {rows} rows"));
        }
    }
    Ok(())
}
