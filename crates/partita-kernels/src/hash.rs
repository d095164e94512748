//! Row hashes: the same 64 bits for equal rows, whatever the encoding, the platform and the run.
//!
//! Buckets of an exchange are cut from the high bits (`hash >> 56`), see `partition`. Each value is first turned into a
//! 64-bit *word* that depends on the value alone; a row's hash folds the words of its columns in order. All
//! constants are fixed: a result may depend on the order of buckets, so it must not depend on a seed.

use arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait, make_array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::*;

use crate::plain::{as_views, canonical_f64, unpack_views};
use crate::{Error, Result};

const SEED: u64 = 0x243f_6a88_85a3_08d3;
const FOLD: u64 = 0x9e37_79b9_7f4a_7c15;
const LOW: u64 = 0xa409_3822_299f_31d1;
const HIGH: u64 = 0x082e_fa98_ec4e_6c89;
const NULL: u64 = 0x4528_21e6_38d0_1377;
const LIST: u64 = 0xbe54_66cf_34e9_0c6d;

/// Both halves of the 128-bit product, one over the other: every input bit reaches every output bit's half.
#[inline(always)]
pub(crate) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[inline(always)]
fn mix(hash: u64, word: u64) -> u64 {
    fold(hash ^ word, FOLD)
}

/// Hashes the rows of `columns` into `hashes` (overwritten; as many as the first column has rows).
///
/// Equal rows have equal hashes across text encodings, dictionaries, integer and float widths; -0.0 hashes as
/// 0.0, all NaNs alike, and null as a value of its own.
///
/// # Errors
/// When a column's type (a union) has no notion of equality here.
pub fn hash_columns(columns: &[ArrayRef], hashes: &mut Vec<u64>) -> Result<()> {
    hashes.clear();
    hashes.resize(columns.first().map_or(0, |column| column.len()), SEED);
    for column in columns {
        let hashes = hashes.as_mut_slice();
        words(column, &mut |row, word| {
            if let Some(hash) = hashes.get_mut(row) {
                *hash = mix(*hash, word);
            }
        })?;
    }
    Ok(())
}

fn word_vec(column: &ArrayRef) -> Result<Vec<u64>> {
    let mut out = vec![NULL; column.len()];
    words(column, &mut |row, word| out[row] = word)?;
    Ok(out)
}

/// Calls `put(row, word)` for every row in order.
fn words(column: &ArrayRef, put: &mut impl FnMut(usize, u64)) -> Result<()> {
    macro_rules! native {
        ($type:ty, $word:expr) => {{
            let array = column.as_primitive::<$type>();
            put_all(array.values(), array.nulls(), $word, put)
        }};
    }
    match column.data_type() {
        DataType::Null => (0..column.len()).for_each(|row| put(row, NULL)),
        DataType::Boolean => {
            let array = column.as_boolean();
            put_each(array.len(), array.nulls(), |row| u64::from(array.value(row)), put);
        }
        DataType::Float16 => native!(Float16Type, |v| float_word(f64::from(v))),
        DataType::Float32 => native!(Float32Type, |v| float_word(f64::from(v))),
        DataType::Float64 => native!(Float64Type, float_word),
        DataType::Decimal32(_, _) => native!(Decimal32Type, |v| wide_word(i128::from(v))),
        DataType::Decimal64(_, _) => native!(Decimal64Type, |v| wide_word(i128::from(v))),
        DataType::Decimal128(_, _) => native!(Decimal128Type, wide_word),
        DataType::Decimal256(_, _) => native!(Decimal256Type, |v: i256| match v.to_i128() {
            Some(small) => wide_word(small),
            None => bytes_word(&v.to_le_bytes()),
        }),
        DataType::Interval(IntervalUnit::DayTime) => {
            native!(IntervalDayTimeType, |v: IntervalDayTime| pair_word(v.days as u64, v.milliseconds as u64))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            native!(IntervalMonthDayNanoType, |v: IntervalMonthDayNano| {
                pair_word(pair_word(v.months as u64, v.days as u64), v.nanoseconds as u64)
            })
        }
        DataType::UInt64 => native!(UInt64Type, |v| v),
        other => return integer_or_bytes_words(column, other, put),
    }
    Ok(())
}

fn integer_or_bytes_words(
    column: &ArrayRef,
    kind: &DataType,
    put: &mut impl FnMut(usize, u64),
) -> Result<()> {
    macro_rules! integer {
        ($native:ty) => {{
            let data = column.to_data();
            let values = data.buffers().first().cloned().unwrap_or_default();
            let values = ScalarBuffer::<$native>::new(values, data.offset(), data.len());
            put_all(&values, column.nulls(), |v| i64::from(v) as u64, put)
        }};
    }
    match kind {
        DataType::Int8 => integer!(i8),
        DataType::UInt8 => integer!(u8),
        DataType::Int16 => integer!(i16),
        DataType::UInt16 => integer!(u16),
        DataType::UInt32 => integer!(u32),
        DataType::Int32
        | DataType::Date32
        | DataType::Time32(_)
        | DataType::Interval(IntervalUnit::YearMonth) => {
            integer!(i32)
        }
        DataType::Int64
        | DataType::Date64
        | DataType::Time64(_)
        | DataType::Timestamp(_, _)
        | DataType::Duration(_) => integer!(i64),
        DataType::Utf8View => {
            let array = column.as_string_view();
            put_views(array.views(), array.nulls(), |row| array.value(row).as_bytes(), put);
        }
        DataType::BinaryView => {
            let array = column.as_binary_view();
            put_views(array.views(), array.nulls(), |row| array.value(row), put);
        }
        DataType::Utf8 => {
            let array = column.as_string::<i32>();
            put_each(array.len(), array.nulls(), |row| bytes_word(array.value(row).as_bytes()), put);
        }
        DataType::LargeUtf8 => {
            let array = column.as_string::<i64>();
            put_each(array.len(), array.nulls(), |row| bytes_word(array.value(row).as_bytes()), put);
        }
        DataType::Binary => {
            let array = column.as_binary::<i32>();
            put_each(array.len(), array.nulls(), |row| bytes_word(array.value(row)), put);
        }
        DataType::LargeBinary => {
            let array = column.as_binary::<i64>();
            put_each(array.len(), array.nulls(), |row| bytes_word(array.value(row)), put);
        }
        DataType::FixedSizeBinary(_) => {
            let array = column.as_fixed_size_binary();
            put_each(array.len(), array.nulls(), |row| bytes_word(array.value(row)), put);
        }
        other => return nested_words(column, other, put),
    }
    Ok(())
}

fn nested_words(column: &ArrayRef, kind: &DataType, put: &mut impl FnMut(usize, u64)) -> Result<()> {
    match kind {
        DataType::Dictionary(_, _) => dictionary_words(column, put)?,
        DataType::RunEndEncoded(_, _) => {
            let unpacked = word_vec(&unpack_views(column)?)?;
            put_each(unpacked.len(), None, |row| unpacked[row], put);
        }
        DataType::List(_) => list_words(column.as_list::<i32>(), put)?,
        DataType::LargeList(_) => list_words(column.as_list::<i64>(), put)?,
        DataType::Map(_, _) => {
            let map = column.as_map();
            let entries: ArrayRef = make_array(map.entries().to_data());
            let child = word_vec(&entries)?;
            let range = |row: usize| map.value_offsets()[row] as usize..map.value_offsets()[row + 1] as usize;
            put_each(map.len(), map.nulls(), |row| sequence_word(&child[range(row)]), put);
        }
        DataType::FixedSizeList(_, width) => {
            let list = column.as_fixed_size_list();
            let (child, width) = (word_vec(list.values())?, *width as usize);
            put_each(
                list.len(),
                list.nulls(),
                |row| sequence_word(&child[row * width..(row + 1) * width]),
                put,
            );
        }
        DataType::ListView(_) => {
            let list = column.as_list_view::<i32>();
            let child = word_vec(list.values())?;
            let range = |row: usize| {
                list.value_offset(row) as usize..(list.value_offset(row) + list.value_size(row)) as usize
            };
            put_each(list.len(), list.nulls(), |row| sequence_word(&child[range(row)]), put);
        }
        DataType::LargeListView(_) => {
            let list = column.as_list_view::<i64>();
            let child = word_vec(list.values())?;
            let range = |row: usize| {
                list.value_offset(row) as usize..(list.value_offset(row) + list.value_size(row)) as usize
            };
            put_each(list.len(), list.nulls(), |row| sequence_word(&child[range(row)]), put);
        }
        DataType::Struct(_) => {
            let array = column.as_struct();
            let children = array.columns().iter().map(word_vec).collect::<Result<Vec<_>>>()?;
            let word = |row: usize| children.iter().fold(LIST, |hash, child| mix(hash, child[row]));
            put_each(array.len(), array.nulls(), word, put);
        }
        other => return Err(Error::unsupported("hashing", other)),
    }
    Ok(())
}

/// Hashes the dictionary's values once when there are fewer of them than rows, else only those that rows name.
fn dictionary_words(column: &ArrayRef, put: &mut impl FnMut(usize, u64)) -> Result<()> {
    let dictionary = column.as_any_dictionary();
    if dictionary.values().len() > column.len() || dictionary.values().is_empty() {
        let unpacked = word_vec(&unpack_views(column)?)?;
        put_each(unpacked.len(), None, |row| unpacked[row], put);
        return Ok(());
    }
    let values = word_vec(&as_views(dictionary.values())?)?;
    let keys = dictionary.normalized_keys();
    put_each(keys.len(), dictionary.keys().nulls(), |row| values[keys[row]], put);
    Ok(())
}

fn list_words<O: OffsetSizeTrait>(
    list: &GenericListArray<O>,
    put: &mut impl FnMut(usize, u64),
) -> Result<()> {
    let offsets = list.value_offsets();
    let (first, last) = match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => (first.as_usize(), last.as_usize()),
        _ => return Ok(()),
    };
    let child = word_vec(&list.values().slice(first, last - first))?;
    let range = |row: usize| offsets[row].as_usize() - first..offsets[row + 1].as_usize() - first;
    put_each(list.len(), list.nulls(), |row| sequence_word(&child[range(row)]), put);
    Ok(())
}

#[inline(always)]
fn put_all<T: Copy>(
    values: &[T],
    nulls: Option<&NullBuffer>,
    word: impl Fn(T) -> u64,
    put: &mut impl FnMut(usize, u64),
) {
    match nulls {
        None => values.iter().enumerate().for_each(|(row, &value)| put(row, word(value))),
        Some(nulls) => values
            .iter()
            .zip(nulls.iter())
            .enumerate()
            .for_each(|(row, (&value, valid))| put(row, if valid { word(value) } else { NULL })),
    }
}

#[inline(always)]
fn put_each(
    rows: usize,
    nulls: Option<&NullBuffer>,
    word: impl Fn(usize) -> u64,
    put: &mut impl FnMut(usize, u64),
) {
    match nulls {
        None => (0..rows).for_each(|row| put(row, word(row))),
        Some(nulls) => {
            for (row, valid) in nulls.iter().enumerate() {
                put(row, if valid { word(row) } else { NULL });
            }
        }
    }
}

fn put_views<'a>(
    views: &[u128],
    nulls: Option<&NullBuffer>,
    bytes: impl Fn(usize) -> &'a [u8],
    put: &mut impl FnMut(usize, u64),
) {
    let word = |row: usize| match views[row] {
        short if short as u32 <= INLINE => short_word(short),
        _ => bytes_word(bytes(row)),
    };
    put_each(views.len(), nulls, word, put);
}

/// The longest text that lies in its view.
const INLINE: u32 = 12;

#[inline(always)]
fn float_word(value: f64) -> u64 {
    canonical_f64(value).to_bits()
}

#[inline(always)]
fn wide_word(value: i128) -> u64 {
    pair_word(value as u64, (value >> 64) as u64)
}

#[inline(always)]
fn pair_word(low: u64, high: u64) -> u64 {
    fold(low ^ LOW, high ^ HIGH)
}

/// The word of a text of at most 12 bytes in the form of an Arrow view: length, then bytes, then zeros.
#[inline(always)]
pub(crate) fn short_word(view: u128) -> u64 {
    pair_word(view as u64, (view >> 64) as u64)
}

/// The word of any bytes.
#[inline]
pub(crate) fn bytes_word(bytes: &[u8]) -> u64 {
    if bytes.len() <= INLINE as usize {
        let mut view = [0u8; 16];
        view[..4].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        view[4..4 + bytes.len()].copy_from_slice(bytes);
        return short_word(u128::from_le_bytes(view));
    }
    let (chunks, _) = bytes.as_chunks::<16>();
    let mut hash = SEED ^ bytes.len() as u64;
    for chunk in chunks {
        hash = chunk_word(hash, chunk);
    }
    // The last 16 bytes once more, overlapping: no tail loop. Shorter texts (13 to 15 bytes) are padded.
    match bytes.last_chunk::<16>() {
        Some(tail) => chunk_word(hash, tail),
        None => {
            let mut tail = [0u8; 16];
            tail[..bytes.len()].copy_from_slice(bytes);
            chunk_word(hash, &tail)
        }
    }
}

#[inline(always)]
fn chunk_word(hash: u64, chunk: &[u8; 16]) -> u64 {
    let chunk = u128::from_le_bytes(*chunk);
    fold(chunk as u64 ^ hash ^ LOW, (chunk >> 64) as u64 ^ hash.rotate_left(32) ^ HIGH)
}

/// The word of a list whose elements have these words.
fn sequence_word(words: &[u64]) -> u64 {
    words.iter().fold(mix(LIST, words.len() as u64), |hash, &word| mix(hash, word))
}

#[cfg(test)]
mod tests;
