//! Results of one group whose values do not fit into memory: its states are read several times, and what is kept
//! between is small, however many values there are.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array};
use arrow::compute::filter;
use arrow::datatypes::{DataType, Float64Type};

use super::quantile::between;
use crate::Result;
use crate::group::GroupTable;
use crate::hash::{fold, hash_columns};
use crate::plain::canonical_nan_f64;

/// The result of one group over states that are read again and again.
///
/// Each pass is given the same states in the same order; the result is that of [`super::Aggregator::merge`] and
/// [`super::Aggregator::finish`], to the bit.
pub trait Passes: Send {
    /// Adds states to the pass under way.
    ///
    /// # Errors
    /// As [`super::Aggregator::merge`].
    fn add(&mut self, states: &[ArrayRef]) -> Result<()>;

    /// Ends a pass, and says whether there must be another.
    fn end(&mut self) -> bool;

    /// The result, once no other pass is needed.
    ///
    /// # Errors
    /// As [`super::Aggregator::finish`].
    fn finish(&mut self) -> Result<ArrayRef>;

    /// The bytes that are kept.
    fn size_bytes(&self) -> usize;
}

/// The values of list states.
fn values(states: &[ArrayRef]) -> ArrayRef {
    let lists = states[0].as_list::<i32>();
    let offsets = lists.value_offsets();
    let (first, last) = (offsets[0] as usize, offsets[lists.len()] as usize);
    lists.values().slice(first, last - first)
}

/// Bits of a value that one pass decides.
const DIGIT_BITS: u32 = 11;

/// A quantile by counting: each pass learns some more bits of the values at the two ranks in question.
pub(super) struct QuantilePasses {
    at: f64,
    /// How many values there are, known after the first pass.
    count: u64,
    /// How many bits are not known yet.
    below: u32,
    ranks: Vec<Rank>,
}

/// A value that is looked for by its place in the order.
struct Rank {
    /// Among the values that begin with `prefix`.
    place: u64,
    /// The bits known so far, lowest first.
    prefix: u64,
    counts: Vec<u64>,
}

impl QuantilePasses {
    pub(super) fn new(at: f64) -> QuantilePasses {
        let rank = || Rank { place: 0, prefix: 0, counts: vec![0; 1 << DIGIT_BITS] };
        QuantilePasses { at, count: 0, below: u64::BITS, ranks: vec![rank(), rank()] }
    }

    /// Where the quantile lies in the order: the rank below it, and its share of the way to the next one.
    fn place(&self) -> (u64, f64) {
        let place = self.at * (self.count - 1) as f64;
        (place.floor() as u64, place - place.floor())
    }
}

/// Bits in the order of the values.
fn ordered(value: f64) -> u64 {
    let bits = canonical_nan_f64(value).to_bits();
    bits ^ if bits >> 63 == 1 { u64::MAX } else { 1 << 63 }
}

fn from_ordered(bits: u64) -> f64 {
    f64::from_bits(bits ^ if bits >> 63 == 1 { 1 << 63 } else { u64::MAX })
}

impl Passes for QuantilePasses {
    fn add(&mut self, states: &[ArrayRef]) -> Result<()> {
        let values = values(states);
        let width = self.below.min(DIGIT_BITS);
        let is_first = self.below == u64::BITS;
        for value in values.as_primitive::<Float64Type>().iter().flatten() {
            let bits = ordered(value) >> (self.below - width);
            let digit = bits & ((1 << width) - 1);
            for rank in &mut self.ranks {
                if is_first || bits >> width == rank.prefix {
                    rank.counts[digit as usize] += 1;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) -> bool {
        if self.below == u64::BITS {
            self.count = self.ranks[0].counts.iter().sum();
            if self.count == 0 {
                return false;
            }
            let low = self.place().0;
            self.ranks[0].place = low;
            self.ranks[1].place = (low + 1).min(self.count - 1);
        }
        let width = self.below.min(DIGIT_BITS);
        for rank in &mut self.ranks {
            let mut digit = 0;
            while rank.place >= rank.counts[digit] {
                rank.place -= rank.counts[digit];
                digit += 1;
            }
            rank.prefix = rank.prefix << width | digit as u64;
            rank.counts.fill(0);
        }
        self.below -= width;
        self.below > 0
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let result = (self.count > 0).then(|| {
            let [low, high] = [0, 1].map(|rank| from_ordered(self.ranks[rank].prefix));
            between(low, self.place().1, || high)
        });
        Ok(Arc::new(Float64Array::from(vec![result])))
    }

    fn size_bytes(&self) -> usize {
        self.ranks.iter().map(|rank| rank.counts.capacity() * 8).sum()
    }
}

/// A number of different values: each pass counts those whose hash falls to it.
pub(super) struct DistinctPasses {
    table: GroupTable,
    parts: u64,
    pass: u64,
    count: i64,
    hashes: Vec<u64>,
    ids: Vec<u32>,
}

impl DistinctPasses {
    pub(super) fn new(value: &DataType, parts: u64) -> Result<DistinctPasses> {
        let table = GroupTable::new(std::slice::from_ref(value))?;
        let (hashes, ids) = (Vec::new(), Vec::new());
        Ok(DistinctPasses { table, parts: parts.max(1), pass: 0, count: 0, hashes, ids })
    }
}

impl Passes for DistinctPasses {
    fn add(&mut self, states: &[ArrayRef]) -> Result<()> {
        let values = values(states);
        hash_columns(&[Arc::clone(&values)], &mut self.hashes)?;
        let nulls = values.logical_nulls();
        let of_pass = self.hashes.iter().enumerate().map(|(row, &hash)| {
            let part = fold(hash, 0x9fb2_1c65_1e98_df25) % self.parts;
            Some(part == self.pass && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)))
        });
        let of_pass: BooleanArray = of_pass.collect();
        self.table.upsert(&[filter(&values, &of_pass)?], &mut self.ids)
    }

    fn end(&mut self) -> bool {
        self.count += self.table.len() as i64;
        self.table.clear();
        self.pass += 1;
        self.pass < self.parts
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from(vec![self.count])))
    }

    fn size_bytes(&self) -> usize {
        self.table.size_bytes() + self.hashes.capacity() * 8 + self.ids.capacity() * 4
    }
}
