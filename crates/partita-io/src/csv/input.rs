//! The UTF-8 text of a file, from any place if it lies on disk as such, else from its beginning through a
//! decompressor and a decoder. `block.rs` reads it.

use encoding_rs::DecoderResult;

use super::file::count_lines;
use super::options::Encoding;
use crate::{ByteStream, Compression, DataFile, Error, Limits, Result};

/// Text to read front to back.
#[derive(Debug)]
pub(crate) enum Input {
    /// Bytes as they lie in the file, from `position` on.
    Plain { file: DataFile, position: u64 },
    /// A compressed file.
    Stream(Box<ByteStream>),
    /// A file in another encoding, compressed or not.
    Decoded(Box<Decoded>),
}

impl Input {
    /// Opens the text of a file at its beginning.
    pub(crate) fn open(file: DataFile, encoding: Encoding, limits: &Limits) -> Result<Self> {
        let compression = Compression::of_file(&file)?;
        if compression == Compression::None && encoding.is_utf8() {
            return Ok(Input::Plain { file, position: 0 });
        }
        let stream = ByteStream::open(file, limits)?;
        if encoding.is_utf8() {
            return Ok(Input::Stream(Box::new(stream)));
        }
        Ok(Input::Decoded(Box::new(Decoded::new(stream, encoding))))
    }

    /// Fills `buffer` unless the text ends before; returns how much of it is filled.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Input::Plain { file, position } => {
                let left = usize::try_from(file.len().saturating_sub(*position)).unwrap_or(usize::MAX);
                let count = left.min(buffer.len());
                file.read_exact_at(*position, &mut buffer[..count])?;
                *position += count as u64;
                Ok(count)
            }
            Input::Stream(stream) => stream.read(buffer),
            Input::Decoded(decoded) => decoded.read(buffer),
        }
    }

    /// Passes over `count` bytes of text; returns the lines in them if they had to be read.
    pub(crate) fn skip(&mut self, count: u64) -> Result<u64> {
        if let Input::Plain { position, .. } = self {
            *position += count;
            return Ok(0);
        }
        let (mut left, mut lines) = (count, 0);
        let mut scratch = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(64 << 10)];
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(scratch.len());
            let read = self.read(&mut scratch[..wanted])?;
            if read == 0 {
                break;
            }
            lines += count_lines(&scratch[..read]);
            left -= read as u64;
        }
        Ok(lines)
    }

    pub(crate) fn file(&self) -> &DataFile {
        match self {
            Input::Plain { file, .. } => file,
            Input::Stream(stream) => stream.file(),
            Input::Decoded(decoded) => decoded.stream.file(),
        }
    }

    /// Whether offsets in the text are offsets in the file.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Input::Plain { .. })
    }

    /// Whether offsets in the text are offsets in the (decompressed) file.
    pub(crate) fn has_byte_offsets(&self) -> bool {
        !matches!(self, Input::Decoded(_))
    }

    /// Bytes of the file taken so far, counted from its beginning.
    pub(crate) fn taken(&self) -> u64 {
        match self {
            Input::Plain { position, .. } => *position,
            Input::Stream(stream) => stream.bytes_read(),
            Input::Decoded(decoded) => decoded.stream.bytes_read(),
        }
    }
}

/// Text decoded on the way.
pub(crate) struct Decoded {
    stream: ByteStream,
    /// `None` for Latin 1, which is no encoding of the WHATWG standard.
    decoder: Option<encoding_rs::Decoder>,
    name: &'static str,
    raw: Vec<u8>,
    raw_used: usize,
    raw_offset: u64,
    ready: Vec<u8>,
    ready_used: usize,
    ended: bool,
}

impl std::fmt::Debug for Decoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded")
            .field("stream", &self.stream)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

const RAW_BYTES: usize = 64 << 10;

impl Decoded {
    fn new(stream: ByteStream, encoding: Encoding) -> Self {
        let (decoder, name) = match encoding {
            Encoding::Other(named) => (Some(named.0.new_decoder()), named.0.name()),
            Encoding::Utf8 | Encoding::Utf8Lossy | Encoding::Latin1 => (None, "latin1"),
        };
        let (raw, ready) = (Vec::new(), Vec::new());
        Decoded { stream, decoder, name, raw, raw_used: 0, raw_offset: 0, ready, ready_used: 0, ended: false }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            if self.ready_used == self.ready.len() {
                if self.ended {
                    break;
                }
                self.decode()?;
                continue;
            }
            let available = &self.ready[self.ready_used..];
            let count = available.len().min(buffer.len() - done);
            buffer[done..done + count].copy_from_slice(&available[..count]);
            self.ready_used += count;
            done += count;
        }
        Ok(done)
    }

    fn decode(&mut self) -> Result<()> {
        if self.raw_used == self.raw.len() {
            self.raw_offset += self.raw.len() as u64;
            self.raw.resize(RAW_BYTES, 0);
            let count = self.stream.read(&mut self.raw)?;
            self.raw.truncate(count);
            self.raw_used = 0;
        }
        let is_last = self.raw.len() < RAW_BYTES;
        let source = &self.raw[self.raw_used..];
        self.ready.resize(RAW_BYTES * 3 + 16, 0);
        self.ready_used = 0;
        let Some(decoder) = &mut self.decoder else {
            let written = encoding_rs::mem::convert_latin1_to_utf8(source, &mut self.ready);
            self.ready.truncate(written);
            self.raw_used = self.raw.len();
            self.ended = is_last;
            return Ok(());
        };
        let (result, read, written) =
            decoder.decode_to_utf8_without_replacement(source, &mut self.ready, is_last);
        self.ready.truncate(written);
        self.raw_used += read;
        match result {
            DecoderResult::InputEmpty => self.ended = is_last,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(_, _) => {
                return Err(Error::corrupt(format!(
                    "the bytes are not {}; check the encoding given for the file",
                    self.name
                ))
                .at_byte(self.raw_offset + self.raw_used as u64)
                .in_file(self.stream.file().path()));
            }
        }
        Ok(())
    }
}
