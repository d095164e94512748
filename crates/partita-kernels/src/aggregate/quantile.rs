//! Exact quantiles, the median among them: values are kept, brought together per group, and selected, not sorted.

use arrow::array::{Array, ArrayRef, Float64Array};
use arrow::datatypes::DataType;
use std::sync::Arc;

use super::Aggregator;
use super::lists::{flatten, group_natives, group_offsets, list_type, lists};
use super::native::{Parts, for_each, native_array, natives};
use super::passes::QuantilePasses;
use crate::plain::canonical_nan_f64;
use crate::{Error, Result};

struct Quantile {
    at: f64,
    groups: usize,
    group_ids: Vec<u32>,
    values: Vec<f64>,
}

pub(super) fn parts(args: &[DataType], at: f64, name: &str) -> Result<Parts> {
    if !(0.0..=1.0).contains(&at) {
        return Err(Error::invalid(format!("a quantile lies between 0 and 1; {at} does not")));
    }
    let inner = match &args[0] {
        // Ticks: a duration has no cast to float of its own.
        DataType::Duration(_) => return Err(Error::unsupported(name, &args[0])),
        numeric if numeric.is_numeric() => DataType::Float64,
        DataType::Null | DataType::Boolean => DataType::Float64,
        other => return Err(Error::unsupported(name, other)),
    };
    let states = [list_type(&DataType::Float64)];
    let mut parts = Parts::new(&[inner], &states, DataType::Float64, move || Quantile {
        at,
        groups: 0,
        group_ids: Vec::new(),
        values: Vec::new(),
    });
    parts.keeps_values = true;
    parts.passes = Some(Box::new(move |most_bytes| Ok(Box::new(QuantilePasses::new(at, most_bytes)))));
    Ok(parts)
}

impl Quantile {
    fn add(&mut self, group_ids: &[u32], groups: usize, values: &ArrayRef) {
        self.groups = groups;
        if values.null_count() == 0 {
            self.group_ids.extend_from_slice(group_ids);
            self.values.extend_from_slice(&natives::<f64>(values));
            return;
        }
        self.group_ids.reserve(group_ids.len());
        self.values.reserve(group_ids.len());
        for_each(group_ids, &natives::<f64>(values), values.nulls(), |group, value| {
            self.group_ids.push(group as u32);
            self.values.push(value);
        });
    }

    /// Values by group and where each group's begin.
    fn drain(&mut self) -> (Vec<f64>, Vec<usize>) {
        let (group_ids, values) = (std::mem::take(&mut self.group_ids), std::mem::take(&mut self.values));
        let offsets = group_offsets(&group_ids, std::mem::take(&mut self.groups));
        (group_natives(&group_ids, &values, &offsets), offsets)
    }
}

/// The quantile of these values, which are reordered.
fn quantile(values: &mut [f64], at: f64) -> f64 {
    let place = at * (values.len() - 1) as f64;
    let below = place.floor() as usize;
    let by_order = |a: &f64, b: &f64| canonical_nan_f64(*a).total_cmp(&canonical_nan_f64(*b));
    let (_, &mut low, above) = values.select_nth_unstable_by(below, by_order);
    let next = || above.iter().copied().min_by(by_order).unwrap_or(low);
    between(low, place - below as f64, next)
}

/// The value at `share` of the way from one value to the next.
pub(super) fn between(low: f64, share: f64, next: impl FnOnce() -> f64) -> f64 {
    if share == 0.0 {
        return low;
    }
    let high = next();
    if low == high {
        return low;
    }
    if share == 0.5 {
        // The sum of two large values may overflow where their halves do not.
        let sum = low + high;
        return if sum.is_infinite() { low / 2.0 + high / 2.0 } else { sum / 2.0 };
    }
    low + (high - low) * share
}

impl Aggregator for Quantile {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        self.add(group_ids, groups, &args[0]);
        Ok(())
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        let (group_ids, values) = flatten(group_ids, &states[0]);
        self.add(&group_ids, groups, &values);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let (values, offsets) = self.drain();
        Ok(vec![lists(&offsets, native_array(&DataType::Float64, values, None)?)?])
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let (mut values, offsets) = self.drain();
        let results = offsets.windows(2).map(|ends| match &mut values[ends[0]..ends[1]] {
            [] => None,
            values => Some(quantile(values, self.at)),
        });
        Ok(Arc::new(results.collect::<Float64Array>()))
    }

    fn size_bytes(&self) -> usize {
        self.group_ids.capacity() * 4 + self.values.capacity() * 8
    }
}
