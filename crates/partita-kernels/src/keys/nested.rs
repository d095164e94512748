//! Lists and structs as bytes, through Arrow's row format, after making their floats canonical.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, FixedSizeListArray, GenericListArray, OffsetSizeTrait,
    PrimitiveArray, StructArray, make_array,
};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float16Type, Float32Type, Float64Type};
use arrow::row::{RowConverter, SortField};

use crate::Result;

/// One byte string per row; byte order is value order, nulls inside a value after everything else.
pub(super) fn nested_rows(array: &dyn Array) -> Result<BinaryViewArray> {
    let array = canonical_floats(&make_array(array.to_data()))?;
    let options = SortOptions { descending: false, nulls_first: false };
    let converter = RowConverter::new(vec![SortField::new_with_options(array.data_type().clone(), options)])?;
    let rows = converter.convert_columns(&[array])?;
    Ok(BinaryViewArray::from(&rows.try_into_binary()?))
}

/// Replaces every NaN by one NaN and -0.0 by 0.0, at any depth.
fn canonical_floats(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Float16 => {
            type Half = <Float16Type as ArrowPrimitiveType>::Native;
            let zero = Half::from_bits(0);
            floats::<Float16Type>(array, |value| if value.is_nan() { Half::NAN } else { value + zero })
        }
        DataType::Float32 => {
            floats::<Float32Type>(array, |value| if value.is_nan() { f32::NAN } else { value + 0.0 })
        }
        DataType::Float64 => {
            floats::<Float64Type>(array, |value| if value.is_nan() { f64::NAN } else { value + 0.0 })
        }
        DataType::Struct(fields) => {
            let array = array.as_struct();
            let columns = array.columns().iter().map(canonical_floats).collect::<Result<Vec<_>>>()?;
            let fields = fields
                .iter()
                .zip(&columns)
                .map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone()))
                .collect();
            Arc::new(StructArray::try_new_with_length(fields, columns, array.nulls().cloned(), array.len())?)
        }
        DataType::List(_) => list::<i32>(array)?,
        DataType::LargeList(_) => list::<i64>(array)?,
        DataType::FixedSizeList(field, size) => {
            let list = array.as_fixed_size_list();
            let values = canonical_floats(list.values())?;
            let field = Arc::new(field.as_ref().clone().with_data_type(values.data_type().clone()));
            Arc::new(FixedSizeListArray::try_new_with_length(
                field,
                *size,
                values,
                list.nulls().cloned(),
                list.len(),
            )?)
        }
        DataType::ListView(field) => canonical_floats(&cast(array, &DataType::List(Arc::clone(field)))?)?,
        DataType::LargeListView(field) => {
            canonical_floats(&cast(array, &DataType::LargeList(Arc::clone(field)))?)?
        }
        DataType::Dictionary(_, values) => canonical_floats(&cast(array, values)?)?,
        _ => Arc::clone(array),
    })
}

fn floats<T: ArrowPrimitiveType>(array: &ArrayRef, canonical: impl Fn(T::Native) -> T::Native) -> ArrayRef {
    let array: &PrimitiveArray<T> = array.as_primitive::<T>();
    Arc::new(array.unary::<_, T>(canonical))
}

fn list<O: OffsetSizeTrait>(array: &ArrayRef) -> Result<ArrayRef> {
    let list: &GenericListArray<O> = array.as_list::<O>();
    let values = canonical_floats(list.values())?;
    let field = match list.data_type() {
        DataType::List(field) | DataType::LargeList(field) => {
            Arc::new(field.as_ref().clone().with_data_type(values.data_type().clone()))
        }
        other => unreachable!("a list array has a list type, not {other}"),
    };
    Ok(Arc::new(GenericListArray::<O>::try_new(
        field,
        list.offsets().clone(),
        values,
        list.nulls().cloned(),
    )?))
}
