//! Variance and standard deviation: count, mean and squared distances (Welford), merged pairwise (Chan), so that a large mean
//! beside a small spread costs no digits.

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;

use super::Aggregator;
use super::native::{COUNTS, Parts, counts_array, counts_of, for_each, native_array, natives};
use crate::{Error, Result};

#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    count: i64,
    mean: f64,
    squares: f64,
}

impl Spread {
    #[inline(always)]
    fn add(&mut self, value: f64) {
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.squares += delta * (value - self.mean);
    }

    fn merge(&mut self, other: Spread) {
        if self.count == 0 || other.count == 0 {
            if other.count != 0 {
                *self = other;
            }
            return;
        }
        let (ours, theirs) = (self.count as f64, other.count as f64);
        let delta = other.mean - self.mean;
        let share = theirs / (ours + theirs);
        self.count += other.count;
        self.mean += delta * share;
        self.squares += other.squares + delta * delta * ours * share;
    }
}

struct Variance {
    ddof: i64,
    is_root: bool,
    spreads: Vec<Spread>,
}

pub(super) fn parts(args: &[DataType], ddof: u8, is_root: bool) -> Result<Parts> {
    if !args[0].is_numeric() && args[0] != DataType::Null {
        return Err(Error::unsupported(if is_root { "std" } else { "var" }, &args[0]));
    }
    let states = [COUNTS, DataType::Float64, DataType::Float64];
    Ok(Parts::new(&[DataType::Float64], &states, DataType::Float64, move || Variance {
        ddof: i64::from(ddof),
        is_root,
        spreads: Vec::new(),
    }))
}

impl Aggregator for Variance {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        self.spreads.resize(groups, Spread::default());
        let spreads = self.spreads.as_mut_slice();
        let values = natives::<f64>(&args[0]);
        for_each(group_ids, &values, args[0].nulls(), |group, value| spreads[group].add(value));
        Ok(())
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        self.spreads.resize(groups, Spread::default());
        let counts = counts_of(&states[0]);
        let (means, squares) = (natives::<f64>(&states[1]), natives::<f64>(&states[2]));
        let parts = counts.iter().zip(means.iter()).zip(squares.iter());
        for (&group, ((&count, &mean), &squares)) in group_ids.iter().zip(parts) {
            self.spreads[group as usize].merge(Spread { count: i64::from(count), mean, squares });
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let spreads = std::mem::take(&mut self.spreads);
        Ok(vec![
            counts_array(spreads.iter().map(|spread| spread.count))?,
            native_array(&DataType::Float64, spreads.iter().map(|spread| spread.mean).collect(), None)?,
            native_array(&DataType::Float64, spreads.iter().map(|spread| spread.squares).collect(), None)?,
        ])
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let spreads = std::mem::take(&mut self.spreads);
        let divisor = |spread: &Spread| spread.count - self.ddof;
        let valid: Vec<bool> = spreads.iter().map(|spread| divisor(spread) > 0).collect();
        let variances = spreads.iter().map(|spread| match (divisor(spread), self.is_root) {
            (..=0, _) => 0.0,
            (divisor, true) => (spread.squares / divisor as f64).sqrt(),
            (divisor, false) => spread.squares / divisor as f64,
        });
        native_array(&DataType::Float64, variances.collect(), Some(NullBuffer::from(valid)))
    }

    fn size_bytes(&self) -> usize {
        self.spreads.capacity() * size_of::<Spread>()
    }
}
