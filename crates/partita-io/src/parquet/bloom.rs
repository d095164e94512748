//! Row groups whose bloom filters say that a value is not there.
//!
//! Asked only for `==` and `IN`, and only for types whose bytes in the file are those of the literal. A filter
//! that makes no sense is ignored.

use std::io::Cursor;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use bytes::Bytes;
use parquet::basic::Type as PhysicalType;
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::decode::Place;
use super::guard::guarded;
use crate::reserved::Reserved;
use crate::{Compare, Error, Prune, Result};

/// A larger filter costs more than it saves.
const MOST_BYTES: u64 = 16 << 20;
/// More literals than this will find one that is there, or nearly.
const MOST_LITERALS: usize = 256;

/// Whether a row group holds no row that passes all terms.
pub(crate) fn excludes(place: &Place, prune: &[Prune]) -> Result<bool> {
    for term in prune {
        if matches!(term.compare, Compare::Equal | Compare::In) && term_excludes(place, term)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn term_excludes(place: &Place, term: &Prune) -> Result<bool> {
    let Some(root) = place.columns.file_index(term.column) else { return Ok(false) };
    let Some(leaf) = place.parquet.reading.single_leaf(root) else { return Ok(false) };
    let column = place.parquet.metadata.row_group(place.row_group).column(leaf);
    let Some(offset) = column.bloom_filter_offset().and_then(|offset| u64::try_from(offset).ok()) else {
        return Ok(false);
    };
    let in_file = place.parquet.schema().field(root).data_type();
    let Some(literals) = Literals::new(&term.literals, in_file, column.column_type()) else {
        return Ok(false);
    };
    let end = place.open.file.len();
    let size = match column.bloom_filter_length().map(u64::try_from) {
        Some(Ok(length)) => length.min(end.saturating_sub(offset)),
        // Without a length it ends somewhere before the page index or the footer.
        _ => end.saturating_sub(offset).min(MOST_BYTES),
    };
    if size == 0 || size > MOST_BYTES {
        return Ok(false);
    }
    let _reserved = Reserved::new(&place.context.memory, (size as usize).saturating_mul(2))?;
    let bytes = Region { offset, bytes: place.open.read(offset, size as usize)? };
    let filter = guarded(|| {
        Sbbf::read_from_column_chunk(column, &bytes).map_err(|error| Error::corrupt(error.to_string()))
    });
    Ok(match filter {
        Ok(Some(filter)) if filter.num_blocks() > 0 => !literals.any_in(&filter),
        _ => false,
    })
}

/// Literals in the form that the file has them in.
enum Literals {
    Int32(ArrayRef),
    Int64(ArrayRef),
    Bytes(ArrayRef),
}

impl Literals {
    fn new(literals: &ArrayRef, in_file: &DataType, physical: PhysicalType) -> Option<Self> {
        // A cast could change the value: then bytes mean nothing.
        if literals.data_type() != in_file || literals.len() > MOST_LITERALS {
            return None;
        }
        let as_type = |data_type: &DataType| cast(literals, data_type).ok();
        match (physical, in_file) {
            (PhysicalType::INT32, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Date32) => {
                as_type(&DataType::Int32).map(Literals::Int32)
            }
            (PhysicalType::INT64, DataType::Int64 | DataType::Timestamp(_, _)) => {
                as_type(&DataType::Int64).map(Literals::Int64)
            }
            (PhysicalType::BYTE_ARRAY, DataType::Utf8View | DataType::BinaryView) => {
                as_type(&DataType::BinaryView).map(Literals::Bytes)
            }
            _ => None,
        }
    }

    fn any_in(&self, filter: &Sbbf) -> bool {
        match self {
            Literals::Int32(array) => {
                array.as_primitive::<Int32Type>().iter().flatten().any(|v| filter.check(&v))
            }
            Literals::Int64(array) => {
                array.as_primitive::<Int64Type>().iter().flatten().any(|v| filter.check(&v))
            }
            Literals::Bytes(array) => array.as_binary_view().iter().flatten().any(|v| filter.check(v)),
        }
    }
}

/// A part of a file.
struct Region {
    offset: u64,
    bytes: Bytes,
}

impl Length for Region {
    fn len(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

impl ChunkReader for Region {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        self.get_bytes(start, self.len().saturating_sub(start) as usize).map(Cursor::new)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let from = start.checked_sub(self.offset).and_then(|from| usize::try_from(from).ok());
        let range = from.and_then(|from| Some(from..from.checked_add(length)?));
        range
            .filter(|range| range.end <= self.bytes.len())
            .map(|range| self.bytes.slice(range))
            .ok_or_else(|| ParquetError::EOF("the bloom filter reaches beyond its place".into()))
    }
}
