//! One column chunk of a flat column, encoded by us: what the parquet crate does value by value is done here
//! once per distinct value.
//!
//! Codes wait until the row group ends, so that the dictionary page, which comes first, is whole. Plain values
//! become a page as soon as there are enough of them. `pages.rs` keeps the pages.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, BooleanBufferBuilder};
use parquet::basic::{Compression, Encoding};
use parquet::column::writer::ColumnCloseResult;
use parquet::schema::types::ColumnDescPtr;

use super::bounds::Bounds;
use super::codec::Codec;
use super::hybrid::{bit_width, write_codes, write_run, write_validity};
use super::pages::{Pages, Written};
use super::values::Values;
use crate::Result;
use crate::dataset::options::ParquetStatistics;
use crate::parquet::streams::split;

/// What the chunks of a file have in common.
#[derive(Clone, Debug)]
pub(super) struct ChunkOptions {
    pub(super) compression: Compression,
    pub(super) statistics: ParquetStatistics,
    pub(super) page_bytes: usize,
    pub(super) page_rows: usize,
}

/// Compresses the pages of all chunks of a file, with the memory in which a page is put together.
pub(super) struct Press {
    pub(super) codec: Codec,
    body: Vec<u8>,
    /// The same with its values split into streams.
    split: Vec<u8>,
}

impl Press {
    pub(super) fn new(codec: Codec) -> Self {
        Press { codec, body: Vec::new(), split: Vec::new() }
    }

    pub(super) fn memory(&self) -> usize {
        self.body.capacity() + self.split.capacity() + self.codec.memory()
    }

    /// How to encode floats so wide, judged by the first ones: split into streams, where a slow compressor makes
    /// nearly as little of them. It is through with them in a tenth of the time.
    fn encoding_of(&mut self, floats: &[u8], width: usize) -> Result<Encoding> {
        if !self.codec.is_slow() {
            return Ok(Encoding::PLAIN);
        }
        let sample = &floats[..floats.len().min(SAMPLE_BYTES)];
        let plain = self.codec.compress(sample)?.len();
        self.split.clear();
        split(sample, width, &mut self.split);
        let split = self.codec.compress(&self.split)?.len();
        Ok(if split <= plain + plain / 10 { Encoding::BYTE_STREAM_SPLIT } else { Encoding::PLAIN })
    }
}

/// Of so many bytes it is tried how well they can be compressed.
const SAMPLE_BYTES: usize = 64 << 10;

/// A column chunk while its rows come in.
pub(super) struct Chunk {
    description: ColumnDescPtr,
    options: ChunkOptions,
    values: Box<dyn Values>,
    rows: usize,
    /// Made when the first null comes.
    validity: Option<BooleanBufferBuilder>,
    is_plain: bool,
    /// How values without codes are encoded, once that is chosen.
    plain: Option<Encoding>,
    /// Rows before this one are in pages.
    paged: usize,
    pages: Pages,
}

impl Chunk {
    pub(super) fn new(
        description: ColumnDescPtr,
        options: ChunkOptions,
        values: Box<dyn Values>,
        dictionary: bool,
    ) -> Self {
        Chunk {
            description,
            options,
            values,
            rows: 0,
            validity: None,
            is_plain: !dictionary,
            plain: None,
            paged: 0,
            pages: Pages::default(),
        }
    }

    pub(super) fn append(&mut self, array: &ArrayRef, press: &mut Press) -> Result<()> {
        self.append_validity(array);
        self.values.append(array);
        if self.is_plain {
            self.write_full_plain_page(press)
        } else if self.values.gives_up(press.codec.is_slow()) {
            self.turn_plain(press)
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
        self.rows += array.len();
    }

    /// Bytes that the chunk would have if it ended now.
    pub(super) fn bytes(&self) -> usize {
        let width = bit_width(self.values.distinct()) as usize;
        self.pages.bytes()
            + self.values.waiting_bytes()
            + self.values.dictionary_bytes()
            + self.values.codes().len() * width / 8
    }

    pub(super) fn memory(&self) -> usize {
        // Tables and keys take about as much as the dictionary, and some for short entries; there is room for twice
        // as many codes.
        self.pages.bytes()
            + self.values.waiting_bytes()
            + 2 * self.values.dictionary_bytes()
            + 24 * self.values.distinct()
            + 8 * self.values.codes().len()
            + self.validity.as_ref().map_or(0, |_| self.rows / 8)
    }

    fn write_full_plain_page(&mut self, press: &mut Press) -> Result<()> {
        let rows = self.rows - self.paged;
        if self.values.waiting_bytes() >= self.options.page_bytes || rows >= self.options.page_rows {
            self.write_waiting(press)?;
        }
        Ok(())
    }

    fn write_waiting(&mut self, press: &mut Press) -> Result<()> {
        let rows = self.paged..self.rows;
        let mut body = std::mem::take(&mut press.body);
        body.clear();
        let nulls = self.write_levels(&rows, &mut body);
        let levels = body.len();
        let bounds = self.values.take_waiting(&mut body);
        self.write_plain(&mut body, levels, &rows, nulls, bounds, press)?;
        press.body = body;
        self.paged = rows.end;
        Ok(())
    }

    /// Writes a page of values without codes, which come after so many bytes of levels.
    fn write_plain(
        &mut self,
        body: &mut Vec<u8>,
        levels: usize,
        rows: &Range<usize>,
        nulls: usize,
        bounds: Bounds,
        press: &mut Press,
    ) -> Result<()> {
        let width = self.values.float_width();
        let encoding = match (self.plain, width) {
            (Some(encoding), _) => encoding,
            (None, Some(width)) if body.len() > levels => press.encoding_of(&body[levels..], width)?,
            (None, _) => Encoding::PLAIN,
        };
        self.plain = Some(encoding);
        if let (Encoding::BYTE_STREAM_SPLIT, Some(width)) = (encoding, width) {
            press.split.clear();
            press.split.extend_from_slice(&body[..levels]);
            split(&body[levels..], width, &mut press.split);
            std::mem::swap(body, &mut press.split);
        }
        self.pages.write(encoding, body, rows.len(), nulls, bounds, &mut press.codec)
    }

    /// Writes the rows so far as plain pages, and all that follow too.
    fn turn_plain(&mut self, press: &mut Press) -> Result<()> {
        // Of long texts only few fit a page.
        let bytes = self.values.plain_bytes_of_codes() / self.values.codes().len().max(1);
        let page_rows = (self.options.page_bytes / bytes.max(1)).clamp(1, self.options.page_rows);
        self.write_coded(page_rows, None, press)?;
        self.values.turn_plain();
        self.is_plain = true;
        Ok(())
    }

    /// Writes pages of the rows that have codes: as codes of a width, or as the values.
    fn write_coded(&mut self, page_rows: usize, width: Option<u32>, press: &mut Press) -> Result<()> {
        let mut body = std::mem::take(&mut press.body);
        let mut at = 0;
        let mut seen = vec![false; self.values.distinct()];
        for from in (0..self.rows).step_by(page_rows) {
            let rows = from..(from + page_rows).min(self.rows);
            body.clear();
            let nulls = self.write_levels(&rows, &mut body);
            let levels = body.len();
            let codes = &self.values.codes()[at..at + rows.len() - nulls];
            at += codes.len();
            seen.fill(false);
            codes.iter().for_each(|&code| seen[code as usize] = true);
            let bounds = self.values.bounds_of(&seen);
            match width {
                Some(width) => {
                    body.push(width as u8);
                    write_codes(codes, width, &mut body);
                    let (encoding, codec) = (Encoding::RLE_DICTIONARY, &mut press.codec);
                    self.pages.write(encoding, &body, rows.len(), nulls, bounds, codec)?;
                }
                None => {
                    self.values.plain_of(codes, &mut body);
                    self.write_plain(&mut body, levels, &rows, nulls, bounds, press)?;
                }
            }
        }
        press.body = body;
        self.paged = self.rows;
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
    pub(super) fn close(mut self, press: &mut Press) -> Result<(Written, ColumnCloseResult)> {
        if self.is_plain {
            if self.rows > self.paged {
                self.write_waiting(press)?;
            }
        } else {
            let width = bit_width(self.values.distinct());
            let coded = self.values.dictionary_bytes() + self.values.codes().len() * width as usize / 8;
            if coded > self.values.plain_bytes_of_codes() {
                self.turn_plain(press)?;
            } else {
                self.write_dictionary(width, press)?;
            }
        }
        self.pages.finish(&self.description, &self.options, &self.values.sample())
    }

    fn write_dictionary(&mut self, width: u32, press: &mut Press) -> Result<()> {
        press.body.clear();
        self.values.dictionary(&mut press.body);
        self.pages.write_dictionary(&press.body, self.values.distinct(), &mut press.codec)?;
        self.write_coded(self.options.page_rows, Some(width), press)
    }
}
