//! [`MatchedRows`]: which build rows found a partner, for right and outer joins, and semi joins that keep the build side.

use arrow::array::UInt32Array;

/// A set of build rows, filled while probing; the sets of several probe tasks are merged before the rest is emitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedRows {
    words: Vec<u64>,
    rows: usize,
}

impl MatchedRows {
    /// The empty set over `rows` build rows.
    pub fn new(rows: usize) -> MatchedRows {
        MatchedRows { words: vec![0; rows.div_ceil(64)], rows }
    }

    /// Adds one row.
    #[inline]
    pub(super) fn insert(&mut self, row: u32) {
        self.words[row as usize / 64] |= 1 << (row % 64);
    }

    /// Adds every row of `other`, which must come from the same table.
    ///
    /// The result does not depend on the order in which sets are merged.
    pub fn merge(&mut self, other: &MatchedRows) {
        debug_assert_eq!(self.rows, other.rows, "both sets belong to one table");
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Whether `row` is in the set.
    pub fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// How many rows are in the set.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The rows in the set, ascending, in chunks of at most `limit`.
    pub fn matched(&self, limit: usize) -> impl Iterator<Item = UInt32Array> + '_ {
        self.chunks(limit, true)
    }

    /// The rows that are not in the set, ascending, in chunks of at most `limit`: build rows with null keys are among them.
    pub fn unmatched(&self, limit: usize) -> impl Iterator<Item = UInt32Array> + '_ {
        self.chunks(limit, false)
    }

    /// The bytes that the set holds.
    pub fn size_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }

    fn chunks(&self, limit: usize, matched: bool) -> impl Iterator<Item = UInt32Array> + '_ {
        let mut rows = (0..self.rows).filter_map(move |row| {
            let row = u32::try_from(row).ok()?;
            (self.contains(row) == matched).then_some(row)
        });
        std::iter::from_fn(move || {
            let chunk: Vec<u32> = rows.by_ref().take(limit.max(1)).collect();
            (!chunk.is_empty()).then(|| UInt32Array::from(chunk))
        })
    }
}
