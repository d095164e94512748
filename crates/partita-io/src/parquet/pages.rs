//! The pages of one row group's columns, each checked before the decoder sees it.
//!
//! The decoder believes page headers: it allocates what they declare. [`CheckedPages`] stands between it and
//! the file: sizes are held against the limits and the memory budget first, checksums are compared by the
//! decoder itself, and the values of all pages must add up to what the footer says. `row_group.rs` hands the
//! pages out, and `decode.rs` builds the decoder on top.

use std::sync::{Arc, Mutex, PoisonError};

use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::SerializedPageReader;

use super::thrift::{self, Flaw, PageHeader};
use super::window::ChunkBytes;
use crate::reserved::Reserved;
use crate::{Error, Limits, Reserve, Result};

const DATA: i64 = 0;
const DICTIONARY: i64 = 2;
const DATA_V2: i64 = 3;

/// Where a failing page leaves its error, because the decoder turns errors into text.
pub(crate) type Fault = Arc<Mutex<Option<Error>>>;

/// What pages need to know besides their bytes.
#[derive(Clone, Debug)]
pub(crate) struct PageContext {
    pub(crate) limits: Limits,
    pub(crate) memory: Arc<dyn Reserve>,
    pub(crate) fault: Fault,
}

/// Pages of one column chunk.
pub(crate) struct CheckedPages {
    inner: SerializedPageReader<ChunkBytes>,
    chunk: Arc<ChunkBytes>,
    context: PageContext,
    column: String,
    at: u64,
    end: u64,
    /// The header at `at`, once it has been checked.
    next: Option<PageHeader>,
    /// Values that the footer declares, and those of the pages passed so far.
    declared: i64,
    passed: i64,
    repeated: bool,
    value_bytes: u64,
    has_levels: (bool, bool),
    reserved: Option<Reserved>,
}

impl CheckedPages {
    pub(super) fn new(
        inner: SerializedPageReader<ChunkBytes>,
        chunk: Arc<ChunkBytes>,
        column: &ColumnChunkMetaData,
        context: PageContext,
        at: u64,
        end: u64,
    ) -> Self {
        let descriptor = column.column_descr();
        let levels = (descriptor.max_rep_level() > 0, descriptor.max_def_level() > 0);
        CheckedPages {
            inner,
            chunk,
            context,
            column: descriptor.path().string(),
            at,
            end,
            next: None,
            declared: column.num_values(),
            passed: 0,
            repeated: levels.0,
            value_bytes: u64::try_from(descriptor.type_length()).unwrap_or(0).max(16),
            has_levels: levels,
            reserved: None,
        }
    }

    fn fail<T>(&self, error: Error) -> ParquetResult<T> {
        let message = error.to_string();
        let error = error.in_column(&self.column);
        self.context.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        Err(ParquetError::General(message))
    }

    /// The next page's header, checked; `None` at the end of the chunk.
    fn header(&mut self) -> ParquetResult<Option<PageHeader>> {
        // Bytes after the last value are not read: a chunk may be padded.
        if self.next.is_none() && self.at < self.end && (self.passed < self.declared || self.declared == 0) {
            match self.parse().and_then(|header| self.check(&header).map(|()| header)) {
                Ok(header) => self.next = Some(header),
                Err(error) => return self.fail(error),
            }
        }
        if self.next.is_none() && self.passed != self.declared {
            let (passed, declared) = (self.passed, self.declared);
            return self.fail(Error::corrupt(format!(
                "the pages of a column chunk hold {passed} values but the footer declares {declared}"
            )));
        }
        Ok(self.next)
    }

    fn parse(&self) -> Result<PageHeader> {
        let mut length = 64;
        loop {
            let bytes = self.chunk.peek(self.at, length)?;
            match thrift::page_header(&bytes) {
                Ok(header) => return Ok(header),
                Err(Flaw::Ends) if bytes.len() as u64 >= self.end - self.at => {
                    return Err(Error::corrupt("a page header is cut off").at_byte(self.at));
                }
                Err(Flaw::Ends) => length = bytes.len().max(length).saturating_mul(4),
                Err(Flaw::Broken(what)) => {
                    return Err(Error::corrupt(format!("a page header is broken: {what}")).at_byte(self.at));
                }
            }
        }
    }

    fn check(&self, header: &PageHeader) -> Result<()> {
        let corrupt = |message: String| Err(Error::corrupt(message).at_byte(self.at));
        let limits = &self.context.limits;
        let (Ok(compressed), Ok(uncompressed)) =
            (u64::try_from(header.compressed), u64::try_from(header.uncompressed))
        else {
            return corrupt("a page header lacks its sizes or has negative ones".into());
        };
        if !matches!(header.kind, DATA | DICTIONARY | DATA_V2) {
            return corrupt(format!("a page has the unknown type {}", header.kind));
        }
        let room = self.end - self.at - header.length as u64;
        if compressed > room {
            return corrupt(format!(
                "a page declares {compressed} bytes but its column chunk has {room} left"
            ));
        }
        let largest = compressed.max(uncompressed);
        if largest > limits.page_bytes as u64 {
            return Err(Error::limit("the size of a page", largest, limits.page_bytes as u64, "page_bytes")
                .at_byte(self.at));
        }
        let Some(values) = header.values.and_then(|values| u64::try_from(values).ok()) else {
            return corrupt("a page header lacks its number of values".into());
        };
        if header.rows.is_some_and(|rows| rows < 0 || rows as u64 > values) {
            return corrupt("a page declares more rows than values".into());
        }
        if header.kind != DICTIONARY && self.passed.saturating_add(values as i64) > self.declared {
            return corrupt(format!(
                "the pages of a column chunk hold more values than the {} that the footer declares",
                self.declared
            ));
        }
        // One row of a list may hold all values of a page, and runs make them cost nothing on disk.
        let decoded = match self.repeated && header.kind != DICTIONARY {
            true => uncompressed.max(values.saturating_mul(self.value_bytes)),
            false => uncompressed,
        };
        let ratio = decoded / compressed.max(1);
        if decoded > 64 << 20 && ratio > limits.decompression_ratio as u64 {
            let allowed = limits.decompression_ratio as u64;
            return Err(Error::limit(
                "the decompression ratio of a page",
                ratio,
                allowed,
                "decompression_ratio",
            )
            .at_byte(self.at));
        }
        Ok(())
    }

    /// Moves past the page whose header was just looked at.
    fn pass(&mut self, header: &PageHeader) {
        self.next = None;
        self.at += header.length as u64 + header.compressed as u64;
        if header.kind != DICTIONARY {
            self.passed += header.values.unwrap_or(0);
        }
    }

    fn page(&mut self) -> ParquetResult<Option<Page>> {
        let Some(header) = self.header()? else { return Ok(None) };
        // The page before is not needed any more, unless views of a batch keep it, and then the batch is
        // what the engine accounts for.
        self.reserved = None;
        let bytes = header.uncompressed as usize + header.compressed as usize;
        match Reserved::new(&self.context.memory, bytes) {
            Ok(reserved) => self.reserved = Some(reserved),
            Err(error) => return self.fail(error),
        }
        let page = self.inner.get_next_page()?;
        self.pass(&header);
        if let Some(page) = &page
            && let Err(error) = check_delta(page, self.has_levels)
        {
            return self.fail(error.at_byte(self.at));
        }
        Ok(page)
    }
}

impl Iterator for CheckedPages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        match self.page() {
            // Errors of ours that went through the decoder's page reader come out as they were.
            Err(ParquetError::External(source)) => match source.downcast::<Error>() {
                Ok(error) => self.fail(*error),
                Err(other) => Err(ParquetError::External(other)),
            },
            result => result,
        }
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        let Some(header) = self.header()? else { return Ok(None) };
        let count = |value: Option<i64>| value.and_then(|value| usize::try_from(value).ok());
        Ok(Some(match header.kind {
            DICTIONARY => PageMetadata { num_rows: None, num_levels: None, is_dict: true },
            _ => PageMetadata {
                num_rows: count(header.rows),
                num_levels: count(header.values),
                is_dict: false,
            },
        }))
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        if let Some(header) = self.header()? {
            self.inner.skip_next_page()?;
            self.pass(&header);
        }
        Ok(())
    }

    fn at_record_boundary(&mut self) -> ParquetResult<bool> {
        Ok(match self.peek_next_page()? {
            None => true,
            // Version 2 pages begin with a record.
            Some(metadata) => metadata.num_rows.is_some(),
        })
    }
}

/// The decoders of the DELTA encodings allocate the number of values that the encoded bytes declare.
fn check_delta(page: &Page, has_levels: (bool, bool)) -> Result<()> {
    let (bytes, values, encoding) = match page {
        Page::DataPage { buf, num_values, encoding, .. } => {
            let mut at = 0usize;
            for _ in 0..usize::from(has_levels.0) + usize::from(has_levels.1) {
                let Some(head) = buf.get(at..at.saturating_add(4)) else { return Ok(()) };
                let length = head.iter().rev().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
                at = at.saturating_add(4).saturating_add(length);
            }
            (buf.get(at..), *num_values, *encoding)
        }
        Page::DataPageV2 { buf, num_values, encoding, def_levels_byte_len, rep_levels_byte_len, .. } => {
            let at = (*def_levels_byte_len as usize).saturating_add(*rep_levels_byte_len as usize);
            (buf.get(at..), *num_values, *encoding)
        }
        Page::DictionaryPage { .. } => return Ok(()),
    };
    let runs = match encoding {
        Encoding::DELTA_BINARY_PACKED | Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
        Encoding::DELTA_BYTE_ARRAY => 2,
        _ => return Ok(()),
    };
    // Levels that reach beyond the page are the decoder's to refuse: it allocates nothing for them.
    let Some(mut bytes) = bytes else { return Ok(()) };
    for _ in 0..runs {
        // A page of nulls only may have no encoded values at all.
        if bytes.is_empty() {
            return Ok(());
        }
        match thrift::delta_run(bytes) {
            Some((end, total)) if total <= u64::from(values) => bytes = bytes.get(end..).unwrap_or(&[]),
            Some((_, total)) => {
                return Err(Error::corrupt(format!(
                    "a page of {values} values declares {total} delta-encoded ones"
                )));
            }
            None => return Err(Error::corrupt("the delta-encoded values of a page are cut off")),
        }
    }
    Ok(())
}
