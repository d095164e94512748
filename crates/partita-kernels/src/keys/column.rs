//! [`KeyColumn`]: one key column in canonical, order-keeping words. Nested types go through `nested.rs`.

use std::cmp::Ordering;

use arrow::array::ArrayData;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryViewArray, BooleanArray, StringViewArray,
    UInt32Array, make_array,
};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTimeType,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type, i256,
};

use super::nested::nested_rows;
use crate::Result;

/// A key column whose values compare, and are equal, as plain unsigned words or bytes.
#[derive(Debug, Clone)]
pub(crate) struct KeyColumn {
    /// The values; what stands in null slots means nothing.
    pub(crate) values: KeyValues,
    /// Which rows are null.
    pub(crate) nulls: Option<NullBuffer>,
}

/// The three canonical forms.
#[derive(Debug, Clone)]
pub(crate) enum KeyValues {
    /// Values of up to 64 bits, in the low `bits` bits of a word.
    Narrow { words: Vec<u64>, bits: u32 },
    /// Values of up to 128 bits.
    Wide(Vec<u128>),
    /// Text, binary, 256-bit decimals and nested values as bytes in lexicographic order.
    Bytes(BinaryViewArray),
}

impl KeyColumn {
    /// Converts `array`.
    ///
    /// # Errors
    /// The type has no order (a map or a union inside a nested type that the row format refuses).
    pub(crate) fn new(array: &dyn Array) -> Result<KeyColumn> {
        let values = match array.data_type() {
            DataType::Dictionary(_, value_type) => {
                return KeyColumn::new(&cast(array, &view_type(value_type))?);
            }
            DataType::RunEndEncoded(_, values) => {
                return KeyColumn::new(&cast(array, &view_type(values.data_type()))?);
            }
            DataType::Null => KeyValues::Narrow { words: vec![0; array.len()], bits: 0 },
            DataType::Boolean => boolean_words(array.as_boolean()),
            DataType::Utf8 => {
                KeyValues::Bytes(StringViewArray::from(array.as_string::<i32>()).to_binary_view())
            }
            DataType::LargeUtf8 => {
                KeyValues::Bytes(StringViewArray::from(array.as_string::<i64>()).to_binary_view())
            }
            DataType::Utf8View => KeyValues::Bytes(array.as_string_view().clone().to_binary_view()),
            DataType::Binary => KeyValues::Bytes(BinaryViewArray::from(array.as_binary::<i32>())),
            DataType::LargeBinary => KeyValues::Bytes(BinaryViewArray::from(array.as_binary::<i64>())),
            DataType::BinaryView => KeyValues::Bytes(array.as_binary_view().clone()),
            DataType::FixedSizeBinary(_) => {
                KeyValues::Bytes(BinaryViewArray::from_iter(array.as_fixed_size_binary().iter()))
            }
            DataType::Decimal128(_, _) => wide::<Decimal128Type>(array, order_i128),
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                wide::<IntervalMonthDayNanoType>(array, |value| {
                    let (months, days) = (order_i32(value.months), order_i32(value.days));
                    (u128::from(months) << 96)
                        | (u128::from(days) << 64)
                        | u128::from(order_i64(value.nanoseconds))
                })
            }
            DataType::Decimal256(_, _) => decimal256_bytes(array),
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::FixedSizeList(_, _)
            | DataType::Struct(_)
            | DataType::Map(_, _)
            | DataType::Union(_, _) => KeyValues::Bytes(nested_rows(array)?),
            _ => narrow_words(array),
        };
        Ok(KeyColumn { values, nulls: array.logical_nulls().filter(|nulls| nulls.null_count() > 0) })
    }

    /// Converts the arrays one after the other into one column.
    pub(crate) fn concat(arrays: &[&dyn Array]) -> Result<KeyColumn> {
        let mut parts = arrays.iter().map(|array| KeyColumn::new(*array)).collect::<Result<Vec<_>>>()?;
        if parts.len() == 1 {
            return Ok(parts.swap_remove(0));
        }
        let nulls = concat_nulls(parts.iter().map(|part| (part.nulls.as_ref(), part.len())));
        let mut parts = parts.into_iter().map(|part| part.values).peekable();
        let values = match parts.peek() {
            None => KeyValues::Narrow { words: Vec::new(), bits: 0 },
            Some(KeyValues::Narrow { bits, .. }) => {
                let bits = *bits;
                let words = parts.flat_map(KeyValues::into_narrow).collect();
                KeyValues::Narrow { words, bits }
            }
            Some(KeyValues::Wide(_)) => KeyValues::Wide(parts.flat_map(KeyValues::into_wide).collect()),
            Some(KeyValues::Bytes(_)) => {
                let views: Vec<ArrayRef> = parts.filter_map(KeyValues::into_bytes).collect();
                let views: Vec<&dyn Array> = views.iter().map(AsRef::as_ref).collect();
                KeyValues::Bytes(concat(&views)?.as_binary_view().clone())
            }
        };
        Ok(KeyColumn { values, nulls })
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        match &self.values {
            KeyValues::Narrow { words, .. } => words.len(),
            KeyValues::Wide(words) => words.len(),
            KeyValues::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether `row` is null.
    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Compares two values that are not null.
    #[inline]
    pub(crate) fn compare_values(&self, row: usize, other: &KeyColumn, other_row: usize) -> Ordering {
        match (&self.values, &other.values) {
            (KeyValues::Narrow { words: left, .. }, KeyValues::Narrow { words: right, .. }) => {
                left[row].cmp(&right[other_row])
            }
            (KeyValues::Wide(left), KeyValues::Wide(right)) => left[row].cmp(&right[other_row]),
            (KeyValues::Bytes(left), KeyValues::Bytes(right)) => left.value(row).cmp(right.value(other_row)),
            _ => unreachable!("columns of one key have one form, which is checked when they are made"),
        }
    }

    /// The rows at `indices`, in that order, without keeping more text alive than they need.
    pub(crate) fn take(&self, indices: &[u32]) -> Result<KeyColumn> {
        let nulls = self
            .nulls
            .as_ref()
            .map(|nulls| NullBuffer::from_iter(indices.iter().map(|&row| nulls.is_valid(row as usize))));
        let values = match &self.values {
            KeyValues::Narrow { words, bits } => KeyValues::Narrow {
                words: indices.iter().map(|&row| words[row as usize]).collect(),
                bits: *bits,
            },
            KeyValues::Wide(words) => {
                KeyValues::Wide(indices.iter().map(|&row| words[row as usize]).collect())
            }
            KeyValues::Bytes(bytes) => {
                let taken = take(bytes, &UInt32Array::from(indices.to_vec()), None)?;
                KeyValues::Bytes(taken.as_binary_view().gc())
            }
        };
        Ok(KeyColumn { values, nulls })
    }

    /// `len` rows from `offset` on.
    pub(crate) fn slice(&self, offset: usize, len: usize) -> KeyColumn {
        let values = match &self.values {
            KeyValues::Narrow { words, bits } => {
                KeyValues::Narrow { words: words[offset..offset + len].to_vec(), bits: *bits }
            }
            KeyValues::Wide(words) => KeyValues::Wide(words[offset..offset + len].to_vec()),
            KeyValues::Bytes(bytes) => KeyValues::Bytes(bytes.slice(offset, len)),
        };
        KeyColumn { values, nulls: self.nulls.as_ref().map(|nulls| nulls.slice(offset, len)) }
    }

    /// The bytes that the column holds.
    pub(crate) fn size_bytes(&self) -> usize {
        let values = match &self.values {
            KeyValues::Narrow { words, .. } => words.capacity() * size_of::<u64>(),
            KeyValues::Wide(words) => words.capacity() * size_of::<u128>(),
            KeyValues::Bytes(bytes) => bytes.get_array_memory_size(),
        };
        values + self.nulls.as_ref().map_or(0, |nulls| nulls.buffer().capacity())
    }
}

impl KeyValues {
    fn into_narrow(self) -> Vec<u64> {
        if let KeyValues::Narrow { words, .. } = self { words } else { Vec::new() }
    }

    fn into_wide(self) -> Vec<u128> {
        if let KeyValues::Wide(words) = self { words } else { Vec::new() }
    }

    fn into_bytes(self) -> Option<ArrayRef> {
        if let KeyValues::Bytes(bytes) = self { Some(std::sync::Arc::new(bytes)) } else { None }
    }
}

/// Whether two key types are the same but for the encoding of text and dictionaries and for time zones.
pub(crate) fn same_key_type(left: &DataType, right: &DataType) -> bool {
    match (view_type(left), view_type(right)) {
        (DataType::Timestamp(left, _), DataType::Timestamp(right, _)) => left == right,
        (left, right) if left.is_nested() && right.is_nested() => {
            // Field names and nullability do not matter to values; what does is compared level by level.
            let (left, right) = (child_types(&left), child_types(&right));
            left.len() == right.len()
                && left.iter().zip(&right).all(|(left, right)| same_key_type(left, right))
        }
        (left, right) => left == right,
    }
}

/// The value of type `data_type` whose canonical word is `word`, as an array of one; `None` for floats and byte forms.
pub(crate) fn key_value(data_type: &DataType, word: u128) -> Result<Option<ArrayRef>> {
    let signed = |bits: u32| (word ^ (1 << (bits - 1))).to_le_bytes();
    let width = data_type.primitive_width();
    let bytes = match data_type {
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => word.to_le_bytes(),
        DataType::Int8 => signed(8),
        DataType::Int16 => signed(16),
        DataType::Int32 | DataType::Date32 | DataType::Time32(_) | DataType::Decimal32(_, _) => signed(32),
        DataType::Int64
        | DataType::Date64
        | DataType::Time64(_)
        | DataType::Timestamp(_, _)
        | DataType::Duration(_)
        | DataType::Decimal64(_, _) => signed(64),
        DataType::Decimal128(_, _) => signed(128),
        _ => return Ok(None),
    };
    let buffer = Buffer::from(&bytes[..width.unwrap_or(0)]);
    Ok(Some(make_array(ArrayData::try_new(data_type.clone(), 1, None, 0, vec![buffer], vec![])?)))
}

fn child_types(data_type: &DataType) -> Vec<DataType> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => vec![field.data_type().clone()],
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type().clone()).collect(),
        other => vec![other.clone()],
    }
}

/// The type in which values of `data_type` are compared: no dictionaries, text and binary as views.
fn view_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => view_type(values),
        DataType::RunEndEncoded(_, values) => view_type(values.data_type()),
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        other => other.clone(),
    }
}

/// Which rows of parts that follow each other are null; each has its nulls and its rows.
pub(crate) fn concat_nulls<'a>(
    parts: impl Iterator<Item = (Option<&'a NullBuffer>, usize)> + Clone,
) -> Option<NullBuffer> {
    parts.clone().any(|(nulls, _)| nulls.is_some()).then(|| {
        let mut bits = arrow::array::BooleanBufferBuilder::new(parts.clone().map(|(_, rows)| rows).sum());
        for (nulls, rows) in parts {
            match nulls {
                Some(nulls) => bits.append_buffer(nulls.inner()),
                None => bits.append_n(rows, true),
            }
        }
        NullBuffer::new(bits.finish())
    })
}

fn boolean_words(array: &BooleanArray) -> KeyValues {
    KeyValues::Narrow { words: array.values().iter().map(u64::from).collect(), bits: 1 }
}

fn decimal256_bytes(array: &dyn Array) -> KeyValues {
    let bytes = array.as_primitive::<Decimal256Type>().iter().map(|value| {
        value.map(|value: i256| {
            let mut bytes = value.to_be_bytes();
            bytes[0] ^= 0x80;
            bytes
        })
    });
    KeyValues::Bytes(BinaryViewArray::from_iter(bytes))
}

fn wide<T: ArrowPrimitiveType>(array: &dyn Array, order: impl Fn(T::Native) -> u128) -> KeyValues {
    KeyValues::Wide(array.as_primitive::<T>().values().iter().map(|value| order(*value)).collect())
}

fn narrow<T: ArrowPrimitiveType>(
    array: &dyn Array,
    bits: u32,
    order: impl Fn(T::Native) -> u64,
) -> KeyValues {
    let words = array.as_primitive::<T>().values().iter().map(|value| order(*value)).collect();
    KeyValues::Narrow { words, bits }
}

/// Every primitive type of up to 64 bits.
fn narrow_words(array: &dyn Array) -> KeyValues {
    let order_32 = |value: i32| u64::from(order_i32(value));
    match array.data_type() {
        DataType::Int8 => narrow::<Int8Type>(array, 8, |value| u64::from(value.cast_unsigned() ^ 0x80)),
        DataType::Int16 => narrow::<Int16Type>(array, 16, |value| u64::from(value.cast_unsigned() ^ 0x8000)),
        DataType::Int32 => narrow::<Int32Type>(array, 32, order_32),
        DataType::Int64 => narrow::<Int64Type>(array, 64, order_i64),
        DataType::UInt8 => narrow::<UInt8Type>(array, 8, u64::from),
        DataType::UInt16 => narrow::<UInt16Type>(array, 16, u64::from),
        DataType::UInt32 => narrow::<UInt32Type>(array, 32, u64::from),
        DataType::UInt64 => narrow::<UInt64Type>(array, 64, |value| value),
        DataType::Float16 => narrow::<Float16Type>(array, 16, |value| order_f16(value.to_bits())),
        DataType::Float32 => narrow::<Float32Type>(array, 32, order_f32),
        DataType::Float64 => narrow::<Float64Type>(array, 64, order_f64),
        DataType::Date32 => narrow::<Date32Type>(array, 32, order_32),
        DataType::Date64 => narrow::<Date64Type>(array, 64, order_i64),
        DataType::Time32(TimeUnit::Second) => narrow::<Time32SecondType>(array, 32, order_32),
        DataType::Time32(_) => narrow::<Time32MillisecondType>(array, 32, order_32),
        DataType::Time64(TimeUnit::Microsecond) => narrow::<Time64MicrosecondType>(array, 64, order_i64),
        DataType::Time64(_) => narrow::<Time64NanosecondType>(array, 64, order_i64),
        DataType::Timestamp(TimeUnit::Second, _) => narrow::<TimestampSecondType>(array, 64, order_i64),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            narrow::<TimestampMillisecondType>(array, 64, order_i64)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            narrow::<TimestampMicrosecondType>(array, 64, order_i64)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            narrow::<TimestampNanosecondType>(array, 64, order_i64)
        }
        DataType::Duration(TimeUnit::Second) => narrow::<DurationSecondType>(array, 64, order_i64),
        DataType::Duration(TimeUnit::Millisecond) => narrow::<DurationMillisecondType>(array, 64, order_i64),
        DataType::Duration(TimeUnit::Microsecond) => narrow::<DurationMicrosecondType>(array, 64, order_i64),
        DataType::Duration(TimeUnit::Nanosecond) => narrow::<DurationNanosecondType>(array, 64, order_i64),
        DataType::Interval(IntervalUnit::YearMonth) => narrow::<IntervalYearMonthType>(array, 32, order_32),
        DataType::Interval(_) => narrow::<IntervalDayTimeType>(array, 64, |value| {
            (u64::from(order_i32(value.days)) << 32) | u64::from(order_i32(value.milliseconds))
        }),
        DataType::Decimal32(_, _) => narrow::<Decimal32Type>(array, 32, order_32),
        DataType::Decimal64(_, _) => narrow::<Decimal64Type>(array, 64, order_i64),
        other => unreachable!("{other} is handled with its own form in KeyColumn::new"),
    }
}

fn order_i32(value: i32) -> u32 {
    value.cast_unsigned() ^ (1 << 31)
}

fn order_i64(value: i64) -> u64 {
    value.cast_unsigned() ^ (1 << 63)
}

fn order_i128(value: i128) -> u128 {
    value.cast_unsigned() ^ (1 << 127)
}

/// Numbers in order, then one NaN; -0.0 is 0.0.
fn order_f64(value: f64) -> u64 {
    // Adding 0.0 turns -0.0 into 0.0 and leaves everything else alone.
    let bits = if value.is_nan() { f64::NAN.to_bits() & !(1 << 63) } else { (value + 0.0).to_bits() };
    bits ^ (((bits.cast_signed() >> 63).cast_unsigned()) | (1 << 63))
}

fn order_f32(value: f32) -> u64 {
    let bits = if value.is_nan() { f32::NAN.to_bits() & !(1 << 31) } else { (value + 0.0).to_bits() };
    u64::from(bits ^ (((bits.cast_signed() >> 31).cast_unsigned()) | (1 << 31)))
}

fn order_f16(bits: u16) -> u64 {
    let bits = match bits {
        0x8000 => 0,
        bits if bits & 0x7fff > 0x7c00 => 0x7e00,
        bits => bits,
    };
    u64::from(bits ^ (((bits.cast_signed() >> 15).cast_unsigned()) | 0x8000))
}
