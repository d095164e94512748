//! Gathers rows by number, for joins and sorts, without keeping large text buffers alive for a few rows.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, DictionaryArray, GenericByteViewArray,
    RecordBatch, RecordBatchOptions, StringViewArray, UInt32Array, downcast_dictionary_array, make_array,
};
use arrow::compute::{concat_batches, filter, interleave, take};
use arrow::datatypes::{ArrowDictionaryKeyType, ArrowNativeType, ByteViewType, DataType, SchemaRef};

use crate::{Error, Result};

/// A view array is compacted when it keeps more than this many times the bytes that its rows need...
const SLACK: usize = 2;
/// ...and more than this many bytes for nothing.
const SLACK_BYTES: usize = 4 * 1024;

/// The rows of `column` at `rows`; a null row number gives a null.
///
/// # Errors
/// A row number is out of range, or the result is too large for its type's offsets.
pub fn take_column(column: &ArrayRef, rows: &UInt32Array) -> Result<ArrayRef> {
    compact_views(&take(column, rows, None)?)
}

/// The rows of `batch` at `rows`; null row numbers give rows of nulls, so the columns must be nullable then.
///
/// # Errors
/// As [`take_column`]; also a null row number for a column that is not nullable.
pub fn take_batch(batch: &RecordBatch, rows: &UInt32Array) -> Result<RecordBatch> {
    let columns =
        batch.columns().iter().map(|column| take_column(column, rows)).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

/// One batch of all rows of `batches`, in order: what a join's build side becomes before rows are gathered from it.
///
/// # Errors
/// The batches do not have this schema, or text with 32-bit offsets becomes larger than 2 GiB.
pub fn concat_rows(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
    match batches {
        [one] => Ok(one.clone()),
        many => Ok(concat_batches(schema, many)?),
    }
}

/// The rows at `places`, each a batch and a row of it. There must be at least one batch; all have one schema.
///
/// # Errors
/// The batches differ in schema, or text with 32-bit offsets becomes larger than 2 GiB.
///
/// # Panics
/// If a place is out of range.
pub fn gather_rows(batches: &[RecordBatch], places: &[(usize, usize)]) -> Result<RecordBatch> {
    let Some(first) = batches.first() else {
        return Err(Error::invalid("rows cannot be gathered from no batches, which is a bug"));
    };
    let mut columns = Vec::with_capacity(first.num_columns());
    for number in 0..first.num_columns() {
        let parts: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(number).as_ref()).collect();
        columns.push(compact_views(&interleave(&parts, places)?)?);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
    Ok(RecordBatch::try_new_with_options(first.schema(), columns, &options)?)
}

/// The same rows with [`compact_views`]: for batches that are kept.
///
/// # Errors
/// As [`compact_views`].
pub fn compact_batch(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(compact_views).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

/// The same rows without what their slice does not show, at any depth: of lists the values of other rows, of views
/// the text of others, of dictionaries the entries that none has. For rows that are written somewhere.
///
/// # Errors
/// Only if arrow refuses to rebuild a nested array.
pub fn narrow_batch(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(narrowed).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

fn narrowed(array: &ArrayRef) -> Result<ArrayRef> {
    let array = array.as_ref();
    downcast_dictionary_array!(
        array => narrowed_dictionary(array),
        _ => narrowed_values(&array.slice(0, array.len()))
    )
}

fn narrowed_dictionary<K: ArrowDictionaryKeyType>(array: &DictionaryArray<K>) -> Result<ArrayRef> {
    let used = array.occupancy();
    if used.count_set_bits() == array.values().len() {
        return Ok(Arc::new(array.clone()));
    }
    let mut places = vec![K::Native::default(); array.values().len()];
    for (new, old) in used.set_indices().enumerate() {
        // There are fewer than before, so that it fits.
        places[old] = K::Native::from_usize(new).unwrap_or_default();
    }
    // The keys of nulls may be any.
    let place = |key: K::Native| places.get(key.as_usize()).copied().unwrap_or_default();
    let keys = array.keys().unary::<_, K>(place);
    let values = compact_views(&filter(array.values(), &BooleanArray::new(used, None))?)?;
    Ok(Arc::new(DictionaryArray::try_new(keys, values)?))
}

fn narrowed_values(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        // The views of a list's values are not sliced with the list: a copy of the rows has only theirs.
        nested if nested.is_nested() && contains_views(nested) => {
            let rows =
                u32::try_from(array.len()).map_err(|_| Error::invalid("too many rows to be copied"))?;
            take_column(array, &UInt32Array::from_iter_values(0..rows))
        }
        _ => compact_views(array),
    }
}

/// The same values; where views, at any depth of nesting, keep much more text alive than they show, that text is
/// rewritten into a buffer of its own.
///
/// A view array keeps whole buffers of its source: a few rows kept from each of many batches would hold all of them.
///
/// # Errors
/// Only if arrow refuses to rebuild a nested array.
pub fn compact_views(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Utf8View => Ok(match compacted(array.as_string_view()) {
            Some(compact) => Arc::new(compact) as Arc<StringViewArray>,
            None => Arc::clone(array),
        }),
        DataType::BinaryView => Ok(match compacted(array.as_binary_view()) {
            Some(compact) => Arc::new(compact) as Arc<BinaryViewArray>,
            None => Arc::clone(array),
        }),
        nested if nested.is_nested() && contains_views(nested) => {
            let data = array.to_data();
            let children = data.child_data().iter();
            let children = children
                .map(|child| Ok(compact_views(&make_array(child.clone()))?.to_data()))
                .collect::<Result<Vec<_>>>()?;
            Ok(make_array(data.into_builder().child_data(children).build()?))
        }
        _ => Ok(Arc::clone(array)),
    }
}

fn compacted<T: ByteViewType + ?Sized>(array: &GenericByteViewArray<T>) -> Option<GenericByteViewArray<T>> {
    let kept: usize = array.data_buffers().iter().map(|buffer| buffer.capacity()).sum();
    if kept <= SLACK_BYTES {
        return None;
    }
    let needed = array.total_buffer_bytes_used();
    if needed == 0 {
        // SAFETY: no view, of a null neither, is longer than what lies in the view itself, so none refers to a
        // buffer; the views are those of a valid array.
        return Some(unsafe {
            GenericByteViewArray::new_unchecked(array.views().clone(), Vec::new(), array.nulls().cloned())
        });
    }
    (kept > needed.saturating_mul(SLACK).saturating_add(SLACK_BYTES)).then(|| array.gc())
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
