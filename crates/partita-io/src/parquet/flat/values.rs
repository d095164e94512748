//! Values of a flat column: how they lie in plain pages, at hand, and in dictionaries. `loaded.rs` makes arrays of them.

use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayData, ArrayRef, BinaryViewArray, StringViewArray, make_array, make_view};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use bytes::Bytes;
use parquet::basic::Type as PhysicalType;
use parquet::schema::types::ColumnDescriptor;

use crate::{Error, Result};

/// Texts up to this length lie in their view.
pub(super) const INLINE: u32 = 12;

/// How values lie in plain pages and in arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Four bytes.
    Four,
    /// Eight bytes.
    Eight,
    /// Numbers of four bytes, of sixteen in arrays.
    FourWide,
    /// Numbers of eight bytes, of sixteen in arrays.
    EightWide,
    /// Length and bytes; views in arrays.
    Text,
    /// As text, but any bytes.
    Binary,
}

impl Shape {
    /// The shape of a column; `None` for types that are left to the `parquet` crate.
    pub(crate) fn of(column: &ColumnDescriptor, data_type: &DataType) -> Option<Shape> {
        use DataType::{
            BinaryView, Date32, Date64, Decimal32, Decimal64, Decimal128, Duration, Float32, Float64, Int32,
            Int64, Time32, Time64, Timestamp, UInt32, UInt64, Utf8View,
        };
        if column.max_rep_level() > 0 || column.max_def_level() > 1 || column.path().parts().len() > 1 {
            return None;
        }
        match (column.physical_type(), data_type) {
            (PhysicalType::INT32, Int32 | UInt32 | Date32 | Time32(_) | Decimal32(..)) => Some(Shape::Four),
            (PhysicalType::FLOAT, Float32) => Some(Shape::Four),
            (
                PhysicalType::INT64,
                Int64 | UInt64 | Date64 | Time64(_) | Timestamp(..) | Duration(_) | Decimal64(..),
            )
            | (PhysicalType::DOUBLE, Float64) => Some(Shape::Eight),
            (PhysicalType::INT32, Decimal128(..)) => Some(Shape::FourWide),
            (PhysicalType::INT64, Decimal128(..)) => Some(Shape::EightWide),
            (PhysicalType::BYTE_ARRAY, Utf8View) => Some(Shape::Text),
            (PhysicalType::BYTE_ARRAY, BinaryView) => Some(Shape::Binary),
            _ => None,
        }
    }

    /// Bytes of a value in a plain page; `None` for text.
    pub(super) fn width(self) -> Option<usize> {
        match self {
            Shape::Four | Shape::FourWide => Some(4),
            Shape::Eight | Shape::EightWide => Some(8),
            Shape::Text | Shape::Binary => None,
        }
    }
}

/// Values at hand, one for each place, as wide as in the file: a dictionary should stay in the cache.
#[derive(Debug)]
pub(super) enum Store {
    Four(Vec<i32>),
    Eight(Vec<i64>),
    /// Views into the one buffer, if they are long.
    Views(Vec<u128>, Bytes),
}

impl Store {
    pub(super) fn new(shape: Shape) -> Store {
        match shape {
            Shape::Four | Shape::FourWide => Store::Four(Vec::new()),
            Shape::Eight | Shape::EightWide => Store::Eight(Vec::new()),
            Shape::Text | Shape::Binary => Store::Views(Vec::new(), Bytes::new()),
        }
    }

    /// Appends `count` plain values of `bytes`, which lie from `at` on; where they end.
    pub(super) fn extend(&mut self, shape: Shape, bytes: &Bytes, at: usize, count: usize) -> Result<usize> {
        let ends = || Error::corrupt("the data is damaged: a page ends before its last value");
        if let Store::Views(views, buffer) = self {
            *buffer = bytes.clone();
            return read_texts(bytes, at, count, shape == Shape::Text, views);
        }
        let end =
            shape.width().and_then(|width| count.checked_mul(width)?.checked_add(at)).ok_or_else(ends)?;
        let values = bytes.get(at..end).ok_or_else(ends)?;
        match self {
            Store::Four(to) => to.extend(values.as_chunks().0.iter().copied().map(i32::from_le_bytes)),
            Store::Eight(to) => to.extend(values.as_chunks().0.iter().copied().map(i64::from_le_bytes)),
            Store::Views(..) => {}
        }
        Ok(end)
    }

    /// Spreads the values to the places that are valid; the others become zero.
    pub(super) fn spread(&mut self, valid: &BooleanBuffer) {
        fn apart<T: Copy + Default>(values: &mut Vec<T>, valid: &BooleanBuffer) {
            let mut spread = vec![T::default(); valid.len()];
            for (place, value) in valid.set_indices().zip(values.iter()) {
                spread[place] = *value;
            }
            *values = spread;
        }
        match self {
            Store::Four(values) => apart(values, valid),
            Store::Eight(values) => apart(values, valid),
            Store::Views(values, _) => apart(values, valid),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Store::Four(values) => values.len(),
            Store::Eight(values) => values.len(),
            Store::Views(values, _) => values.len(),
        }
    }

    /// Whether some text does not lie in its view.
    pub(super) fn is_long(&self) -> bool {
        let Store::Views(views, _) = self else { return false };
        views.iter().fold(0, |longest, view| longest.max(*view as u32)) > INLINE
    }

    pub(super) fn fours(&self) -> &[i32] {
        if let Store::Four(values) = self { values } else { &[] }
    }

    pub(super) fn eights(&self) -> &[i64] {
        if let Store::Eight(values) = self { values } else { &[] }
    }

    pub(super) fn size_bytes(&self) -> usize {
        match self {
            Store::Four(values) => values.len() * 4,
            Store::Eight(values) => values.len() * 8,
            Store::Views(values, bytes) => values.len() * 16 + bytes.len(),
        }
    }
}

/// Appends views of texts that lie behind each other, each after its length. UTF-8 is checked over many texts at
/// once: between them lie only lengths, whose bytes are ASCII as long as they are below 128.
fn read_texts(
    bytes: &[u8],
    mut at: usize,
    count: usize,
    is_text: bool,
    views: &mut Vec<u128>,
) -> Result<usize> {
    let ends = || Error::corrupt("the data is damaged: a text reaches beyond its page");
    let check = |range: std::ops::Range<usize>| {
        let texts = bytes.get(range).unwrap_or(&[]);
        match !is_text || simdutf8::basic::from_utf8(texts).is_ok() {
            true => Ok(()),
            false => Err(Error::corrupt("the data is damaged: encountered non UTF-8 data")),
        }
    };
    let mut unchecked = at;
    // Each takes four bytes at least, whatever their number is said to be.
    views.reserve(count.min(bytes.len() / 4));
    let mut left = count;
    // A view begins as a text does in the page: with the length and the first bytes.
    while left > 0 && at + size_of::<u128>() <= bytes.len() {
        // SAFETY: 16 bytes lie behind `at`, as was just asked.
        let view = u128::from_le(unsafe { bytes.as_ptr().add(at).cast::<u128>().read_unaligned() });
        let (length, start) = (view as u32, at + 4);
        if length <= INLINE {
            views.push(view & (u128::MAX >> (8 * (INLINE - length))));
            at = start + length as usize;
        } else {
            let end = start.saturating_add(length as usize);
            if end > bytes.len() {
                return Err(ends());
            }
            if length >= 128 {
                check(unchecked..at)?;
                check(start..end)?;
                unchecked = end;
            }
            views.push(u128::from(view as u64) | (start as u128) << 96);
            at = end;
        }
        left -= 1;
    }
    for _ in 0..left {
        let (length, rest) = bytes.get(at..).and_then(<[u8]>::split_first_chunk::<4>).ok_or_else(ends)?;
        let length = u32::from_le_bytes(*length);
        let text = rest.get(..length as usize).ok_or_else(ends)?;
        let start = at + 4;
        at = start + text.len();
        if length >= 128 {
            check(unchecked..start - 4)?;
            check(start..at)?;
            unchecked = at;
        }
        views.push(make_view(text, 0, start as u32));
    }
    check(unchecked..at)?;
    Ok(at)
}

/// An array of views that [`read_texts`] made, long ones with the place of their buffer among these.
pub(super) fn view_array(
    shape: Shape,
    views: ScalarBuffer<u128>,
    buffers: Vec<Bytes>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let buffers: Vec<Buffer> = buffers.into_iter().map(Buffer::from).collect();
    // SAFETY: `read_texts` made each view of bytes within its buffer, and checked that they are UTF-8 if the shape is text.
    // A null's view is that of no bytes.
    unsafe {
        match shape {
            Shape::Text => Arc::new(StringViewArray::new_unchecked(views, buffers, nulls)),
            _ => Arc::new(BinaryViewArray::new_unchecked(views, buffers, nulls)),
        }
    }
}

/// An array of numbers of a type.
pub(super) fn fixed_array(
    data_type: &DataType,
    values: Buffer,
    rows: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let data = ArrayData::builder(data_type.clone()).len(rows).nulls(nulls).add_buffer(values);
    data.build().map(make_array).map_err(|error| Error::corrupt(error.to_string()))
}

/// The values that codes stand for, and behind them a place for nulls.
#[derive(Debug)]
pub(crate) struct Dictionary {
    pub(super) values: Store,
    /// The number of values.
    pub(super) len: usize,
    /// Whether some text does not lie in its view.
    pub(super) is_long: bool,
    /// All places as an array, made when it is first wanted.
    pub(super) array: OnceLock<ArrayRef>,
}

impl Dictionary {
    /// The values of all places, that for nulls included, where they are as wide in arrays as in the file.
    pub(super) fn to_array(&self, shape: Shape, data_type: &DataType) -> Result<ArrayRef> {
        match &self.values {
            Store::Views(views, bytes) => {
                let buffers = if self.is_long { vec![bytes.clone()] } else { Vec::new() };
                Ok(view_array(shape, views.clone().into(), buffers, None))
            }
            Store::Four(values) => fixed_array(data_type, Buffer::from_slice_ref(values), values.len(), None),
            Store::Eight(values) => {
                fixed_array(data_type, Buffer::from_slice_ref(values), values.len(), None)
            }
        }
    }

    pub(super) fn new(shape: Shape, bytes: &Bytes, count: usize) -> Result<Dictionary> {
        let mut values = Store::new(shape);
        // With the place for nulls, so that it does not take a second allocation and a copy.
        let places = count.min(bytes.len() / 4) + 1;
        match &mut values {
            Store::Four(values) => values.reserve_exact(places),
            Store::Eight(values) => values.reserve_exact(places),
            Store::Views(values, _) => values.reserve_exact(places),
        }
        values.extend(shape, bytes, 0, count)?;
        let len = values.len();
        match &mut values {
            Store::Four(values) => values.push(0),
            Store::Eight(values) => values.push(0),
            Store::Views(values, _) => values.push(0),
        }
        let is_long = values.is_long();
        Ok(Dictionary { values, len, is_long, array: OnceLock::new() })
    }
}
