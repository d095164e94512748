//! Numbers of different values: a group table over (group, value), and a count of its new entries per group.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use arrow::compute::filter;
use arrow::datatypes::{DataType, UInt32Type};

use super::Aggregator;
use super::lists::{flatten, group_lists, list_type};
use super::native::{Parts, native_array};
use super::passes::DistinctPasses;
use crate::group::GroupTable;
use crate::{Error, Result};

struct Distinct {
    pairs: GroupTable,
    counts: Vec<i64>,
    ids: Vec<u32>,
}

pub(super) fn parts(args: &[DataType]) -> Result<Parts> {
    let value = args[0].clone();
    let types = [DataType::UInt32, value.clone()];
    if GroupTable::new(&types).is_err() {
        return Err(Error::unsupported("nunique", &value));
    }
    Ok(Parts {
        inner_types: vec![value.clone()],
        state_types: vec![list_type(&value)],
        result_type: DataType::Int64,
        keeps_values: true,
        passes: Some(Box::new(move |most_bytes| Ok(Box::new(DistinctPasses::new(&value, most_bytes)?)))),
        make: Box::new(move || {
            Ok(Box::new(Distinct { pairs: GroupTable::new(&types)?, counts: Vec::new(), ids: Vec::new() }))
        }),
    })
}

impl Distinct {
    fn add(&mut self, group_ids: Vec<u32>, groups: usize, values: &ArrayRef) -> Result<()> {
        self.counts.resize(groups, 0);
        let mut group_ids: ArrayRef = Arc::new(UInt32Array::from(group_ids));
        let mut values = Arc::clone(values);
        if let Some(nulls) = values.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
            let is_valid = BooleanArray::new(nulls.into_inner(), None);
            group_ids = filter(&group_ids, &is_valid)?;
            values = filter(&values, &is_valid)?;
        }
        let mut known = self.pairs.len() as u32;
        self.pairs.upsert(&[Arc::clone(&group_ids), values], &mut self.ids)?;
        for (&pair, &group) in self.ids.iter().zip(group_ids.as_primitive::<UInt32Type>().values()) {
            // Pairs are numbered by first appearance: the next number is a pair never seen.
            if pair == known {
                known += 1;
                self.counts[group as usize] += 1;
            }
        }
        Ok(())
    }
}

impl Aggregator for Distinct {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        self.add(group_ids.to_vec(), groups, &args[0])
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        let (group_ids, values) = flatten(group_ids, &states[0]);
        self.add(group_ids, groups, &values)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let groups = std::mem::take(&mut self.counts).len();
        let pairs = self.pairs.take_keys()?;
        let [group_ids, values] = pairs.as_slice() else {
            return Err(Error::invalid("a table of pairs without its two columns"));
        };
        Ok(vec![group_lists(group_ids.as_primitive::<UInt32Type>().values(), groups, values)?])
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        self.pairs.clear();
        native_array(&DataType::Int64, std::mem::take(&mut self.counts), None)
    }

    fn size_bytes(&self) -> usize {
        self.pairs.size_bytes() + self.counts.capacity() * 8 + self.ids.capacity() * 4
    }
}
