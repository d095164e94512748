//! Counts: rows that have a value, and rows.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;

use super::Aggregator;
use super::native::{COUNTS, Parts, counts_array, counts_of, for_each, for_each_valid, native_array, ones};
use crate::Result;

#[derive(Default)]
struct Count {
    counts: Vec<i64>,
}

pub(super) fn count_parts(args: &[DataType]) -> Result<Parts> {
    Ok(Parts::new(args, &[COUNTS], DataType::Int64, Count::default))
}

pub(super) fn size_parts() -> Result<Parts> {
    Ok(Parts::new(&[], &[COUNTS], DataType::Int64, Count::default))
}

impl Aggregator for Count {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        self.counts.resize(groups, 0);
        let nulls = args.first().and_then(|arg| arg.logical_nulls());
        let counts = self.counts.as_mut_slice();
        for_each_valid(group_ids, nulls.as_ref(), |group, _| counts[group] += 1);
        Ok(())
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        self.counts.resize(groups, 0);
        let counts = self.counts.as_mut_slice();
        for_each(group_ids, &counts_of(&states[0]), states[0].nulls(), |group, count| {
            counts[group] += i64::from(count)
        });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![counts_array(std::mem::take(&mut self.counts).into_iter())?])
    }

    fn rows_as_states(&self, rows: usize, args: &[ArrayRef]) -> Result<Option<Vec<ArrayRef>>> {
        let has_nulls = args.first().is_some_and(|arg| arg.logical_null_count() > 0);
        if has_nulls { Ok(None) } else { Ok(Some(vec![ones(rows)?])) }
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        native_array(&DataType::Int64, std::mem::take(&mut self.counts), None)
    }

    fn size_bytes(&self) -> usize {
        self.counts.capacity() * 8
    }
}
