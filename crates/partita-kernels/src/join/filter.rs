//! [`JoinFilter`]: a small test that most probe rows without a match fail, made while the table is built.
//!
//! Keys that fit a dense range get an exact bitmap; others a Bloom filter of one 64-bit word per key, so that a test costs
//! one cache miss at most.

use arrow::array::{Array, ArrayRef};
use arrow::buffer::BooleanBuffer;

use super::bits::Bits;
use super::coder::{RowCoder, clear_nulls};
use super::index::{KeyIndex, Scratch};
use super::map::{TableKey, hash_bytes};
use crate::Result;
use crate::keys::{KeyColumn, KeyValues};

/// The largest bitmap: 8 MiB.
const BITMAP_BITS: u128 = 1 << 26;
/// Bloom bits per build row: with four bits set in one word, about 1 of 70 wrong keys passes.
const BLOOM_BITS_PER_ROW: usize = 16;
/// A larger Bloom filter would not stay in the cache, so that it would cost as much as the join.
const BLOOM_WORDS: usize = 1 << 20;

/// Tells, without the table, that a probe row has no match. A row that passes may still have none.
#[derive(Debug)]
pub struct JoinFilter {
    kind: Kind,
    nulls_equal: bool,
}

#[derive(Debug)]
enum Kind {
    /// No row can match.
    Nothing,
    /// One bit per value of the only column.
    Bits(Bits),
    /// One bit per code.
    Bitmap { coder: RowCoder, words: Vec<u64> },
    /// Bits by hash of the only column's word.
    Plain { bloom: Bloom },
    /// Bits by hash of the 64-bit word.
    Words { coder: RowCoder, bloom: Bloom },
    /// Bits by hash of the 128-bit word.
    DoubleWords { coder: RowCoder, bloom: Bloom },
    /// Bits by hash of the only column's bytes.
    Bytes { bloom: Bloom },
}

impl JoinFilter {
    /// Reads the keys off a table's index; `None` where a filter could not be small and quick.
    pub(super) fn new(index: &KeyIndex, rows: usize, nulls_equal: bool) -> Option<JoinFilter> {
        if let Some(bits) = bits_of(index) {
            return Some(JoinFilter::of_bits(bits, nulls_equal));
        }
        let kind = match index {
            KeyIndex::Empty => Kind::Nothing,
            KeyIndex::Bits(bits) => Kind::Bits(bits.clone()),
            KeyIndex::Dense { coder, direct } if coder.max < BITMAP_BITS => {
                let coder = coder.detached()?;
                let mut words = vec![0; direct.len().div_ceil(64)];
                let present = direct.iter().enumerate().filter(|(_, row)| **row != super::NO_ROW);
                present.for_each(|(code, _)| words[code / 64] |= 1 << (code % 64));
                Kind::Bitmap { coder, words }
            }
            KeyIndex::Dense { coder, direct } => {
                let present = (0_u64..).zip(direct).filter(|(_, row)| **row != super::NO_ROW);
                let bloom = Bloom::new(rows, present.map(|(code, _)| code.hash()))?;
                Kind::Words { coder: coder.detached()?, bloom }
            }
            KeyIndex::Plain { map, .. } => Kind::Plain { bloom: Bloom::new(rows, map.hashes())? },
            KeyIndex::Words { coder, map } => {
                Kind::Words { coder: coder.detached()?, bloom: Bloom::new(rows, map.hashes())? }
            }
            KeyIndex::DoubleWords { coder, map } => {
                Kind::DoubleWords { coder: coder.detached()?, bloom: Bloom::new(rows, map.hashes())? }
            }
            KeyIndex::Views { map } => Kind::Bytes { bloom: Bloom::new(rows, map.hashes())? },
            KeyIndex::Bytes { map } => Kind::Bytes { bloom: Bloom::new(rows, map.hashes())? },
        };
        Some(JoinFilter { kind, nulls_equal })
    }

    pub(super) fn of_bits(bits: Bits, nulls_equal: bool) -> JoinFilter {
        JoinFilter { kind: Kind::Bits(bits), nulls_equal }
    }

    /// Adds the keys of a batch to a filter that [`super::KeySpan`] made; all must lie in its span.
    ///
    /// # Errors
    /// A key column cannot be read.
    pub fn insert(&mut self, keys: &[ArrayRef]) -> Result<()> {
        if let (Kind::Bits(bits), [key]) = (&mut self.kind, keys) {
            bits.add(&KeyColumn::new(key.as_ref())?);
        }
        Ok(())
    }

    /// One bit per row: whether it may have a match. The columns have the types that [`super::JoinTable::probe`] takes.
    ///
    /// # Errors
    /// A key column cannot be read.
    pub fn might_match(&self, keys: &[ArrayRef]) -> Result<BooleanBuffer> {
        let rows = keys.first().map_or(0, |column| column.len());
        let columns = keys.iter().map(|key| KeyColumn::new(key.as_ref())).collect::<Result<Vec<_>>>()?;
        let mut valid = vec![1; rows];
        if !self.nulls_equal {
            columns.iter().for_each(|column| clear_nulls(column, &mut valid));
        }
        let mut scratch = Scratch::default();
        Ok(match &self.kind {
            Kind::Nothing => BooleanBuffer::new_unset(rows),
            Kind::Bits(bits) => match columns.as_slice() {
                [column] => bits.contain(column),
                _ => BooleanBuffer::new_set(rows),
            },
            Kind::Bitmap { coder, words: bits } => {
                let mut words: Vec<u64> = Vec::new();
                coder.encode(&columns, &mut valid, &mut scratch, &mut words)?;
                BooleanBuffer::collect_bool(rows, |row| {
                    let place = usize::try_from(words[row] / 64).unwrap_or(usize::MAX);
                    valid[row] != 0 && bits.get(place).is_some_and(|bits| bits >> (words[row] % 64) & 1 == 1)
                })
            }
            Kind::Plain { bloom } => match columns.as_slice() {
                [column @ KeyColumn { values: KeyValues::Narrow { words, .. }, .. }] => {
                    BooleanBuffer::collect_bool(rows, |row| {
                        !column.is_null(row) && bloom.contains(words[row].hash())
                    })
                }
                _ => BooleanBuffer::new_set(rows),
            },
            Kind::Words { coder, bloom } => {
                let mut words: Vec<u64> = Vec::new();
                coder.encode(&columns, &mut valid, &mut scratch, &mut words)?;
                BooleanBuffer::collect_bool(rows, |row| valid[row] != 0 && bloom.contains(words[row].hash()))
            }
            Kind::DoubleWords { coder, bloom } => {
                let mut words: Vec<u128> = Vec::new();
                coder.encode(&columns, &mut valid, &mut scratch, &mut words)?;
                BooleanBuffer::collect_bool(rows, |row| valid[row] != 0 && bloom.contains(words[row].hash()))
            }
            Kind::Bytes { bloom } => match columns.as_slice() {
                [KeyColumn { values: KeyValues::Bytes(bytes), nulls }] => {
                    BooleanBuffer::collect_bool(rows, |row| {
                        nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
                            && bloom.contains(hash_bytes(bytes, row))
                    })
                }
                _ => BooleanBuffer::new_set(rows),
            },
        })
    }

    /// The bytes that the filter holds.
    pub fn size_bytes(&self) -> usize {
        let words = match &self.kind {
            Kind::Nothing => 0,
            Kind::Bits(bits) => return bits.size_bytes(),
            Kind::Bitmap { words, .. } => words.capacity(),
            Kind::Plain { bloom }
            | Kind::Words { bloom, .. }
            | Kind::DoubleWords { bloom, .. }
            | Kind::Bytes { bloom } => bloom.words.capacity(),
        };
        words * size_of::<u64>()
    }
}

/// A bit for each value of the only column, where its values lie close together and null is none of them.
fn bits_of(index: &KeyIndex) -> Option<Bits> {
    match index {
        KeyIndex::Plain { low, high, map } => {
            let mut bits = Bits::new(*low, *high)?;
            map.keys().for_each(|key| bits.insert(key));
            Some(bits)
        }
        KeyIndex::Dense { coder, direct } => {
            let low = u64::try_from(coder.only_distance_from()?).ok()?;
            let mut bits = Bits::new(low, low + u64::try_from(direct.len()).ok()?)?;
            let present = (low..).zip(direct).filter(|(_, row)| **row != super::NO_ROW);
            present.for_each(|(word, _)| bits.insert(word));
            Some(bits)
        }
        _ => None,
    }
}

#[derive(Debug)]
struct Bloom {
    words: Vec<u64>,
}

impl Bloom {
    fn new(rows: usize, hashes: impl Iterator<Item = u64>) -> Option<Bloom> {
        let words = (rows.saturating_mul(BLOOM_BITS_PER_ROW) / 64).next_power_of_two().max(16);
        if words > BLOOM_WORDS {
            return None;
        }
        let mut bloom = Bloom { words: vec![0; words] };
        for hash in hashes {
            let place = bloom.place(hash);
            bloom.words[place] |= bloom_bits(hash);
        }
        Some(bloom)
    }

    #[inline]
    fn contains(&self, hash: u64) -> bool {
        let bits = bloom_bits(hash);
        self.words[self.place(hash)] & bits == bits
    }

    #[inline]
    fn place(&self, hash: u64) -> usize {
        (hash >> 24) as usize & (self.words.len() - 1)
    }
}

/// Four bits of a word, chosen by 24 bits of the hash that do not choose the word.
#[inline]
fn bloom_bits(hash: u64) -> u64 {
    (1 << (hash & 63)) | (1 << (hash >> 6 & 63)) | (1 << (hash >> 12 & 63)) | (1 << (hash >> 18 & 63))
}
