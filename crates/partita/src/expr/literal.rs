//! Literals: the Rust values that can stand in an expression.
//!
//! Numbers and text written in code are *weak*: they take the type of the column they meet (`bind`). All
//! others carry their Arrow type as an array of one row.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, DurationMicrosecondArray, Float64Array,
    Int64Array, NullArray, StringViewArray, Time64NanosecondArray, TimestampMicrosecondArray,
    TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};

use super::tree::{BinaryOp, Expr, Node};

/// A value known when the expression is built.
#[derive(Clone, Debug)]
pub(crate) enum Literal {
    /// Null of whatever type is wanted.
    Null,
    /// Any `i64` or `u64`, which takes the integer type it meets.
    Int(i128),
    /// Takes the float type it meets.
    Float(f64),
    /// Is parsed as a date, time or timestamp where it meets one.
    Text(Arc<str>),
    /// One row of a fixed type.
    Typed(ArrayRef),
}

impl Literal {
    /// The value as an array of one row, of the type it has when nothing asks for another.
    pub(crate) fn to_array(&self) -> ArrayRef {
        match self {
            Literal::Null => Arc::new(NullArray::new(1)),
            Literal::Int(value) => match i64::try_from(*value) {
                Ok(value) => Arc::new(Int64Array::from(vec![value])),
                Err(_) => Arc::new(UInt64Array::from(vec![*value as u64])),
            },
            Literal::Float(value) => Arc::new(Float64Array::from(vec![*value])),
            Literal::Text(value) => Arc::new(StringViewArray::from_iter_values([value])),
            Literal::Typed(array) => Arc::clone(array),
        }
    }
    pub(crate) fn is_null(&self) -> bool {
        match self {
            Literal::Null => true,
            Literal::Typed(array) => array.is_null(0),
            _ => false,
        }
    }
}

impl PartialEq for Literal {
    fn eq(&self, other: &Literal) -> bool {
        match (self, other) {
            (Literal::Null, Literal::Null) => true,
            (Literal::Int(a), Literal::Int(b)) => a == b,
            // By bits: NaN is itself, and -0.0 is not 0.0, since 1 / x tells them apart.
            (Literal::Float(a), Literal::Float(b)) => a.to_bits() == b.to_bits(),
            (Literal::Text(a), Literal::Text(b)) => a == b,
            (Literal::Typed(a), Literal::Typed(b)) => a.data_type() == b.data_type() && a == b,
            _ => false,
        }
    }
}

impl Eq for Literal {}

impl Hash for Literal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Literal::Null => {}
            Literal::Int(value) => value.hash(state),
            Literal::Float(value) => value.to_bits().hash(state),
            Literal::Text(value) => value.hash(state),
            Literal::Typed(array) => {
                array.data_type().hash(state);
                array_value_to_string(array, 0).unwrap_or_default().hash(state);
                array.is_null(0).hash(state);
            }
        }
    }
}

/// A literal: a number, text, boolean, date, timestamp, duration, or an `Option` of one for null.
///
/// Most places take literals as they are (`col("a") + 1`, `col("b").eq("x")`); `lit` is for the rest.
pub fn lit(value: impl Into<Expr>) -> Expr {
    value.into()
}

/// Null, of whatever type its place wants.
pub fn null() -> Expr {
    Expr::new(Node::Literal(Literal::Null))
}

/// An exact decimal, written out: `lit_decimal("12.34")` has precision 4 and scale 2.
///
/// Text that is no decimal of at most 38 digits is an error when the frame's step is bound.
pub fn lit_decimal(text: impl AsRef<str>) -> Expr {
    match parse_decimal(text.as_ref()) {
        Some((value, precision, scale)) => {
            match Decimal128Array::from(vec![value]).with_precision_and_scale(precision, scale) {
                Ok(array) => typed(Arc::new(array)),
                Err(_) => unparsed(text.as_ref()),
            }
        }
        None => unparsed(text.as_ref()),
    }
}

/// The cast reports the text when it is bound; a builder has no way to return an error.
fn unparsed(text: &str) -> Expr {
    Expr::from(text).cast(DataType::Decimal128(38, 0))
}

/// Value, precision and scale of plain decimal text such as `-12.340`.
pub(crate) fn parse_decimal(text: &str) -> Option<(i128, u8, i8)> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() == 0 || whole.len() + fraction.len() > 60 {
        return None;
    }
    let mut value: i128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
    }
    let significant = value.checked_ilog10().map_or(0, |log| log as usize + 1);
    let precision = significant.max(fraction.len()).max(1);
    if precision > 38 {
        return None;
    }
    Some((if negative { -value } else { value }, precision as u8, fraction.len() as i8))
}

/// `a op b` of two numbers written in code, which is one more of them; `None` if it is none or does not fit.
pub(crate) fn fold_integers(op: BinaryOp, a: i128, b: i128) -> Option<i64> {
    let value = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Subtract => a.checked_sub(b),
        BinaryOp::Multiply => a.checked_mul(b),
        _ => None,
    };
    i64::try_from(value?).ok()
}

pub(crate) fn typed(array: ArrayRef) -> Expr {
    Expr::new(Node::Literal(Literal::Typed(array)))
}

/// A null of a known type.
pub(crate) fn typed_null(data_type: &DataType) -> Expr {
    typed(arrow::array::new_null_array(data_type, 1))
}

macro_rules! from_integers {
    ($($native:ty),*) => {$(
        impl From<$native> for Expr {
            fn from(value: $native) -> Expr {
                Expr::new(Node::Literal(Literal::Int(value as i128)))
            }
        }
    )*};
}
from_integers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

impl From<f64> for Expr {
    fn from(value: f64) -> Expr {
        Expr::new(Node::Literal(Literal::Float(value)))
    }
}

impl From<f32> for Expr {
    fn from(value: f32) -> Expr {
        Expr::from(f64::from(value))
    }
}

impl From<&str> for Expr {
    fn from(value: &str) -> Expr {
        Expr::new(Node::Literal(Literal::Text(value.into())))
    }
}

impl From<String> for Expr {
    fn from(value: String) -> Expr {
        Expr::from(value.as_str())
    }
}

impl From<&String> for Expr {
    fn from(value: &String) -> Expr {
        Expr::from(value.as_str())
    }
}

impl From<bool> for Expr {
    fn from(value: bool) -> Expr {
        typed(Arc::new(BooleanArray::from(vec![value])))
    }
}

impl From<NaiveDate> for Expr {
    fn from(value: NaiveDate) -> Expr {
        let days = value.signed_duration_since(NaiveDate::default()).num_days();
        // chrono's years end long before an i32 of days does.
        typed(Arc::new(Date32Array::from(vec![days as i32])))
    }
}

impl From<NaiveTime> for Expr {
    fn from(value: NaiveTime) -> Expr {
        let nanoseconds =
            i64::from(value.num_seconds_from_midnight()) * 1_000_000_000 + i64::from(value.nanosecond());
        typed(Arc::new(Time64NanosecondArray::from(vec![nanoseconds])))
    }
}

impl From<NaiveDateTime> for Expr {
    fn from(value: NaiveDateTime) -> Expr {
        timestamp(value.and_utc(), None)
    }
}

impl From<DateTime<Utc>> for Expr {
    fn from(value: DateTime<Utc>) -> Expr {
        timestamp(value, Some("UTC".into()))
    }
}

/// Microseconds reach further; nanoseconds are taken only for a value that has some.
fn timestamp(value: DateTime<Utc>, zone: Option<Arc<str>>) -> Expr {
    match value.timestamp_nanos_opt() {
        Some(nanoseconds) if nanoseconds % 1_000 != 0 => {
            typed(Arc::new(TimestampNanosecondArray::from(vec![nanoseconds]).with_timezone_opt(zone)))
        }
        _ => typed(Arc::new(
            TimestampMicrosecondArray::from(vec![value.timestamp_micros()]).with_timezone_opt(zone),
        )),
    }
}

impl From<TimeDelta> for Expr {
    fn from(value: TimeDelta) -> Expr {
        // Beyond 292,000 years the nearest that fits.
        let microseconds =
            value.num_microseconds().unwrap_or(if value < TimeDelta::zero() { i64::MIN } else { i64::MAX });
        typed(Arc::new(DurationMicrosecondArray::from(vec![microseconds])))
    }
}

impl<T: Into<Expr>> From<Option<T>> for Expr {
    fn from(value: Option<T>) -> Expr {
        value.map_or_else(null, Into::into)
    }
}

impl From<&Expr> for Expr {
    fn from(value: &Expr) -> Expr {
        value.clone()
    }
}

/// A struct with a field `x` that is 5, for an example.
#[cfg(test)]
pub(crate) fn tests_struct() -> Expr {
    let field = Arc::new(arrow::datatypes::Field::new("x", DataType::Int64, true));
    let column: ArrayRef = Arc::new(Int64Array::from(vec![5]));
    typed(Arc::new(arrow::array::StructArray::from(vec![(field, column)])))
}
