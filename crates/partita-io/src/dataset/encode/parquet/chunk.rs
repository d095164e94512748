//! One column chunk of a flat column, encoded by us: what the parquet crate does value by value is done here
//! once per distinct value.
//!
//! Codes wait until the row group ends, so that the dictionary page, which comes first, is whole. Plain values
//! become a page as soon as there are enough of them.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, BooleanBufferBuilder};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::bounds::{Bounds, follow, index_bytes, join, statistics};
use super::codec::Codec;
use super::hybrid::{bit_width, write_codes, write_run, write_validity};
use super::values::Values;
use super::{STATISTIC_BYTES_MAX, failed};
use crate::Result;
use crate::dataset::options::ParquetStatistics;

/// What the chunks of a file have in common.
#[derive(Clone, Debug)]
pub(super) struct ChunkOptions {
    pub(super) compression: Compression,
    pub(super) statistics: ParquetStatistics,
    pub(super) page_bytes: usize,
    pub(super) page_rows: usize,
}

/// A column chunk while its rows come in.
pub(super) struct Chunk {
    description: ColumnDescPtr,
    options: ChunkOptions,
    values: Box<dyn Values>,
    rows: usize,
    /// Made when the first null comes.
    validity: Option<BooleanBufferBuilder>,
    nulls: usize,
    is_plain: bool,
    /// Rows before this one are in pages.
    paged: usize,
    pages: Pages,
}

/// The pages written so far, and what is known of them.
struct Pages {
    out: TrackedWrite<Vec<u8>>,
    uncompressed: usize,
    dictionary: bool,
    data: Vec<DataPage>,
}

struct DataPage {
    offset: i64,
    compressed: usize,
    rows: usize,
    nulls: usize,
    bounds: Bounds,
}

impl Chunk {
    pub(super) fn new(
        description: ColumnDescPtr,
        options: ChunkOptions,
        values: Box<dyn Values>,
        dictionary: bool,
    ) -> Self {
        let pages = Pages {
            out: TrackedWrite::new(Vec::new()),
            uncompressed: 0,
            dictionary: false,
            data: Vec::new(),
        };
        Chunk {
            description,
            options,
            values,
            rows: 0,
            validity: None,
            nulls: 0,
            is_plain: !dictionary,
            paged: 0,
            pages,
        }
    }

    pub(super) fn append(&mut self, array: &ArrayRef, codec: &mut Codec) -> Result<()> {
        self.append_validity(array);
        self.values.append(array);
        if self.is_plain {
            self.write_full_plain_page(codec)
        } else if self.values.gives_up() {
            self.turn_plain(codec)
        } else {
            Ok(())
        }
    }

    fn append_validity(&mut self, array: &ArrayRef) {
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        if nulls.is_some() || self.validity.is_some() {
            let rows = self.rows;
            let validity = self.validity.get_or_insert_with(|| {
                let mut all_valid = BooleanBufferBuilder::new(rows + array.len());
                all_valid.append_n(rows, true);
                all_valid
            });
            match nulls {
                Some(nulls) => validity.append_buffer(nulls.inner()),
                None => validity.append_n(array.len(), true),
            }
        }
        self.nulls += array.null_count();
        self.rows += array.len();
    }

    /// Bytes that the chunk would have if it ended now.
    pub(super) fn bytes(&self) -> usize {
        let width = bit_width(self.values.distinct()) as usize;
        self.pages.out.bytes_written()
            + self.values.waiting_bytes()
            + self.values.dictionary_bytes()
            + self.values.codes().len() * width / 8
    }

    pub(super) fn memory(&self) -> usize {
        // Tables and keys take about as much as the dictionary, and some for short entries.
        self.pages.out.bytes_written()
            + self.values.waiting_bytes()
            + 2 * self.values.dictionary_bytes()
            + 24 * self.values.distinct()
            + 4 * self.values.codes().len()
            + self.validity.as_ref().map_or(0, |_| self.rows / 8)
    }

    fn write_full_plain_page(&mut self, codec: &mut Codec) -> Result<()> {
        let rows = self.rows - self.paged;
        if self.values.waiting_bytes() >= self.options.page_bytes || rows >= self.options.page_rows {
            self.write_waiting(codec)?;
        }
        Ok(())
    }

    fn write_waiting(&mut self, codec: &mut Codec) -> Result<()> {
        let rows = self.paged..self.rows;
        let mut body = Vec::with_capacity(self.values.waiting_bytes() + rows.len() / 8 + 16);
        let nulls = self.write_levels(&rows, &mut body);
        let bounds = self.values.take_waiting(&mut body);
        self.pages.write(Encoding::PLAIN, body, rows.len(), nulls, bounds, codec)?;
        self.paged = rows.end;
        Ok(())
    }

    /// Writes the rows so far as plain pages, and all that follow too.
    fn turn_plain(&mut self, codec: &mut Codec) -> Result<()> {
        let mut at = 0;
        // Of long texts only few fit a page.
        let bytes = self.values.plain_bytes_of_codes() / self.values.codes().len().max(1);
        let page_rows = (self.options.page_bytes / bytes.max(1)).clamp(1, self.options.page_rows);
        for from in (0..self.rows).step_by(page_rows) {
            let rows = from..(from + page_rows).min(self.rows);
            let mut body = Vec::new();
            let nulls = self.write_levels(&rows, &mut body);
            let count = rows.len() - nulls;
            let codes = &self.values.codes()[at..at + count];
            self.values.plain_of(codes, &mut body);
            let bounds = self.values.bounds_of(&mut codes.iter().map(|&code| code as usize));
            self.pages.write(Encoding::PLAIN, body, rows.len(), nulls, bounds, codec)?;
            at += count;
        }
        self.paged = self.rows;
        self.values.turn_plain();
        self.is_plain = true;
        Ok(())
    }

    /// Appends the definition levels of a page and returns how many of its rows are null.
    fn write_levels(&self, rows: &Range<usize>, body: &mut Vec<u8>) -> usize {
        if self.description.max_def_level() == 0 {
            return 0;
        }
        let start = body.len();
        body.extend_from_slice(&[0; 4]);
        let nulls = match &self.validity {
            None => {
                write_run(1, rows.len(), 1, body);
                0
            }
            Some(validity) => {
                let page = validity.finish_cloned().slice(rows.start, rows.len());
                let nulls = page.len() - page.count_set_bits();
                let bits = page.sliced();
                write_validity(bits.as_slice(), rows.len(), body);
                nulls
            }
        };
        let length = (body.len() - start - 4) as u32;
        body[start..start + 4].copy_from_slice(&length.to_le_bytes());
        nulls
    }

    /// Ends the chunk: its bytes, and what the row group must know of them.
    pub(super) fn close(mut self, codec: &mut Codec) -> Result<(Bytes, ColumnCloseResult)> {
        if self.is_plain {
            if self.rows > self.paged {
                self.write_waiting(codec)?;
            }
        } else {
            let width = bit_width(self.values.distinct());
            let coded = self.values.dictionary_bytes() + self.values.codes().len() * width as usize / 8;
            if coded > self.values.plain_bytes_of_codes() {
                self.turn_plain(codec)?;
            } else {
                self.write_dictionary(width, codec)?;
            }
        }
        self.finish()
    }

    fn write_dictionary(&mut self, width: u32, codec: &mut Codec) -> Result<()> {
        let distinct = self.values.distinct();
        self.pages.write_dictionary(self.values.dictionary(), distinct, codec)?;
        let mut at = 0;
        let mut seen = vec![false; distinct];
        for from in (0..self.rows).step_by(self.options.page_rows) {
            let rows = from..(from + self.options.page_rows).min(self.rows);
            let mut body = Vec::with_capacity(rows.len() * width as usize / 8 + rows.len() / 8 + 64);
            let nulls = self.write_levels(&rows, &mut body);
            let codes = &self.values.codes()[at..at + rows.len() - nulls];
            body.push(width as u8);
            write_codes(codes, width, &mut body);
            seen.fill(false);
            codes.iter().for_each(|&code| seen[code as usize] = true);
            let bounds = self.values.bounds_of(&mut (0..distinct).filter(|&code| seen[code]));
            self.pages.write(Encoding::RLE_DICTIONARY, body, rows.len(), nulls, bounds, codec)?;
            at += codes.len();
        }
        Ok(())
    }

    fn finish(self) -> Result<(Bytes, ColumnCloseResult)> {
        let Pages { out, uncompressed, dictionary, data } = self.pages;
        let bytes = Bytes::from(out.into_inner().map_err(failed)?);
        let encoding = if dictionary { Encoding::RLE_DICTIONARY } else { Encoding::PLAIN };
        let mut encodings = vec![Encoding::PLAIN, Encoding::RLE];
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let mut page_stats = vec![stats(PageType::DATA_PAGE, encoding, data.len() as i32)];
        if dictionary {
            encodings.push(encoding);
            page_stats.push(stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
        }
        let mut metadata = ColumnChunkMetaData::builder(self.description.clone())
            .set_encodings(encodings)
            .set_compression(self.options.compression)
            .set_num_values(self.rows as i64)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(uncompressed as i64)
            .set_data_page_offset(data.first().map_or(0, |page| page.offset))
            .set_dictionary_page_offset(dictionary.then_some(0))
            .set_page_encoding_stats(page_stats);
        if self.options.statistics != ParquetStatistics::None {
            let bounds = data.iter().fold(None, |bounds, page| join(bounds, &page.bounds));
            let sample = self.values.sample();
            metadata =
                metadata.set_statistics(statistics(&bounds, &sample, self.nulls as u64, STATISTIC_BYTES_MAX));
        }
        let mut offsets = OffsetIndexBuilder::new();
        for page in &data {
            offsets.append_offset_and_size(page.offset, page.compressed as i32);
            offsets.append_row_count(page.rows as i64);
        }
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build().map_err(failed)?,
            bloom_filter: None,
            column_index: column_index(&self.description, &self.options, data)?,
            offset_index: Some(offsets.build()),
        };
        Ok((bytes, close))
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

impl Pages {
    fn write(
        &mut self,
        encoding: Encoding,
        body: Vec<u8>,
        rows: usize,
        nulls: usize,
        bounds: Bounds,
        codec: &mut Codec,
    ) -> Result<()> {
        let uncompressed = body.len();
        let page = Page::DataPage {
            buf: Bytes::from(codec.compress(body)?),
            num_values: rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let (offset, compressed) = self.append(page, uncompressed)?;
        self.data.push(DataPage { offset, compressed, rows, nulls, bounds });
        Ok(())
    }

    fn write_dictionary(&mut self, body: Vec<u8>, entries: usize, codec: &mut Codec) -> Result<()> {
        let uncompressed = body.len();
        let page = Page::DictionaryPage {
            buf: Bytes::from(codec.compress(body)?),
            num_values: entries as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.append(page, uncompressed)?;
        self.dictionary = true;
        Ok(())
    }

    /// Where the page is, and how long with its header.
    fn append(&mut self, page: Page, uncompressed: usize) -> Result<(i64, usize)> {
        let page = CompressedPage::new(page, uncompressed);
        let spec = SerializedPageWriter::new(&mut self.out).write_page(page).map_err(failed)?;
        self.uncompressed += spec.uncompressed_size;
        Ok((spec.offset as i64, spec.compressed_size))
    }
}
