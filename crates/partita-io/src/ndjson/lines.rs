//! The lines of a file, of a byte range of it, or of a decompressed stream.
//!
//! A raw newline never lies within a JSON value, so a range holds exactly the lines that begin in it: its
//! reader passes over what the range before finishes, and finishes what begins before its own end.

use std::ops::Range;

use crate::reserved::Reserved;
use crate::{ByteStream, Compression, DataFile, Error, ReadContext, Result};

const CHUNK_BYTES: usize = 256 << 10;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it begins in the file, or in the decompressed stream.
    pub(super) byte: u64,
    /// Where it is in [`Lines::bytes`], without its newline.
    range: Range<usize>,
}

pub(super) struct Lines {
    input: Input,
    /// Lines that begin here or later are not ours.
    end: u64,
    buffer: Vec<u8>,
    /// Offset of the buffer in the input.
    offset: u64,
    /// The next line begins here in the buffer.
    next: usize,
    ended: bool,
    begin: u64,
    lines_done: u64,
    line_bytes_max: usize,
    context: ReadContext,
    held: Vec<Reserved>,
    capacity: usize,
}

enum Input {
    Plain(DataFile, u64),
    Packed(ByteStream),
}

impl Lines {
    /// The lines that begin in `range` of a file. A compressed file is one range.
    pub(super) fn open(
        file: DataFile,
        compression: Compression,
        range: Range<u64>,
        context: &ReadContext,
    ) -> Result<Self> {
        let (input, begin, end) = if compression == Compression::None {
            (Input::Plain(file, range.start.saturating_sub(1)), range.start, range.end)
        } else {
            (Input::Packed(ByteStream::open(file, &context.limits)?), 0, u64::MAX)
        };
        let mut lines = Lines {
            offset: begin.saturating_sub(1),
            input,
            end,
            buffer: Vec::new(),
            next: 0,
            ended: false,
            begin,
            lines_done: 0,
            line_bytes_max: context.limits.line_bytes,
            context: context.clone(),
            held: Vec::new(),
            capacity: CHUNK_BYTES,
        };
        if begin > 0 {
            lines.pass_over()?;
        } else {
            lines.fill()?;
            lines.next = if lines.buffer.starts_with(BOM) { BOM.len() } else { 0 };
        }
        Ok(lines)
    }

    /// The bytes of a line that [`Lines::next`] gave last.
    pub(super) fn bytes(&self, line: &Line) -> &[u8] {
        &self.buffer[line.range.clone()]
    }

    /// The next line; a last one without newline counts.
    pub(super) fn next(&mut self) -> Result<Option<Line>> {
        let mut searched = self.next;
        loop {
            if self.offset + self.next as u64 >= self.end {
                return Ok(None);
            }
            let found = memchr::memchr(b'\n', &self.buffer[searched..]).map(|at| searched + at);
            let (stop, after) = match found {
                Some(at) => (at, at + 1),
                None if self.ended && self.next == self.buffer.len() => return Ok(None),
                None if self.ended => (self.buffer.len(), self.buffer.len()),
                None => {
                    searched = self.buffer.len() - self.next;
                    self.fill()?;
                    continue;
                }
            };
            let line = Line { byte: self.offset + self.next as u64, range: self.next..stop };
            if line.range.len() > self.line_bytes_max {
                return Err(self.too_long(line.range.len()));
            }
            self.next = after;
            self.lines_done += 1;
            return Ok(Some(line));
        }
    }

    fn too_long(&self, len: usize) -> Error {
        Error::limit("the length of a line", len as u64, self.line_bytes_max as u64, "line_bytes")
            .at_byte(self.offset + self.next as u64)
            .in_file(self.file().path())
    }

    /// Passes over the rest of the line that the range before this one finishes.
    fn pass_over(&mut self) -> Result<()> {
        loop {
            self.fill()?;
            if let Some(at) = memchr::memchr(b'\n', &self.buffer) {
                self.next = at + 1;
                return Ok(());
            }
            self.next = self.buffer.len();
            if self.ended {
                return Ok(());
            }
        }
    }

    /// Drops what was read and reads more; the line being read moves to the buffer's beginning.
    fn fill(&mut self) -> Result<()> {
        self.context.check()?;
        self.buffer.drain(..self.next);
        self.offset += self.next as u64;
        self.next = 0;
        let kept = self.buffer.len();
        if kept > self.line_bytes_max {
            return Err(self.too_long(kept));
        }
        if kept + CHUNK_BYTES > self.capacity {
            self.held.push(Reserved::new(&self.context.memory, self.capacity)?);
            self.capacity *= 2;
        }
        self.buffer.resize(kept + CHUNK_BYTES, 0);
        let target = &mut self.buffer[kept..];
        let count = match &mut self.input {
            Input::Packed(stream) => stream.read(target)?,
            Input::Plain(file, at) => {
                let count = file.read_full_at(*at, target)?;
                *at += count as u64;
                count
            }
        };
        self.ended = count < CHUNK_BYTES;
        self.buffer.truncate(kept + count);
        Ok(())
    }

    pub(super) fn file(&self) -> &DataFile {
        match &self.input {
            Input::Plain(file, _) => file,
            Input::Packed(stream) => stream.file(),
        }
    }

    /// Bytes of the file that were read for this range.
    pub(super) fn bytes_read(&self) -> u64 {
        match &self.input {
            Input::Plain(_, at) => (*at).min(self.end).saturating_sub(self.begin),
            Input::Packed(stream) => stream.bytes_read(),
        }
    }

    /// The number of the line that [`Lines::next`] gave last, from 1. Reads the file up to the range again:
    /// for messages only.
    pub(super) fn number(&self) -> Result<u64> {
        let mut number = self.lines_done;
        let Input::Plain(file, _) = &self.input else { return Ok(number) };
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut at = 0;
        while at < self.begin {
            let wanted = (self.begin - at).min(CHUNK_BYTES as u64) as usize;
            file.read_exact_at(at, &mut chunk[..wanted])?;
            number += memchr::memchr_iter(b'\n', &chunk[..wanted]).count() as u64;
            at += wanted as u64;
        }
        // The line that the cut goes through was finished by the range before.
        let cut = self.begin > 0 && chunk_ends_within_line(file, self.begin)?;
        Ok(number + u64::from(cut))
    }
}

fn chunk_ends_within_line(file: &DataFile, begin: u64) -> Result<bool> {
    let mut last = [0];
    file.read_exact_at(begin - 1, &mut last)?;
    Ok(last[0] != b'\n')
}
