//! Radix partitioning of rows by the high bits of their hashes: the order of rows that a shuffle writes.
//!
//! `partition_by_hash` finds the order, `scatter` carries a batch into it. Both are stable: rows of one bucket keep
//! their order, so what a reader sees does not depend on how many buckets lie in one file.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array, make_array};
use arrow::compute::take;
use arrow::datatypes::DataType;

use crate::plain::row_count;
use crate::{Error, Result};

/// The most bits that one pass partitions by: more would need more write streams than caches hold lines.
pub const MAX_PARTITION_BITS: u32 = 16;

/// Rows ordered by bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions {
    /// Row numbers, bucket after bucket, in row order inside a bucket.
    pub order: Vec<u32>,
    /// Bucket `b` is `order[offsets[b]..offsets[b + 1]]`; one more entry than there are buckets.
    pub offsets: Vec<u32>,
}

/// Orders rows by the highest `bits` bits of their hashes (a stable counting sort).
///
/// # Errors
/// When there are more than `u32::MAX` rows or more than [`MAX_PARTITION_BITS`] bits.
pub fn partition_by_hash(hashes: &[u64], bits: u32) -> Result<Partitions> {
    let rows = row_count(hashes.len())?;
    if bits > MAX_PARTITION_BITS {
        return Err(Error::invalid(format!(
            "cannot partition by {bits} bits; {MAX_PARTITION_BITS} is the most"
        )));
    }
    if bits == 0 {
        return Ok(Partitions { order: (0..rows).collect(), offsets: vec![0, rows] });
    }
    let shift = 64 - bits;
    let mut counts = vec![0u32; 1 << bits];
    for hash in hashes {
        counts[(hash >> shift) as usize] += 1;
    }
    let mut offsets = Vec::with_capacity(counts.len() + 1);
    let mut next = 0;
    offsets.push(0);
    for count in &mut counts {
        let start = next;
        next += *count;
        *count = start;
        offsets.push(next);
    }
    let mut order = vec![0u32; hashes.len()];
    for (row, hash) in (0u32..).zip(hashes) {
        let place = &mut counts[(hash >> shift) as usize];
        order[*place as usize] = row;
        *place += 1;
    }
    Ok(Partitions { order, offsets })
}

/// The rows of `batch` in the order of `order`, holding no more text than these rows need.
///
/// # Errors
/// When a column's type cannot be gathered, or its text outgrows its offsets.
pub fn scatter(batch: &RecordBatch, order: &[u32]) -> Result<RecordBatch> {
    let indices = UInt32Array::from(order.to_vec());
    let columns = batch.columns().iter();
    let columns = columns.map(|column| gather(column, &indices)).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(order.len()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

/// The rows of `column` named by `indices`, holding no more text than these rows need.
///
/// # Errors
/// As [`scatter`].
pub fn gather(column: &ArrayRef, indices: &UInt32Array) -> Result<ArrayRef> {
    compact(&take(column, indices, None)?)
}

/// Copies the bytes that views point to when the array pins much more than it shows, at any depth of nesting.
///
/// A view array keeps whole buffers of its source alive: a few rows kept from each of many batches would hold all of them.
///
/// # Errors
/// Only if arrow refuses to rebuild a nested array.
pub fn compact(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Utf8View => {
            let views = array.as_string_view();
            let pinned = views.data_buffers().iter().map(|buffer| buffer.capacity()).sum();
            if is_wasteful(pinned, views.views()) { Ok(Arc::new(views.gc())) } else { Ok(Arc::clone(array)) }
        }
        DataType::BinaryView => {
            let views = array.as_binary_view();
            let pinned = views.data_buffers().iter().map(|buffer| buffer.capacity()).sum();
            if is_wasteful(pinned, views.views()) { Ok(Arc::new(views.gc())) } else { Ok(Arc::clone(array)) }
        }
        nested if nested.is_nested() && contains_views(nested) => {
            let data = array.to_data();
            let children = data.child_data().iter();
            let children = children
                .map(|child| Ok(compact(&make_array(child.clone()))?.to_data()))
                .collect::<Result<Vec<_>>>()?;
            Ok(make_array(data.into_builder().child_data(children).build()?))
        }
        _ => Ok(Arc::clone(array)),
    }
}

/// Twice the bytes shown, and more than a page: below that a copy costs more than it frees.
fn is_wasteful(pinned: usize, views: &[u128]) -> bool {
    const SMALL: usize = 4096;
    if pinned <= SMALL {
        return false;
    }
    let shown: usize = views.iter().map(|&view| view as u32 as usize).filter(|&length| length > 12).sum();
    pinned > 2 * shown + SMALL
}

fn contains_views(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8View | DataType::BinaryView => true,
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::RunEndEncoded(_, field)
        | DataType::Map(field, _) => contains_views(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| contains_views(field.data_type())),
        DataType::Union(fields, _) => fields.iter().any(|(_, field)| contains_views(field.data_type())),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
