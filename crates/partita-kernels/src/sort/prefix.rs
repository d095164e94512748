//! [`SortKeys`]: the sort keys of a batch as 128-bit prefixes, with the whole keys behind them for ties.
//!
//! The encoding depends on types and options alone, so keys of different batches compare: that is what merges, key ranges
//! and top-k need. Columns are laid out from the most significant bit on: one bit for null, then the value, inverted where
//! the direction is descending. Text is cut to the bytes that fit, followed by its length, so that equal prefixes of short
//! texts mean equal texts.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, BinaryViewArray};

use super::SortOptions;
use crate::keys::{KeyColumn, KeyValues};
use crate::{Error, Result};

/// Bits of a prefix.
const PREFIX_BITS: u32 = u128::BITS;
/// Bits that hold a text's length, where up to 15 bytes of text fit; the largest code means "longer".
const LENGTH_BITS: u32 = 5;

/// The sort keys of a batch, comparable with those of any other batch encoded with the same options.
#[derive(Debug, Clone)]
pub struct SortKeys {
    prefixes: Vec<u128>,
    /// What equal prefixes leave open.
    rest: Vec<(KeyColumn, SortOptions)>,
    text_tie: Option<TextTie>,
}

/// How an equal prefix that ends in text can still be recognised as equal text.
#[derive(Debug, Clone, Copy)]
struct TextTie {
    options: SortOptions,
    /// The place of the length bits.
    shift: u32,
    /// Texts of up to this many bytes are in the prefix.
    bytes: u32,
    /// Whether the key has no column after the text.
    last: bool,
}

impl SortKeys {
    /// Encodes the key columns of one batch, the most important first.
    ///
    /// # Errors
    /// No columns, not as many options as columns, or a type without an order.
    pub fn encode(columns: &[ArrayRef], options: &[SortOptions]) -> Result<SortKeys> {
        check_keys(columns, options)?;
        let columns =
            columns.iter().map(|column| KeyColumn::new(column.as_ref())).collect::<Result<Vec<_>>>()?;
        Ok(SortKeys::from_columns(columns, options))
    }

    fn from_columns(columns: Vec<KeyColumn>, options: &[SortOptions]) -> SortKeys {
        let mut prefixes = vec![0; columns.first().map_or(0, KeyColumn::len)];
        let mut free = PREFIX_BITS;
        let mut keys = columns.into_iter().zip(options.iter().copied()).peekable();
        let mut text_tie = None;
        while let Some((column, options)) = keys.peek() {
            let whole = match &column.values {
                KeyValues::Narrow { words, bits } => {
                    let values = words.iter().map(|word| u128::from(*word));
                    push_words(&mut prefixes, &mut free, column, *options, values, *bits)
                }
                KeyValues::Wide(words) => {
                    push_words(&mut prefixes, &mut free, column, *options, words.iter().copied(), 128)
                }
                KeyValues::Bytes(bytes) => {
                    text_tie = push_text(&mut prefixes, free, column, *options, bytes);
                    false
                }
            };
            if !whole {
                break;
            }
            keys.next();
        }
        let rest: Vec<_> = keys.collect();
        if let Some(tie) = &mut text_tie {
            tie.last = rest.len() == 1;
        }
        SortKeys { prefixes, rest, text_tie }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// The bytes that the keys hold; text counts with the buffers that it keeps alive.
    pub fn size_bytes(&self) -> usize {
        let rest: usize = self.rest.iter().map(|(column, _)| column.size_bytes()).sum();
        self.prefixes.capacity() * size_of::<u128>() + rest
    }

    /// Compares a row with a row of `other`, which was encoded with the same types and options.
    ///
    /// # Panics
    /// If a row is out of range.
    #[inline]
    pub fn compare(&self, row: usize, other: &SortKeys, other_row: usize) -> Ordering {
        match self.prefixes[row].cmp(&other.prefixes[other_row]) {
            Ordering::Equal if self.rest.is_empty() => Ordering::Equal,
            Ordering::Equal => self.compare_rest(row, other, other_row),
            order => order,
        }
    }

    /// Whether the rows are in order.
    pub fn is_sorted(&self) -> bool {
        (1..self.len()).all(|row| self.compare(row - 1, self, row).is_le())
    }

    /// The keys of `len` rows from `offset` on, for a range of a sorted batch.
    ///
    /// # Panics
    /// If the rows are out of range.
    #[must_use]
    pub fn slice(&self, offset: usize, len: usize) -> SortKeys {
        let rest = self.rest.iter().map(|(column, options)| (column.slice(offset, len), *options));
        SortKeys {
            prefixes: self.prefixes[offset..offset + len].to_vec(),
            rest: rest.collect(),
            text_tie: self.text_tie,
        }
    }

    /// The keys at `rows`.
    pub(super) fn take(&self, rows: &[u32]) -> Result<SortKeys> {
        let rest = self.rest.iter().map(|(column, options)| Ok((column.take(rows)?, *options)));
        Ok(SortKeys {
            prefixes: rows.iter().map(|row| self.prefixes[*row as usize]).collect(),
            rest: rest.collect::<Result<Vec<_>>>()?,
            text_tie: self.text_tie,
        })
    }

    /// Compares two rows with equal prefixes.
    fn compare_rest(&self, row: usize, other: &SortKeys, other_row: usize) -> Ordering {
        let mut from = 0;
        if let Some(tie) = self.text_tie.filter(|tie| tie.is_whole(self.prefixes[row])) {
            if tie.last {
                return Ordering::Equal;
            }
            from = 1;
        }
        compare_columns(&self.rest[from..], row, &other.rest[from..], other_row)
    }
}

/// Compares two rows column by column.
pub(super) fn compare_columns(
    left: &[(KeyColumn, SortOptions)],
    left_row: usize,
    right: &[(KeyColumn, SortOptions)],
    right_row: usize,
) -> Ordering {
    for ((left, options), (right, _)) in left.iter().zip(right) {
        let order = match (left.is_null(left_row), right.is_null(right_row)) {
            (true, true) => Ordering::Equal,
            (true, false) if options.nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if options.nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let order = left.compare_values(left_row, right, right_row);
                if options.descending { order.reverse() } else { order }
            }
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

impl TextTie {
    /// Whether the text of this prefix is wholly in it, or is null.
    #[inline]
    fn is_whole(self, prefix: u128) -> bool {
        let code = (prefix >> self.shift) & ((1 << LENGTH_BITS) - 1);
        let length = if self.options.descending { (1 << LENGTH_BITS) - 1 - code } else { code };
        length <= u128::from(self.bytes)
    }
}

/// Refuses keys without columns, and columns without options.
pub(super) fn check_keys(columns: &[ArrayRef], options: &[SortOptions]) -> Result<()> {
    if columns.is_empty() || columns.len() != options.len() {
        return Err(Error::invalid(format!(
            "a sort needs at least one key and options for each; it got {} keys and {} options",
            columns.len(),
            options.len()
        )));
    }
    if columns.iter().any(|column| column.len() != columns[0].len()) {
        return Err(Error::invalid(
            "the sort keys of one batch differ in length; compute them from the same rows",
        ));
    }
    Ok(())
}

/// Appends a null bit and values of `bits` bits to the prefixes; `false` if some of the bits did not fit.
fn push_words(
    prefixes: &mut [u128],
    free: &mut u32,
    column: &KeyColumn,
    options: SortOptions,
    values: impl Iterator<Item = u128>,
    bits: u32,
) -> bool {
    let Some(room) = free.checked_sub(1) else { return false };
    let kept = bits.min(room);
    let mask = u128::MAX.checked_shr(PREFIX_BITS - bits).unwrap_or(0);
    let invert = if options.descending { mask } else { 0 };
    let present_bit = u128::from(options.nulls_first) << room;
    let null_bit = u128::from(!options.nulls_first) << room;
    let place = |value: u128| {
        // Cut off what does not fit, then leave below what is still free.
        let cut = (value ^ invert).checked_shr(bits - kept).unwrap_or(0);
        present_bit | cut.checked_shl(room - kept).unwrap_or(0)
    };
    match &column.nulls {
        None => prefixes.iter_mut().zip(values).for_each(|(prefix, value)| *prefix |= place(value)),
        Some(nulls) => {
            for ((prefix, value), present) in prefixes.iter_mut().zip(values).zip(nulls.iter()) {
                *prefix |= if present { place(value) } else { null_bit };
            }
        }
    }
    *free = room - kept;
    kept == bits
}

/// Fills the rest of the prefixes with a null bit, text and the text's length.
fn push_text(
    prefixes: &mut [u128],
    free: u32,
    column: &KeyColumn,
    options: SortOptions,
    texts: &BinaryViewArray,
) -> Option<TextTie> {
    let room = free.checked_sub(1 + LENGTH_BITS)?;
    let bytes = room / 8;
    let shift = room % 8;
    let field = (1_u128 << (bytes * 8 + LENGTH_BITS)) - 1;
    let invert = if options.descending { field } else { 0 };
    let present_bit = u128::from(options.nulls_first) << (free - 1);
    let null_bit = u128::from(!options.nulls_first) << (free - 1);
    let kept = bytes as usize;
    for (row, prefix) in prefixes.iter_mut().enumerate() {
        if column.is_null(row) {
            *prefix |= null_bit | (invert << shift);
            continue;
        }
        let text: &[u8] = texts.value(row);
        let mut start = [0_u8; 16];
        let shown = text.len().min(kept);
        start[..shown].copy_from_slice(&text[..shown]);
        let cut = u128::from_be_bytes(start).checked_shr(PREFIX_BITS - bytes * 8).unwrap_or(0);
        let length = text.len().min(kept + 1) as u128;
        *prefix |= present_bit | ((((cut << LENGTH_BITS) | length) ^ invert) << shift);
    }
    Some(TextTie { options, shift, bytes, last: false })
}
