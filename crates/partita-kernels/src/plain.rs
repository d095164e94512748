//! One plain form per kind of column, so that kernels need one loop for text, one for dictionaries' values, and so on.
//!
//! Dictionaries and runs are unpacked to their values, text and binary become views. `group` and `aggregate` start here.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float16Array, Float32Array, Float64Array, UInt32Array, make_array,
};
use arrow::buffer::ScalarBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::{
    ArrowNativeType, DataType, Float16Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    RunEndIndexType,
};

use half::f16;

use crate::{Error, Result};

/// The type of a column's values once dictionaries and runs are unpacked.
pub(crate) fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => value_type(values),
        DataType::RunEndEncoded(_, values) => value_type(values.data_type()),
        plain => plain,
    }
}

/// Unpacks dictionaries and run-end encoding to the type of their values; any other array is returned as it is.
pub(crate) fn unpack(array: &ArrayRef) -> Result<ArrayRef> {
    unpack_by(array, &|values| Ok(Arc::clone(values)))
}

/// As [`unpack`], with text and binary as views: made of a dictionary's values before these are spread over the rows.
pub(crate) fn unpack_views(array: &ArrayRef) -> Result<ArrayRef> {
    unpack_by(array, &as_views)
}

fn unpack_by(array: &ArrayRef, prepare: &dyn Fn(&ArrayRef) -> Result<ArrayRef>) -> Result<ArrayRef> {
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let values = unpack_by(dictionary.values(), prepare)?;
        return Ok(take(&values, dictionary.keys(), None)?);
    }
    let DataType::RunEndEncoded(ends, _) = array.data_type() else {
        return prepare(array);
    };
    let (values, physical) = match ends.data_type() {
        DataType::Int16 => runs::<Int16Type>(array)?,
        DataType::Int32 => runs::<Int32Type>(array)?,
        _ => runs::<Int64Type>(array)?,
    };
    Ok(take(&unpack_by(&values, prepare)?, &physical, None)?)
}

/// The values of a run array and, for each row, the value it has.
fn runs<R: RunEndIndexType>(array: &ArrayRef) -> Result<(ArrayRef, UInt32Array)> {
    let Some(runs) = array.as_run_opt::<R>() else {
        return Err(Error::unsupported("reading runs", array.data_type()));
    };
    let rows: Vec<u32> = (0..row_count(array.len())?).collect();
    let physical = runs.get_physical_indices(&rows)?;
    let physical = physical.into_iter().map(row_count).collect::<Result<Vec<u32>>>()?;
    Ok((Arc::clone(runs.values()), physical.into()))
}

/// A row number or count as `u32`: no batch of this engine has more rows than that.
pub(crate) fn row_count(rows: usize) -> Result<u32> {
    u32::try_from(rows).map_err(|_| Error::overflow("the row count of one batch", &DataType::UInt32))
}

/// Text and binary as views (no copy of the bytes where arrow can avoid it); any other array as it is.
pub(crate) fn as_views(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => cast(array, &DataType::Utf8View)?,
        DataType::Binary | DataType::LargeBinary => cast(array, &DataType::BinaryView)?,
        _ => Arc::clone(array),
    })
}

/// Every float leaf with -0.0 written as 0.0 and all NaNs alike, at any depth of nesting.
pub(crate) fn with_canonical_floats(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Float16 => {
            let floats: Float16Array = array.as_primitive::<Float16Type>().unary(canonical_f16);
            Ok(Arc::new(floats))
        }
        DataType::Float32 => {
            let floats: Float32Array = array.as_primitive::<Float32Type>().unary(canonical_f32);
            Ok(Arc::new(floats))
        }
        DataType::Float64 => {
            let floats: Float64Array = array.as_primitive::<Float64Type>().unary(canonical_f64);
            Ok(Arc::new(floats))
        }
        other if !other.is_nested() && !matches!(other, DataType::Dictionary(_, _)) => Ok(Arc::clone(array)),
        _ => {
            let data = array.to_data();
            let children = data.child_data().iter();
            let children = children
                .map(|child| Ok(with_canonical_floats(&make_array(child.clone()))?.to_data()))
                .collect::<Result<Vec<_>>>()?;
            Ok(make_array(data.into_builder().child_data(children).build()?))
        }
    }
}

/// -0.0 becomes 0.0 (adding zero does that), every NaN becomes the one NaN.
#[inline(always)]
pub(crate) fn canonical_f64(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value + 0.0 }
}

/// As [`canonical_f64`].
#[inline(always)]
pub(crate) fn canonical_f32(value: f32) -> f32 {
    if value.is_nan() { f32::NAN } else { value + 0.0 }
}

/// As [`canonical_f64`].
#[inline(always)]
pub(crate) fn canonical_f16(value: f16) -> f16 {
    if value.is_nan() { f16::NAN } else { value + f16::ZERO }
}

/// Every NaN becomes the one (positive) NaN; zeros keep their signs.
#[inline(always)]
pub(crate) fn canonical_nan_f64(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

/// As [`canonical_nan_f64`].
#[inline(always)]
pub(crate) fn canonical_nan_f32(value: f32) -> f32 {
    if value.is_nan() { f32::NAN } else { value }
}

/// As [`canonical_nan_f64`].
#[inline(always)]
pub(crate) fn canonical_nan_f16(value: f16) -> f16 {
    if value.is_nan() { f16::NAN } else { value }
}

/// The values of a primitive array whose native type is `N`.
pub(crate) fn natives<N: ArrowNativeType>(array: &ArrayRef) -> ScalarBuffer<N> {
    let data = array.to_data();
    match data.buffers().first() {
        Some(buffer) => ScalarBuffer::new(buffer.clone(), data.offset(), data.len()),
        None => ScalarBuffer::from(Vec::new()),
    }
}
