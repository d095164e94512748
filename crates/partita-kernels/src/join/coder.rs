//! Packs the key columns of a row into one word: the smaller the build side's ranges, the smaller the word.
//!
//! Each column (or group of columns) becomes a code between 0 and a maximum: its distance from the smallest build value, or,
//! for text and for columns too wide to pack, the number of the first build row with that value, found through an index of
//! its own. Codes are combined by mixed radix, so that several small integer keys still give a dense range.

use std::ops::Range;

use super::NO_ROW;
use super::index::{KeyIndex, Scratch};
use crate::Result;
use crate::keys::{KeyColumn, KeyValues};

/// Turns key columns into one word per row.
#[derive(Debug)]
pub(crate) struct RowCoder {
    columns: Vec<ColumnCoder>,
    /// The largest word.
    pub(crate) max: u128,
}

/// Turns one column, or one group of columns, into codes from 0 to `max`.
#[derive(Debug)]
struct ColumnCoder {
    source: Source,
    /// Code 0 means null; else null rows have no code.
    null_code: bool,
    max: u128,
}

#[derive(Debug)]
enum Source {
    /// The distance from `low`, for values up to `low + span`.
    Distance { column: usize, low: u128, span: u128 },
    /// The first build row with the same values in `columns`.
    Index { columns: Range<usize>, index: Box<KeyIndex> },
}

/// A word of 64 or 128 bits that row codes fit in.
pub(crate) trait Word: Copy + Default {
    fn narrow(value: u128) -> Self;
    fn push(self, radix: u128, code: u128) -> Self;
}

impl Word for u64 {
    #[inline(always)]
    fn narrow(value: u128) -> u64 {
        value as u64
    }
    #[inline(always)]
    fn push(self, radix: u128, code: u128) -> u64 {
        self.wrapping_mul(radix as u64).wrapping_add(code as u64)
    }
}

impl Word for u128 {
    #[inline(always)]
    fn narrow(value: u128) -> u128 {
        value
    }
    #[inline(always)]
    fn push(self, radix: u128, code: u128) -> u128 {
        self.wrapping_mul(radix).wrapping_add(code)
    }
}

impl RowCoder {
    /// Plans the packing for the build side's columns; rows whose `valid` byte is 0 do not count.
    pub(crate) fn plan(columns: &[KeyColumn], valid: &[u8], nulls_equal: bool) -> Result<RowCoder> {
        let alone = columns.len() == 1;
        let mut coder = RowCoder { columns: Vec::new(), max: 0 };
        for (number, column) in columns.iter().enumerate() {
            let next = ColumnCoder::plan(columns, number, column, valid, nulls_equal, alone)?;
            if coder.columns.is_empty() {
                coder = RowCoder { max: next.max, columns: vec![next] };
            } else if let Some(max) = combined(coder.max, next.max) {
                coder.columns.push(next);
                coder.max = max;
            } else {
                // The columns so far become one code of at most 32 bits, and `next` has at most 65.
                let index = KeyIndex::build(&columns[..number], valid, nulls_equal, &mut Vec::new())?;
                let source = Source::Index { columns: 0..number, index: Box::new(index) };
                let first = ColumnCoder { source, null_code: false, max: valid.len() as u128 };
                coder.max = combined(first.max, next.max).unwrap_or(u128::MAX);
                coder.columns = vec![first, next];
            }
        }
        Ok(coder)
    }

    /// The smallest value, when a word is nothing but the distance of the only column from it.
    pub(crate) fn only_distance_from(&self) -> Option<u128> {
        match self.columns.as_slice() {
            [ColumnCoder { source: Source::Distance { low, .. }, null_code: false, .. }] => Some(*low),
            _ => None,
        }
    }

    /// A copy that needs no index, if there is one: what a filter can take along.
    pub(crate) fn detached(&self) -> Option<RowCoder> {
        let columns = self.columns.iter().map(|coder| match coder.source {
            Source::Distance { column, low, span } => Some(ColumnCoder {
                source: Source::Distance { column, low, span },
                null_code: coder.null_code,
                max: coder.max,
            }),
            Source::Index { .. } => None,
        });
        Some(RowCoder { columns: columns.collect::<Option<Vec<_>>>()?, max: self.max })
    }

    /// Writes one word per row and clears the `valid` byte of rows that cannot match.
    pub(crate) fn encode<W: Word>(
        &self,
        columns: &[KeyColumn],
        valid: &mut [u8],
        scratch: &mut Scratch,
        words: &mut Vec<W>,
    ) -> Result<()> {
        words.clear();
        words.resize(valid.len(), W::default());
        for coder in &self.columns {
            coder.encode(columns, valid, scratch, words)?;
        }
        Ok(())
    }

    pub(crate) fn size_bytes(&self) -> usize {
        let nested = self.columns.iter().map(|coder| match &coder.source {
            Source::Distance { .. } => 0,
            Source::Index { index, .. } => index.size_bytes(),
        });
        nested.sum::<usize>() + self.columns.capacity() * size_of::<ColumnCoder>()
    }
}

/// The largest word when codes up to `max` are followed by codes up to `next`, if 128 bits hold it.
fn combined(max: u128, next: u128) -> Option<u128> {
    max.checked_mul(next.checked_add(1)?)?.checked_add(next)
}

impl ColumnCoder {
    fn plan(
        columns: &[KeyColumn],
        number: usize,
        column: &KeyColumn,
        valid: &[u8],
        nulls_equal: bool,
        alone: bool,
    ) -> Result<ColumnCoder> {
        let null_code = nulls_equal && column.nulls.is_some();
        let bounds = match &column.values {
            KeyValues::Narrow { words, .. } => {
                Some(bounds(words.iter().map(|word| u128::from(*word)), column, valid))
            }
            KeyValues::Wide(words) => Some(bounds(words.iter().copied(), column, valid)),
            KeyValues::Bytes(_) => None,
        };
        if let Some((low, high)) = bounds {
            let span = high - low;
            // A full 128-bit range leaves no room for a null code or for other columns.
            if span <= u128::from(u64::MAX) || (alone && !null_code) {
                let source = Source::Distance { column: number, low, span };
                return Ok(ColumnCoder { source, null_code, max: span + u128::from(null_code) });
            }
        }
        let mut present = valid.to_vec();
        clear_nulls(column, &mut present);
        let index = KeyIndex::build(&columns[number..=number], &present, false, &mut Vec::new())?;
        let source = Source::Index { columns: number..number + 1, index: Box::new(index) };
        Ok(ColumnCoder { source, null_code, max: valid.len() as u128 })
    }

    fn encode<W: Word>(
        &self,
        columns: &[KeyColumn],
        valid: &mut [u8],
        scratch: &mut Scratch,
        words: &mut [W],
    ) -> Result<()> {
        match &self.source {
            Source::Distance { column, low, span } => {
                let column = &columns[*column];
                match &column.values {
                    KeyValues::Narrow { words: values, .. } => {
                        let (low, span) = (u64::narrow(*low), u64::narrow(*span));
                        let codes = values.iter().map(|value| {
                            let code = value.wrapping_sub(low);
                            (u128::from(code), code <= span)
                        });
                        self.push_codes(codes, column, valid, words);
                    }
                    KeyValues::Wide(values) => {
                        let codes = values.iter().map(|value| {
                            let code = value.wrapping_sub(*low);
                            (code, code <= *span)
                        });
                        self.push_codes(codes, column, valid, words);
                    }
                    KeyValues::Bytes(_) => {
                        unreachable!("bytes have no distance; the table checked the types")
                    }
                }
            }
            Source::Index { columns: range, index } => {
                let mut present = valid.to_vec();
                let group = &columns[range.clone()];
                if let [column] = group {
                    clear_nulls(column, &mut present);
                }
                let mut heads = Vec::with_capacity(valid.len());
                index.lookup(group, &mut present, scratch, &mut heads)?;
                let codes = heads.iter().map(|head| (u128::from(*head), *head != NO_ROW));
                self.push_codes(codes, &columns[range.start], valid, words);
            }
        }
        Ok(())
    }

    fn push_codes<W: Word>(
        &self,
        codes: impl Iterator<Item = (u128, bool)>,
        column: &KeyColumn,
        valid: &mut [u8],
        words: &mut [W],
    ) {
        let radix = self.max.wrapping_add(1);
        let rows = codes.zip(words.iter_mut().zip(valid.iter_mut()));
        match (&column.nulls, self.null_code) {
            (None, _) => {
                let base = u128::from(self.null_code);
                for ((code, known), (word, valid)) in rows {
                    *valid &= u8::from(known);
                    *word = word.push(radix, code.wrapping_add(base));
                }
            }
            (Some(nulls), true) => {
                for (present, ((code, known), (word, valid))) in nulls.iter().zip(rows) {
                    *valid &= u8::from(known || !present);
                    *word = word.push(radix, if present { code.wrapping_add(1) } else { 0 });
                }
            }
            (Some(nulls), false) => {
                // A null that the build side did not have matches nothing; in a group of columns the index decided.
                let decided = matches!(self.source, Source::Index { .. });
                for (present, ((code, known), (word, valid))) in nulls.iter().zip(rows) {
                    *valid &= u8::from(known && (present || decided));
                    *word = word.push(radix, code);
                }
            }
        }
    }
}

/// The smallest and the largest value of the rows that count.
fn bounds(values: impl Iterator<Item = u128>, column: &KeyColumn, valid: &[u8]) -> (u128, u128) {
    let mut bounds: Option<(u128, u128)> = None;
    for (row, value) in values.enumerate() {
        if valid[row] != 0 && !column.is_null(row) {
            let (low, high) = bounds.unwrap_or((value, value));
            bounds = Some((low.min(value), high.max(value)));
        }
    }
    bounds.unwrap_or((0, 0))
}

/// Clears the `valid` byte of every null row.
pub(super) fn clear_nulls(column: &KeyColumn, valid: &mut [u8]) {
    if let Some(nulls) = &column.nulls {
        for (valid, present) in valid.iter_mut().zip(nulls.iter()) {
            *valid &= u8::from(present);
        }
    }
}
