//! Results of one group whose values do not fit into memory: its states are read several times, and what is kept
//! between is small, however many values there are.

use std::ops::RangeInclusive;
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
/// What a value that is kept takes: there is room for twice as many, at both ranks.
const KEPT_BYTES: usize = 4 * size_of::<u64>();

/// A quantile by counting: each pass learns some more bits of the values at the two ranks in question, until few values
/// begin with these bits.
pub(super) struct QuantilePasses {
    at: f64,
    /// How many values there are, known after the first pass.
    count: u64,
    /// How many bits are not known yet.
    below: u32,
    ranks: Vec<Rank>,
    /// If no more values begin with the bits known so far, they are kept in one last pass.
    few: u64,
    keeps: bool,
}

/// A value that is looked for by its place in the order.
struct Rank {
    /// Among the values that begin with `prefix`.
    place: u64,
    /// The bits known so far, lowest first.
    prefix: u64,
    counts: Vec<u64>,
    kept: Vec<u64>,
}

impl QuantilePasses {
    pub(super) fn new(at: f64, most_bytes: usize) -> QuantilePasses {
        let rank = || Rank { place: 0, prefix: 0, counts: vec![0; 1 << DIGIT_BITS], kept: Vec::new() };
        let few = (most_bytes / KEPT_BYTES) as u64;
        QuantilePasses { at, count: 0, below: u64::BITS, ranks: vec![rank(), rank()], few, keeps: false }
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
        if self.keeps {
            for bits in values.as_primitive::<Float64Type>().iter().flatten().map(ordered) {
                for rank in &mut self.ranks {
                    if bits >> self.below == rank.prefix {
                        rank.kept.push(bits);
                    }
                }
            }
            return Ok(());
        }
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
        if self.keeps {
            for rank in &mut self.ranks {
                // A count is that of values, which are in memory.
                rank.prefix = *rank.kept.select_nth_unstable(rank.place as usize).1;
                rank.kept = Vec::new();
            }
            return false;
        }
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
        let mut left = 0;
        for rank in &mut self.ranks {
            let mut digit = 0;
            while rank.place >= rank.counts[digit] {
                rank.place -= rank.counts[digit];
                digit += 1;
            }
            rank.prefix = rank.prefix << width | digit as u64;
            left += rank.counts[digit];
            rank.counts.fill(0);
        }
        self.below -= width;
        self.keeps = left <= self.few;
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
        self.ranks.iter().map(|rank| (rank.counts.capacity() + rank.kept.capacity()) * 8).sum()
    }
}

/// How many values a pass may keep at least: the least table takes some room whatever is in it.
const LEAST_VALUES: usize = 1 << 10;

/// A number of different values: each pass counts those whose hashes lie in a range, which gets smaller when the values
/// in it are too many for one table. If few are different, one pass does.
pub(super) struct DistinctPasses {
    value: DataType,
    table: GroupTable,
    /// The hashes of the pass under way.
    range: RangeInclusive<u64>,
    /// What the table may take.
    most_bytes: usize,
    count: i64,
    hashes: Vec<u64>,
    ids: Vec<u32>,
}

impl DistinctPasses {
    pub(super) fn new(value: &DataType, most_bytes: usize) -> Result<DistinctPasses> {
        let table = GroupTable::new(std::slice::from_ref(value))?;
        let (hashes, ids) = (Vec::new(), Vec::new());
        let (value, range) = (value.clone(), 0..=u64::MAX);
        Ok(DistinctPasses { value, table, range, most_bytes, count: 0, hashes, ids })
    }

    /// Enters those values whose hashes are in the range.
    fn enter(&mut self, values: &ArrayRef) -> Result<()> {
        hash_columns(std::slice::from_ref(values), &mut self.hashes)?;
        let nulls = values.logical_nulls();
        let of_pass = self.hashes.iter().enumerate().map(|(row, &hash)| {
            // Equal buckets have equal high bits; folded once more, hashes lie everywhere.
            let is_wanted = self.range.contains(&fold(hash, 0x9fb2_1c65_1e98_df25));
            Some(is_wanted && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)))
        });
        let of_pass: BooleanArray = of_pass.collect();
        self.table.upsert(&[filter(values, &of_pass)?], &mut self.ids)
    }
}

impl Passes for DistinctPasses {
    fn add(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.enter(&values(states))?;
        while self.table.len() > LEAST_VALUES
            && self.table.size_bytes() > self.most_bytes
            && self.range.start() < self.range.end()
        {
            let (start, end) = (*self.range.start(), *self.range.end());
            self.range = start..=start + (end - start) / 2;
            let known = self.table.take_keys()?;
            // A table keeps its room when it is emptied.
            self.table = GroupTable::new(std::slice::from_ref(&self.value))?;
            known.iter().try_for_each(|values| self.enter(values))?;
        }
        Ok(())
    }

    fn end(&mut self) -> bool {
        self.count += self.table.len() as i64;
        self.table.clear();
        match self.range.end().checked_add(1) {
            Some(next) => {
                self.range = next..=u64::MAX;
                true
            }
            None => false,
        }
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from(vec![self.count])))
    }

    fn size_bytes(&self) -> usize {
        self.table.size_bytes() + self.hashes.capacity() * 8 + self.ids.capacity() * 4
    }
}

#[cfg(test)]
mod tests;
