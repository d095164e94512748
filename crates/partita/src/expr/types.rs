//! Which type two operands meet at, and what a weak literal becomes. The one table of implicit casts.
//!
//! | left, right | together |
//! |---|---|
//! | the same type | that type |
//! | integers of one signedness | the wider |
//! | signed and unsigned | the smallest signed type that holds both; with `uint64`, `int64`, checked value by value |
//! | float16, float32, float64 | the wider |
//! | integer and float | float64 |
//! | integer and decimal | decimal with the integer's digits |
//! | decimal and float | float64 |
//! | dictionary and anything | as its values |
//! | date and timestamp | timestamp (the date's midnight, in the timestamp's zone) |
//! | timestamps, times, durations of two units | the finer unit, checked |
//! | text kinds; binary kinds | the view kind |
//!
//! A literal number or text gives way: it takes the column's type if its value fits there, so `col(int32) > 5`
//! stays int32 and a date column may be compared with `"2013-01-31"`.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Decimal128Array, Float32Array, Float64Array, LargeStringArray, StringArray,
    StringViewArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::util::display::FormatOptions;

use super::literal::{Literal, parse_decimal};

pub(crate) const STRICT: CastOptions<'static> =
    CastOptions { safe: false, format_options: FormatOptions::new() };
pub(crate) const NULL_ON_FAILURE: CastOptions<'static> =
    CastOptions { safe: true, format_options: FormatOptions::new() };

pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
pub(crate) fn is_binary(data_type: &DataType) -> bool {
    use DataType::{Binary, BinaryView, FixedSizeBinary, LargeBinary};
    matches!(data_type, Binary | LargeBinary | BinaryView | FixedSizeBinary(_))
}
pub(crate) fn is_integer(data_type: &DataType) -> bool {
    data_type.is_integer()
}
pub(crate) fn is_decimal(data_type: &DataType) -> bool {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    matches!(data_type, Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..))
}
pub(crate) fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}
pub(crate) fn is_date(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64)
}
pub(crate) fn is_temporal(data_type: &DataType) -> bool {
    is_date(data_type) || matches!(data_type, DataType::Timestamp(..))
}

/// What a dictionary holds; any other type is itself.
pub(crate) fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, value) => value_type(value),
        other => other,
    }
}

/// Precision and scale of a decimal, or of the smallest decimal that holds every value of an integer type.
pub(crate) fn decimal_parts(data_type: &DataType) -> Option<(u8, i8)> {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    match data_type {
        Decimal32(p, s) | Decimal64(p, s) | Decimal128(p, s) | Decimal256(p, s) => Some((*p, *s)),
        DataType::Int8 | DataType::UInt8 => Some((3, 0)),
        DataType::Int16 | DataType::UInt16 => Some((5, 0)),
        DataType::Int32 | DataType::UInt32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        DataType::UInt64 => Some((20, 0)),
        _ => None,
    }
}

/// The decimal of 128 bits, or 256 where digits demand it. `None` if not even those do.
pub(crate) fn decimal(precision: i32, scale: i32) -> Option<DataType> {
    match (precision, scale) {
        (p @ 1..=38, s) if s <= 38 => Some(DataType::Decimal128(p as u8, s as i8)),
        (p @ 1..=76, s) if s <= 76 => Some(DataType::Decimal256(p as u8, s as i8)),
        _ => None,
    }
}

/// The type that values of both types can be brought to without loss of meaning, or `None`.
pub(crate) fn common(left: &DataType, right: &DataType) -> Option<DataType> {
    let (left, right) = (value_type(left), value_type(right));
    if left == right {
        return Some(left.clone());
    }
    match (left, right) {
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (l, r) if is_integer(l) && is_integer(r) => Some(common_integer(l, r)),
        (l, r) if l.is_floating() && r.is_floating() => {
            let wide = matches!((l, r), (DataType::Float64, _) | (_, DataType::Float64));
            Some(if wide { DataType::Float64 } else { DataType::Float32 })
        }
        (l, r) if is_number(l) && is_number(r) && (l.is_floating() || r.is_floating()) => {
            Some(DataType::Float64)
        }
        (l, r) if is_number(l) && is_number(r) => {
            let ((p1, s1), (p2, s2)) = (decimal_parts(l)?, decimal_parts(r)?);
            let scale = i32::from(s1.max(s2));
            let whole = (i32::from(p1) - i32::from(s1)).max(i32::from(p2) - i32::from(s2));
            decimal((whole + scale).min(76), scale)
        }
        (l, r) if is_text(l) && is_text(r) => Some(DataType::Utf8View),
        (l, r) if is_binary(l) && is_binary(r) => Some(DataType::BinaryView),
        _ => common_temporal(left, right),
    }
}

fn common_integer(left: &DataType, right: &DataType) -> DataType {
    let width = |data_type: &DataType| data_type.primitive_width().unwrap_or(8);
    let wider = if width(left) >= width(right) { left } else { right };
    if left.is_signed_integer() == right.is_signed_integer() {
        return wider.clone();
    }
    let (signed, unsigned) = if left.is_signed_integer() { (left, right) } else { (right, left) };
    match width(signed).max((width(unsigned) * 2).min(8)) {
        1 => DataType::Int8,
        2 => DataType::Int16,
        4 => DataType::Int32,
        _ => DataType::Int64,
    }
}

fn common_temporal(left: &DataType, right: &DataType) -> Option<DataType> {
    use DataType::{Date32, Date64, Duration, Time32, Time64, Timestamp};
    match (left, right) {
        (Date32, Date64) | (Date64, Date32) => Some(Date32),
        (Timestamp(unit, zone), Date32 | Date64) | (Date32 | Date64, Timestamp(unit, zone)) => {
            Some(Timestamp(*unit, zone.clone()))
        }
        // Instants compare whatever their zones; a time without a zone is no instant.
        (Timestamp(a, zone), Timestamp(b, other)) if zone.is_some() == other.is_some() => {
            Some(Timestamp(finer(*a, *b), zone.clone()))
        }
        (Duration(a), Duration(b)) => Some(Duration(finer(*a, *b))),
        (Time32(a), Time32(b)) => Some(Time32(finer(*a, *b))),
        (Time32(_), Time64(unit)) | (Time64(unit), Time32(_)) => Some(Time64(*unit)),
        (Time64(a), Time64(b)) => Some(Time64(finer(*a, *b))),
        _ => None,
    }
}

pub(crate) fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    if per_second(a) >= per_second(b) { a } else { b }
}

pub(crate) fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// The weak literal as one row of `to`, if its value can be written there without loss.
///
/// # Errors
/// Text that meets a date, time or timestamp must parse as one; the error says what was expected.
pub(crate) fn adapt(literal: &Literal, to: &DataType) -> Result<Option<ArrayRef>, String> {
    let to = value_type(to);
    Ok(match literal {
        Literal::Null => Some(new_null_array(to, 1)),
        Literal::Int(value) => adapt_integer(*value, to),
        Literal::Float(value) => adapt_float(*value, to),
        Literal::Text(value) => return adapt_text(value, to),
        Literal::Typed(array) if array.is_null(0) => Some(new_null_array(to, 1)),
        Literal::Typed(_) => None,
    })
}

fn adapt_integer(value: i128, to: &DataType) -> Option<ArrayRef> {
    if to.is_floating() {
        let float = value as f64;
        return if float as i128 == value { adapt_float(float, to) } else { None };
    }
    if is_integer(to) || is_decimal(to) {
        let exact: ArrayRef =
            Arc::new(Decimal128Array::from(vec![value]).with_precision_and_scale(38, 0).ok()?);
        return cast_with_options(&exact, to, &STRICT).ok();
    }
    None
}

fn adapt_float(value: f64, to: &DataType) -> Option<ArrayRef> {
    match to {
        DataType::Float64 => Some(Arc::new(Float64Array::from(vec![value]))),
        DataType::Float32 => Some(Arc::new(Float32Array::from(vec![value as f32]))),
        DataType::Float16 => {
            let wide: ArrayRef = Arc::new(Float64Array::from(vec![value]));
            cast_with_options(&wide, to, &STRICT).ok()
        }
        _ if is_decimal(to) => {
            // What was written is what is meant: 0.05 is five hundredths.
            let (value, precision, scale) = parse_decimal(&value.to_string())?;
            let (to_precision, to_scale) = decimal_parts(to)?;
            let whole = i32::from(precision) - i32::from(scale);
            if scale > to_scale || whole > i32::from(to_precision) - i32::from(to_scale) {
                return None;
            }
            let exact: ArrayRef =
                Arc::new(Decimal128Array::from(vec![value]).with_precision_and_scale(precision, scale).ok()?);
            cast_with_options(&exact, to, &STRICT).ok()
        }
        _ => None,
    }
}

fn adapt_text(value: &str, to: &DataType) -> Result<Option<ArrayRef>, String> {
    let text: ArrayRef = Arc::new(StringViewArray::from_iter_values([value]));
    Ok(Some(match to {
        DataType::Utf8View => text,
        DataType::Utf8 => Arc::new(StringArray::from_iter_values([value])),
        DataType::LargeUtf8 => Arc::new(LargeStringArray::from_iter_values([value])),
        DataType::Date32 | DataType::Date64 => match cast_with_options(&text, to, &NULL_ON_FAILURE) {
            // arrow reads a timestamp as its date; compared as a date the time would silently go.
            Ok(date) if date.is_valid(0) && value.trim().len() <= 12 && !value.contains(':') => date,
            _ => return Err(format!("{value:?} is no date; write it like \"2013-01-31\"")),
        },
        DataType::Timestamp(..) => match [value.to_owned(), format!("{value}:00")].iter().find_map(|text| {
            // Seconds may be left out.
            let text: ArrayRef = Arc::new(StringViewArray::from_iter_values([text]));
            cast_with_options(&text, to, &NULL_ON_FAILURE).ok().filter(|timestamp| timestamp.is_valid(0))
        }) {
            Some(timestamp) => timestamp,
            None => return Err(format!("{value:?} is no timestamp; write it like \"2013-01-31 17:05:00\"")),
        },
        DataType::Time32(_) | DataType::Time64(_) => match cast_with_options(&text, to, &NULL_ON_FAILURE) {
            Ok(time) if time.is_valid(0) => time,
            _ => return Err(format!("{value:?} is no time of day; write it like \"17:05:00\"")),
        },
        _ => return Ok(None),
    }))
}
