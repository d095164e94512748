//! A file's text in blocks of whole records, indexed.
//!
//! A block is read behind the incomplete record that the block before left over, indexed once, and cut
//! after its last complete record. A record belongs to the split in which it begins: the last block of a
//! split reads on until that record ends. `reader.rs` turns blocks into batches.

use std::sync::Arc;

use arrow::buffer::Buffer;

use super::dialect::{Dialect, State};
use super::index::{Index, index};
use super::input::Input;
use crate::{Error, ReadContext, Result};

/// Zeros behind the text, so that sixteen bytes can be loaded from the start of every cell.
const PADDING: usize = 32;
/// Read at a time to complete a record beyond the end of a split.
const OVERLAP_BYTES: usize = 64 << 10;
/// A record that takes most of the memory is there so often at once: text, index, and what is made of it.
const COPIES: usize = 7;
/// Offsets within a block must fit comfortably into 32 bits.
const MOST_LINE_BYTES: usize = 1 << 30;

/// Whole records.
#[derive(Debug)]
pub(crate) struct Block {
    /// The text and its padding.
    pub(crate) buffer: Buffer,
    /// Length of the text.
    pub(crate) len: usize,
    /// Where the text begins in the file's text.
    pub(crate) offset: u64,
    pub(crate) index: Index,
    /// Whether the file ended while quotes were open.
    pub(crate) unclosed: bool,
}

impl Block {
    pub(crate) fn text(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

/// Reads the blocks of one split.
pub(crate) struct BlockReader {
    input: Input,
    dialect: Arc<Dialect>,
    tail: Vec<u8>,
    /// Where the tail begins in the file's text.
    offset: u64,
    /// Records that begin here or later belong to the next split.
    end: u64,
    done: bool,
    next_bytes: usize,
    block_bytes: usize,
    context: ReadContext,
    reserved: usize,
    spare: Option<Vec<u8>>,
}

impl BlockReader {
    /// Reads the records that begin in `start..end`; `input` stands at `start`, which is a record's start.
    pub(crate) fn new(
        input: Input,
        dialect: Arc<Dialect>,
        range: std::ops::Range<u64>,
        first_bytes: usize,
        block_bytes: usize,
        context: &ReadContext,
    ) -> Self {
        let mut limits = context.limits.clone();
        limits.line_bytes = limits.line_bytes.min(MOST_LINE_BYTES);
        BlockReader {
            input,
            dialect,
            tail: Vec::new(),
            offset: range.start,
            end: range.end,
            done: range.is_empty(),
            next_bytes: first_bytes.min(block_bytes),
            block_bytes,
            context: ReadContext { limits, ..context.clone() },
            reserved: 0,
            spare: None,
        }
    }

    pub(crate) fn input(&self) -> &Input {
        &self.input
    }

    /// After the last block: whether its last record reached beyond the end of the split.
    pub(crate) fn overran(&self) -> bool {
        self.offset > self.end
    }

    /// Whether the last block was given out.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// Takes a block's buffer back for the next one, if nothing else holds it.
    pub(crate) fn recycle(&mut self, buffer: Buffer) {
        self.spare = buffer.into_vec().ok();
    }

    /// The next block; `None` after the last.
    pub(crate) fn next_block(&mut self) -> Result<Option<Block>> {
        if self.done {
            return Ok(None);
        }
        self.context.check()?;
        let mut bytes = self.spare.take().unwrap_or_default();
        let mut len = self.tail.len();
        let mut wanted = self.wanted(len);
        self.make_room(&mut bytes, len + wanted)?;
        bytes[..len].copy_from_slice(&self.tail);
        let mut found = Index::default();
        loop {
            let count = self.input.read(&mut bytes[len..len + wanted])?;
            len += count;
            let at_end = count < wanted || self.is_at_end();
            bytes[len..].fill(0);
            found.clear(0);
            found.nexts.reserve(len / 6);
            let state = index(&self.dialect, &bytes[..len], State::RecordStart, &mut found);
            let unclosed = at_end && matches!(state, State::Quoted | State::Escaped);
            if at_end {
                found.finish(state, len);
            }
            if let Some(records) = self.records_before_end(&found) {
                found.truncate(records);
                if let Ok(end) = usize::try_from(self.end - self.offset) {
                    found.end_gap_at(end);
                }
                return self.last_block(bytes, found, len, unclosed).map(Some);
            }
            if at_end {
                return self.last_block(bytes, found, len, unclosed).map(Some);
            }
            let complete = found.complete();
            if complete > 0 {
                self.tail.clear();
                self.tail.extend_from_slice(&bytes[complete..len]);
                found.truncate(found.records.len());
                return self.finish_block(bytes, found, complete, unclosed).map(Some);
            }
            self.check_line(len as u64, self.offset)?;
            wanted = len.max(OVERLAP_BYTES).min(self.context.limits.line_bytes + 1);
            if let Err(error) = self.make_room(&mut bytes, len + wanted) {
                // Less may do, and if not, the error is to say what would.
                let Some(rest) = self.rest_of_record(state)? else { return Err(error) };
                wanted = rest;
                self.make_room(&mut bytes, len + wanted)?;
            }
        }
    }

    /// How many bytes from where the input stands, in `state`, reach beyond the end of the record; `None` if only
    /// reading on would tell, or it is too long.
    fn rest_of_record(&self, mut state: State) -> Result<Option<usize>> {
        let Input::Plain { file, position } = &self.input else { return Ok(None) };
        let mut bytes = vec![0; OVERLAP_BYTES + PADDING];
        let (mut rest, mut found) = (0, Index::default());
        while rest <= self.context.limits.line_bytes {
            self.context.check()?;
            let from = position + rest as u64;
            let count = file.len().saturating_sub(from).min(OVERLAP_BYTES as u64) as usize;
            file.read_exact_at(from, &mut bytes[..count])?;
            bytes[count..].fill(0);
            found.clear(0);
            state = index(&self.dialect, &bytes[..count], state, &mut found);
            rest += count;
            if count < OVERLAP_BYTES || !found.records.is_empty() {
                return Ok(Some(rest));
            }
        }
        Ok(None)
    }

    fn wanted(&mut self, tail: usize) -> usize {
        let block = self.next_bytes.max(tail);
        self.next_bytes = (self.next_bytes * 4).min(self.block_bytes);
        let to_end = self.end.saturating_sub(self.offset + tail as u64);
        match usize::try_from(to_end) {
            Ok(0) => OVERLAP_BYTES.min(self.block_bytes).max(tail),
            // A little rest is not worth a block of its own.
            Ok(to_end) if to_end <= block + block / 4 => to_end,
            _ => block,
        }
    }

    fn is_at_end(&self) -> bool {
        self.input.is_plain() && self.input.taken() >= self.input.file().len()
    }

    /// How many records begin before the split's end, if the index reaches that far.
    fn records_before_end(&self, found: &Index) -> Option<usize> {
        let end = usize::try_from(self.end.checked_sub(self.offset)?).ok()?;
        let next = |&entries: &u32| found.nexts.get(entries as usize).map_or(0, |&next| next as usize);
        let last = found.records.last().map_or(0, next);
        (last >= end).then(|| found.records.partition_point(|entries| next(entries) < end) + 1)
    }

    fn last_block(&mut self, bytes: Vec<u8>, found: Index, len: usize, unclosed: bool) -> Result<Block> {
        self.done = true;
        let complete = found.complete().min(len);
        let block = self.finish_block(bytes, found, complete, unclosed)?;
        self.input.file().check_unchanged()?;
        Ok(block)
    }

    fn finish_block(&mut self, bytes: Vec<u8>, found: Index, len: usize, unclosed: bool) -> Result<Block> {
        let offset = self.offset;
        if len > self.context.limits.line_bytes {
            let mut start = 0;
            for &entries in &found.records {
                let next = found.nexts[entries as usize];
                self.check_line(u64::from(next - start), offset + u64::from(start))?;
                start = next;
            }
        }
        if len > self.context.limits.cell_bytes {
            self.check_cells(&found, offset)?;
        }
        self.offset += len as u64;
        Ok(Block { buffer: Buffer::from_vec(bytes), len, offset, index: found, unclosed })
    }

    fn check_line(&self, bytes: u64, offset: u64) -> Result<()> {
        let limit = self.context.limits.line_bytes as u64;
        if bytes <= limit {
            return Ok(());
        }
        Err(self.place(Error::limit("the length of a record in bytes", bytes, limit, "line_bytes"), offset))
    }

    fn check_cells(&self, found: &Index, offset: u64) -> Result<()> {
        let limit = self.context.limits.cell_bytes as u64;
        for pair in found.nexts.windows(2) {
            let bytes = u64::from(pair[1].saturating_sub(pair[0] + 1));
            if bytes > limit {
                let error = Error::limit("the length of a cell in bytes", bytes, limit, "cell_bytes");
                return Err(self.place(error, offset + u64::from(pair[0])));
            }
        }
        Ok(())
    }

    fn place(&self, error: Error, offset: u64) -> Error {
        let error = error.in_file(self.input.file().path());
        if self.input.has_byte_offsets() { error.at_byte(offset) } else { error }
    }

    /// Makes `bytes` `len` long and padded, after asking for the memory of text and index.
    fn make_room(&mut self, bytes: &mut Vec<u8>, len: usize) -> Result<()> {
        let needed = len + PADDING;
        let total = needed.saturating_mul(2);
        if total > self.reserved {
            // Behind the reader a long record is encoded and compressed, or kept.
            let more = needed.saturating_mul(COPIES).max(total) - self.reserved;
            self.context.memory.reserve_of(total - self.reserved, more)?;
            self.reserved = total;
        }
        if bytes.capacity() == 0 {
            *bytes = vec![0; needed];
            return Ok(());
        }
        let additional = needed.saturating_sub(bytes.len());
        bytes.try_reserve_exact(additional).map_err(|_| {
            Error::memory(format!("no memory for {needed} bytes of the file"))
                .in_file(self.input.file().path())
        })?;
        bytes.resize(needed, 0);
        Ok(())
    }
}

impl Drop for BlockReader {
    fn drop(&mut self) {
        self.context.memory.release(self.reserved);
    }
}
