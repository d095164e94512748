//! Columns without parts, read page by page: the codes of dictionaries come out as codes, so that a filter is asked
//! about a dictionary instead of its rows, and values are fetched only of rows that are wanted.
//!
//! `values.rs` says for which types. `column.rs` leaves other columns, and pages with other encodings, to the `parquet`
//! crate. The pages themselves come checked from `pages.rs`, as they do for the crate.

mod coded;
mod hybrid;
mod loaded;
mod values;
mod verdicts;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use bytes::Bytes;
use parquet::arrow::arrow_reader::RowSelector;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};

pub(crate) use self::coded::coded_by_row;
use self::hybrid::Hybrid;
pub(crate) use self::loaded::{Loaded, Picked};
use self::loaded::{Segment, SegmentValues};
use self::values::Dictionary;
pub(crate) use self::values::Shape;
use self::values::Store;
pub(crate) use self::verdicts::Verdicts;
use super::decode::damaged;
use super::guard::guarded;
use super::streams::join;
use crate::reserved::Reserved;
use crate::{Error, Reserve, Result};

/// One column of one row group.
pub(crate) struct FlatColumn {
    pages: Box<dyn PageReader>,
    shape: Shape,
    data_type: DataType,
    is_nullable: bool,
    dictionary: Option<Arc<Dictionary>>,
    memory: Arc<dyn Reserve>,
    /// What the dictionary takes.
    reserved: Option<Reserved>,
    page: Option<OpenPage>,
    /// Rows of the row group that are still to come, wanted ones and others.
    rows: VecDeque<RowSelector>,
    /// Rows that are passed over before the next one is read.
    behind: usize,
    /// Rows of the row group that are behind.
    passed: usize,
}

/// A page of which some rows have been read.
struct OpenPage {
    left: usize,
    levels: Option<Hybrid>,
    values: PageValues,
    /// What values take that were put together of streams.
    _reserved: Option<Reserved>,
}

enum PageValues {
    Codes(Hybrid),
    Plain { bytes: Bytes, at: usize },
}

/// Why rows were not read.
pub(crate) enum Stop {
    Failed(Error),
    /// The next page has an encoding that is not read here.
    Unread,
}

type Attempt<T> = std::result::Result<T, Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Failed(error)
    }
}

fn ends() -> Error {
    Error::corrupt("the data is damaged: a page ends before its last value")
}

impl FlatColumn {
    /// `rows` are the rows of the row group, those to be read selected.
    pub(crate) fn new(
        pages: Box<dyn PageReader>,
        shape: Shape,
        data_type: DataType,
        is_nullable: bool,
        rows: impl IntoIterator<Item = RowSelector>,
        memory: Arc<dyn Reserve>,
    ) -> FlatColumn {
        FlatColumn {
            pages,
            shape,
            data_type,
            is_nullable,
            dictionary: None,
            memory,
            reserved: None,
            page: None,
            rows: rows.into_iter().collect(),
            behind: 0,
            passed: 0,
        }
    }

    /// How many rows of the row group have been read or passed over.
    pub(crate) fn passed(&self) -> usize {
        self.passed
    }

    /// Passes over the next `count` wanted rows. Nothing is read before it must be.
    pub(crate) fn skip(&mut self, mut count: usize) {
        while count > 0 {
            let Some(next) = self.rows.front_mut() else { return };
            let taken = if next.skip { next.row_count } else { next.row_count.min(count) };
            count -= if next.skip { 0 } else { taken };
            next.row_count -= taken;
            self.behind += taken;
            self.passed += taken;
            if next.row_count == 0 {
                self.rows.pop_front();
            }
        }
    }

    /// Reads `wanted` of the next `count` wanted rows and passes over the others. After an error the column is of no
    /// further use, after [`Stop::Unread`] none of these rows counts as passed.
    pub(crate) fn load(&mut self, count: usize, wanted: Range<usize>) -> Attempt<Loaded> {
        let passed = self.passed;
        let loaded = self.load_some(count, wanted);
        if let Err(Stop::Unread) = loaded {
            self.passed = passed;
        }
        loaded
    }

    fn load_some(&mut self, count: usize, wanted: Range<usize>) -> Attempt<Loaded> {
        self.skip(wanted.start);
        let mut segments = Vec::new();
        let mut left = wanted.len();
        while left > 0 {
            let Some(next) = self.rows.front_mut() else {
                return Err(Error::invalid("more rows were asked for than are selected").into());
            };
            if next.skip {
                (self.behind, self.passed) = (self.behind + next.row_count, self.passed + next.row_count);
                self.rows.pop_front();
                continue;
            }
            let rows = next.row_count.min(left);
            next.row_count -= rows;
            if next.row_count == 0 {
                self.rows.pop_front();
            }
            self.read(rows, &mut segments)?;
            (self.passed, left) = (self.passed + rows, left - rows);
        }
        self.skip(count - wanted.end);
        let (shape, data_type) = (self.shape, self.data_type.clone());
        Ok(Loaded { shape, data_type, first: wanted.start, segments })
    }

    /// Reads the next rows, whatever is selected.
    fn read(&mut self, mut rows: usize, segments: &mut Vec<Segment>) -> Attempt<()> {
        self.catch_up()?;
        while rows > 0 {
            self.page()?;
            let dictionary = self.dictionary.clone();
            let (shape, page) = (self.shape, self.page()?);
            let segment = page.read(shape, rows.min(page.left), dictionary)?;
            page.left -= segment.rows;
            rows -= segment.rows;
            segments.push(segment);
        }
        Ok(())
    }

    /// Passes over the rows that nobody wanted, whole pages without decompressing them.
    fn catch_up(&mut self) -> Attempt<()> {
        while self.behind > 0 {
            if self.page.as_ref().is_none_or(|page| page.left == 0) {
                self.page = None;
                let next = guarded(|| self.pages.peek_next_page().map_err(|error| damaged(&error)))?;
                let rows =
                    next.filter(|next| !next.is_dict).and_then(|next| next.num_rows.or(next.num_levels));
                if let Some(rows) = rows.filter(|rows| *rows <= self.behind) {
                    guarded(|| self.pages.skip_next_page().map_err(|error| damaged(&error)))?;
                    self.behind -= rows;
                    continue;
                }
            }
            let (shape, behind) = (self.shape, self.behind);
            let page = self.page()?;
            let rows = behind.min(page.left);
            page.skip(shape, rows)?;
            page.left -= rows;
            self.behind -= rows;
        }
        Ok(())
    }

    /// The page that the next row is in.
    fn page(&mut self) -> Attempt<&mut OpenPage> {
        while self.page.as_ref().is_none_or(|page| page.left == 0) {
            let page = guarded(|| self.pages.get_next_page().map_err(|error| damaged(&error)))?;
            let page =
                page.ok_or_else(|| Error::corrupt("the data is damaged: a column chunk ends too early"))?;
            self.open(page)?;
        }
        self.page.as_mut().ok_or_else(|| Error::invalid("a page was lost").into())
    }

    fn open(&mut self, page: Page) -> Attempt<()> {
        let (buf, rows, encoding, levels) = match page {
            Page::DictionaryPage { buf, num_values, encoding, .. } => {
                if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY) {
                    return Err(Stop::Unread);
                }
                let dictionary = Dictionary::new(self.shape, &buf, num_values as usize)?;
                self.reserved = Some(Reserved::new(&self.memory, dictionary.values.size_bytes())?);
                self.dictionary = Some(Arc::new(dictionary));
                return Ok(());
            }
            Page::DataPage { buf, num_values, encoding, def_level_encoding, .. } => {
                let (values, levels) = match self.is_nullable {
                    false => (buf, None),
                    true if def_level_encoding != Encoding::RLE => return Err(Stop::Unread),
                    true => {
                        let (length, _) = buf.split_first_chunk::<4>().ok_or_else(ends)?;
                        let end = (u32::from_le_bytes(*length) as usize).saturating_add(4);
                        if end > buf.len() {
                            return Err(ends().into());
                        }
                        (buf.slice(end..), Some(buf.slice(4..end)))
                    }
                };
                (values, num_values, encoding, levels)
            }
            Page::DataPageV2 {
                buf,
                num_values,
                num_rows,
                encoding,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => {
                let from = rep_levels_byte_len as usize;
                let end = from.saturating_add(def_levels_byte_len as usize);
                if end > buf.len() || num_rows != num_values {
                    return Err(ends().into());
                }
                let levels = self.is_nullable.then(|| buf.slice(from..end));
                (buf.slice(end..), num_values, encoding, levels)
            }
        };
        let (values, reserved) = self.values(buf, encoding)?;
        let levels = levels.map(|levels| Hybrid::new(levels, 1).ok_or_else(ends)).transpose()?;
        self.page = Some(OpenPage { left: rows as usize, levels, values, _reserved: reserved });
        Ok(())
    }

    /// The values of a page, and what the memory takes that they have of their own.
    fn values(&self, page: Bytes, encoding: Encoding) -> Attempt<(PageValues, Option<Reserved>)> {
        Ok(match (encoding, self.shape.width()) {
            (Encoding::PLAIN, _) => (PageValues::Plain { bytes: page, at: 0 }, None),
            (Encoding::BYTE_STREAM_SPLIT, Some(width)) => {
                let reserved = Reserved::new(&self.memory, page.len())?;
                let bytes = join(&page, width).ok_or_else(ends)?.into();
                (PageValues::Plain { bytes, at: 0 }, Some(reserved))
            }
            (Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY, _) => {
                // A page of nulls only may have nothing at all.
                let width = page.first().copied().unwrap_or(0);
                let codes = Hybrid::new(page.slice(page.len().min(1)..), u32::from(width));
                let codes = codes.ok_or_else(|| {
                    Error::corrupt(format!("the data is damaged: dictionary codes of {width} bits"))
                });
                (PageValues::Codes(codes?), None)
            }
            _ => return Err(Stop::Unread),
        })
    }
}

impl OpenPage {
    /// Which of the next rows have a value; `None` if all have.
    fn valid(&mut self, rows: usize) -> Result<Option<BooleanBuffer>> {
        let Some(levels) = &mut self.levels else { return Ok(None) };
        if levels.same(1, rows) == rows {
            return if levels.skip(rows) { Ok(None) } else { Err(ends()) };
        }
        let mut values = Vec::new();
        if !levels.read(rows, &mut values) {
            return Err(ends());
        }
        let valid = BooleanBuffer::collect_bool(rows, |row| values[row] == 1);
        Ok((valid.count_set_bits() < rows).then_some(valid))
    }

    fn skip(&mut self, shape: Shape, rows: usize) -> Result<()> {
        let values = self.valid(rows)?.map_or(rows, |valid| valid.count_set_bits());
        match &mut self.values {
            PageValues::Codes(codes) => match codes.skip(values) {
                true => Ok(()),
                false => Err(ends()),
            },
            PageValues::Plain { bytes, at } => {
                *at = match shape.width() {
                    Some(width) => values.saturating_mul(width).saturating_add(*at),
                    None => Store::new(shape).extend(shape, bytes, *at, values)?,
                };
                if *at > bytes.len() { Err(ends()) } else { Ok(()) }
            }
        }
    }

    fn read(&mut self, shape: Shape, rows: usize, dictionary: Option<Arc<Dictionary>>) -> Result<Segment> {
        let valid = self.valid(rows)?;
        let count = valid.as_ref().map_or(rows, |valid| valid.count_set_bits());
        let values = match &mut self.values {
            PageValues::Codes(codes) => {
                let dictionary = dictionary
                    .ok_or_else(|| Error::corrupt("the data is damaged: codes without a dictionary"))?;
                SegmentValues::Codes(read_codes(codes, count, valid.as_ref(), &dictionary)?, dictionary)
            }
            PageValues::Plain { bytes, at } => {
                let start = *at;
                match shape.width() {
                    Some(width) if valid.is_none() => {
                        let end = start.saturating_add(count.saturating_mul(width));
                        if end > bytes.len() {
                            return Err(ends());
                        }
                        *at = end;
                        SegmentValues::Plain(bytes.slice(start..end))
                    }
                    _ => {
                        let mut store = Store::new(shape);
                        *at = store.extend(shape, bytes, start, count)?;
                        valid.iter().for_each(|valid| store.spread(valid));
                        SegmentValues::of_rows(store)
                    }
                }
            }
        };
        Ok(Segment { rows, valid, values })
    }
}

/// The codes of so many values, spread to their rows; nulls have the dictionary's last place.
fn read_codes(
    codes: &mut Hybrid,
    count: usize,
    valid: Option<&BooleanBuffer>,
    dictionary: &Dictionary,
) -> Result<Vec<u32>> {
    let mut read = Vec::new();
    if !codes.read(count, &mut read) {
        return Err(ends());
    }
    let highest = read.iter().copied().fold(0, u32::max);
    if count > 0 && highest as usize >= dictionary.len {
        return Err(Error::corrupt(format!(
            "the data is damaged: dictionary index out of bounds: the len is {} but the index is {highest}",
            dictionary.len
        )));
    }
    let Some(valid) = valid else { return Ok(read) };
    let mut spread = vec![dictionary.len as u32; valid.len()];
    for (row, code) in valid.set_indices().zip(read) {
        spread[row] = code;
    }
    Ok(spread)
}
