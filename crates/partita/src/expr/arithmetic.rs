//! Arithmetic: the type rules of `+ - * / // %` and unary minus, and the integer and float kernels.
//!
//! Integers are computed wrapping, in loops that the compiler turns into vector code, with a flag beside that
//! says whether anything overflowed; only then is the offender looked for. Dates are in `calendar`, decimals
//! in `decimals`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, new_null_array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};

use super::function::{Call, Returns};
use super::tree::BinaryOp;
use super::types::{is_decimal, is_number, value_type};
use super::value::{Evaluated, Fault, Value, row_count};
use super::{calendar, decimals};
use crate::Result;
use crate::error::type_name;

/// Types `left op right` and picks its kernel.
pub(crate) fn bind(call: &mut Call<'_, '_>, op: BinaryOp) -> Result<Returns> {
    let (left, right) = (value_type(call.data_type(0)).clone(), value_type(call.data_type(1)).clone());
    if let Some(returns) = calendar::bind(call, op, &left, &right)? {
        return Ok(returns);
    }
    for data_type in [&left, &right] {
        if !is_number(data_type) && *data_type != DataType::Null {
            return Err(refuse(call, op, &left, &right));
        }
    }
    if let Some(returns) = decimals::bind(call, op, &left, &right)? {
        return Ok(returns);
    }
    let mut met = call.meet([0, 1])?;
    if met == DataType::Null {
        met = DataType::Int64;
    }
    if met == DataType::Float16 || is_decimal(&met) {
        met = if met == DataType::Float16 { DataType::Float32 } else { DataType::Float64 };
    }
    if op == BinaryOp::Divide && met != DataType::Float32 {
        met = DataType::Float64;
    }
    call.coerce(0, &met)?;
    call.coerce(1, &met)?;
    Ok(kernel_of(op, met))
}

fn refuse(call: &Call<'_, '_>, op: BinaryOp, left: &DataType, right: &DataType) -> crate::Error {
    let (left, right, symbol) = (type_name(left), type_name(right), op.symbol());
    let advice = match (left.as_str(), right.as_str()) {
        ("text", "text") if op == BinaryOp::Add => "join text with `concat_str`".to_owned(),
        ("boolean", _) | (_, "boolean") => "cast the boolean to int64 first".to_owned(),
        ("text", _) | (_, "text") => "cast the text to a number first".to_owned(),
        _ => "cast one of them first".to_owned(),
    };
    call.clash(format!("`{symbol}` has no meaning for {left} and {right}; {advice}"))
}

pub(crate) fn kernel_of(op: BinaryOp, data_type: DataType) -> Returns {
    match data_type {
        DataType::Float64 => float::<Float64Type>(op, data_type),
        DataType::Float32 => float::<Float32Type>(op, data_type),
        DataType::Int8 => integer::<Int8Type>(op, data_type),
        DataType::Int16 => integer::<Int16Type>(op, data_type),
        DataType::Int32 => integer::<Int32Type>(op, data_type),
        DataType::UInt8 => integer::<UInt8Type>(op, data_type),
        DataType::UInt16 => integer::<UInt16Type>(op, data_type),
        DataType::UInt32 => integer::<UInt32Type>(op, data_type),
        DataType::UInt64 => integer::<UInt64Type>(op, data_type),
        _ => integer::<Int64Type>(op, DataType::Int64),
    }
}

/// Unary minus.
pub(crate) fn negate(call: &mut Call<'_, '_>) -> Result<Returns> {
    let input = value_type(call.data_type(0)).clone();
    let met = match &input {
        DataType::Null => DataType::Int64,
        // Most values of a small unsigned type have a negative; it needs the next signed one.
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        other if is_number(other) || matches!(other, DataType::Duration(_)) => other.clone(),
        other => return Err(call.clash(format!("`-` has no meaning for {}", type_name(other)))),
    };
    call.coerce(0, &met)?;
    let raises = !met.is_floating();
    let returns =
        Returns::new(met, |arguments| Ok(arrow::compute::kernels::numeric::neg(arguments[0].array())?));
    Ok(if raises { returns.raising() } else { returns })
}

/// What the integer kernels need of a native type.
pub(crate) trait Whole: Copy + PartialEq + std::fmt::Display + Send + Sync + 'static {
    const ZERO: Self;
    fn add(self, other: Self) -> Self;
    fn subtract(self, other: Self) -> Self;
    fn multiply(self, other: Self) -> (Self, bool);
    /// Whether `sum`, the wrapped `self + other`, is wrong.
    fn add_overflows(self, other: Self, sum: Self) -> bool;
    fn subtract_overflows(self, other: Self, difference: Self) -> bool;
    /// Rounded down; the remainder has the divisor's sign. `other` is not zero.
    fn floor_divide(self, other: Self) -> (Self, bool);
    fn floor_remainder(self, other: Self) -> Self;
    fn power(self, exponent: u32) -> Option<Self>;
}

macro_rules! whole_signed {
    ($($native:ty),*) => {$(
        impl Whole for $native {
            const ZERO: Self = 0;
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            fn subtract(self, other: Self) -> Self { self.wrapping_sub(other) }
            fn multiply(self, other: Self) -> (Self, bool) { self.overflowing_mul(other) }
            fn add_overflows(self, other: Self, sum: Self) -> bool { ((self ^ sum) & (other ^ sum)) < 0 }
            fn subtract_overflows(self, other: Self, difference: Self) -> bool {
                ((self ^ other) & (self ^ difference)) < 0
            }
            fn floor_divide(self, other: Self) -> (Self, bool) {
                let (quotient, overflow) = self.overflowing_div(other);
                let inexact = self.wrapping_rem(other) != 0;
                (if inexact && (self < 0) != (other < 0) { quotient - 1 } else { quotient }, overflow)
            }
            fn floor_remainder(self, other: Self) -> Self {
                let remainder = self.wrapping_rem(other);
                if remainder != 0 && (remainder < 0) != (other < 0) { remainder + other } else { remainder }
            }
            fn power(self, exponent: u32) -> Option<Self> { self.checked_pow(exponent) }
        }
    )*};
}
macro_rules! whole_unsigned {
    ($($native:ty),*) => {$(
        impl Whole for $native {
            const ZERO: Self = 0;
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            fn subtract(self, other: Self) -> Self { self.wrapping_sub(other) }
            fn multiply(self, other: Self) -> (Self, bool) { self.overflowing_mul(other) }
            fn add_overflows(self, _other: Self, sum: Self) -> bool { sum < self }
            fn subtract_overflows(self, other: Self, _difference: Self) -> bool { self < other }
            fn floor_divide(self, other: Self) -> (Self, bool) { (self / other, false) }
            fn floor_remainder(self, other: Self) -> Self { self % other }
            fn power(self, exponent: u32) -> Option<Self> { self.checked_pow(exponent) }
        }
    )*};
}
whole_signed!(i8, i16, i32, i64);
whole_unsigned!(u8, u16, u32, u64);

fn integer<T: ArrowPrimitiveType>(op: BinaryOp, data_type: DataType) -> Returns
where
    T::Native: Whole,
{
    let symbol = op.symbol();
    match op {
        BinaryOp::Add => Returns::new(data_type, move |arguments| {
            checked::<T>(arguments, symbol, Whole::add, Whole::add_overflows)
        })
        .raising(),
        BinaryOp::Subtract => Returns::new(data_type, move |arguments| {
            checked::<T>(arguments, symbol, Whole::subtract, Whole::subtract_overflows)
        })
        .raising(),
        BinaryOp::Multiply => Returns::new(data_type, move |arguments| {
            checked::<T>(arguments, symbol, |a, b| a.multiply(b).0, |a, b, _| a.multiply(b).1)
        })
        .raising(),
        BinaryOp::FloorDivide => {
            Returns::new(data_type, move |arguments| divide::<T>(arguments, symbol, Whole::floor_divide))
                .with_nullable(true)
                .raising()
        }
        _ => Returns::new(data_type, move |arguments| {
            divide::<T>(arguments, symbol, |a, b| (a.floor_remainder(b), false))
        })
        .with_nullable(true),
    }
}

/// `+ - *` that wrap instead of failing, on integers.
pub(crate) fn wrapping(op: BinaryOp, data_type: DataType) -> Returns {
    fn of<T: ArrowPrimitiveType>(op: BinaryOp, data_type: DataType) -> Returns
    where
        T::Native: Whole,
    {
        Returns::new(data_type, move |arguments| match op {
            BinaryOp::Add => checked::<T>(arguments, "", Whole::add, |_, _, _| false),
            BinaryOp::Subtract => checked::<T>(arguments, "", Whole::subtract, |_, _, _| false),
            _ => checked::<T>(arguments, "", |a, b| a.multiply(b).0, |_, _, _| false),
        })
    }
    match data_type {
        DataType::Int8 => of::<Int8Type>(op, data_type),
        DataType::Int16 => of::<Int16Type>(op, data_type),
        DataType::Int32 => of::<Int32Type>(op, data_type),
        DataType::UInt8 => of::<UInt8Type>(op, data_type),
        DataType::UInt16 => of::<UInt16Type>(op, data_type),
        DataType::UInt32 => of::<UInt32Type>(op, data_type),
        DataType::UInt64 => of::<UInt64Type>(op, data_type),
        _ => of::<Int64Type>(op, DataType::Int64),
    }
}

/// The validity of a result that is null where an argument is. `None` if a scalar argument is null: all are.
pub(crate) fn joined_nulls(arguments: &[Value]) -> Option<Option<NullBuffer>> {
    let mut nulls = None;
    for argument in arguments {
        let array = argument.array();
        if argument.is_scalar() && row_count(arguments) != 1 {
            if array.is_null(0) {
                return None;
            }
        } else {
            nulls = NullBuffer::union(nulls.as_ref(), array.nulls());
        }
    }
    Some(nulls)
}

/// `f` of each pair of values, those under nulls included, straight into a buffer.
pub(crate) fn map_pairs<T: ArrowPrimitiveType, O>(
    arguments: &[Value],
    f: impl Fn(T::Native, T::Native) -> O,
) -> Vec<O> {
    let (left, right) = (arguments[0].array().as_primitive::<T>(), arguments[1].array().as_primitive::<T>());
    let (left, right) = (left.values(), right.values());
    match (arguments[0].is_scalar(), arguments[1].is_scalar()) {
        (true, false) => {
            let a = left[0];
            right.iter().map(|&b| f(a, b)).collect()
        }
        (false, true) => {
            let b = right[0];
            left.iter().map(|&a| f(a, b)).collect()
        }
        _ => left.iter().zip(right.iter()).map(|(&a, &b)| f(a, b)).collect(),
    }
}

fn checked<T: ArrowPrimitiveType>(
    arguments: &[Value],
    symbol: &str,
    f: impl Fn(T::Native, T::Native) -> T::Native,
    overflows: impl Fn(T::Native, T::Native, T::Native) -> bool,
) -> Evaluated<ArrayRef>
where
    T::Native: Whole,
{
    let Some(nulls) = joined_nulls(arguments) else {
        return Ok(new_null_array(&T::DATA_TYPE, row_count(arguments)));
    };
    let values = map_pairs::<T, _>(arguments, &f);
    let any = map_any::<T>(arguments, &values, &overflows);
    if any {
        report_overflow::<T>(arguments, &values, nulls.as_ref(), symbol, &overflows)?;
    }
    Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls)))
}

/// Whether `overflows` for any pair, nulls not looked at. Written without an early exit, to be vectorized.
fn map_any<T: ArrowPrimitiveType>(
    arguments: &[Value],
    results: &[T::Native],
    overflows: &impl Fn(T::Native, T::Native, T::Native) -> bool,
) -> bool {
    let (left, right) = (arguments[0].array().as_primitive::<T>(), arguments[1].array().as_primitive::<T>());
    let (left, right) = (left.values(), right.values());
    match (arguments[0].is_scalar(), arguments[1].is_scalar()) {
        (true, false) => {
            let a = left[0];
            right.iter().zip(results).fold(false, |any, (&b, &r)| any | overflows(a, b, r))
        }
        (false, true) => {
            let b = right[0];
            left.iter().zip(results).fold(false, |any, (&a, &r)| any | overflows(a, b, r))
        }
        _ => left
            .iter()
            .zip(right.iter())
            .zip(results)
            .fold(false, |any, ((&a, &b), &r)| any | overflows(a, b, r)),
    }
}

/// Fails if an overflow is under a row that is not null.
fn report_overflow<T: ArrowPrimitiveType>(
    arguments: &[Value],
    results: &[T::Native],
    nulls: Option<&NullBuffer>,
    symbol: &str,
    overflows: &impl Fn(T::Native, T::Native, T::Native) -> bool,
) -> Evaluated<()>
where
    T::Native: Whole,
{
    let (left, right) = (arguments[0].array().as_primitive::<T>(), arguments[1].array().as_primitive::<T>());
    for (row, &result) in results.iter().enumerate() {
        let (a, b) = (left.value(arguments[0].row(row)), right.value(arguments[1].row(row)));
        if nulls.is_none_or(|nulls| nulls.is_valid(row)) && overflows(a, b, result) {
            return Err(overflow(a, symbol, b, &T::DATA_TYPE));
        }
    }
    Ok(())
}

fn overflow(
    a: impl std::fmt::Display,
    symbol: &str,
    b: impl std::fmt::Display,
    data_type: &DataType,
) -> Fault {
    Fault::value(format!(
        "{a} {symbol} {b} does not fit {}; cast to a wider type, or use the `wrapping_` methods",
        type_name(data_type)
    ))
}

/// Integer division: null by zero.
fn divide<T: ArrowPrimitiveType>(
    arguments: &[Value],
    symbol: &str,
    f: impl Fn(T::Native, T::Native) -> (T::Native, bool),
) -> Evaluated<ArrayRef>
where
    T::Native: Whole,
{
    let Some(nulls) = joined_nulls(arguments) else {
        return Ok(new_null_array(&T::DATA_TYPE, row_count(arguments)));
    };
    let zero = T::Native::ZERO;
    let pairs = map_pairs::<T, _>(arguments, |a, b| {
        if b == zero {
            (zero, false, true)
        } else {
            let (value, overflows) = f(a, b);
            (value, overflows, false)
        }
    });
    if pairs.iter().any(|pair| pair.1) {
        let results: Vec<T::Native> = pairs.iter().map(|pair| pair.0).collect();
        let overflows = |a, b, _| b != zero && f(a, b).1;
        report_overflow::<T>(arguments, &results, nulls.as_ref(), symbol, &overflows)?;
    }
    let mut all_nulls = nulls;
    if pairs.iter().any(|pair| pair.2) {
        let by_zero = NullBuffer::new(BooleanBuffer::collect_bool(pairs.len(), |row| !pairs[row].2));
        all_nulls = NullBuffer::union(all_nulls.as_ref(), Some(&by_zero));
    }
    let values: Vec<T::Native> = pairs.into_iter().map(|pair| pair.0).collect();
    Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), all_nulls)))
}

/// What the float kernels need of a native type.
pub(crate) trait Real: Copy + Send + Sync + 'static {
    fn divide_floor(self, other: Self) -> Self;
    fn remainder(self, other: Self) -> Self;
}

macro_rules! real {
    ($($native:ty),*) => {$(
        impl Real for $native {
            /// As NumPy's floor_divide: from the exact remainder, so that 1.0 // 0.1 is 9, not 10.
            fn divide_floor(self, other: Self) -> Self {
                if other == 0.0 {
                    return self / other;
                }
                let remainder = self % other;
                let mut quotient = (self - remainder) / other;
                if remainder != 0.0 && (other < 0.0) != (remainder < 0.0) {
                    quotient -= 1.0;
                }
                if quotient == 0.0 {
                    return (0.0 as $native).copysign(self / other);
                }
                let floor = quotient.floor();
                if quotient - floor > 0.5 { floor + 1.0 } else { floor }
            }
            /// With the divisor's sign, as Python's.
            fn remainder(self, other: Self) -> Self {
                let remainder = self % other;
                if remainder == 0.0 {
                    (0.0 as $native).copysign(other)
                } else if (other < 0.0) != (remainder < 0.0) {
                    remainder + other
                } else {
                    remainder
                }
            }
        }
    )*};
}
real!(f32, f64);

fn float<T: ArrowPrimitiveType>(op: BinaryOp, data_type: DataType) -> Returns
where
    T::Native: Real
        + std::ops::Add<Output = T::Native>
        + std::ops::Sub<Output = T::Native>
        + std::ops::Mul<Output = T::Native>
        + std::ops::Div<Output = T::Native>,
{
    Returns::new(data_type, move |arguments| {
        let Some(nulls) = joined_nulls(arguments) else {
            return Ok(new_null_array(&T::DATA_TYPE, row_count(arguments)));
        };
        let values: Vec<T::Native> = match op {
            BinaryOp::Add => map_pairs::<T, _>(arguments, |a, b| a + b),
            BinaryOp::Subtract => map_pairs::<T, _>(arguments, |a, b| a - b),
            BinaryOp::Multiply => map_pairs::<T, _>(arguments, |a, b| a * b),
            BinaryOp::Divide => map_pairs::<T, _>(arguments, |a, b| a / b),
            BinaryOp::FloorDivide => map_pairs::<T, _>(arguments, Real::divide_floor),
            _ => map_pairs::<T, _>(arguments, Real::remainder),
        };
        Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls)))
    })
}
