//! The bytes of one column chunk, read in few large pieces and never beyond the chunk.
//!
//! The decoder asks for a page header here and a page there; this turns that into positional reads of a
//! window each. Neighbouring chunks that are small share one read. `pages.rs` puts the checks on top.

use std::io::Cursor;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::{DataFile, Error, Result};

/// A file as one reader of a split uses it.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: DataFile,
    /// Bytes read so far, over all files of the split.
    pub(crate) read: Arc<AtomicU64>,
}

impl OpenFile {
    /// Reads exactly `length` bytes.
    pub(crate) fn read(&self, at: u64, length: usize) -> Result<Bytes> {
        let bytes = self.file.read_range(at, length as u64)?;
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(Bytes::from(bytes))
    }
}

/// Bytes that several small chunks share: read when the first of them is needed.
#[derive(Debug)]
pub(crate) struct SharedRange {
    start: u64,
    length: usize,
    bytes: OnceLock<Bytes>,
}

impl SharedRange {
    pub(crate) fn new(start: u64, length: usize) -> Self {
        SharedRange { start, length, bytes: OnceLock::new() }
    }
}

/// One column chunk.
#[derive(Debug)]
pub(crate) struct ChunkBytes {
    file: Arc<OpenFile>,
    start: u64,
    end: u64,
    shared: Option<Arc<SharedRange>>,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    start: u64,
    bytes: Bytes,
    /// Where the last page ended: reading on from there is worth a whole window.
    expected: u64,
}

/// So much is read at once, unless a page is longer: what is still in the caches when it is decompressed.
const WINDOW: usize = 512 << 10;
/// Enough for nearly every page header.
const HEADER: usize = 4 << 10;

impl ChunkBytes {
    pub(crate) fn new(file: Arc<OpenFile>, start: u64, end: u64, shared: Option<Arc<SharedRange>>) -> Self {
        let window = Mutex::new(Window { start, bytes: Bytes::new(), expected: start });
        ChunkBytes { file, start, end, shared, window }
    }

    /// `length` bytes from `at` if `exact`, else what there is in the window: at least `length` bytes unless
    /// the chunk ends.
    fn bytes(&self, at: u64, length: usize, exact: bool) -> Result<Bytes> {
        if at < self.start || at > self.end || (exact && length as u64 > self.end - at) {
            return Err(Error::corrupt("a page reaches beyond its column chunk").at_byte(at));
        }
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if !window.holds(at, length.min((self.end - at) as usize)) {
            *window = self.load(at, length, &window)?;
        }
        let from = (at - window.start) as usize;
        let slice = if exact { window.bytes.slice(from..from + length) } else { window.bytes.slice(from..) };
        if exact {
            window.expected = at + length as u64;
        }
        Ok(slice)
    }

    fn load(&self, at: u64, length: usize, window: &Window) -> Result<Window> {
        if let Some(shared) = &self.shared {
            let bytes = match shared.bytes.get() {
                Some(bytes) => bytes.clone(),
                None => {
                    let bytes = self.file.read(shared.start, shared.length)?;
                    shared.bytes.get_or_init(|| bytes).clone()
                }
            };
            let (from, to) = ((self.start - shared.start) as usize, (self.end - shared.start) as usize);
            return Ok(Window { start: self.start, bytes: bytes.slice(from..to), expected: at });
        }
        // After a skipped page only a header is wanted: the page itself may be skipped too.
        let wish = if at == window.expected || length > HEADER { WINDOW.max(length) } else { HEADER };
        let count = (wish as u64).min(self.end - at) as usize;
        Ok(Window { start: at, bytes: self.file.read(at, count)?, expected: at })
    }

    /// The bytes from `at` that may hold a page header: at least `length` unless the chunk ends.
    pub(crate) fn peek(&self, at: u64, length: usize) -> Result<Bytes> {
        self.bytes(at, length, false)
    }
}

impl Window {
    fn holds(&self, at: u64, length: usize) -> bool {
        at >= self.start && at + length as u64 <= self.start + self.bytes.len() as u64
    }
}

impl Length for ChunkBytes {
    fn len(&self) -> u64 {
        self.end
    }
}

impl ChunkReader for ChunkBytes {
    type T = Cursor<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        // The header was parsed from the same window just before, so that it lies in there whole.
        Ok(Cursor::new(self.peek(start, 1).map_err(external)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.bytes(start, length, true).map_err(external)
    }
}

/// Hands one of our errors through the decoder.
pub(crate) fn external(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}
