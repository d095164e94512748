//! Builds one column from JSON values. A row that turns out bad is taken back by [`Column::truncate`].

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, LargeListArray, ListArray,
    StringArray, StructArray, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime};
use arrow::datatypes::{DataType, Date32Type, FieldRef, Fields, TimeUnit};

use super::json::{Broken, Json, Token};
use super::shape::Shape;
use crate::{Error, Result};

/// Why a value was not taken.
#[derive(Debug)]
pub(super) enum Misfit {
    Broken(Broken),
    /// The value, and the type that does not hold it.
    Type {
        value: String,
        data_type: DataType,
    },
    /// A key that is in one object twice.
    Duplicate(String),
}

impl From<Broken> for Misfit {
    fn from(broken: Broken) -> Self {
        Misfit::Broken(broken)
    }
}

/// The values of a column so far.
#[derive(Debug)]
pub(super) struct Column {
    data_type: DataType,
    valid: Vec<bool>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    /// No value but null was ever seen.
    Nothing,
    Bool(Vec<bool>),
    /// Integers within bounds, and what is stored as one.
    Whole {
        values: Vec<i64>,
        read: Read,
    },
    Float(Vec<f64>),
    /// Exact numbers beyond 64 bits with a sign.
    Exact {
        values: Vec<i128>,
        precision: u8,
        scale: i8,
    },
    Text {
        bytes: Vec<u8>,
        ends: Vec<i32>,
    },
    List {
        item: Box<Column>,
        field: FieldRef,
        ends: Vec<usize>,
        large: bool,
    },
    Struct {
        members: Vec<Column>,
        fields: Fields,
        index: HashMap<String, usize>,
        strict: bool,
    },
}

/// How a 64-bit number comes out of a value.
#[derive(Clone, Debug)]
enum Read {
    Int { min: i64, max: i64 },
    Date,
    Timestamp(TimeUnit, Option<arrow::array::timezone::Tz>),
}

/// Whether an integer survives as a float.
pub(super) fn exact_in_float(value: i64) -> bool {
    value.unsigned_abs() <= 1 << 53 || (value as f64) as i128 == i128::from(value)
}

impl Column {
    /// A column of an inferred shape.
    pub(super) fn inferred(shape: &Shape) -> Result<Self> {
        match shape {
            Shape::Null => {
                Ok(Column { data_type: shape.data_type(), valid: Vec::new(), values: Values::Nothing })
            }
            Shape::List(item) => {
                let DataType::List(field) = shape.data_type() else {
                    return Column::given(&shape.data_type());
                };
                let item = Box::new(Column::inferred(item)?);
                let data_type = DataType::List(FieldRef::clone(&field));
                let values = Values::List { item, field, ends: Vec::new(), large: false };
                Ok(Column { data_type, valid: Vec::new(), values })
            }
            Shape::Struct(members) => {
                let DataType::Struct(fields) = shape.data_type() else {
                    return Column::given(&DataType::Utf8View);
                };
                let members =
                    members.iter().map(|(_, shape)| Column::inferred(shape)).collect::<Result<_>>()?;
                Ok(Column::of_struct(fields, members, true))
            }
            other => Column::given(&other.data_type()),
        }
    }

    /// A column of a type that the caller named.
    pub(super) fn given(data_type: &DataType) -> Result<Self> {
        use DataType::*;
        let whole = |read| Values::Whole { values: Vec::new(), read };
        let int = |min, max| whole(Read::Int { min, max });
        let mut data_type = data_type.clone();
        let values = match &data_type {
            Boolean => Values::Bool(Vec::new()),
            Int8 => int(i8::MIN.into(), i8::MAX.into()),
            Int16 => int(i16::MIN.into(), i16::MAX.into()),
            Int32 => int(i32::MIN.into(), i32::MAX.into()),
            Int64 => int(i64::MIN, i64::MAX),
            UInt8 => int(0, u8::MAX.into()),
            UInt16 => int(0, u16::MAX.into()),
            UInt32 => int(0, u32::MAX.into()),
            UInt64 => Values::Exact { values: Vec::new(), precision: 20, scale: 0 },
            Decimal128(precision, scale) => {
                Values::Exact { values: Vec::new(), precision: *precision, scale: *scale }
            }
            Float32 | Float64 => Values::Float(Vec::new()),
            Utf8 | LargeUtf8 | Utf8View => {
                data_type = Utf8View;
                Values::Text { bytes: Vec::new(), ends: Vec::new() }
            }
            Date32 => whole(Read::Date),
            Timestamp(unit, zone) => {
                let zone = zone.as_ref().map(|zone| zone.parse()).transpose();
                let zone =
                    zone.map_err(|_| Error::invalid(format!("{data_type} names no known time zone")))?;
                whole(Read::Timestamp(*unit, zone))
            }
            List(field) | LargeList(field) => Values::List {
                item: Box::new(Column::given(field.data_type())?),
                field: FieldRef::clone(field),
                ends: Vec::new(),
                large: matches!(data_type, LargeList(_)),
            },
            Struct(fields) => {
                let members =
                    fields.iter().map(|field| Column::given(field.data_type())).collect::<Result<_>>()?;
                return Ok(Column::of_struct(fields.clone(), members, false));
            }
            other => {
                return Err(Error::unsupported(format!(
                    "reading {other} from NDJSON (read text and cast it instead), which"
                )));
            }
        };
        Ok(Column { data_type, valid: Vec::new(), values })
    }

    fn of_struct(fields: Fields, members: Vec<Column>, strict: bool) -> Self {
        let index = fields.iter().enumerate().map(|(at, field)| (field.name().clone(), at)).collect();
        let data_type = DataType::Struct(fields.clone());
        Column { data_type, valid: Vec::new(), values: Values::Struct { members, fields, index, strict } }
    }

    pub(super) fn len(&self) -> usize {
        self.valid.len()
    }

    /// The type of [`Column::finish`]'s arrays.
    pub(super) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    pub(super) fn push_null(&mut self) {
        match &mut self.values {
            Values::Nothing => {}
            Values::Bool(values) => values.push(false),
            Values::Whole { values, .. } => values.push(0),
            Values::Float(values) => values.push(0.0),
            Values::Exact { values, .. } => values.push(0),
            Values::Text { bytes, ends } => ends.push(bytes.len() as i32),
            Values::List { item, ends, .. } => ends.push(item.len()),
            Values::Struct { members, .. } => members.iter_mut().for_each(Column::push_null),
        }
        self.valid.push(false);
    }

    /// Takes the value that begins with `token`, at `start` of the line.
    pub(super) fn push<'a>(
        &mut self,
        json: &mut Json<'a>,
        start: usize,
        token: &Token<'a>,
    ) -> std::result::Result<(), Misfit> {
        if matches!(token, Token::Null) {
            self.push_null();
            return Ok(());
        }
        let fits = match (&mut self.values, token) {
            (Values::Bool(values), Token::Bool(value)) => {
                values.push(*value);
                true
            }
            (Values::Whole { values, read }, token) => {
                read.value(token).map(|value| values.push(value)).is_some()
            }
            (Values::Float(values), Token::Number(number)) => {
                float(number, &self.data_type).map(|value| values.push(value)).is_some()
            }
            (Values::Exact { values, precision, scale }, token) => {
                let text = match token {
                    Token::Number(number) => Some(*number),
                    Token::Text(text) => Some(&**text),
                    _ => None,
                };
                let limit = if self.data_type == DataType::UInt64 { i128::from(u64::MAX) } else { i128::MAX };
                let least = if self.data_type == DataType::UInt64 { 0 } else { i128::MIN };
                text.and_then(|text| exact(text, *precision, *scale))
                    .filter(|value| (least..=limit).contains(value))
                    .map(|value| values.push(value))
                    .is_some()
            }
            (Values::Text { bytes, ends }, token) => {
                match token {
                    Token::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                    other => bytes.extend_from_slice(json.raw(start, other)?.as_bytes()),
                }
                ends.push(bytes.len() as i32);
                true
            }
            (Values::List { item, ends, .. }, Token::List) => {
                let mut first = true;
                while json.next_item(&mut first)? {
                    let start = json.position();
                    let token = json.token()?;
                    item.push(json, start, &token)?;
                }
                ends.push(item.len());
                true
            }
            (Values::Struct { members, index, strict, .. }, Token::Object) => {
                push_members(members, index, *strict, self.valid.len(), json)?;
                true
            }
            _ => false,
        };
        if !fits {
            let value = json.raw(start, token)?.to_string();
            return Err(Misfit::Type { value, data_type: self.data_type.clone() });
        }
        self.valid.push(true);
        Ok(())
    }

    /// Takes back all values from row `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.valid.truncate(len);
        match &mut self.values {
            Values::Nothing => {}
            Values::Bool(values) => values.truncate(len),
            Values::Whole { values, .. } => values.truncate(len),
            Values::Float(values) => values.truncate(len),
            Values::Exact { values, .. } => values.truncate(len),
            Values::Text { bytes, ends } => {
                ends.truncate(len);
                bytes.truncate(ends.last().map_or(0, |&end| end as usize));
            }
            Values::List { item, ends, .. } => {
                ends.truncate(len);
                item.truncate(ends.last().copied().unwrap_or(0));
            }
            Values::Struct { members, .. } => members.iter_mut().for_each(|member| member.truncate(len)),
        }
    }

    /// The values as an array; the column is empty afterwards.
    pub(super) fn finish(&mut self) -> Result<ArrayRef> {
        let valid = std::mem::take(&mut self.valid);
        let len = valid.len();
        let nulls = NullBuffer::from(valid);
        let nulls = (nulls.null_count() > 0).then_some(nulls);
        let array: ArrayRef = match &mut self.values {
            Values::Nothing => arrow::array::new_null_array(&self.data_type, len),
            Values::Bool(values) => Arc::new(BooleanArray::new(std::mem::take(values).into(), nulls)),
            Values::Whole { values, .. } => Arc::new(Int64Array::new(std::mem::take(values).into(), nulls)),
            Values::Float(values) => Arc::new(Float64Array::new(std::mem::take(values).into(), nulls)),
            Values::Exact { values, .. } if self.data_type == DataType::UInt64 => {
                let values: Vec<u64> = values.drain(..).map(|value| value as u64).collect();
                Arc::new(UInt64Array::new(values.into(), nulls))
            }
            Values::Exact { values, .. } => Arc::new(
                Decimal128Array::new(std::mem::take(values).into(), nulls)
                    .with_data_type(self.data_type.clone()),
            ),
            Values::Text { bytes, ends } => {
                let mut offsets = vec![0];
                offsets.append(ends);
                let offsets = OffsetBuffer::new(offsets.into());
                Arc::new(StringArray::try_new(offsets, std::mem::take(bytes).into(), nulls).map_err(built)?)
            }
            Values::List { item, field, ends, large } => {
                let lengths = std::iter::once(0).chain(ends.drain(..));
                let field = FieldRef::clone(field);
                if *large {
                    let offsets = OffsetBuffer::new(lengths.map(|end| end as i64).collect::<Vec<_>>().into());
                    Arc::new(LargeListArray::try_new(field, offsets, item.finish()?, nulls).map_err(built)?)
                } else {
                    let offsets = OffsetBuffer::new(lengths.map(|end| end as i32).collect::<Vec<_>>().into());
                    Arc::new(ListArray::try_new(field, offsets, item.finish()?, nulls).map_err(built)?)
                }
            }
            Values::Struct { members, fields, .. } => {
                let columns = members.iter_mut().map(Column::finish).collect::<Result<Vec<_>>>()?;
                Arc::new(
                    StructArray::try_new_with_length(fields.clone(), columns, nulls, len).map_err(built)?,
                )
            }
        };
        self.typed(array)
    }

    fn typed(&self, array: ArrayRef) -> Result<ArrayRef> {
        let through = match &self.data_type {
            same if same == array.data_type() => return Ok(array),
            DataType::Date32 => cast(&array, &DataType::Int32).map_err(built)?,
            _ => array,
        };
        cast(&through, &self.data_type).map_err(built)
    }
}

fn built(error: arrow::error::ArrowError) -> Error {
    Error::corrupt(format!("the values do not make an array of the type given: {error}"))
}

fn push_members<'a>(
    members: &mut [Column],
    index: &HashMap<String, usize>,
    strict: bool,
    row: usize,
    json: &mut Json<'a>,
) -> std::result::Result<(), Misfit> {
    let mut first = true;
    while let Some(key) = json.next_key(&mut first)? {
        let start = json.position();
        let token = json.token()?;
        match index.get(&*key) {
            Some(&at) if members[at].len() > row => return Err(Misfit::Duplicate(key.into_owned())),
            Some(&at) => members[at].push(json, start, &token)?,
            None if strict => {
                let value = format!("{key}: {}", json.raw(start, &token)?);
                let fields = DataType::Struct(Fields::empty());
                return Err(Misfit::Type { value, data_type: fields });
            }
            None => json.skip(&token)?,
        }
    }
    members.iter_mut().filter(|member| member.len() == row).for_each(Column::push_null);
    Ok(())
}

fn float(number: &str, data_type: &DataType) -> Option<f64> {
    let is_integer = !number.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    if is_integer && !number.parse::<i64>().is_ok_and(exact_in_float) {
        return None;
    }
    let value: f64 = fast_float2::parse(number).ok()?;
    let fits = if *data_type == DataType::Float32 { (value as f32).is_finite() } else { value.is_finite() };
    fits.then_some(value)
}

impl Read {
    fn value(&self, token: &Token<'_>) -> Option<i64> {
        match (self, token) {
            (Read::Int { min, max }, Token::Number(number)) => {
                number.parse().ok().filter(|value| (*min..=*max).contains(value))
            }
            (Read::Date, Token::Text(text)) => Date32Type::parse(text).map(i64::from),
            (Read::Timestamp(unit, zone), Token::Text(text)) => match zone {
                Some(zone) => in_unit(string_to_datetime(zone, text).ok()?.to_utc(), *unit),
                None => in_unit(string_to_datetime(&chrono::Utc, text).ok()?, *unit),
            },
            _ => None,
        }
    }
}

/// The time as a number of units, if it is a whole one.
fn in_unit(time: chrono::DateTime<chrono::Utc>, unit: TimeUnit) -> Option<i64> {
    let nanoseconds =
        i128::from(time.timestamp()) * 1_000_000_000 + i128::from(time.timestamp_subsec_nanos());
    let per_unit = match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    (nanoseconds % per_unit == 0).then(|| i64::try_from(nanoseconds / per_unit).ok()).flatten()
}

/// A number with `scale` decimal places, if that loses nothing.
fn exact(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    if unsigned.is_empty() || !unsigned.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut value = 0i128;
    for byte in unsigned.bytes().chain(fraction.bytes()) {
        value = value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
    }
    let places = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let shift = i32::from(scale).checked_sub(places)?;
    let power = 10i128.checked_pow(shift.unsigned_abs());
    let value = match (shift >= 0, power) {
        (_, _) if value == 0 => 0,
        (true, power) => value.checked_mul(power?)?,
        (false, power) => (value % power? == 0).then(|| value / power.unwrap_or(1))?,
    };
    let bound = 10i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX);
    (value < bound).then_some(if whole.starts_with('-') { -value } else { value })
}
