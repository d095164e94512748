//! Which rows of a row group may pass, by the bounds of its pages.
//!
//! Files may keep bounds per page beside the footer. They are read only for the columns of pruning terms, and
//! only when a row group is about to be read. An index that makes no sense is ignored: it can only make
//! reading faster.

use std::io::Cursor;
use std::ops::Range;

use arrow::array::Array;
use bytes::Bytes;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};

use super::decode::Place;
use super::guard::guarded;
use super::{pruning, thrift};
use crate::prune::{Bounds, may_match};
use crate::reserved::Reserved;
use crate::{Error, Prune, Result};

/// A row group with fewer rows has few pages.
const LEAST_ROWS: u64 = 4_096;

/// Rows of the row group that may pass all terms, ascending; `None` if nothing is known.
pub(crate) fn rows_that_may_pass(place: &Place, prune: &[Prune]) -> Result<Option<Vec<Range<u64>>>> {
    let group = place.parquet.metadata.row_group(place.row_group);
    let total = u64::try_from(group.num_rows()).unwrap_or(0);
    if total < LEAST_ROWS {
        return Ok(None);
    }
    let terms: Vec<(&Prune, usize, usize)> = prune
        .iter()
        .filter_map(|term| {
            let root = place.columns.file_index(term.column)?;
            let leaf = place.parquet.reading.single_leaf(root)?;
            index_ranges(group.column(leaf)).map(|_| (term, root, leaf))
        })
        .collect();
    if terms.is_empty() {
        return Ok(None);
    }
    let leaves: Vec<usize> = terms.iter().map(|(_, _, leaf)| *leaf).collect();
    let Some((bytes, _reserved)) = fetch(place, &leaves)? else { return Ok(None) };
    let Ok(metadata) = guarded(|| decode(place, &leaves, bytes)) else { return Ok(None) };
    let mut kept: Option<Vec<Range<u64>>> = None;
    for (term, root, leaf) in terms {
        let Ok(pages) = guarded(|| pages_that_may_pass(place, &metadata, root, leaf, term, total)) else {
            continue;
        };
        kept = Some(kept.map_or_else(|| pages.clone(), |kept| intersection(&kept, &pages)));
    }
    Ok(kept)
}

/// Where the bounds and the places of a column chunk's pages are.
fn index_ranges(column: &ColumnChunkMetaData) -> Option<[Range<u64>; 2]> {
    let range = |offset: Option<i64>, length: Option<i32>| {
        let (start, length) = (u64::try_from(offset?).ok()?, u64::try_from(length?).ok()?);
        Some(start..start.checked_add(length)?)
    };
    let bounds = range(column.column_index_offset(), column.column_index_length())?;
    Some([bounds, range(column.offset_index_offset(), column.offset_index_length())?])
}

/// The bytes of the indices of some columns; `None` if they are not where they could be.
fn fetch(place: &Place, leaves: &[usize]) -> Result<Option<(Held, Reserved)>> {
    let group = place.parquet.metadata.row_group(place.row_group);
    let length = place.open.file.len();
    let ranges: Vec<Range<u64>> =
        leaves.iter().filter_map(|leaf| index_ranges(group.column(*leaf))).flatten().collect();
    let start = ranges.iter().map(|range| range.start).min().unwrap_or(0);
    let end = ranges.iter().map(|range| range.end).max().unwrap_or(0);
    if start >= end || end > length || end - start > place.context.limits.footer_bytes as u64 {
        return Ok(None);
    }
    let size = (end - start) as usize;
    let reserved = Reserved::new(&place.context.memory, size.saturating_mul(4))?;
    let bytes = place.open.read(start, size)?;
    let sound = ranges.iter().all(|range| {
        let slice = bytes.get((range.start - start) as usize..(range.end - start) as usize);
        slice.is_some_and(thrift::is_sound)
    });
    Ok(sound.then_some((Held { start, bytes, length }, reserved)))
}

/// Metadata of the one row group, with the page index of `leaves`.
fn decode(place: &Place, leaves: &[usize], bytes: Held) -> Result<ParquetMetaData> {
    let broken = |error: ParquetError| Error::corrupt(error.to_string());
    let mut group = place.parquet.metadata.row_group(place.row_group).clone();
    for (leaf, column) in group.columns_mut().iter_mut().enumerate() {
        if !leaves.contains(&leaf) {
            let builder = column.clone().into_builder();
            let builder = builder.set_column_index_offset(None).set_column_index_length(None);
            *column = builder
                .set_offset_index_offset(None)
                .set_offset_index_length(None)
                .build()
                .map_err(broken)?;
        }
    }
    let metadata = ParquetMetaData::new(place.parquet.metadata.file_metadata().clone(), vec![group]);
    let mut reader =
        ParquetMetaDataReader::new_with_metadata(metadata).with_page_index_policy(PageIndexPolicy::Optional);
    reader.read_page_indexes(&bytes).map_err(broken)?;
    reader.finish().map_err(broken)
}

fn pages_that_may_pass(
    place: &Place,
    metadata: &ParquetMetaData,
    root: usize,
    leaf: usize,
    term: &Prune,
    total: u64,
) -> Result<Vec<Range<u64>>> {
    let useless = || Error::corrupt("the page index cannot be used");
    let broken = |error: ParquetError| Error::corrupt(error.to_string());
    let (columns, offsets) = metadata.column_index().zip(metadata.offset_index()).ok_or_else(useless)?;
    let locations = offsets.first().and_then(|group| group.get(leaf)).ok_or_else(useless)?.page_locations();
    let starts = locations.iter().map(|page| u64::try_from(page.first_row_index).unwrap_or(u64::MAX));
    let mut bounds: Vec<u64> = starts.collect();
    bounds.push(total);
    if bounds.first() != Some(&0) || !bounds.is_sorted() {
        return Err(useless());
    }
    let schema = place.parquet.schema();
    let descriptor = metadata.file_metadata().schema_descr();
    let field = schema.fields().get(root).ok_or_else(useless)?;
    let converter = StatisticsConverter::try_new(field.name(), schema, descriptor).map_err(broken)?;
    if converter.parquet_column_index() != Some(leaf) {
        return Err(useless());
    }
    let nulls = converter.data_page_null_counts(columns, offsets, &[0]).map_err(broken)?;
    let values = match pruning::is_trusted(metadata.file_metadata(), leaf, field.data_type()) {
        true => Some((
            converter.data_page_mins(columns, offsets, &[0]).map_err(broken)?,
            converter.data_page_maxes(columns, offsets, &[0]).map_err(broken)?,
        )),
        false => None,
    };
    let mut kept: Vec<Range<u64>> = Vec::new();
    for (page, ends) in bounds.windows(2).enumerate() {
        let [start, end] = ends else { continue };
        let of = |array: &arrow::array::ArrayRef| {
            (page < array.len() && array.is_valid(page)).then(|| array.slice(page, 1))
        };
        let min = values.as_ref().and_then(|(min, _)| of(min));
        let max = values.as_ref().and_then(|(_, max)| of(max));
        let nulls = (page < nulls.len() && nulls.is_valid(page)).then(|| nulls.value(page));
        let bounds = Bounds {
            min: min.as_ref(),
            max: max.as_ref(),
            exact: false,
            nulls: nulls.filter(|nulls| *nulls <= end - start),
            rows: Some(end - start),
            no_nan: false,
        };
        if may_match(&bounds, term) {
            match kept.last_mut().filter(|last| last.end == *start) {
                Some(last) => last.end = *end,
                None => kept.push(*start..*end),
            }
        }
    }
    Ok(kept)
}

/// Rows that are in both.
pub(crate) fn intersection(a: &[Range<u64>], b: &[Range<u64>]) -> Vec<Range<u64>> {
    let (mut i, mut j) = (0, 0);
    let mut both = Vec::new();
    while let (Some(left), Some(right)) = (a.get(i), b.get(j)) {
        let (start, end) = (left.start.max(right.start), left.end.min(right.end));
        if start < end {
            both.push(start..end);
        }
        if left.end <= right.end { i += 1 } else { j += 1 }
    }
    both
}

/// Some bytes of a file at their place.
struct Held {
    start: u64,
    bytes: Bytes,
    /// Of the file.
    length: u64,
}

impl Held {
    fn get(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let from = start.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        from.and_then(|from| Some(from..from.checked_add(length)?))
            .filter(|range| range.end <= self.bytes.len())
            .map(|range| self.bytes.slice(range))
            .ok_or_else(|| ParquetError::EOF("the page index lies elsewhere".into()))
    }
}

impl Length for Held {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Held {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let end = self.start + self.bytes.len() as u64;
        self.get(start, end.saturating_sub(start) as usize).map(Cursor::new)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.get(start, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_intersect() {
        let both = intersection(&[0..10, 20..30, 40..50], &[5..25, 29..45]);
        assert_eq!(both, [5..10, 20..25, 29..30, 40..45]);
    }
}
