//! Text columns: views into the block that was read, without copying unless something must be taken out.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryViewArray, StringViewArray};
use arrow::buffer::{Buffer, ScalarBuffer};

use super::convert::{Converted, Decoder, Field, Text, Validity};
use super::number::sixteen;
use super::rows::{Cell, Cells};
use super::value::unquoted;
use crate::{Error, Result};

/// Longest text that lies within its view.
const INLINE: usize = 12;
/// Number of the block among the buffers of the array.
const BLOCK: u32 = 0;
/// Number of the buffer for text that is not in the block as it is.
const SIDE: u32 = 1;
/// A block is held only by columns that use at least this part of it; others copy their text out.
const HELD_PART: usize = 8;

struct TextColumn<'a> {
    decoder: &'a Decoder,
    text: Text<'a>,
    is_binary: bool,
    side: Vec<u8>,
    /// Bytes of the block that views point to.
    long_bytes: usize,
}

/// Converts a column to `Utf8View`, or to `BinaryView` if `is_binary`.
pub(super) fn convert(
    decoder: &Decoder,
    text: Text<'_>,
    cells: Cells<'_>,
    field: Field<'_>,
    is_binary: bool,
) -> Result<Converted> {
    let (rows, bytes) = (cells.rows(), cells.bytes);
    let quote = decoder.dialect.quote;
    let trusted = text.is_utf8 || is_binary;
    let mut column = TextColumn { decoder, text, is_binary, side: Vec::new(), long_bytes: 0 };
    let mut views = vec![0u128; rows];
    let mut validity = Validity::new(rows);
    let mut bad = Vec::new();
    for (row, (slot, cell)) in views.iter_mut().zip(cells.column(field.number, field.is_last)).enumerate() {
        let length = cell.end.wrapping_sub(cell.start);
        if cell.end > cell.start && trusted && !decoder.nulls.may_be(length) {
            let word = sixteen(bytes, cell.start);
            if Some(word as u8) != quote {
                *slot = view_in_block(word, cell.start, length);
                column.long_bytes += if length > INLINE { length } else { 0 };
                continue;
            }
        }
        match column.exact(cell)? {
            Some(Ok(view)) => *slot = view,
            None => validity.set_null(row),
            Some(Err(NotText)) => {
                validity.set_null(row);
                bad.push(row as u32);
            }
        }
    }
    let array = column.finish(views, validity)?;
    Ok(Converted { array, bad })
}

#[inline(always)]
fn view_in_block(word: u128, start: usize, length: usize) -> u128 {
    if length <= INLINE {
        let inside = (1u128 << (8 * length)) - 1;
        return length as u128 | (word & inside) << 32;
    }
    far_view(word as u32, length, BLOCK, start)
}

#[inline(always)]
fn far_view(prefix: u32, length: usize, buffer: u32, offset: usize) -> u128 {
    length as u128 | u128::from(prefix) << 32 | u128::from(buffer) << 64 | (offset as u128) << 96
}

struct NotText;

impl TextColumn<'_> {
    /// The slow and complete way: nulls, quotes, escapes, and bytes that may not be UTF-8.
    #[inline(never)]
    fn exact(&mut self, cell: Cell) -> Result<Option<std::result::Result<u128, NotText>>> {
        let bytes: &[u8] = self.text.buffer;
        if cell.is_missing() {
            return Ok(None);
        }
        let raw = cell.raw(bytes);
        if raw.is_empty() {
            return Ok((!self.decoder.nulls.empty()).then_some(Ok(0)));
        }
        let value = unquoted(&self.decoder.dialect, raw);
        if !value.quoted && self.decoder.nulls.contains(&value.bytes) {
            return Ok(None);
        }
        let is_text = self.is_binary || self.text.is_utf8 || simdutf8::basic::from_utf8(&value.bytes).is_ok();
        if !is_text {
            if !self.decoder.lossy {
                return Ok(Some(Err(NotText)));
            }
            let replaced = String::from_utf8_lossy(&value.bytes);
            return self.put_aside(replaced.as_bytes()).map(|view| Some(Ok(view)));
        }
        match value.bytes {
            std::borrow::Cow::Borrowed(content) => {
                // Either all of the cell, or what its quotes enclose.
                let start = cell.start + usize::from(value.quoted);
                let length = content.len();
                self.long_bytes += if length > INLINE { length } else { 0 };
                Ok(Some(Ok(view_in_block(sixteen(bytes, start), start, length))))
            }
            std::borrow::Cow::Owned(content) => self.put_aside(&content).map(|view| Some(Ok(view))),
        }
    }

    fn put_aside(&mut self, content: &[u8]) -> Result<u128> {
        let word = sixteen(content, 0);
        if content.len() <= INLINE {
            return Ok(view_in_block(word, 0, content.len()));
        }
        let offset = self.side.len();
        if offset + content.len() > i32::MAX as usize {
            return Err(Error::unsupported("more than 2 GiB of quoted text in one batch"));
        }
        self.side.extend_from_slice(content);
        Ok(far_view(word as u32, content.len(), SIDE, offset))
    }

    fn finish(mut self, mut views: Vec<u128>, validity: Validity) -> Result<ArrayRef> {
        let mut block = self.text.buffer.clone();
        if self.long_bytes * HELD_PART < self.text.len {
            self.copy_out(&mut views)?;
            block = Buffer::default();
        }
        let nulls = validity.finish();
        let buffers = match (block.is_empty(), self.side.is_empty()) {
            (true, true) => Vec::new(),
            (false, true) => vec![block],
            _ => vec![block, Buffer::from_vec(self.side)],
        };
        let views = ScalarBuffer::from(views);
        // SAFETY: every view is inline, or points to `length` bytes inside the block or the side buffer, with
        // the first four of them as its prefix. Unless binary, those bytes are UTF-8: cells of a block that
        // is UTF-8 as a whole are cut at ASCII bytes, and all others were validated one by one.
        Ok(unsafe {
            if self.is_binary {
                Arc::new(BinaryViewArray::new_unchecked(views, buffers, nulls))
            } else {
                Arc::new(StringViewArray::new_unchecked(views, buffers, nulls))
            }
        })
    }

    fn copy_out(&mut self, views: &mut [u128]) -> Result<()> {
        if self.long_bytes == 0 {
            return Ok(());
        }
        let block = self.text.buffer.clone();
        self.side.reserve(self.long_bytes);
        for view in views {
            let length = *view as u32 as usize;
            if length > INLINE && (*view >> 64) as u32 == BLOCK {
                let start = (*view >> 96) as usize;
                *view = self.put_aside(block.get(start..start + length).unwrap_or_default())?;
            }
        }
        Ok(())
    }
}
