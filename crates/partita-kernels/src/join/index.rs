//! [`KeyIndex`]: from a row's key columns to the first build row with the same key.

use arrow::array::Array;

use super::NO_ROW;
use super::bits::Bits;
use super::coder::{RowCoder, clear_nulls};
use super::map::{BytesMap, FixedMap, is_inline};
use crate::Result;
use crate::keys::{KeyColumn, KeyValues};

/// A direct array may have this many entries for each build row...
const DENSE_ENTRIES_PER_ROW: u128 = 8;
/// ...and this many whatever the number of rows.
const DENSE_ENTRIES_FREE: u128 = 4096;

/// Finds the first build row for a key, in the cheapest way that the build side's keys allow.
#[derive(Debug)]
pub(crate) enum KeyIndex {
    /// No build row can match.
    Empty,
    /// One column of up to 64 bits, of which only is known whether a value is there.
    Bits(Bits),
    /// The word is the place in the array.
    Dense { coder: RowCoder, direct: Vec<u32> },
    /// One column of up to 64 bits in a map, as it is; its values lie between `low` and `high`.
    Plain { low: u64, high: u64, map: FixedMap<u64> },
    /// Words of 64 bits in a map.
    Words { coder: RowCoder, map: FixedMap<u64> },
    /// Words of 128 bits in a map.
    DoubleWords { coder: RowCoder, map: FixedMap<u128> },
    /// One text column of at most 12 bytes per value: the views are the words.
    Views { map: FixedMap<u128> },
    /// One text column.
    Bytes { map: BytesMap },
}

/// Buffers that lookups reuse from batch to batch.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    words: Vec<u64>,
    double_words: Vec<u128>,
    hashes: Vec<u64>,
}

impl KeyIndex {
    /// Enters the rows whose `valid` byte is not 0 and writes each one's first row with the same key to `heads`.
    pub(crate) fn build(
        columns: &[KeyColumn],
        valid: &[u8],
        nulls_equal: bool,
        heads: &mut Vec<u32>,
    ) -> Result<KeyIndex> {
        let rows = valid.iter().filter(|valid| **valid != 0).count();
        if rows == 0 {
            heads.clear();
            heads.resize(valid.len(), NO_ROW);
            return Ok(KeyIndex::Empty);
        }
        if let [KeyColumn { values: KeyValues::Bytes(bytes), nulls }] = columns
            && !(nulls_equal && nulls.is_some())
        {
            let inline = |(view, valid): (&u128, &u8)| *valid == 0 || is_inline(*view);
            return if bytes.views().iter().zip(valid).all(inline) {
                Ok(KeyIndex::Views { map: FixedMap::build(bytes.views(), valid, heads)? })
            } else {
                Ok(KeyIndex::Bytes { map: BytesMap::build(bytes, valid, heads)? })
            };
        }
        let coder = RowCoder::plan(columns, valid, nulls_equal)?;
        let is_dense = coder.max < (rows as u128 * DENSE_ENTRIES_PER_ROW).max(DENSE_ENTRIES_FREE);
        if let (Some(low), [KeyColumn { values: KeyValues::Narrow { words, .. }, .. }]) =
            (coder.only_distance_from(), columns)
        {
            let (low, span) = (u64::try_from(low).unwrap_or(0), u64::try_from(coder.max).unwrap_or(u64::MAX));
            if is_dense {
                let codes = words.iter().map(|word| word.wrapping_sub(low));
                return Ok(KeyIndex::Dense { direct: build_dense(coder.max, codes, valid, heads), coder });
            }
            return Ok(KeyIndex::Plain { low, high: low + span, map: FixedMap::build(words, valid, heads)? });
        }
        let (mut valid, mut scratch) = (valid.to_vec(), Scratch::default());
        if coder.max > u128::from(u64::MAX) {
            let mut words: Vec<u128> = Vec::new();
            coder.encode(columns, &mut valid, &mut scratch, &mut words)?;
            return Ok(KeyIndex::DoubleWords { map: FixedMap::build(&words, &valid, heads)?, coder });
        }
        let mut words: Vec<u64> = Vec::new();
        coder.encode(columns, &mut valid, &mut scratch, &mut words)?;
        if is_dense {
            let direct = build_dense(coder.max, words.into_iter(), &valid, heads);
            return Ok(KeyIndex::Dense { direct, coder });
        }
        Ok(KeyIndex::Words { map: FixedMap::build(&words, &valid, heads)?, coder })
    }

    /// Appends each row's first build row, or [`NO_ROW`]; rows whose `valid` byte is 0 match nothing.
    pub(crate) fn lookup(
        &self,
        columns: &[KeyColumn],
        valid: &mut [u8],
        scratch: &mut Scratch,
        heads: &mut Vec<u32>,
    ) -> Result<()> {
        match self {
            KeyIndex::Empty => heads.resize(heads.len() + valid.len(), NO_ROW),
            KeyIndex::Bits(bits) => {
                let (words, valid) = only_words(columns, valid);
                bits.lookup(words, valid, heads);
            }
            KeyIndex::Dense { coder, direct } => {
                if let (Some(low), [KeyColumn { values: KeyValues::Narrow { words, .. }, nulls: None }]) =
                    (coder.only_distance_from(), columns)
                {
                    let low = u64::try_from(low).unwrap_or(u64::MAX);
                    heads.extend(words.iter().map(|word| direct_row(direct, word.wrapping_sub(low))));
                    return Ok(());
                }
                let mut words = std::mem::take(&mut scratch.words);
                coder.encode(columns, valid, scratch, &mut words)?;
                let rows = words.iter().zip(valid);
                heads.extend(
                    rows.map(|(word, valid)| if *valid == 0 { NO_ROW } else { direct_row(direct, *word) }),
                );
                scratch.words = words;
            }
            KeyIndex::Plain { map, .. } => {
                let (words, valid) = only_words(columns, valid);
                map.lookup(words, valid, heads);
            }
            KeyIndex::Words { coder, map } => {
                let mut words = std::mem::take(&mut scratch.words);
                coder.encode(columns, valid, scratch, &mut words)?;
                map.lookup(&words, valid, heads);
                scratch.words = words;
            }
            KeyIndex::DoubleWords { coder, map } => {
                let mut words = std::mem::take(&mut scratch.double_words);
                coder.encode(columns, valid, scratch, &mut words)?;
                map.lookup(&words, valid, heads);
                scratch.double_words = words;
            }
            KeyIndex::Views { map } => {
                let bytes = only_bytes(columns, valid);
                for (valid, view) in valid.iter_mut().zip(bytes.views().iter()) {
                    *valid &= u8::from(is_inline(*view));
                }
                map.lookup(bytes.views(), valid, heads);
            }
            KeyIndex::Bytes { map } => {
                map.lookup(only_bytes(columns, valid), valid, &mut scratch.hashes, heads)
            }
        }
        Ok(())
    }

    /// The smallest and the largest word of the only column, where words are distances and null is not among them.
    pub(crate) fn bounds(&self) -> Option<(u128, u128)> {
        match self {
            KeyIndex::Dense { coder, .. }
            | KeyIndex::Words { coder, .. }
            | KeyIndex::DoubleWords { coder, .. } => {
                let low = coder.only_distance_from()?;
                Some((low, low + coder.max))
            }
            KeyIndex::Plain { low, high, .. } => Some((u128::from(*low), u128::from(*high))),
            KeyIndex::Empty | KeyIndex::Bits(_) | KeyIndex::Views { .. } | KeyIndex::Bytes { .. } => None,
        }
    }

    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            KeyIndex::Empty => 0,
            KeyIndex::Bits(bits) => bits.size_bytes(),
            KeyIndex::Dense { coder, direct } => coder.size_bytes() + direct.capacity() * size_of::<u32>(),
            KeyIndex::Plain { map, .. } => map.size_bytes(),
            KeyIndex::Words { coder, map } => coder.size_bytes() + map.size_bytes(),
            KeyIndex::DoubleWords { coder, map } => coder.size_bytes() + map.size_bytes(),
            KeyIndex::Views { map } => map.size_bytes(),
            KeyIndex::Bytes { map } => map.size_bytes(),
        }
    }
}

#[inline(always)]
fn direct_row(direct: &[u32], word: u64) -> u32 {
    usize::try_from(word).ok().and_then(|place| direct.get(place)).copied().unwrap_or(NO_ROW)
}

fn build_dense(max: u128, words: impl Iterator<Item = u64>, valid: &[u8], heads: &mut Vec<u32>) -> Vec<u32> {
    let entries = usize::try_from(max).unwrap_or(usize::MAX).saturating_add(1);
    let mut direct = vec![NO_ROW; entries];
    heads.clear();
    heads.reserve(valid.len());
    heads.extend((0_u32..).zip(words.zip(valid)).map(|(row, (word, valid))| {
        if *valid == 0 {
            return NO_ROW;
        }
        let place = usize::try_from(word).unwrap_or(usize::MAX);
        let entry = &mut direct[place];
        if *entry == NO_ROW {
            *entry = row;
        }
        *entry
    }));
    direct
}

/// The words of the only key column, which the table's type check found to have such; its null rows match nothing.
fn only_words<'a>(columns: &'a [KeyColumn], valid: &'a mut [u8]) -> (&'a [u64], &'a [u8]) {
    match columns {
        [column @ KeyColumn { values: KeyValues::Narrow { words, .. }, .. }] => {
            clear_nulls(column, valid);
            (words, valid)
        }
        _ => unreachable!("the table checked that the key is one column of words"),
    }
}

/// The only key column, which the table's type check found to be bytes; its null rows match nothing.
fn only_bytes<'a>(columns: &'a [KeyColumn], valid: &mut [u8]) -> &'a arrow::array::BinaryViewArray {
    match columns {
        [column @ KeyColumn { values: KeyValues::Bytes(bytes), .. }] => {
            clear_nulls(column, valid);
            debug_assert_eq!(bytes.len(), valid.len(), "one valid byte per row");
            bytes
        }
        _ => unreachable!("the table checked that the key is one text column"),
    }
}
