//! Functions of numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, PrimitiveArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::kernels::arity::{try_unary, unary};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt64Type,
};
use arrow::error::ArrowError;

use super::macros::functions;
use super::{Call, Returns};
use crate::Result;
use crate::error::type_name;
use crate::expr::arithmetic::{self, Whole, joined_nulls};
#[cfg(test)]
use crate::expr::lit;
use crate::expr::tree::{BinaryOp, Expr};
use crate::expr::types::{decimal_parts, is_decimal, value_type};
use crate::expr::value::{Evaluated, Fault, Value, row_count};

functions! {
    for Expr, examples math_examples;

    /// The distance from zero. An integer without a positive counterpart is an error.
    abs() = "abs", lit(-2.5).abs() => "2.5", absolute;
    /// -1, 0 or 1, of the same type; NaN stays NaN.
    sign() = "sign", lit(-3).sign() => "-1", sign;
    /// The square root; NaN of a negative number.
    sqrt() = "sqrt", lit(9).sqrt() => "3.0", |call| real(call, f64::sqrt);
    /// The cube root.
    cbrt() = "cbrt", lit(27).cbrt() => "3.0", |call| real(call, f64::cbrt);
    /// e to this power.
    exp() = "exp", lit(0).exp() => "1.0", |call| real(call, f64::exp);
    /// The natural logarithm; of zero minus infinity, NaN of a negative number.
    ln() = "ln", lit(1).ln() => "0.0", |call| real(call, f64::ln);
    /// The logarithm to base 10.
    log10() = "log10", lit(1000).log10() => "3.0", |call| real(call, f64::log10);
    /// The logarithm to base 2.
    log2() = "log2", lit(8).log2() => "3.0", |call| real(call, f64::log2);
    /// `ln(1 + x)`, exact near zero.
    ln_1p() = "ln_1p", lit(0).ln_1p() => "0.0", |call| real(call, f64::ln_1p);
    /// `exp(x) - 1`, exact near zero.
    exp_m1() = "exp_m1", lit(0).exp_m1() => "0.0", |call| real(call, f64::exp_m1);
    /// The sine of an angle in radians.
    sin() = "sin", lit(0).sin() => "0.0", |call| real(call, f64::sin);
    /// The cosine of an angle in radians.
    cos() = "cos", lit(0).cos() => "1.0", |call| real(call, f64::cos);
    /// The tangent of an angle in radians.
    tan() = "tan", lit(0).tan() => "0.0", |call| real(call, f64::tan);
    /// The angle in radians whose sine this is.
    asin() = "asin", lit(0).asin() => "0.0", |call| real(call, f64::asin);
    /// The angle in radians whose cosine this is.
    acos() = "acos", lit(1).acos() => "0.0", |call| real(call, f64::acos);
    /// The angle in radians whose tangent this is.
    atan() = "atan", lit(0).atan() => "0.0", |call| real(call, f64::atan);
    /// The angle in radians from the x axis to the point (`x`, this).
    atan2(x) = "atan2", lit(0).atan2(1) => "0.0", |call| pairs(call, f64::atan2);
    /// The hyperbolic tangent.
    tanh() = "tanh", lit(0).tanh() => "0.0", |call| real(call, f64::tanh);
    /// An angle in degrees as radians.
    radians() = "radians", lit(0).radians() => "0.0", |call| real(call, f64::to_radians);
    /// An angle in radians as degrees.
    degrees() = "degrees", lit(0).degrees() => "0.0", |call| real(call, f64::to_degrees);
    /// Rounded down to a whole number, of the same type.
    floor() = "floor", lit(-1.5).floor() => "-2.0", |call| whole(call, f64::floor, Mode::Down);
    /// Rounded up to a whole number, of the same type.
    ceil() = "ceil", lit(-1.5).ceil() => "-1.0", |call| whole(call, f64::ceil, Mode::Up);
    /// Rounded towards zero to a whole number, of the same type.
    trunc() = "trunc", lit(-1.5).trunc() => "-1.0", |call| whole(call, f64::trunc, Mode::Cut);
    /// Rounded to so many digits after the point, before it if negative. Halves go to the even neighbour, as
    /// in NumPy.
    round(digits) = "round", lit(2.345).round(1) => "2.3", round;
    /// To the power of `exponent`. Integers stay integers: overflow and negative exponents are errors.
    pow(exponent) = "pow", lit(2).pow(10) => "1024", power;
    /// The remainder of division with the divisor's sign, as `%` in Python. Null for integers divided by zero.
    rem(divisor) = "rem", lit(-7).rem(3) => "2", |call| arithmetic::bind(call, BinaryOp::Remainder);
    /// Brought between `low` and `high`; a null bound is none.
    clip(low, high) = "clip", lit(15).clip(0, 10) => "10", clip;
    /// Whether a float is NaN, which is a value and not null.
    is_nan() = "is_nan", lit(f64::NAN).is_nan() => "true", |call| test(call, f64::is_nan);
    /// Whether a number is neither infinite nor NaN.
    is_finite() = "is_finite", lit(1).is_finite() => "true", |call| test(call, f64::is_finite);
    /// Whether a number is infinite.
    is_infinite() = "is_infinite", lit(f64::INFINITY).is_infinite() => "true", |call| test(call, f64::is_infinite);
    /// Integer addition that wraps at the type's end instead of failing.
    wrapping_add(other) = "wrapping_add", lit(i64::MAX).wrapping_add(1) => "-9223372036854775808",
        |call| wrapping(call, BinaryOp::Add);
    /// Integer subtraction that wraps at the type's end instead of failing.
    wrapping_sub(other) = "wrapping_sub", lit(i64::MIN).wrapping_sub(1) => "9223372036854775807",
        |call| wrapping(call, BinaryOp::Subtract);
    /// Integer multiplication that wraps at the type's end instead of failing.
    wrapping_mul(other) = "wrapping_mul", lit(i64::MAX).wrapping_mul(2) => "-2",
        |call| wrapping(call, BinaryOp::Multiply);
}

fn refuse(call: &Call<'_, '_>, found: &DataType) -> crate::Error {
    call.clash(format!("{} takes numbers, not {}; cast it first", call.name(), type_name(found)))
}

/// A function of real numbers; float32 stays float32.
fn real(call: &mut Call<'_, '_>, f: fn(f64) -> f64) -> Result<Returns> {
    if call.data_type(0) == &DataType::Float32 {
        return Ok(Returns::new(DataType::Float32, move |arguments| {
            let input = arguments[0].array().as_primitive::<Float32Type>();
            let output: PrimitiveArray<Float32Type> = unary(input, |value| f(f64::from(value)) as f32);
            Ok(Arc::new(output))
        }));
    }
    call.float(0)?;
    Ok(Returns::new(DataType::Float64, move |arguments| {
        let output: PrimitiveArray<Float64Type> =
            unary(arguments[0].array().as_primitive::<Float64Type>(), f);
        Ok(Arc::new(output))
    }))
}

/// A function of two real numbers.
fn pairs(call: &mut Call<'_, '_>, f: fn(f64, f64) -> f64) -> Result<Returns> {
    call.float(0)?;
    call.float(1)?;
    Ok(Returns::new(DataType::Float64, move |arguments| {
        let Some(nulls) = joined_nulls(arguments) else {
            return Ok(arrow::array::new_null_array(&DataType::Float64, row_count(arguments)));
        };
        let values = arithmetic::map_pairs::<Float64Type, f64>(arguments, f);
        Ok(Arc::new(PrimitiveArray::<Float64Type>::new(values.into(), nulls)))
    }))
}

/// A question about a number; integers and decimals answer as floats.
fn test(call: &mut Call<'_, '_>, f: fn(f64) -> bool) -> Result<Returns> {
    call.float(0)?;
    Ok(Returns::new(DataType::Boolean, move |arguments| {
        let input = arguments[0].array().as_primitive::<Float64Type>();
        let bits = BooleanBuffer::collect_bool(input.len(), |row| f(input.value(row)));
        Ok(Arc::new(BooleanArray::new(bits, input.nulls().cloned())))
    }))
}

fn absolute(call: &mut Call<'_, '_>) -> Result<Returns> {
    fn signed<T: ArrowPrimitiveType>(to: DataType, f: fn(T::Native) -> Option<T::Native>) -> Returns
    where
        T::Native: std::fmt::Display,
    {
        Returns::new(to, move |arguments| {
            let input = arguments[0].array().as_primitive::<T>();
            let output: PrimitiveArray<T> = try_unary(input, |value| {
                f(value).ok_or_else(|| {
                    let of = type_name(&T::DATA_TYPE);
                    ArrowError::ComputeError(format!(
                        "abs({value}) does not fit {of}; cast to a wider type first"
                    ))
                })
            })?;
            Ok(Arc::new(output))
        })
        .raising()
    }
    let found = value_type(call.data_type(0)).clone();
    Ok(match &found {
        DataType::Int8 => signed::<Int8Type>(found, i8::checked_abs),
        DataType::Int16 => signed::<Int16Type>(found, i16::checked_abs),
        DataType::Int32 => signed::<Int32Type>(found, i32::checked_abs),
        DataType::Int64 => signed::<Int64Type>(found, i64::checked_abs),
        DataType::Duration(_) => {
            let to = found.clone();
            Returns::new(found, move |arguments| {
                let counts = arrow::compute::cast(arguments[0].array(), &DataType::Int64)?;
                let output: PrimitiveArray<Int64Type> =
                    try_unary(counts.as_primitive::<Int64Type>(), |value: i64| {
                        value
                            .checked_abs()
                            .ok_or_else(|| ArrowError::ComputeError("abs of the least duration".to_owned()))
                    })?;
                let output: ArrayRef = Arc::new(output);
                Ok(arrow::compute::cast(&output, &to)?)
            })
            .raising()
        }
        other if other.is_unsigned_integer() => {
            Returns::new(found, |arguments| Ok(Arc::clone(arguments[0].array())))
        }
        other if is_decimal(other) => decimal(call, None, |value, _| value.abs())?,
        other if other.is_floating() || *other == DataType::Null => real(call, f64::abs)?,
        other => return Err(refuse(call, other)),
    })
}

fn sign(call: &mut Call<'_, '_>) -> Result<Returns> {
    let found = value_type(call.data_type(0)).clone();
    if found.is_integer() {
        call.coerce(0, &DataType::Int64)?;
        let to = found.clone();
        return Ok(Returns::new(found, move |arguments| {
            let output: PrimitiveArray<Int64Type> =
                unary(arguments[0].array().as_primitive::<Int64Type>(), i64::signum);
            let output: ArrayRef = Arc::new(output);
            Ok(arrow::compute::cast(&output, &to)?)
        }));
    }
    if is_decimal(&found) {
        return decimal(call, None, |value, unit| value.signum() * unit);
    }
    real(call, |value| if value == 0.0 || value.is_nan() { value } else { value.signum() })
}

/// How a digit that goes decides about those that stay.
#[derive(Clone, Copy)]
enum Mode {
    Down,
    Up,
    Cut,
    HalfEven,
}

impl Mode {
    /// `value` divided by `unit`, rounded.
    fn divide(self, value: i128, unit: i128) -> i128 {
        let (quotient, remainder) = (value.div_euclid(unit), value.rem_euclid(unit));
        let up = match self {
            Mode::Down => false,
            Mode::Up => remainder != 0,
            Mode::Cut => remainder != 0 && value < 0,
            Mode::HalfEven => {
                remainder > unit - remainder || remainder == unit - remainder && quotient % 2 != 0
            }
        };
        quotient + i128::from(up)
    }
}

/// Rounding to whole numbers.
fn whole(call: &mut Call<'_, '_>, f: fn(f64) -> f64, mode: Mode) -> Result<Returns> {
    let found = value_type(call.data_type(0)).clone();
    if found.is_integer() {
        call.coerce(0, &found)?;
        return Ok(Returns::new(found, |arguments| Ok(Arc::clone(arguments[0].array()))));
    }
    if is_decimal(&found) {
        return decimal(call, Some(0), move |value, unit| mode.divide(value, unit));
    }
    real(call, f)
}

fn round(call: &mut Call<'_, '_>) -> Result<Returns> {
    let digits = call.literal_integer(1)?.clamp(-300, 300) as i32;
    call.keep(1);
    let found = value_type(call.data_type(0)).clone();
    if found.is_integer() {
        call.coerce(0, &found)?;
        return Ok(if digits >= 0 {
            Returns::new(found, |arguments| Ok(Arc::clone(arguments[0].array())))
        } else {
            round_integers(found, digits.unsigned_abs())
        });
    }
    if is_decimal(&found) {
        return decimal(call, Some(digits), |value, unit| Mode::HalfEven.divide(value, unit));
    }
    let narrow = found == DataType::Float32;
    call.float(0)?;
    let returns =
        Returns::new(if narrow { DataType::Float32 } else { DataType::Float64 }, move |arguments| {
            let input = arguments[0].array().as_primitive::<Float64Type>();
            let output: PrimitiveArray<Float64Type> = unary(input, |value| round_float(value, digits));
            let output: ArrayRef = Arc::new(output);
            Ok(if narrow { arrow::compute::cast(&output, &DataType::Float32)? } else { output })
        });
    Ok(returns)
}

/// As NumPy: scaled, rounded to even, scaled back. What has no such digit stays as it is.
fn round_float(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits.abs());
    let rounded = if digits >= 0 {
        (value * factor).round_ties_even() / factor
    } else {
        (value / factor).round_ties_even() * factor
    };
    if rounded.is_finite() { rounded } else { value }
}

fn round_integers(to: DataType, digits: u32) -> Returns {
    let unit = 10_i128.checked_pow(digits);
    let target = to.clone();
    Returns::new(to, move |arguments| {
        let wide = arrow::compute::cast(arguments[0].array(), &DataType::Decimal128(38, 0))?;
        let output: Decimal128Array = unary(wide.as_primitive::<Decimal128Type>(), |value| match unit {
            Some(unit) => Mode::HalfEven.divide(value, unit) * unit,
            None => 0,
        });
        let output: ArrayRef = Arc::new(output.with_precision_and_scale(38, 0)?);
        Ok(arrow::compute::cast_with_options(&output, &target, &crate::expr::types::STRICT)?)
    })
    .raising()
}

/// A function of raw decimals and of the raw value of one unit: of 1, or of the last digit that stays when the
/// result has only `digits` after the point.
fn decimal(
    call: &mut Call<'_, '_>,
    digits: Option<i32>,
    f: impl Fn(i128, i128) -> i128 + Send + Sync + 'static,
) -> Result<Returns> {
    let found = value_type(call.data_type(0)).clone();
    let Some((precision, scale)) =
        decimal_parts(&found).filter(|(precision, scale)| *precision <= 38 && *scale >= 0)
    else {
        return Err(call.clash(format!("{} takes decimals of at most 38 digits; cast it first", call.name())));
    };
    call.coerce(0, &DataType::Decimal128(precision, scale))?;
    let kept = digits.map_or(i32::from(scale), |digits| digits.min(i32::from(scale)));
    let unit_power = (i32::from(scale) - if digits.is_some() { kept } else { 0 }) as u32;
    let to_scale = kept.max(0);
    // Digits that go before the point come back as zeros.
    let zeros = 10_i128.checked_pow((to_scale - kept) as u32);
    let to_precision =
        (i32::from(precision) - i32::from(scale) + to_scale + 1).clamp(1.max(to_scale), 38) as u8;
    let (unit, to_scale) = (10_i128.checked_pow(unit_power), to_scale as i8);
    Ok(Returns::new(DataType::Decimal128(to_precision, to_scale), move |arguments| {
        let input = arguments[0].array().as_primitive::<Decimal128Type>();
        let output: Decimal128Array = try_unary(input, |value| match (unit, zeros) {
            (Some(unit), Some(zeros)) => f(value, unit)
                .checked_mul(zeros)
                .ok_or_else(|| ArrowError::ComputeError("too many digits".to_owned())),
            _ => Ok(0),
        })?;
        let output = output.with_precision_and_scale(to_precision, to_scale)?;
        output.validate_decimal_precision(to_precision)?;
        Ok(Arc::new(output))
    })
    .raising())
}

fn power(call: &mut Call<'_, '_>) -> Result<Returns> {
    let integers = [0, 1].iter().all(|&index| value_type(call.data_type(index)).is_integer());
    if !integers {
        return pairs(call, f64::powf);
    }
    fn of<T: ArrowPrimitiveType>(to: DataType) -> Returns
    where
        T::Native: Whole,
    {
        Returns::new(to, move |arguments| powers::<T>(arguments)).raising()
    }
    if value_type(call.data_type(0)) == &DataType::UInt64 {
        call.coerce(0, &DataType::UInt64)?;
        call.integer(1)?;
        return Ok(of::<UInt64Type>(DataType::UInt64));
    }
    call.integer(0)?;
    call.integer(1)?;
    Ok(of::<Int64Type>(DataType::Int64))
}

fn powers<T: ArrowPrimitiveType>(arguments: &[Value]) -> Evaluated<ArrayRef>
where
    T::Native: Whole,
{
    let (base, exponent) =
        (arguments[0].array().as_primitive::<T>(), arguments[1].array().as_primitive::<Int64Type>());
    let value = |row: usize| -> Evaluated<Option<T::Native>> {
        let (b, e) = (arguments[0].row(row), arguments[1].row(row));
        if base.is_null(b) || exponent.is_null(e) {
            return Ok(None);
        }
        let (b, e) = (base.value(b), exponent.value(e));
        if e < 0 {
            return Err(Fault::value(format!(
                "{b} to the power of {e} is no integer; cast to float64 first"
            )));
        }
        match u32::try_from(e).ok().and_then(|e| b.power(e)) {
            Some(power) => Ok(Some(power)),
            None => Err(Fault::value(format!(
                "{b} to the power of {e} does not fit {}; cast to float64 first",
                type_name(&T::DATA_TYPE)
            ))),
        }
    };
    let values = (0..row_count(arguments)).map(value).collect::<Evaluated<PrimitiveArray<T>>>()?;
    Ok(Arc::new(values))
}

fn clip(call: &mut Call<'_, '_>) -> Result<Returns> {
    let met = call.meet([0, 1, 2])?;
    let met = value_type(&met).clone();
    for index in 0..3 {
        call.coerce(index, &met)?;
    }
    let rule = super::choice::extreme_kernel(met.clone());
    let nullable = call.nullable(0);
    Ok(Returns::new(met, move |arguments| {
        let raised = rule(&arguments[..2], true, true)?;
        let scalar = arguments[..2].iter().all(Value::is_scalar);
        let raised = if scalar { Value::Scalar(raised) } else { Value::Array(raised) };
        rule(&[raised, arguments[2].clone()], false, true)
    })
    .with_nullable(nullable))
}

fn wrapping(call: &mut Call<'_, '_>, op: BinaryOp) -> Result<Returns> {
    let met = call.meet([0, 1])?;
    if !met.is_integer() {
        return Err(call.clash(format!("{} takes integers, not {}", call.name(), type_name(&met))));
    }
    call.coerce(0, &met)?;
    call.coerce(1, &met)?;
    Ok(arithmetic::wrapping(op, met))
}
