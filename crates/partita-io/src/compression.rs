//! Files compressed as a whole: gzip and Zstandard, streamed, with a bound on how far bytes may swell.
//!
//! CSV and NDJSON read through [`ByteStream`], which is also the plain way for files that are not
//! compressed. Concatenated members (what `cat a.gz b.gz` makes) are one stream, as the formats demand.

use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{DataFile, Error, Limits, Result};

/// How a whole file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (`.gz`), one or more members.
    Gzip,
    /// Zstandard (`.zst`), one or more frames.
    Zstd,
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Below this many decompressed bytes the ratio is not looked at: short runs of one byte swell harmlessly.
const RATIO_FREE_BYTES: u64 = 64 << 20;
const READ_BYTES: usize = 256 << 10;

impl Compression {
    /// What the file's name says.
    pub fn of_name(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if extension.eq_ignore_ascii_case("gz") => Compression::Gzip,
            Some(extension) if extension.eq_ignore_ascii_case("zst") => Compression::Zstd,
            Some(extension) if extension.eq_ignore_ascii_case("zstd") => Compression::Zstd,
            _ => Compression::None,
        }
    }

    /// What the first bytes of the file say. Neither magic can begin a text file in UTF-8.
    pub fn of_bytes(first: &[u8]) -> Self {
        let skippable_frame =
            first.len() >= 4 && first[0] & 0xf0 == 0x50 && first[1..4] == [0x2a, 0x4d, 0x18];
        if first.starts_with(&GZIP_MAGIC) {
            Compression::Gzip
        } else if first.starts_with(&ZSTD_MAGIC) || skippable_frame {
            Compression::Zstd
        } else {
            Compression::None
        }
    }

    /// What a file is, by its bytes; a name that promises something else is an error.
    ///
    /// # Errors
    /// The file cannot be read, or is called `.gz` or `.zst` without being it.
    pub fn of_file(file: &DataFile) -> Result<Self> {
        let mut first = [0; 4];
        let count = file.read_full_at(0, &mut first)?;
        let found = Compression::of_bytes(&first[..count]);
        let named = Compression::of_name(file.path());
        if named != Compression::None && named != found {
            return Err(Error::corrupt(format!(
                "the name of the file says {} but its content is not",
                named.label()
            ))
            .in_file(file.path()));
        }
        Ok(found)
    }

    fn label(self) -> &'static str {
        match self {
            Compression::None => "no compression",
            Compression::Gzip => "gzip",
            Compression::Zstd => "Zstandard",
        }
    }
}

/// The bytes of a file from its beginning, decompressed if need be.
pub struct ByteStream {
    file: DataFile,
    decoder: Decoder,
    shared: Arc<Shared>,
    decompressed: u64,
    ratio_limit: u64,
}

enum Decoder {
    Plain(FileCursor),
    Gzip(Box<flate2::bufread::MultiGzDecoder<FileCursor>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, FileCursor>>),
}

impl std::fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ByteStream").field("file", &self.file).finish_non_exhaustive()
    }
}

impl ByteStream {
    /// Opens the stream of a file; see [`Compression::of_file`].
    ///
    /// # Errors
    /// The file cannot be read or its name is at odds with its content.
    pub fn open(file: DataFile, limits: &Limits) -> Result<Self> {
        let compression = Compression::of_file(&file)?;
        let shared = Arc::new(Shared::default());
        let cursor = FileCursor {
            file: file.clone(),
            shared: Arc::clone(&shared),
            buffer: Vec::new(),
            position: 0,
            offset: 0,
        };
        let decoder = match compression {
            Compression::None => Decoder::Plain(cursor),
            Compression::Gzip => Decoder::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(cursor))),
            Compression::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(cursor)
                    .map_err(|error| broken(&file, Compression::Zstd, &error))?;
                Decoder::Zstd(Box::new(decoder))
            }
        };
        let ratio_limit = limits.decompression_ratio as u64;
        Ok(ByteStream { file, decoder, shared, decompressed: 0, ratio_limit })
    }

    /// The file being read.
    pub fn file(&self) -> &DataFile {
        &self.file
    }

    /// Bytes taken from the file so far.
    pub fn bytes_read(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
    }

    /// Fills `buffer` as far as the stream goes; fewer bytes only at its end.
    ///
    /// # Errors
    /// The disk fails, the compressed bytes are broken or cut off, or they swell beyond
    /// [`Limits::decompression_ratio`].
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let rest = &mut buffer[done..];
            let (result, compression) = match &mut self.decoder {
                Decoder::Plain(cursor) => (cursor.read(rest), Compression::None),
                Decoder::Gzip(decoder) => (decoder.read(rest), Compression::Gzip),
                Decoder::Zstd(decoder) => (decoder.read(rest), Compression::Zstd),
            };
            let count = match result {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(compression, &error)),
            };
            if count == 0 {
                break;
            }
            done += count;
            self.decompressed += count as u64;
            self.check_ratio(compression)?;
        }
        Ok(done)
    }

    fn check_ratio(&self, compression: Compression) -> Result<()> {
        if compression == Compression::None || self.decompressed <= RATIO_FREE_BYTES {
            return Ok(());
        }
        let ratio = self.decompressed / self.shared.used.load(Ordering::Relaxed).max(1);
        if ratio <= self.ratio_limit {
            return Ok(());
        }
        Err(Error::limit(
            "the ratio of decompressed to compressed bytes",
            ratio,
            self.ratio_limit,
            "decompression_ratio",
        )
        .in_file(self.file.path()))
    }

    /// The disk's own error if there was one, else the decoder's complaint.
    fn failed(&self, compression: Compression, error: &io::Error) -> Error {
        let from_disk = self.shared.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        from_disk.unwrap_or_else(|| broken(&self.file, compression, error))
    }
}

fn broken(file: &DataFile, compression: Compression, error: &io::Error) -> Error {
    let what = if error.kind() == io::ErrorKind::UnexpectedEof { "cut off" } else { "broken" };
    Error::corrupt(format!("the {} stream is {what} ({error})", compression.label())).in_file(file.path())
}

/// What the cursor tells the stream past the decoder that lies between them.
#[derive(Debug, Default)]
struct Shared {
    /// Bytes read from the file.
    taken: AtomicU64,
    /// Bytes of those that the decoder has consumed.
    used: AtomicU64,
    error: Mutex<Option<Error>>,
}

/// The file's raw bytes as a buffered reader.
#[derive(Debug)]
struct FileCursor {
    file: DataFile,
    shared: Arc<Shared>,
    buffer: Vec<u8>,
    position: usize,
    offset: u64,
}

impl BufRead for FileCursor {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.buffer.len() {
            let wanted = self.file.len().saturating_sub(self.offset).min(READ_BYTES as u64) as usize;
            self.buffer.resize(wanted, 0);
            self.position = 0;
            if let Err(error) = self.file.read_exact_at(self.offset, &mut self.buffer) {
                self.buffer.clear();
                *self.shared.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                return Err(io::Error::other("the file could not be read"));
            }
            self.offset += wanted as u64;
            self.shared.taken.store(self.offset, Ordering::Relaxed);
        }
        Ok(&self.buffer[self.position..])
    }

    fn consume(&mut self, count: usize) {
        self.position = (self.position + count).min(self.buffer.len());
        self.shared.used.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Read for FileCursor {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(target.len());
        target[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
