//! [`Bits`]: the set of a single key of up to 64 bits whose values lie close together, one bit for each value of their
//! span: an exact filter, and all of a table that is only asked whether a key is there. [`KeySpan`] makes one in two
//! walks over the keys.

use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;

use super::{JoinFilter, NO_ROW};
use crate::Result;
use crate::keys::{KeyColumn, KeyValues};

/// The largest span: 8 MiB of bits.
const MOST_BITS: u64 = 1 << 26;
/// A set instead of a table may have this many bits for each key, what a map would take at least...
const BITS_PER_KEY: u64 = 128;
/// ...and this many whatever the number of keys.
const BITS_FREE: u64 = 1 << 15;

/// Which values of a span there are.
#[derive(Debug, Clone)]
pub(super) struct Bits {
    low: u64,
    words: Vec<u64>,
}

impl Bits {
    /// None of the values from `low` to `high`; `None` if there are too many.
    pub(super) fn new(low: u64, high: u64) -> Option<Bits> {
        let span = high.checked_sub(low).filter(|span| *span < MOST_BITS)?;
        Some(Bits { low, words: vec![0; usize::try_from(span / 64).ok()? + 1] })
    }

    #[inline]
    pub(super) fn insert(&mut self, word: u64) {
        let code = word.wrapping_sub(self.low);
        if let Some(bits) = usize::try_from(code / 64).ok().and_then(|place| self.words.get_mut(place)) {
            *bits |= 1 << (code % 64);
        }
    }

    #[inline]
    fn contains(&self, word: u64) -> bool {
        let code = word.wrapping_sub(self.low);
        let place = usize::try_from(code / 64).unwrap_or(usize::MAX);
        self.words.get(place).is_some_and(|bits| bits >> (code % 64) & 1 == 1)
    }

    /// Which rows of a key column have such a value; nulls have none.
    pub(super) fn contain(&self, column: &KeyColumn) -> BooleanBuffer {
        let KeyValues::Narrow { words, .. } = &column.values else {
            return BooleanBuffer::new_set(column.len());
        };
        let found = BooleanBuffer::collect_bool(words.len(), |row| self.contains(words[row]));
        match &column.nulls {
            Some(nulls) => &found & nulls.inner(),
            None => found,
        }
    }

    /// Adds the values of a key column.
    pub(super) fn add(&mut self, column: &KeyColumn) {
        let KeyValues::Narrow { words, .. } = &column.values else { return };
        for (row, word) in words.iter().enumerate() {
            if !column.is_null(row) {
                self.insert(*word);
            }
        }
    }

    /// Appends row 0 for each key that is there, and [`NO_ROW`] for others and for rows whose `valid` byte is 0.
    pub(super) fn lookup(&self, words: &[u64], valid: &[u8], heads: &mut Vec<u32>) {
        let found = |(word, valid): (&u64, &u8)| *valid != 0 && self.contains(*word);
        heads.extend(words.iter().zip(valid).map(|row| if found(row) { 0 } else { NO_ROW }));
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }
}

/// The span of a single key: the first of two walks over keys that make a filter. The second is
/// [`JoinFilter::insert`].
#[derive(Debug)]
pub struct KeySpan {
    nulls_equal: bool,
    /// Whether there is one key of up to 64 bits, and no null that would match one.
    is_plain: bool,
    bounds: Option<(u64, u64)>,
    rows: usize,
}

impl KeySpan {
    /// The span of no keys.
    pub fn new(nulls_equal: bool) -> KeySpan {
        KeySpan { nulls_equal, is_plain: true, bounds: None, rows: 0 }
    }

    /// How many rows were added.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds the key columns of a batch.
    ///
    /// # Errors
    /// A key column cannot be read.
    pub fn add(&mut self, keys: &[ArrayRef]) -> Result<()> {
        self.rows += keys.first().map_or(0, |key| key.len());
        let [key] = keys else {
            self.is_plain = false;
            return Ok(());
        };
        if !self.is_plain {
            return Ok(());
        }
        let column = KeyColumn::new(key.as_ref())?;
        let KeyValues::Narrow { words, .. } = &column.values else {
            self.is_plain = false;
            return Ok(());
        };
        self.is_plain = !(self.nulls_equal && column.nulls.is_some());
        for (row, &word) in words.iter().enumerate() {
            if !column.is_null(row) {
                let (low, high) = self.bounds.unwrap_or((word, word));
                self.bounds = Some((low.min(word), high.max(word)));
            }
        }
        Ok(())
    }

    /// A filter of the span without any key, if it can be small and exact.
    pub fn filter(&self) -> Option<JoinFilter> {
        let (low, high) = self.bounds.filter(|_| self.is_plain)?;
        Bits::new(low, high).map(|bits| JoinFilter::of_bits(bits, self.nulls_equal))
    }

    /// The set of these keys, if it is smaller than a map.
    pub(super) fn set(&self, batches: &[Vec<ArrayRef>]) -> Result<Option<Bits>> {
        let Some((low, high)) = self.bounds.filter(|_| self.is_plain) else { return Ok(None) };
        if high - low >= (self.rows as u64 * BITS_PER_KEY).max(BITS_FREE) {
            return Ok(None);
        }
        let Some(mut bits) = Bits::new(low, high) else { return Ok(None) };
        for key in batches.iter().flatten() {
            bits.add(&KeyColumn::new(key.as_ref())?);
        }
        Ok(Some(bits))
    }
}
