//! A column of cells to an Arrow array, one type at a time.
//!
//! Each loop takes the common cell (not empty, not quoted, well-formed) without a call; all else goes
//! through [`Decoder::exact`], which takes quotes off and knows the nulls. Cells that do not fit are listed,
//! not judged: `reader.rs` applies the caller's policy. Text is in `text.rs`.

use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, new_null_array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use chrono::{DateTime, TimeZone};

use super::dialect::Dialect;
use super::moment::{self, Clock, Moment};
use super::number::{self, Grammar};
use super::rows::{Cell, Cells};
use super::text;
use super::value::{Nulls, unquoted};
use crate::{Error, Result};

/// What all columns of a source share.
#[derive(Debug)]
pub(crate) struct Decoder {
    pub(crate) dialect: Arc<Dialect>,
    pub(crate) nulls: Nulls,
    /// Whether bytes that are not UTF-8 are replaced instead of being bad.
    pub(crate) lossy: bool,
}

/// Which cells to convert, and to what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    /// Number of the field in its row.
    pub(crate) number: usize,
    /// Whether it is the last of the row.
    pub(crate) is_last: bool,
    pub(crate) data_type: &'a DataType,
    pub(crate) grammar: Grammar,
}

/// The buffer that the cells lie in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) buffer: &'a Buffer,
    pub(crate) len: usize,
    /// Whether all of it is UTF-8.
    pub(crate) is_utf8: bool,
}

/// A column, and the rows whose cells do not fit its type; these are null in it.
#[derive(Debug)]
pub(crate) struct Converted {
    pub(crate) array: ArrayRef,
    pub(crate) bad: Vec<u32>,
}

/// What one cell says.
pub(crate) enum Exact<T> {
    Null,
    Value(T),
    Bad,
}

impl Decoder {
    /// The slow and complete way to read a cell of any type but text.
    #[inline(never)]
    pub(crate) fn exact<T>(
        &self,
        bytes: &[u8],
        cell: Cell,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Exact<T> {
        let raw = cell.raw(bytes);
        let value = unquoted(&self.dialect, raw);
        if value.bytes.is_empty() || self.nulls.contains(&value.bytes) {
            return Exact::Null;
        }
        parse(&value.bytes).map_or(Exact::Bad, Exact::Value)
    }
}

/// Whether columns of this type can be read.
pub(crate) fn is_supported(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(TimeUnit::Second | TimeUnit::Millisecond)
        | DataType::Time64(TimeUnit::Microsecond | TimeUnit::Nanosecond)
        | DataType::Decimal128(_, _) => true,
        DataType::Timestamp(_, zone) => zone.as_ref().is_none_or(|zone| zone.parse::<Tz>().is_ok()),
        DataType::Dictionary(key, value) => key.is_dictionary_key_type() && is_text(value),
        other => is_text(other),
    }
}

/// Whether a type holds the cells as they are.
pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8View | DataType::Utf8 | DataType::LargeUtf8) || is_binary(data_type)
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(data_type, DataType::BinaryView | DataType::Binary | DataType::LargeBinary)
}

/// Converts one column.
pub(crate) fn convert(
    decoder: &Decoder,
    text: Text<'_>,
    cells: Cells<'_>,
    field: Field<'_>,
) -> Result<Converted> {
    let grammar = field.grammar;
    let column = Column { decoder, cells, field };
    Ok(match field.data_type {
        DataType::Boolean => column.booleans(),
        DataType::Int8 => column.integers::<Int8Type>(),
        DataType::Int16 => column.integers::<Int16Type>(),
        DataType::Int32 => column.integers::<Int32Type>(),
        DataType::Int64 => column.primitive::<Int64Type>(Integers(grammar)),
        DataType::UInt8 => column.integers::<UInt8Type>(),
        DataType::UInt16 => column.integers::<UInt16Type>(),
        DataType::UInt32 => column.integers::<UInt32Type>(),
        DataType::UInt64 => column.primitive::<UInt64Type>(|bytes: &[u8], start: usize, end: usize| {
            number::unsigned(&bytes[start..end])
        }),
        DataType::Float32 => column.primitive::<Float32Type>(|bytes: &[u8], start: usize, end: usize| {
            number::single_float(&bytes[start..end])
        }),
        DataType::Float64 => column.primitive::<Float64Type>(Floats(grammar)),
        DataType::Date32 => column.primitive::<Date32Type>(moment::date),
        DataType::Date64 => column.primitive::<Date64Type>(|bytes: &[u8], start: usize, end: usize| {
            moment::date(bytes, start, end).map(|days| i64::from(days) * 86_400_000)
        }),
        DataType::Time32(_) | DataType::Time64(_) => column.times(),
        DataType::Timestamp(unit, zone) => column.timestamps(*unit, zone.as_deref())?,
        DataType::Decimal128(precision, scale) => {
            let mut decimals =
                column.primitive::<Decimal128Type>(|bytes: &[u8], start: usize, end: usize| {
                    number::decimal(&bytes[start..end], *precision, *scale)
                });
            decimals.array = cast_to(&decimals.array, field.data_type)?;
            decimals
        }
        DataType::Dictionary(_, value) => {
            let as_text = text::convert(decoder, text, cells, field, is_binary(value))?;
            Converted { array: cast(&as_text.array, field.data_type).map_err(refused)?, bad: as_text.bad }
        }
        _ => {
            let as_text = text::convert(decoder, text, cells, field, is_binary(field.data_type))?;
            Converted { array: cast(&as_text.array, field.data_type).map_err(refused)?, bad: as_text.bad }
        }
    })
}

fn refused(error: arrow::error::ArrowError) -> Error {
    Error::invalid(format!("the column cannot have its type ({error})"))
}

/// Gives an array of the right physical type its precision, scale or zone.
fn cast_to(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    let data = array.to_data().into_builder().data_type(data_type.clone()).build().map_err(refused)?;
    Ok(arrow::array::make_array(data))
}

/// A column of nulls for a file that lacks it.
pub(crate) fn missing(data_type: &DataType, rows: usize) -> ArrayRef {
    new_null_array(data_type, rows)
}

/// Validity that costs nothing while there is no null.
#[derive(Debug)]
pub(crate) struct Validity {
    rows: usize,
    bits: Option<Vec<u64>>,
}

impl Validity {
    pub(crate) fn new(rows: usize) -> Self {
        Validity { rows, bits: None }
    }

    #[inline]
    pub(crate) fn set_null(&mut self, row: usize) {
        let bits = self.bits.get_or_insert_with(|| vec![u64::MAX; self.rows.div_ceil(64)]);
        bits[row / 64] &= !(1 << (row % 64));
    }

    pub(crate) fn finish(self) -> Option<NullBuffer> {
        let bits = Buffer::from_vec(self.bits?);
        Some(NullBuffer::new(BooleanBuffer::new(bits, 0, self.rows)))
    }
}

/// What the text in a range of bytes that is not empty says.
trait Parse<N> {
    fn parse(&self, bytes: &[u8], start: usize, end: usize) -> Option<N>;
}

impl<N, F: Fn(&[u8], usize, usize) -> Option<N>> Parse<N> for F {
    #[inline(always)]
    fn parse(&self, bytes: &[u8], start: usize, end: usize) -> Option<N> {
        self(bytes, start, end)
    }
}

/// The most common types, whose parsing must become part of the loop: a closure that is named twice stays a
/// function of its own.
struct Integers(Grammar);

impl Parse<i64> for Integers {
    #[inline(always)]
    fn parse(&self, bytes: &[u8], start: usize, end: usize) -> Option<i64> {
        number::integer(bytes, start, end, self.0)
    }
}

struct Floats(Grammar);

impl Parse<f64> for Floats {
    #[inline(always)]
    fn parse(&self, bytes: &[u8], start: usize, end: usize) -> Option<f64> {
        number::float(bytes, start, end, self.0)
    }
}

struct Column<'a> {
    decoder: &'a Decoder,
    cells: Cells<'a>,
    field: Field<'a>,
}

impl Column<'_> {
    /// The loop for all fixed-width types.
    #[inline]
    fn primitive<T: ArrowPrimitiveType>(&self, parse: impl Parse<T::Native>) -> Converted {
        let (rows, bytes) = (self.cells.rows(), self.cells.bytes);
        let mut values = vec![T::Native::default(); rows];
        let mut validity = Validity::new(rows);
        let mut bad = Vec::new();
        let cells = self.cells.column(self.field.number, self.field.is_last);
        for (row, (slot, cell)) in values.iter_mut().zip(cells).enumerate() {
            if cell.end > cell.start
                && !self.decoder.nulls.may_be(cell.end - cell.start)
                && let Some(value) = parse.parse(bytes, cell.start, cell.end)
            {
                *slot = value;
                continue;
            }
            match self.decoder.exact(bytes, cell, |text| parse.parse(text, 0, text.len())) {
                Exact::Value(value) => *slot = value,
                Exact::Null => validity.set_null(row),
                Exact::Bad => {
                    validity.set_null(row);
                    bad.push(row as u32);
                }
            }
        }
        let array = PrimitiveArray::<T>::new(values.into(), validity.finish());
        Converted { array: Arc::new(array), bad }
    }

    fn integers<T: ArrowPrimitiveType>(&self) -> Converted
    where
        T::Native: TryFrom<i64>,
    {
        let grammar = self.field.grammar;
        self.primitive::<T>(|bytes: &[u8], start: usize, end: usize| {
            number::integer(bytes, start, end, grammar).and_then(|value| value.try_into().ok())
        })
    }

    fn booleans(&self) -> Converted {
        let rows = self.cells.rows();
        let mut values = vec![0u64; rows.div_ceil(64)];
        let mut validity = Validity::new(rows);
        let mut bad = Vec::new();
        let lenient = self.field.grammar == Grammar::Lenient;
        for (row, cell) in self.cells.column(self.field.number, self.field.is_last).enumerate() {
            match self.decoder.exact(self.cells.bytes, cell, |text| boolean(text, lenient)) {
                Exact::Value(value) => values[row / 64] |= u64::from(value) << (row % 64),
                Exact::Null => validity.set_null(row),
                Exact::Bad => {
                    validity.set_null(row);
                    bad.push(row as u32);
                }
            }
        }
        let values = BooleanBuffer::new(Buffer::from_vec(values), 0, rows);
        Converted { array: Arc::new(BooleanArray::new(values, validity.finish())), bad }
    }

    fn times(&self) -> Converted {
        let lenient = self.field.grammar == Grammar::Lenient;
        let in_unit =
            |clock: Clock, unit: TimeUnit| scaled(i64::from(clock.seconds), clock.nanoseconds, unit);
        let parse = |bytes: &[u8], start: usize, end: usize, unit: TimeUnit| {
            moment::time(&bytes[start..end], lenient).and_then(|clock| in_unit(clock, unit))
        };
        let narrow = |value: Option<i64>| value.and_then(|value| i32::try_from(value).ok());
        match self.field.data_type {
            DataType::Time32(TimeUnit::Second) => {
                self.primitive::<Time32SecondType>(|b: &[u8], s: usize, e: usize| {
                    narrow(parse(b, s, e, TimeUnit::Second))
                })
            }
            DataType::Time32(_) => self.primitive::<Time32MillisecondType>(|b: &[u8], s: usize, e: usize| {
                narrow(parse(b, s, e, TimeUnit::Millisecond))
            }),
            DataType::Time64(TimeUnit::Nanosecond) => {
                self.primitive::<Time64NanosecondType>(|b: &[u8], s: usize, e: usize| {
                    parse(b, s, e, TimeUnit::Nanosecond)
                })
            }
            _ => self.primitive::<Time64MicrosecondType>(|b: &[u8], s: usize, e: usize| {
                parse(b, s, e, TimeUnit::Microsecond)
            }),
        }
    }

    fn timestamps(&self, unit: TimeUnit, zone: Option<&str>) -> Result<Converted> {
        let lenient = self.field.grammar == Grammar::Lenient;
        let zone_rule = match zone {
            None => Zone::Local,
            Some(_) if !lenient => Zone::OffsetNeeded,
            Some(zone) => Zone::In(zone.parse::<Tz>().map_err(refused)?),
        };
        let parse = |bytes: &[u8], start: usize, end: usize| {
            let text = bytes.get(start..end)?;
            let moment = match moment::timestamp(text) {
                Some(moment) => moment,
                None => midnight(moment::date(bytes, start, end)?),
            };
            let seconds = zone_rule.seconds(moment)?;
            scaled(seconds, moment.nanoseconds, unit)
        };
        let mut converted = match unit {
            TimeUnit::Second => self.primitive::<TimestampSecondType>(parse),
            TimeUnit::Millisecond => self.primitive::<TimestampMillisecondType>(parse),
            TimeUnit::Microsecond => self.primitive::<TimestampMicrosecondType>(parse),
            TimeUnit::Nanosecond => self.primitive::<TimestampNanosecondType>(parse),
        };
        if zone.is_some() {
            converted.array = cast_to(&converted.array, self.field.data_type)?;
        }
        Ok(converted)
    }
}

/// A date as a point in time.
fn midnight(days: i32) -> Moment {
    Moment { seconds: i64::from(days) * 86_400, nanoseconds: 0, has_offset: false }
}

/// How a timestamp's offset and its column's zone go together.
enum Zone {
    /// The column has no zone: an offset does not fit.
    Local,
    /// The column is of instants found by inference: the offset is what tells.
    OffsetNeeded,
    /// The column's zone was given: a timestamp without offset is local there.
    In(Tz),
}

impl Zone {
    fn seconds(&self, moment: Moment) -> Option<i64> {
        match self {
            Zone::Local => (!moment.has_offset).then_some(moment.seconds),
            Zone::In(zone) if !moment.has_offset => {
                let local = DateTime::from_timestamp(moment.seconds, 0)?.naive_utc();
                zone.from_local_datetime(&local).single().map(|instant| instant.timestamp())
            }
            Zone::OffsetNeeded | Zone::In(_) => moment.has_offset.then_some(moment.seconds),
        }
    }
}

/// Seconds and nanoseconds in a unit, if the unit holds them exactly.
#[inline(always)]
fn scaled(seconds: i64, nanoseconds: u32, unit: TimeUnit) -> Option<i64> {
    let (per_second, nanoseconds_per_unit) = match unit {
        TimeUnit::Second => (1, 1_000_000_000),
        TimeUnit::Millisecond => (1_000, 1_000_000),
        TimeUnit::Microsecond => (1_000_000, 1_000),
        TimeUnit::Nanosecond => (1_000_000_000, 1),
    };
    if !nanoseconds.is_multiple_of(nanoseconds_per_unit) {
        return None;
    }
    seconds.checked_mul(per_second)?.checked_add(i64::from(nanoseconds / nanoseconds_per_unit))
}

/// `true` and `false` in lower, upper and title case; for a given type in any case, and 1 and 0.
pub(crate) fn boolean(text: &[u8], lenient: bool) -> Option<bool> {
    match text {
        b"true" | b"True" | b"TRUE" => Some(true),
        b"false" | b"False" | b"FALSE" => Some(false),
        b"1" if lenient => Some(true),
        b"0" if lenient => Some(false),
        _ if lenient && text.eq_ignore_ascii_case(b"true") => Some(true),
        _ if lenient && text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}
