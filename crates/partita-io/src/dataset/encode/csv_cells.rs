//! How single values are spelled in CSV.
//!
//! Integers and decimals in full; floats with the fewest digits that read back to the same bits; dates, times
//! and timestamps as in ISO 8601; `true` and `false`. The types that most files are made of have a fast way
//! of their own, all others go through arrow's display, whose spellings are the same.

use std::fmt::Write as _;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, GenericStringArray, OffsetSizeTrait,
    PrimitiveArray, StringViewArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::csv::Quoting;
use crate::{Error, Result};

/// The values of one column of a batch, to be written one by one.
pub(super) trait Cells {
    /// Writes the value of a row, which is not null.
    fn write(&self, row: usize, quoting: &Quoting, out: &mut Vec<u8>) -> Result<()>;
}

/// The spellings of a column. A dictionary must have been replaced by its values.
pub(super) fn cells<'a>(array: &'a ArrayRef, quoting: &Quoting) -> Result<Box<dyn Cells + 'a>> {
    match array.data_type() {
        DataType::Utf8 => return Ok(Box::new(Text(array.as_string::<i32>()))),
        DataType::LargeUtf8 => return Ok(Box::new(Text(array.as_string::<i64>()))),
        DataType::Utf8View => return Ok(Box::new(TextView(array.as_string_view()))),
        _ => {}
    }
    if quoting.plain_is_safe()
        && let Some(cells) = plain(array)
    {
        return Ok(cells);
    }
    Ok(Box::new(Displayed(formatter(array)?)))
}

fn plain(array: &ArrayRef) -> Option<Box<dyn Cells + '_>> {
    Some(match array.data_type() {
        DataType::Boolean => Box::new(Truth(array.as_boolean())),
        DataType::Int8 => Box::new(Integer(array.as_primitive::<Int8Type>())),
        DataType::Int16 => Box::new(Integer(array.as_primitive::<Int16Type>())),
        DataType::Int32 => Box::new(Integer(array.as_primitive::<Int32Type>())),
        DataType::Int64 => Box::new(Integer(array.as_primitive::<Int64Type>())),
        DataType::UInt8 => Box::new(Integer(array.as_primitive::<UInt8Type>())),
        DataType::UInt16 => Box::new(Integer(array.as_primitive::<UInt16Type>())),
        DataType::UInt32 => Box::new(Integer(array.as_primitive::<UInt32Type>())),
        DataType::UInt64 => Box::new(Integer(array.as_primitive::<UInt64Type>())),
        DataType::Float32 => Box::new(Single(array.as_primitive())),
        DataType::Float64 => Box::new(Double(array.as_primitive())),
        DataType::Date32 => Box::new(Dates(array.as_primitive())),
        DataType::Timestamp(unit, None) => match unit {
            TimeUnit::Second => Box::new(Instants::<TimestampSecondType>(array.as_primitive(), 1)),
            TimeUnit::Millisecond => {
                Box::new(Instants::<TimestampMillisecondType>(array.as_primitive(), 1_000))
            }
            TimeUnit::Microsecond => {
                Box::new(Instants::<TimestampMicrosecondType>(array.as_primitive(), 1_000_000))
            }
            TimeUnit::Nanosecond => {
                Box::new(Instants::<TimestampNanosecondType>(array.as_primitive(), 1_000_000_000))
            }
        },
        _ => return None,
    })
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::invalid(format!("cannot write the value as text: {error}"))
}

struct Text<'a, O: OffsetSizeTrait>(&'a GenericStringArray<O>);

impl<O: OffsetSizeTrait> Cells for Text<'_, O> {
    fn write(&self, row: usize, quoting: &Quoting, out: &mut Vec<u8>) -> Result<()> {
        quoting.write(self.0.value(row).as_bytes(), out);
        Ok(())
    }
}

struct TextView<'a>(&'a StringViewArray);

impl Cells for TextView<'_> {
    fn write(&self, row: usize, quoting: &Quoting, out: &mut Vec<u8>) -> Result<()> {
        quoting.write(self.0.value(row).as_bytes(), out);
        Ok(())
    }
}

struct Truth<'a>(&'a BooleanArray);

impl Cells for Truth<'_> {
    fn write(&self, row: usize, _quoting: &Quoting, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(if self.0.value(row) { b"true" } else { b"false" });
        Ok(())
    }
}

struct Integer<'a, T: ArrowPrimitiveType>(&'a PrimitiveArray<T>);

impl<T: ArrowPrimitiveType<Native: itoa::Integer>> Cells for Integer<'_, T> {
    fn write(&self, row: usize, _quoting: &Quoting, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(itoa::Buffer::new().format(self.0.value(row)).as_bytes());
        Ok(())
    }
}

struct Single<'a>(&'a PrimitiveArray<Float32Type>);

impl Cells for Single<'_> {
    fn write(&self, row: usize, _quoting: &Quoting, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(zmij::Buffer::new().format(self.0.value(row)).as_bytes());
        Ok(())
    }
}

struct Double<'a>(&'a PrimitiveArray<Float64Type>);

impl Cells for Double<'_> {
    fn write(&self, row: usize, _quoting: &Quoting, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(zmij::Buffer::new().format(self.0.value(row)).as_bytes());
        Ok(())
    }
}

struct Dates<'a>(&'a PrimitiveArray<Date32Type>);

impl Cells for Dates<'_> {
    fn write(&self, row: usize, _quoting: &Quoting, out: &mut Vec<u8>) -> Result<()> {
        write_date(i64::from(self.0.value(row)), out);
        Ok(())
    }
}

/// Timestamps without a zone, and how many of their unit make a second.
struct Instants<'a, T: ArrowPrimitiveType>(&'a PrimitiveArray<T>, i64);

impl<T: ArrowPrimitiveType<Native = i64>> Cells for Instants<'_, T> {
    fn write(&self, row: usize, _quoting: &Quoting, out: &mut Vec<u8>) -> Result<()> {
        let value = self.0.value(row);
        let (seconds, fraction) = (value.div_euclid(self.1), value.rem_euclid(self.1));
        write_date(seconds.div_euclid(86_400), out);
        let of_day = seconds.rem_euclid(86_400);
        out.push(b'T');
        write_two(of_day / 3_600, out);
        out.push(b':');
        write_two(of_day / 60 % 60, out);
        out.push(b':');
        write_two(of_day % 60, out);
        if fraction != 0 {
            let nanos = fraction * (1_000_000_000 / self.1);
            // The writes cannot fail: the receiver is memory.
            let mut text = String::with_capacity(10);
            let _ = if nanos % 1_000_000 == 0 {
                write!(text, ".{:03}", nanos / 1_000_000)
            } else if nanos % 1_000 == 0 {
                write!(text, ".{:06}", nanos / 1_000)
            } else {
                write!(text, ".{nanos:09}")
            };
            out.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }
}

/// Writes days since 1970 as a date of the proleptic Gregorian calendar (Howard Hinnant's algorithm).
fn write_date(days: i64, out: &mut Vec<u8>) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if (0..=9_999).contains(&year) {
        write_two(year / 100, out);
        write_two(year % 100, out);
    } else {
        // ISO 8601 asks for a sign on years beyond four digits.
        out.push(if year < 0 { b'-' } else { b'+' });
        let digits = year.unsigned_abs();
        (digits < 1_000).then(|| out.push(b'0'));
        (digits < 100).then(|| out.push(b'0'));
        (digits < 10).then(|| out.push(b'0'));
        out.extend_from_slice(itoa::Buffer::new().format(digits).as_bytes());
    }
    out.push(b'-');
    write_two(month, out);
    out.push(b'-');
    write_two(day, out);
}

fn write_two(number: i64, out: &mut Vec<u8>) {
    // Callers pass 0 to 99.
    let number = u8::try_from(number).unwrap_or(0);
    out.extend_from_slice(&[b'0' + number / 10 % 10, b'0' + number % 10]);
}

/// Everything else, by arrow's display: into a text first, because it may need quotes.
struct Displayed<'a>(ArrayFormatter<'a>);

impl Cells for Displayed<'_> {
    fn write(&self, row: usize, quoting: &Quoting, out: &mut Vec<u8>) -> Result<()> {
        let text = self.0.value(row).try_to_string().map_err(refused)?;
        quoting.write(text.as_bytes(), out);
        Ok(())
    }
}

fn formatter(array: &dyn Array) -> Result<ArrayFormatter<'_>> {
    const OPTIONS: FormatOptions<'static> = FormatOptions::new();
    ArrayFormatter::try_new(array, &OPTIONS).map_err(refused)
}
