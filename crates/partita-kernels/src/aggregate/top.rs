//! The k largest or smallest values per group, as lists in order.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::Aggregator;
use super::extreme::{Ordered, ordered_type, with_ordered};
use super::lists::{flatten, list_type, lists};
use super::native::{Parts, for_each, for_each_valid, native_array, natives};
use crate::{Error, Result};

pub(super) fn parts(args: &[DataType], k: usize, is_largest: bool) -> Result<Parts> {
    if args[0] == DataType::Null {
        return Err(Error::unsupported("top_k", &args[0]));
    }
    let inner = ordered_type(&args[0]);
    let (inner_types, state_types) = ([inner.clone()], [list_type(&inner)]);
    let result = list_type(&args[0]);
    let data_type = inner.clone();
    let mut parts = if matches!(inner, DataType::Utf8View | DataType::BinaryView) {
        Parts::new(&inner_types, &state_types, result, move || {
            TopTexts(Best::new(k, is_largest), data_type.clone())
        })
    } else {
        with_ordered!(
            &inner,
            N => Parts::new(&inner_types, &state_types, result, move || {
                TopNatives::<N>(Best::new(k, is_largest), data_type.clone())
            }),
            return Err(Error::unsupported("top_k", &args[0]))
        )
    };
    parts.keeps_values = true;
    Ok(parts)
}

/// Up to k keys per group, best first.
struct Best<K> {
    k: usize,
    is_largest: bool,
    groups: Vec<Vec<K>>,
}

impl<K: Ord> Best<K> {
    fn new(k: usize, is_largest: bool) -> Self {
        Best { k, is_largest, groups: Vec::new() }
    }

    #[inline(always)]
    fn is_before(&self, a: &K, b: &K) -> bool {
        let better = if self.is_largest { Ordering::Greater } else { Ordering::Less };
        a.cmp(b) == better
    }

    #[inline(always)]
    fn would_enter(&self, group: usize, key: &K) -> bool {
        let kept = &self.groups[group];
        kept.len() < self.k || kept.last().is_some_and(|worst| self.is_before(key, worst))
    }

    fn enter(&mut self, group: usize, key: K) {
        let place = self.groups[group].partition_point(|kept| !self.is_before(&key, kept));
        let kept = &mut self.groups[group];
        if kept.len() == self.k {
            kept.pop();
        }
        kept.insert(place, key);
    }

    fn drain(&mut self) -> (Vec<usize>, Vec<K>) {
        let mut offsets = vec![0];
        let mut keys = Vec::new();
        for group in std::mem::take(&mut self.groups) {
            keys.extend(group);
            offsets.push(keys.len());
        }
        (offsets, keys)
    }

    fn size_bytes(&self) -> usize {
        let kept: usize = self.groups.iter().map(Vec::capacity).sum();
        self.groups.capacity() * size_of::<Vec<K>>() + kept * size_of::<K>()
    }
}

struct TopNatives<N: Ordered>(Best<N::Key>, DataType);

impl<N: Ordered> Aggregator for TopNatives<N> {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        let best = &mut self.0;
        best.groups.resize_with(groups, Vec::new);
        for_each(group_ids, &natives::<N>(&args[0]), args[0].nulls(), |group, value| {
            let key = value.key();
            if best.would_enter(group, &key) {
                best.enter(group, key);
            }
        });
        Ok(())
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        let (group_ids, values) = flatten(group_ids, &states[0]);
        self.update(&group_ids, groups, &[values])
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish()?])
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let (offsets, keys) = self.0.drain();
        lists(&offsets, native_array(&self.1, keys.into_iter().map(N::value).collect(), None)?)
    }

    fn size_bytes(&self) -> usize {
        self.0.size_bytes()
    }
}

struct TopTexts(Best<Box<[u8]>>, DataType);

impl Aggregator for TopTexts {
    fn update(&mut self, group_ids: &[u32], groups: usize, args: &[ArrayRef]) -> Result<()> {
        let best = &mut self.0;
        best.groups.resize_with(groups, Vec::new);
        let values = cast(&args[0], &DataType::BinaryView)?;
        let values = values.as_binary_view();
        for_each_valid(group_ids, values.nulls(), |group, row| {
            let key: Box<[u8]> = values.value(row).into();
            if best.would_enter(group, &key) {
                best.enter(group, key);
            }
        });
        Ok(())
    }

    fn merge(&mut self, group_ids: &[u32], groups: usize, states: &[ArrayRef]) -> Result<()> {
        let (group_ids, values) = flatten(group_ids, &states[0]);
        self.update(&group_ids, groups, &[values])
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.finish()?])
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let (offsets, keys) = self.0.drain();
        let values: ArrayRef = Arc::new(BinaryViewArray::from_iter_values(keys));
        lists(&offsets, cast(&values, &self.1)?)
    }

    fn size_bytes(&self) -> usize {
        let bytes: usize = self.0.groups.iter().flatten().map(|key| key.len()).sum();
        self.0.size_bytes() + bytes
    }
}
