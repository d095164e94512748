//! Arithmetic with dates, timestamps and durations.
//!
//! | expression | gives |
//! |---|---|
//! | date ± integer | date, that many days on |
//! | date − date | duration in seconds |
//! | timestamp − timestamp (or date) | duration in the finer unit |
//! | timestamp ± duration | timestamp in the finer unit |
//! | date ± duration | timestamp in the duration's unit |
//! | duration ± duration, duration * integer, duration // integer | duration |
//! | duration / duration | float64 |

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Date32Array, Float64Array, new_null_array};
use arrow::compute::cast;
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};

use super::arithmetic::{joined_nulls, kernel_of};
use super::function::{Call, Returns};
use super::tree::BinaryOp;
use super::types::{common, finer, is_date, is_integer, is_temporal, is_text};
use super::value::{Evaluated, Fault, Value, row_count};
use crate::Result;

/// The rule for `left op right` if either is a date, a timestamp or a duration and there is one.
pub(crate) fn bind(
    call: &mut Call<'_, '_>,
    op: BinaryOp,
    left: &DataType,
    right: &DataType,
) -> Result<Option<Returns>> {
    use BinaryOp::{Add, Divide, FloorDivide, Multiply, Subtract};
    use DataType::{Duration, Timestamp};
    let days = |data_type: &DataType| is_integer(data_type) || *data_type == DataType::Null;
    match (op, left, right) {
        (Add | Subtract, l, r) if is_date(l) && days(r) => add_days(call, op == Subtract, 0, 1).map(Some),
        (Add, l, r) if is_date(r) && days(l) => add_days(call, false, 1, 0).map(Some),
        (Subtract, l, r) if is_temporal(l) && (is_temporal(r) || is_text(r)) => between(call, l, r).map(Some),
        (Subtract, l, r) if is_text(l) && is_temporal(r) => between(call, r, r).map(Some),
        (Add | Subtract, l, Duration(unit)) if is_temporal(l) => shift(call, op, 0, l, *unit).map(Some),
        (Add, Duration(unit), r) if is_temporal(r) => shift(call, op, 1, r, *unit).map(Some),
        (Add | Subtract | Divide, Duration(a), Duration(b)) => {
            let unit = finer(*a, *b);
            call.coerce(0, &Duration(unit))?;
            call.coerce(1, &Duration(unit))?;
            Ok(Some(if op == Divide { ratio() } else { plain(op, Duration(unit)) }))
        }
        (Multiply | FloorDivide, Duration(unit), r) if is_integer(r) => scale(call, op, 0, *unit).map(Some),
        (Multiply, l, Duration(unit)) if is_integer(l) => scale(call, op, 1, *unit).map(Some),
        (_, Timestamp(..), r) if op == Add && is_integer(r) => Err(call.clash(
            "a timestamp plus an integer has no unit; add a duration, as in `lit(TimeDelta::hours(1))`, or use `.dt().add_days(..)`",
        )),
        _ => Ok(None),
    }
}

fn add_days(call: &mut Call<'_, '_>, negative: bool, date: usize, days: usize) -> Result<Returns> {
    call.coerce(date, &DataType::Date32)?;
    call.coerce(days, &DataType::Int64)?;
    Ok(Returns::new(DataType::Date32, move |arguments| {
        let rows = row_count(arguments);
        let Some(nulls) = joined_nulls(arguments) else { return Ok(new_null_array(&DataType::Date32, rows)) };
        let (from, by) = (
            arguments[date].array().as_primitive::<arrow::datatypes::Date32Type>(),
            arguments[days].array().as_primitive::<Int64Type>(),
        );
        let mut values = Vec::with_capacity(rows);
        for row in 0..rows {
            let (a, b) = (from.value(arguments[date].row(row)), by.value(arguments[days].row(row)));
            let sum = if negative { i64::from(a).checked_sub(b) } else { i64::from(a).checked_add(b) };
            match sum.and_then(|sum| i32::try_from(sum).ok()) {
                Some(sum) => values.push(sum),
                None if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) => values.push(0),
                None => return Err(Fault::value(format!("{b} days from a date lead out of the calendar"))),
            }
        }
        Ok(Arc::new(Date32Array::new(values.into(), nulls)))
    })
    .raising())
}

/// The duration between two points in time.
fn between(call: &mut Call<'_, '_>, left: &DataType, right: &DataType) -> Result<Returns> {
    let met = if is_text(right) {
        left.clone()
    } else {
        common(left, right).ok_or_else(|| {
            call.clash("a timestamp with a zone and one without are not comparable; use `.dt().to_zone(..)` on the latter")
        })?
    };
    call.coerce(0, &met)?;
    call.coerce(1, &met)?;
    let unit = match met {
        DataType::Timestamp(unit, _) => unit,
        _ => TimeUnit::Second,
    };
    Ok(plain(BinaryOp::Subtract, DataType::Duration(unit)))
}

/// A point in time moved by a duration.
fn shift(
    call: &mut Call<'_, '_>,
    op: BinaryOp,
    point: usize,
    of: &DataType,
    unit: TimeUnit,
) -> Result<Returns> {
    let (unit, zone) = match of {
        DataType::Timestamp(own, zone) => (finer(*own, unit), zone.clone()),
        _ => (unit, None),
    };
    let to = DataType::Timestamp(unit, zone);
    call.coerce(point, &to)?;
    call.coerce(1 - point, &DataType::Duration(unit))?;
    Ok(plain(op, to))
}

/// Arrow's own checked kernel.
fn plain(op: BinaryOp, to: DataType) -> Returns {
    Returns::new(to, move |arguments| {
        let (left, right) = (&arguments[0], &arguments[1]);
        Ok(if op == BinaryOp::Subtract { numeric::sub(left, right)? } else { numeric::add(left, right)? })
    })
    .raising()
}

fn ratio() -> Returns {
    Returns::new(DataType::Float64, |arguments| {
        let counts = as_counts(arguments)?;
        let rows = row_count(&counts);
        let Some(nulls) = joined_nulls(&counts) else { return Ok(new_null_array(&DataType::Float64, rows)) };
        let (a, b) =
            (counts[0].array().as_primitive::<Int64Type>(), counts[1].array().as_primitive::<Int64Type>());
        let values: Vec<f64> = (0..rows)
            .map(|row| a.value(counts[0].row(row)) as f64 / b.value(counts[1].row(row)) as f64)
            .collect();
        Ok(Arc::new(Float64Array::new(values.into(), nulls)))
    })
}

/// A duration times or divided by an integer.
fn scale(call: &mut Call<'_, '_>, op: BinaryOp, duration: usize, unit: TimeUnit) -> Result<Returns> {
    call.coerce(1 - duration, &DataType::Int64)?;
    let to = DataType::Duration(unit);
    let counts = kernel_of(op, DataType::Int64);
    let data_type = to.clone();
    let kernel = move |arguments: &[Value]| -> Evaluated<ArrayRef> {
        let result = (counts.kernel)(&as_counts(arguments)?)?;
        Ok(cast(&result, &data_type)?)
    };
    let returns = Returns::new(to, kernel).raising();
    Ok(if op == BinaryOp::FloorDivide { returns.with_nullable(true) } else { returns })
}

/// Durations as the integers they are.
fn as_counts(arguments: &[Value]) -> Evaluated<Vec<Value>> {
    arguments
        .iter()
        .map(|argument| {
            let counts = cast(argument.array(), &DataType::Int64)?;
            Ok(if argument.is_scalar() { Value::Scalar(counts) } else { Value::Array(counts) })
        })
        .collect()
}
