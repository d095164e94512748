//! The pages of a column chunk that is encoded here, and what the footer says of them.
//!
//! Each page is a piece of memory of its own, so that a growing chunk is not copied again and again.

use std::collections::VecDeque;
use std::io::Read;

use bytes::Bytes;
use parquet::basic::{Encoding, PageType};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::schema::types::ColumnDescPtr;

use super::bounds::{Bound, Bounds, follow, index_bytes, join, statistics};
use super::chunk::ChunkOptions;
use super::codec::Codec;
use super::header::{self, Header};
use super::{STATISTIC_BYTES_MAX, failed};
use crate::dataset::options::ParquetStatistics;
use crate::{Error, Result};

/// Room for a header, so that a page's memory need not grow.
const HEADER_BYTES: usize = 64;

/// The pages written so far, and what is known of them.
#[derive(Default)]
pub(super) struct Pages {
    written: Vec<Bytes>,
    bytes: usize,
    uncompressed: usize,
    dictionary: bool,
    /// Of all data pages.
    encoding: Option<Encoding>,
    data: Vec<DataPage>,
}

struct DataPage {
    offset: i64,
    compressed: usize,
    rows: usize,
    nulls: usize,
    bounds: Bounds,
}

impl Pages {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn write(
        &mut self,
        encoding: Encoding,
        body: &[u8],
        rows: usize,
        nulls: usize,
        bounds: Bounds,
        codec: &mut Codec,
    ) -> Result<()> {
        let offset = self.bytes as i64;
        let compressed =
            self.append(body, rows, codec, |header, out| header::write_data(header, encoding, out))?;
        self.encoding = Some(encoding);
        self.data.push(DataPage { offset, compressed, rows, nulls, bounds });
        Ok(())
    }

    /// The dictionary comes before all data pages.
    pub(super) fn write_dictionary(&mut self, body: &[u8], entries: usize, codec: &mut Codec) -> Result<()> {
        self.append(body, entries, codec, header::write_dictionary)?;
        self.dictionary = true;
        Ok(())
    }

    /// Compresses a page; returns how long it is with its header.
    fn append(
        &mut self,
        body: &[u8],
        values: usize,
        codec: &mut Codec,
        write_header: impl FnOnce(&Header, &mut Vec<u8>),
    ) -> Result<usize> {
        let compressed = codec.compress(body)?;
        let number = |number: usize| {
            i32::try_from(number).map_err(|_| {
                Error::invalid(
                    "a page of a Parquet file cannot have 2 GiB; write smaller pages or row groups",
                )
            })
        };
        let header = Header {
            uncompressed: number(body.len())?,
            compressed: number(compressed.len())?,
            values: number(values)?,
        };
        let mut page = Vec::with_capacity(HEADER_BYTES + compressed.len());
        write_header(&header, &mut page);
        self.uncompressed += page.len() + body.len();
        page.extend_from_slice(compressed);
        let length = page.len();
        self.bytes += length;
        self.written.push(Bytes::from(page));
        Ok(length)
    }

    /// The pages, and what the row group must know of them. `sample` is a value of the column's type.
    pub(super) fn finish(
        self,
        description: &ColumnDescPtr,
        options: &ChunkOptions,
        sample: &Bound,
    ) -> Result<(Written, ColumnCloseResult)> {
        let Pages { written, bytes, uncompressed, dictionary, encoding, data } = self;
        let encoding = encoding.unwrap_or(Encoding::PLAIN);
        let mut encodings = vec![Encoding::RLE];
        if dictionary || encoding == Encoding::PLAIN {
            encodings.push(Encoding::PLAIN);
        }
        if encoding != Encoding::PLAIN {
            encodings.push(encoding);
        }
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let mut page_stats = vec![stats(PageType::DATA_PAGE, encoding, data.len() as i32)];
        if dictionary {
            page_stats.push(stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
        }
        let rows: usize = data.iter().map(|page| page.rows).sum();
        let mut metadata = ColumnChunkMetaData::builder(description.clone())
            .set_encodings(encodings)
            .set_compression(options.compression)
            .set_num_values(rows as i64)
            .set_total_compressed_size(bytes as i64)
            .set_total_uncompressed_size(uncompressed as i64)
            .set_data_page_offset(data.first().map_or(0, |page| page.offset))
            .set_dictionary_page_offset(dictionary.then_some(0))
            .set_page_encoding_stats(page_stats);
        if options.statistics != ParquetStatistics::None {
            let bounds = data.iter().fold(None, |bounds, page| join(bounds, &page.bounds));
            let nulls: usize = data.iter().map(|page| page.nulls).sum();
            metadata =
                metadata.set_statistics(statistics(&bounds, sample, nulls as u64, STATISTIC_BYTES_MAX));
        }
        let mut offsets = OffsetIndexBuilder::new();
        for page in &data {
            offsets.append_offset_and_size(page.offset, page.compressed as i32);
            offsets.append_row_count(page.rows as i64);
        }
        let close = ColumnCloseResult {
            bytes_written: bytes as u64,
            rows_written: rows as u64,
            metadata: metadata.build().map_err(failed)?,
            bloom_filter: None,
            column_index: column_index(description, options, data)?,
            offset_index: Some(offsets.build()),
        };
        Ok((Written { pages: written, bytes }, close))
    }
}

/// Bounds of each page, if all pages with values have some.
fn column_index(
    description: &ColumnDescPtr,
    options: &ChunkOptions,
    pages: Vec<DataPage>,
) -> Result<Option<ColumnIndexMetaData>> {
    if options.statistics != ParquetStatistics::Page {
        return Ok(None);
    }
    let mut index = ColumnIndexBuilder::new(description.physical_type());
    for page in &pages {
        match &page.bounds {
            Some(bounds) => {
                let (min, max) = index_bytes(bounds, STATISTIC_BYTES_MAX);
                index.append(false, min, max, page.nulls as i64);
            }
            None if page.nulls == page.rows => index.append(true, Vec::new(), Vec::new(), page.nulls as i64),
            None => return Ok(None),
        }
    }
    use parquet::basic::BoundaryOrder::{ASCENDING, DESCENDING, UNORDERED};
    let bounds: Vec<Bounds> = pages.into_iter().map(|page| page.bounds).collect();
    index.set_boundary_order(match follow(&bounds) {
        (true, _) => ASCENDING,
        (false, true) => DESCENDING,
        (false, false) => UNORDERED,
    });
    index.build().map(Some).map_err(failed)
}

/// A column chunk as the row group's writer takes it: read once, from its beginning.
pub(super) struct Written {
    pages: Vec<Bytes>,
    bytes: usize,
}

impl Length for Written {
    fn len(&self) -> u64 {
        self.bytes as u64
    }
}

impl ChunkReader for Written {
    type T = InOrder;

    fn get_read(&self, start: u64) -> parquet::errors::Result<InOrder> {
        match start {
            0 => Ok(InOrder(self.pages.iter().cloned().collect())),
            _ => Err(ParquetError::General("a column chunk is written from its beginning".to_owned())),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(Bytes::from(bytes))
    }
}

/// Pages, one after the other.
pub(super) struct InOrder(VecDeque<Bytes>);

impl Read for InOrder {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while let Some(page) = self.0.front_mut() {
            if page.is_empty() {
                self.0.pop_front();
                continue;
            }
            let count = page.len().min(buffer.len());
            buffer[..count].copy_from_slice(&page.split_to(count));
            return Ok(count);
        }
        Ok(0)
    }
}
