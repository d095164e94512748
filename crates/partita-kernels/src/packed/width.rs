//! Whole numbers with as few bytes as do: codes, and distances of numbers and of texts.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowNativeType, DataType};

/// What is done with the width of codes or distances, by the type of their array.
macro_rules! of_width {
    ($data_type:expr, $width:ident => $done:expr) => {
        match $data_type {
            arrow::datatypes::DataType::UInt8 => {
                type $width = arrow::datatypes::UInt8Type;
                $done
            }
            arrow::datatypes::DataType::UInt16 => {
                type $width = arrow::datatypes::UInt16Type;
                $done
            }
            arrow::datatypes::DataType::UInt32 => {
                type $width = arrow::datatypes::UInt32Type;
                $done
            }
            _ => {
                type $width = arrow::datatypes::UInt64Type;
                $done
            }
        }
    };
}
pub(crate) use of_width;

/// The type of numbers up to `most`.
pub(super) fn code_type(most: usize) -> DataType {
    match most {
        0..=0xFF => DataType::UInt8,
        0x100..=0xFFFF => DataType::UInt16,
        0x1_0000..=0xFFFF_FFFF => DataType::UInt32,
        _ => DataType::UInt64,
    }
}

/// Numbers as an array of their [`code_type`]; places of nulls may have any.
pub(super) fn narrowed(
    numbers: impl Iterator<Item = usize>,
    code_type: &DataType,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    fn of<T: ArrowPrimitiveType>(
        numbers: impl Iterator<Item = usize>,
        nulls: Option<NullBuffer>,
    ) -> ArrayRef {
        let numbers: Vec<T::Native> = numbers.map(T::Native::usize_as).collect();
        Arc::new(PrimitiveArray::<T>::new(numbers.into(), nulls))
    }
    of_width!(code_type, Width => of::<Width>(numbers, nulls))
}
