//! One key column's place in a packed key: how many bits, where, and how values become these bits and back.
//!
//! Code 0 is null in every field that has room for it; 64-bit and wider values have a null bit of their own.
//! `layout` gives fields their places, `table` compares the keys.

use std::ops::Range;

use arrow::buffer::NullBuffer;

use super::column::{KeyColumn, Words};
use super::interner::Interner;
use crate::{Error, Result};

/// The widest integer code; beyond it a value takes a whole word, which needs no range.
const WIDEST_CODE: u32 = 56;
/// The longest text that lies in its view, and so in two words.
const INLINE: u32 = 12;
/// The longest text that fits in one word with its length.
const SHORT: u32 = 7;
const LENGTH_BITS: u32 = 4;
const NULL_TEXT: u128 = u32::MAX as u128;

/// How a field's values are coded.
#[derive(Debug)]
pub(super) enum Code {
    /// `value - base + 1` in this many bits.
    Offset { base: i64, bits: u32 },
    /// The value's 64 bits.
    Word,
    /// The value's words.
    Wide(usize),
    /// Length and bytes of a text of at most this many bytes.
    Short(u32),
    /// The last [`SHORT`] bytes of texts of one length of 8 to 12 that begin alike, as ids do, with what all their views begin
    /// with.
    Tail(u128),
    /// The view of a text of at most 12 bytes.
    Inline,
    /// The number of the text among all texts of this column.
    Interned(Box<Interner>),
}

/// Where bits lie: the word and the bit in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) word: usize,
    pub(super) shift: u32,
}

/// A coded column and its places.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) code: Code,
    pub(super) place: Place,
    /// Where the null bit lies, if the code needs one.
    pub(super) null: Place,
}

impl Code {
    /// Bits below a word that the code takes, whole words that it takes, and whether it needs a null bit.
    pub(super) fn needs(&self) -> (u32, usize, bool) {
        match self {
            Code::Offset { bits, .. } => (*bits, 0, false),
            Code::Word => (0, 1, true),
            Code::Wide(words) => (0, *words, true),
            Code::Short(bytes) => (bytes * 8 + LENGTH_BITS, 0, false),
            Code::Tail(_) => (SHORT * 8 + 1, 0, false),
            Code::Inline => (0, 2, false),
            Code::Interned(interner) => (interner.bits(), 0, false),
        }
    }

    /// The code for a column seen for the first time, or `before` widened so that `rows` fit as well.
    pub(super) fn fit(before: Option<Code>, column: &KeyColumn, rows: Range<usize>) -> Result<Code> {
        Ok(match column {
            KeyColumn::Word(words, nulls) => fit_words(before, words, nulls.as_ref(), rows),
            KeyColumn::Wide(_, _) => Code::Wide(if let Some(Code::Wide(words)) = before { words } else { 4 }),
            KeyColumn::Text(views, _, nulls) => {
                let valid = |row: &usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row));
                let valid = || rows.clone().filter(valid).map(|row| views[row]);
                let longest = valid().map(|view| view as u32).max().unwrap_or(0);
                match before {
                    Some(Code::Interned(mut interner)) => {
                        interner.widen();
                        Code::Interned(interner)
                    }
                    _ if longest > INLINE => Code::Interned(Box::default()),
                    Some(Code::Tail(head)) if valid().all(|view| head_of(view) == head) => Code::Tail(head),
                    None if longest > SHORT => match common_head(valid()) {
                        Some(head) => Code::Tail(head),
                        None => Code::Inline,
                    },
                    Some(Code::Inline | Code::Tail(_)) => Code::Inline,
                    _ if longest > SHORT => Code::Inline,
                    Some(Code::Short(bytes)) => Code::Short(bytes.max(longest)),
                    _ => Code::Short(longest),
                }
            }
            KeyColumn::Coded(coded) => {
                let mut interner =
                    if let Some(Code::Interned(interner)) = before { interner } else { Box::default() };
                interner.make_room(coded);
                Code::Interned(interner)
            }
            KeyColumn::Codes(_) => {
                return Err(Error::invalid("codes cannot be fitted; they belong to their field"));
            }
        })
    }
}

/// Where the tail of a text begins in its view, which says how long the text is.
fn tail_place(view: u128) -> u32 {
    u32::BITS + (view as u32).clamp(SHORT, INLINE).abs_diff(SHORT) * 8
}

/// The length of a text and what it begins with, up to its tail.
fn head_of(view: u128) -> u128 {
    view & ((1 << tail_place(view)) - 1)
}

/// That of all texts.
fn common_head(mut views: impl Iterator<Item = u128>) -> Option<u128> {
    let head = head_of(views.next()?);
    views.all(|view| head_of(view) == head).then_some(head)
}

fn fit_words(before: Option<Code>, words: &Words, nulls: Option<&NullBuffer>, rows: Range<usize>) -> Code {
    if let Some(Code::Word) = before {
        return Code::Word;
    }
    let mut values = Vec::with_capacity(rows.len());
    words.load(rows.clone(), &mut values);
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for (row, &value) in rows.zip(&values) {
        if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
            low = low.min(value);
            high = high.max(value);
        }
    }
    let mut fewest = 1;
    if let Some(Code::Offset { base, bits }) = before {
        // Each widening at least this much: a growing column is repacked a few times, not once a batch.
        fewest = bits + 8;
        low = low.min(base);
        high = high.max(base.saturating_add((1i64 << bits) - 2));
    }
    let count = (i128::from(high) - i128::from(low) + 1).max(0) as u128;
    // One bit more than needed, half of the room on either side: the first batch seldom shows the extremes.
    let bits = (128 - count.leading_zeros() + 1).max(fewest);
    if bits > WIDEST_CODE {
        return Code::Word;
    }
    let room = (1u128 << bits) - 1 - count;
    let base = if count == 0 { 0 } else { low.wrapping_sub((room / 2) as i64) };
    Code::Offset { base, bits }
}

impl Field {
    /// Writes the codes of `rows` into `keys` (zeroed); false if some value does not fit and the layout must widen.
    pub(super) fn encode<const W: usize>(
        &mut self,
        column: &KeyColumn,
        rows: Range<usize>,
        keys: &mut [[u64; W]],
        scratch: &mut Scratch,
    ) -> bool {
        let Place { word, shift } = self.place;
        // Widths are powers of two: the mask changes nothing but frees the loops from checking bounds.
        let (word, null) = (word & (W - 1), self.null);
        let first_row = rows.start;
        let mut is_too_wide = false;
        match (&mut self.code, column) {
            (Code::Offset { base, bits }, KeyColumn::Word(words, nulls)) => {
                let (base, limit) = (*base, (1u64 << *bits) - 1);
                pack(words.get(rows, &mut scratch.words), nulls.as_ref(), first_row, keys, |key, value| {
                    if let Some(value) = value {
                        let code = value.wrapping_sub(base) as u64;
                        key[word] |= code.wrapping_add(1) << shift;
                        is_too_wide |= code >= limit;
                    }
                });
            }
            (Code::Word, KeyColumn::Word(words, nulls)) => {
                pack(words.get(rows, &mut scratch.words), nulls.as_ref(), first_row, keys, |key, value| {
                    match value {
                        Some(value) => key[word] = value as u64,
                        None => key[null.word] |= 1 << null.shift,
                    }
                });
            }
            (Code::Wide(width), KeyColumn::Wide(values, nulls)) => {
                let width = *width;
                pack(&values[rows], nulls.as_ref(), first_row, keys, |key, value| match value {
                    Some(value) => key[word..word + width].copy_from_slice(&value[..width]),
                    None => key[null.word] |= 1 << null.shift,
                });
            }
            (Code::Short(_) | Code::Tail(_) | Code::Inline, KeyColumn::Text(views, _, nulls)) => {
                is_too_wide = !self.encode_texts(&views[rows], nulls.as_ref(), first_row, keys);
            }
            (Code::Interned(_), KeyColumn::Codes(codes)) => put_codes(&codes[rows], self.place, keys),
            (Code::Interned(interner), texts) => {
                scratch.codes.clear();
                is_too_wide = !interner.upsert(texts, rows, &mut scratch.codes) || !interner.fits();
                put_codes(&scratch.codes, self.place, keys);
            }
            _ => is_too_wide = true,
        }
        !is_too_wide
    }

    /// The same of texts that lie in their views.
    #[inline(always)]
    fn encode_texts<const W: usize>(
        &self,
        views: &[u128],
        nulls: Option<&NullBuffer>,
        first_row: usize,
        keys: &mut [[u64; W]],
    ) -> bool {
        let Place { word, shift } = self.place;
        let word = word & (W - 1);
        let mut is_too_wide = false;
        match &self.code {
            Code::Short(longest) => pack(views, nulls, first_row, keys, |key, view| {
                if let Some(view) = view {
                    let length = view as u32;
                    let code = ((view >> 32) as u64) << LENGTH_BITS | u64::from(length.wrapping_add(1));
                    key[word] |= code << shift;
                    is_too_wide |= length > *longest;
                }
            }),
            Code::Tail(head) => {
                let tail = tail_place(*head);
                pack(views, nulls, first_row, keys, |key, view| {
                    if let Some(view) = view {
                        key[word] |= ((view >> tail) as u64).wrapping_add(1) << shift;
                        is_too_wide |= view & ((1 << tail) - 1) != *head;
                    }
                });
            }
            _ => pack(views, nulls, first_row, keys, |key, view| {
                is_too_wide |= view.is_some_and(|view| view as u32 > INLINE);
                let view = view.unwrap_or(NULL_TEXT);
                key[word] = view as u64;
                key[word + 1] = (view >> 64) as u64;
            }),
        }
        !is_too_wide
    }

    /// The values of these keys; interned ones as codes, or as the texts that these stand for.
    pub(super) fn decode<const W: usize>(&self, keys: &[[u64; W]], texts: bool) -> KeyColumn {
        let Place { word, shift } = self.place;
        let has_null = || nulls_at(keys, self.null);
        match &self.code {
            Code::Offset { base, bits } => {
                let mask = (1u64 << bits) - 1;
                let code = |key: &[u64; W]| key[word] >> shift & mask;
                let values = keys.iter().map(|key| match code(key) {
                    0 => 0,
                    code => base.wrapping_add(code as i64 - 1),
                });
                let values = values.collect::<Vec<i64>>();
                KeyColumn::Word(Words::I64(values.into()), nulls_where(keys, |key| code(key) == 0))
            }
            Code::Word => {
                KeyColumn::Word(Words::I64(keys.iter().map(|key| key[word] as i64).collect()), has_null())
            }
            Code::Wide(width) => {
                let mut values = vec![[0; 4]; keys.len()];
                for (value, key) in values.iter_mut().zip(keys) {
                    value[..*width].copy_from_slice(&key[word..word + width]);
                }
                KeyColumn::Wide(values, has_null())
            }
            Code::Short(longest) => {
                let mask = (1u64 << (longest * 8 + LENGTH_BITS)) - 1;
                let code = |key: &[u64; W]| key[word] >> shift & mask;
                let view = |code: u64| match code & ((1 << LENGTH_BITS) - 1) {
                    0 => 0,
                    length => u128::from(code >> LENGTH_BITS) << 32 | u128::from(length - 1),
                };
                let views = keys.iter().map(|key| view(code(key))).collect::<Vec<_>>();
                KeyColumn::Text(views.into(), [].into(), nulls_where(keys, |key| code(key) == 0))
            }
            Code::Tail(head) => {
                let (mask, tail) = ((1u64 << (SHORT * 8 + 1)) - 1, tail_place(*head));
                let code = |key: &[u64; W]| key[word] >> shift & mask;
                let views = keys.iter().map(|key| match code(key) {
                    0 => 0,
                    code => u128::from(code - 1) << tail | head,
                });
                let views = views.collect::<Vec<_>>();
                KeyColumn::Text(views.into(), [].into(), nulls_where(keys, |key| code(key) == 0))
            }
            Code::Inline => {
                let view = |key: &[u64; W]| u128::from(key[word]) | u128::from(key[word + 1]) << 64;
                let views = keys.iter().map(|key| match view(key) {
                    NULL_TEXT => 0,
                    view => view,
                });
                let views = views.collect::<Vec<_>>();
                KeyColumn::Text(views.into(), [].into(), nulls_where(keys, |key| view(key) == NULL_TEXT))
            }
            Code::Interned(interner) => {
                let mask = (1u64 << interner.bits()) - 1;
                let codes: Vec<u32> = keys.iter().map(|key| (key[word] >> shift & mask) as u32).collect();
                if !texts {
                    return KeyColumn::Codes(codes);
                }
                let (views, buffers, nulls) = interner.table.resolve(&codes);
                KeyColumn::Text(views, buffers, nulls)
            }
        }
    }
}

/// Buffers that encoding fills again for every chunk.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    words: Vec<i64>,
    codes: Vec<u32>,
}

/// Calls `put` for each key with its value, or with none for null.
#[inline(always)]
fn pack<const W: usize, T: Copy>(
    values: &[T],
    nulls: Option<&NullBuffer>,
    first_row: usize,
    keys: &mut [[u64; W]],
    mut put: impl FnMut(&mut [u64; W], Option<T>),
) {
    match nulls {
        None => keys.iter_mut().zip(values).for_each(|(key, &value)| put(key, Some(value))),
        Some(nulls) => {
            for ((row, key), &value) in (first_row..).zip(keys).zip(values) {
                put(key, nulls.is_valid(row).then_some(value));
            }
        }
    }
}

fn put_codes<const W: usize>(codes: &[u32], place: Place, keys: &mut [[u64; W]]) {
    for (key, &code) in keys.iter_mut().zip(codes) {
        key[place.word] |= u64::from(code) << place.shift;
    }
}

fn nulls_at<const W: usize>(keys: &[[u64; W]], place: Place) -> Option<NullBuffer> {
    nulls_where(keys, |key| key[place.word] >> place.shift & 1 == 1)
}

fn nulls_where<const W: usize>(keys: &[[u64; W]], is_null: impl Fn(&[u64; W]) -> bool) -> Option<NullBuffer> {
    if !keys.iter().any(&is_null) {
        return None;
    }
    Some(keys.iter().map(|key| !is_null(key)).collect::<Vec<bool>>().into())
}
