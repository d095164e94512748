//! [`Splitters`]: keys that cut sorted runs into disjoint ranges, so that merge tasks need not know each other.

use arrow::array::ArrayRef;

use super::{SortKeys, SortOptions, sort_indices};
use crate::Result;

/// Keys in ascending order, without repetition. Range `i` holds the rows from splitter `i - 1` on and before splitter `i`:
/// rows with equal keys are always in the same range, the one that their splitter opens.
#[derive(Debug, Clone)]
pub struct Splitters {
    keys: SortKeys,
}

impl Splitters {
    /// Chooses at most `ranges - 1` keys out of the sampled ones, evenly by rank.
    ///
    /// The choice depends on the keys sampled, not on their order. Few different samples give fewer ranges.
    ///
    /// # Errors
    /// As [`sort_indices`].
    pub fn choose(samples: &[ArrayRef], options: &[SortOptions], ranges: usize) -> Result<Splitters> {
        let order = sort_indices(samples, options)?;
        let keys = SortKeys::encode(samples, options)?;
        let same = |left: u32, right: u32| keys.compare(left as usize, &keys, right as usize).is_eq();
        let mut chosen: Vec<u32> = Vec::new();
        for range in 1..ranges.min(order.len()) {
            let row = order[range * order.len() / ranges.min(order.len())];
            // The smallest sample would open the second range and leave little or nothing for the first.
            if !same(order[0], row) && !chosen.last().is_some_and(|last| same(*last, row)) {
                chosen.push(row);
            }
        }
        Ok(Splitters { keys: keys.take(&chosen)? })
    }

    /// Takes the rows of `keys`, which must be in order and all different.
    ///
    /// # Errors
    /// As [`sort_indices`].
    pub fn at(keys: &[ArrayRef], options: &[SortOptions]) -> Result<Splitters> {
        Ok(Splitters { keys: SortKeys::encode(keys, options)? })
    }

    /// The number of ranges, at least one.
    pub fn ranges(&self) -> usize {
        self.keys.len() + 1
    }

    /// The first of the sorted rows `run` that belongs to a range or one behind it; the number of rows if none does.
    pub fn begin(&self, range: usize, run: &SortKeys) -> usize {
        let Some(splitter) = range.checked_sub(1) else { return 0 };
        if splitter == self.keys.len() { run.len() } else { lower_bound(run, &self.keys, splitter) }
    }

    /// The bytes that the splitters hold.
    pub fn size_bytes(&self) -> usize {
        self.keys.size_bytes()
    }
}

/// The first row of `run` that is not before the splitter.
fn lower_bound(run: &SortKeys, splitters: &SortKeys, splitter: usize) -> usize {
    let (mut low, mut high) = (0, run.len());
    while low < high {
        let middle = low + (high - low) / 2;
        if run.compare(middle, splitters, splitter).is_lt() {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
