//! Pieces of texts as views of the same bytes: nothing is copied, and where a piece is ASCII and lies in its text's
//! view, as the first four bytes always do, nothing else is read.

use std::ops::Range;

use arrow::array::{Array, MAX_INLINE_VIEW_LEN, StringViewArray, make_view};
use arrow::buffer::ScalarBuffer;

/// The high bit of each byte.
const NOT_ASCII: u128 = u128::from_ne_bytes([0x80; 16]);
/// How many of a longer text's bytes are in its view.
const PREFIX_BYTES: usize = 4;

/// `length` characters of a text from character `start` on, as Python's slices: a negative `start` counts from the end,
/// and what lies outside of the text is left out.
pub fn slice(text: &str, start: i64, length: i64) -> &str {
    &text[characters(text, start, length)]
}

/// As [`slice()`], of each text. Null stays null.
pub fn slice_texts(texts: &StringViewArray, start: i64, length: i64) -> StringViewArray {
    let nulls = texts.nulls();
    let views = texts.views().iter().enumerate().map(|(row, &view)| {
        if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return 0;
        }
        in_view(view, start, length).unwrap_or_else(|| {
            let text = texts.value(row);
            piece_of(view, text.as_bytes(), characters(text, start, length))
        })
    });
    let views: ScalarBuffer<u128> = views.collect();
    // SAFETY: a view that is made holds, or refers in the same buffers to, whole characters of the text in its row: `in_view`
    // cuts only where all bytes before are ASCII, and `characters` where characters begin.
    unsafe { StringViewArray::new_unchecked(views, texts.data_buffers().to_vec(), nulls.cloned()) }
}

/// The view of a piece that can be cut from the view alone.
#[inline]
fn in_view(view: u128, start: i64, length: i64) -> Option<u128> {
    let bytes = view as u32 as usize;
    let (start, length) = (usize::try_from(start).ok()?, usize::try_from(length).ok()?);
    let (from, to) = (start.min(bytes), start.saturating_add(length).min(bytes));
    let known = if bytes <= MAX_INLINE_VIEW_LEN as usize { bytes } else { PREFIX_BYTES };
    let before = (view >> 32) & ((1 << (to.min(known) * 8)) - 1);
    (to <= known && before & NOT_ASCII == 0).then(|| (before >> (from * 8)) << 32 | (to - from) as u128)
}

/// Where some characters of a text lie.
fn characters(text: &str, start: i64, length: i64) -> Range<usize> {
    let (mut start, mut length) = (start, length.max(0));
    if start < 0 {
        let before = start.saturating_add_unsigned(text.chars().count() as u64);
        if before < 0 {
            // What lies before the text counts as taken.
            length = length.saturating_add(before).max(0);
        }
        start = before.max(0);
    }
    let at = |characters: i64, text: &str| {
        let at = usize::try_from(characters).ok().and_then(|n| text.char_indices().nth(n));
        at.map_or(text.len(), |(at, _)| at)
    };
    let from = at(start, text);
    from..from + at(length, &text[from..])
}

/// The view of a piece of a text with this view.
fn piece_of(view: u128, text: &[u8], piece: Range<usize>) -> u128 {
    let (buffer, offset) = ((view >> 64) as u32, (view >> 96) as u32);
    // What is too long to lie in its view is of a text that was too, whose buffers are at most 4 GiB.
    make_view(&text[piece.clone()], buffer, offset.wrapping_add(piece.start as u32))
}

#[cfg(test)]
mod tests;
