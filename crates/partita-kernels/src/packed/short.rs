//! [`ShortTexts`]: texts of at most 12 bytes, read as one number each, as their distance from the least of them. Texts
//! such as `id0000012345`, which begin alike and are about as long, take 8 bytes then, or fewer, instead of 16.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, PrimitiveArray, StringViewArray, UInt32Array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::take;
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use crate::Result;
use crate::keys::concat_nulls;

/// Bytes of text that lie in a view.
const INLINE: u32 = 12;
/// So many rows are looked at first: most columns whose texts differ too much give that away.
const TRIAL: usize = 64;

/// Texts as distances from the least.
#[derive(Clone, Debug)]
pub(super) struct ShortTexts {
    data_type: DataType,
    /// The least text as a number, and the largest.
    bounds: (u128, u128),
    /// Bits that are zero at the end of all numbers, and are left out; a multiple of 8.
    shift: u32,
    distances: ArrayRef,
}

/// A text as a number: its bytes, the first being the highest, and zeros behind them. Its order is that of texts.
#[inline(always)]
fn number(view: u128) -> u128 {
    (view >> u32::BITS).swap_bytes() >> u32::BITS
}

/// How long a text is, if it does not end in a zero.
#[inline(always)]
fn length(number: u128) -> u32 {
    INLINE - (number.trailing_zeros() / 8).min(INLINE)
}

#[inline(always)]
fn view(number: u128) -> u128 {
    ((number << u32::BITS).swap_bytes() << u32::BITS) | u128::from(length(number))
}

/// What is known of some texts.
#[derive(Clone, Copy)]
struct Span {
    least: u128,
    most: u128,
    /// All bits that any number has.
    bits: u128,
    /// Whether each is the text of its number.
    are_numbers: bool,
}

impl Span {
    const NONE: Span = Span { least: u128::MAX, most: 0, bits: 0, are_numbers: true };

    #[inline(always)]
    fn add(&mut self, view: u128) {
        let number = number(view);
        self.least = self.least.min(number);
        self.most = self.most.max(number);
        self.bits |= number;
        // A long text's view has its place where the bytes are, but then the length is not that of a number.
        self.are_numbers &= view as u32 == length(number);
    }

    fn shift(&self) -> u32 {
        self.bits.trailing_zeros().min(u128::BITS - 8) / 8 * 8
    }

    /// The least number and the largest; zeros if there is none.
    fn bounds(&self) -> (u128, u128) {
        (self.least.min(self.most), self.most)
    }

    /// The largest distance, if 64 bits hold it.
    fn distance(&self) -> Option<u64> {
        if !self.are_numbers {
            return None;
        }
        u64::try_from(self.most.saturating_sub(self.least) >> self.shift()).ok()
    }
}

impl ShortTexts {
    /// Texts or bytes, if their distances take fewer bytes.
    pub(super) fn of(column: &ArrayRef) -> Option<ShortTexts> {
        let (views, nulls) = match column.data_type() {
            DataType::Utf8View => (column.as_string_view().views(), column.nulls()),
            DataType::BinaryView => (column.as_binary_view().views(), column.nulls()),
            _ => return None,
        };
        let span = |range: std::ops::Range<usize>| {
            let mut span = Span::NONE;
            match nulls {
                None => views[range].iter().for_each(|view| span.add(*view)),
                Some(nulls) => {
                    range.filter(|row| nulls.is_valid(*row)).for_each(|row| span.add(views[row]));
                }
            }
            span
        };
        span(0..TRIAL.min(views.len())).distance()?;
        let span = span(0..views.len());
        let (most, shift) = (span.distance()?, span.shift());
        let bounds = span.bounds();
        let distance = |view: &u128| (number(*view).wrapping_sub(bounds.0) >> shift) as u64;
        let distances = match nulls {
            None => narrowed(views.iter().map(distance), most, None),
            // A null has the least text, so that every distance is that of a text.
            Some(nulls) => {
                let of_valid = |(view, is_valid)| if is_valid { distance(view) } else { 0 };
                narrowed(views.iter().zip(nulls).map(of_valid), most, Some(nulls.clone()))
            }
        };
        Some(ShortTexts { data_type: column.data_type().clone(), bounds, shift, distances })
    }

    /// The texts of all parts, of which there is one at least, one after the other; `None` if they differ too much.
    pub(super) fn concat(parts: &[&ShortTexts]) -> Option<ShortTexts> {
        let data_type = parts.first()?.data_type.clone();
        let mut span = Span::NONE;
        for part in parts.iter().filter(|part| part.has_texts()) {
            span.least = span.least.min(part.bounds.0);
            span.most = span.most.max(part.bounds.1);
            // All that matters of them is where the first is.
            span.bits |= 1 << part.shift | part.bounds.0;
        }
        let (most, shift, bounds) = (span.distance()?, span.shift(), span.bounds());
        let nulls = concat_nulls(parts.iter().map(|part| (part.distances.nulls(), part.distances.len())));
        let mut distances: Vec<u64> = Vec::with_capacity(parts.iter().map(|part| part.distances.len()).sum());
        for part in parts {
            if part.has_texts() {
                part.each_number(&part.distances, |number| {
                    distances.push(((number - bounds.0) >> shift) as u64);
                });
            } else {
                distances.resize(distances.len() + part.distances.len(), 0);
            }
        }
        let distances = narrowed(distances.into_iter(), most, nulls);
        Some(ShortTexts { data_type, bounds, shift, distances })
    }

    /// The texts at `rows`; null where a row is null.
    pub(super) fn take(&self, rows: &UInt32Array) -> Result<ArrayRef> {
        Ok(self.texts(&take(&self.distances, rows, None)?))
    }

    pub(super) fn slice(&self, offset: usize, len: usize) -> ShortTexts {
        ShortTexts { distances: self.distances.slice(offset, len), ..self.clone() }
    }

    pub(super) fn to_array(&self) -> ArrayRef {
        self.texts(&self.distances)
    }

    /// What it keeps of the rows.
    pub(super) fn kept(&self) -> &ArrayRef {
        &self.distances
    }

    pub(super) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    fn has_texts(&self) -> bool {
        self.distances.null_count() < self.distances.len()
    }

    fn texts(&self, distances: &ArrayRef) -> ArrayRef {
        let mut views: Vec<u128> = Vec::with_capacity(distances.len());
        self.each_number(distances, |number| views.push(view(number)));
        let (views, nulls) = (ScalarBuffer::from(views), distances.nulls().cloned());
        // SAFETY: each view is of at most 12 bytes, which lie in it with zeros behind them. Each distance is that of a text
        // that was in the column, so that they are UTF-8 if it was of texts; of a null it is 0, that of the least text, or
        // of no bytes if there was none.
        unsafe {
            match self.data_type {
                DataType::Utf8View => Arc::new(StringViewArray::new_unchecked(views, [], nulls)),
                _ => Arc::new(BinaryViewArray::new_unchecked(views, [], nulls)),
            }
        }
    }

    fn each_number(&self, distances: &ArrayRef, each: impl FnMut(u128)) {
        fn of<T: ArrowPrimitiveType>(distances: &ArrayRef, least: u128, shift: u32, each: impl FnMut(u128)) {
            let distances = distances.as_primitive::<T>().values().iter();
            distances.map(|distance| ((distance.as_usize() as u128) << shift) + least).for_each(each);
        }
        let (least, shift) = (self.bounds.0, self.shift);
        match distances.data_type() {
            DataType::UInt8 => of::<UInt8Type>(distances, least, shift, each),
            DataType::UInt16 => of::<UInt16Type>(distances, least, shift, each),
            DataType::UInt32 => of::<UInt32Type>(distances, least, shift, each),
            _ => of::<UInt64Type>(distances, least, shift, each),
        }
    }
}

/// Distances up to `most` with as few bytes as do.
fn narrowed(distances: impl Iterator<Item = u64>, most: u64, nulls: Option<NullBuffer>) -> ArrayRef {
    fn of<T: ArrowPrimitiveType>(
        distances: impl Iterator<Item = u64>,
        nulls: Option<NullBuffer>,
    ) -> ArrayRef {
        let distances: Vec<T::Native> =
            distances.map(|distance| T::Native::usize_as(distance as usize)).collect();
        Arc::new(PrimitiveArray::<T>::new(distances.into(), nulls))
    }
    match most {
        0..=0xFF => of::<UInt8Type>(distances, nulls),
        0x100..=0xFFFF => of::<UInt16Type>(distances, nulls),
        0x1_0000..=0xFFFF_FFFF => of::<UInt32Type>(distances, nulls),
        _ => of::<UInt64Type>(distances, nulls),
    }
}
