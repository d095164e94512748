//! Values kept per group: from (group, value) in row order to one list per group, and back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, FieldRef};

use crate::{Error, Result};

/// The type of a state that is a list of `values`.
pub(super) fn list_type(values: &DataType) -> DataType {
    DataType::List(list_field(values))
}

fn list_field(values: &DataType) -> FieldRef {
    Arc::new(Field::new_list_field(values.clone(), true))
}

/// Where each group's values start once they are brought together; one more entry than groups.
pub(super) fn group_offsets(group_ids: &[u32], groups: usize) -> Vec<usize> {
    let mut offsets = vec![0usize; groups + 1];
    for &group in group_ids {
        offsets[group as usize + 1] += 1;
    }
    for group in 0..groups {
        offsets[group + 1] += offsets[group];
    }
    offsets
}

/// Values in the order of their groups (stable), with `offsets` from [`group_offsets`].
pub(super) fn group_natives<T: Copy + Default>(group_ids: &[u32], values: &[T], offsets: &[usize]) -> Vec<T> {
    let mut next = offsets.to_vec();
    let mut out = vec![T::default(); values.len()];
    for (&group, &value) in group_ids.iter().zip(values) {
        let place = &mut next[group as usize];
        out[*place] = value;
        *place += 1;
    }
    out
}

/// One list per group of its values, in row order.
pub(super) fn group_lists(group_ids: &[u32], groups: usize, values: &ArrayRef) -> Result<ArrayRef> {
    let offsets = group_offsets(group_ids, groups);
    let rows: Vec<u32> = (0..crate::plain::row_count(values.len())?).collect();
    let order = UInt32Array::from(group_natives(group_ids, &rows, &offsets));
    lists(&offsets, take(values, &order, None)?)
}

/// Lists of `values` cut at `offsets`.
pub(super) fn lists(offsets: &[usize], values: ArrayRef) -> Result<ArrayRef> {
    let offsets = offsets.iter().map(|&offset| i32::try_from(offset)).collect::<Result<Vec<i32>, _>>();
    let offsets =
        offsets.map_err(|_| Error::overflow("the number of values kept per table", &DataType::Int32))?;
    let field = list_field(values.data_type());
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::new(offsets.into()), values, None::<NullBuffer>)?))
}

/// The group of each value in a column of list states, and the values.
pub(super) fn flatten(group_ids: &[u32], states: &ArrayRef) -> (Vec<u32>, ArrayRef) {
    let states = states.as_list::<i32>();
    let offsets = states.value_offsets();
    let (first, last) = (offsets[0] as usize, offsets[states.len()] as usize);
    let mut groups = Vec::with_capacity(last - first);
    for (&group, ends) in group_ids.iter().zip(offsets.windows(2)) {
        groups.resize(groups.len() + (ends[1] - ends[0]) as usize, group);
    }
    (groups, states.values().slice(first, last - first))
}
