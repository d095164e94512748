//! [`ShortTexts`]: texts of at most 12 bytes, read as one number each, as their distance from the least of them. Texts
//! such as `id0000012345`, which begin alike and are about as long, take 8 bytes then, or fewer, instead of 16.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, StringViewArray, UInt32Array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::take;
use arrow::datatypes::{ArrowNativeType, ArrowPrimitiveType, DataType};

use super::width::{code_type, narrowed, of_width};
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
    /// No text is less as a number than the first, or larger than the second.
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
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextSpan {
    least: u128,
    most: u128,
    /// All bits that any number has.
    bits: u128,
    /// Whether each is the text of its number.
    are_numbers: bool,
}

impl TextSpan {
    const NONE: TextSpan = TextSpan { least: u128::MAX, most: 0, bits: 0, are_numbers: true };

    /// Texts or bytes in several parts of one type, if their distances take fewer bytes.
    pub(super) fn of(parts: &[ArrayRef]) -> Option<TextSpan> {
        let of_part: Option<Vec<_>> = parts.iter().map(views_of).collect();
        let parts = of_part?;
        let alike = TextSpan::of_one_length(&parts);
        if alike.is_some() {
            return alike;
        }
        let mut span = TextSpan::NONE;
        for (views, nulls) in parts {
            span.add_rows(views, nulls, 0..TRIAL.min(views.len()));
            span.most_distance()?;
            span.add_rows(views, nulls, 0..views.len());
        }
        span.most_distance()?;
        Some(span)
    }

    /// Of texts of one length without nulls, as ids are, by the bits in which they differ: these are found faster than the
    /// least and the largest, and are as many nearly always.
    fn of_one_length(parts: &[(&[u128], Option<&NullBuffer>)]) -> Option<TextSpan> {
        let first = *parts.iter().find_map(|(views, _)| views.first())?;
        let length = first as u32;
        if parts.iter().any(|(_, nulls)| nulls.is_some()) || !(1..=INLINE).contains(&length) {
            return None;
        }
        // What ends in a zero has the number of a shorter text.
        let last_byte = 0xFF << (u32::BITS + 8 * (length - 1));
        let (mut differing, mut ends_in_zero) = (0, false);
        for (views, _) in parts {
            let (trial, rest) = views.split_at(TRIAL.min(views.len()));
            for views in [trial, rest] {
                for view in views {
                    differing |= view ^ first;
                    ends_in_zero |= view & last_byte == 0;
                }
                TextSpan::differing(number(first), number(differing)).most_distance()?;
                if ends_in_zero || differing as u32 != 0 {
                    return None;
                }
            }
        }
        Some(TextSpan::differing(number(first), number(differing)))
    }

    /// Of all numbers that differ from one in no bits but these and, between them, others.
    fn differing(from: u128, bits: u128) -> TextSpan {
        let low = bits.trailing_zeros().min(u128::BITS - 8) / 8 * 8;
        let upto = u128::MAX.checked_shr(bits.leading_zeros()).unwrap_or(0);
        let bits = upto >> low << low;
        TextSpan { least: from & !bits, most: from | bits, bits, are_numbers: true }
    }

    fn add_rows(&mut self, views: &[u128], nulls: Option<&NullBuffer>, rows: Range<usize>) {
        // A span of its own, so that it lies in registers.
        let mut span = *self;
        match nulls {
            None => views[rows].iter().for_each(|view| span.add(*view)),
            Some(nulls) => {
                rows.filter(|row| nulls.is_valid(*row)).for_each(|row| span.add(views[row]));
            }
        }
        *self = span;
    }

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

    /// The largest distance, if a number of the processor holds it.
    fn most_distance(&self) -> Option<usize> {
        if !self.are_numbers {
            return None;
        }
        usize::try_from(self.most.saturating_sub(self.least) >> self.shift()).ok()
    }

    /// The type of distances.
    pub(crate) fn code_type(&self) -> DataType {
        code_type(self.most_distance().unwrap_or(usize::MAX))
    }

    /// How far the texts of views are from the least; those of nulls may be anywhere.
    pub(crate) fn distance(&self) -> impl Fn(u128) -> usize + Copy + use<> {
        let ((least, _), shift) = (self.bounds(), self.shift());
        move |view| (number(view).wrapping_sub(least) >> shift) as usize
    }

    /// The distances of all texts of a column.
    pub(super) fn distances(&self, column: &ArrayRef) -> Option<ArrayRef> {
        let ((views, nulls), distance) = (views_of(column)?, self.distance());
        Some(narrowed(views.iter().map(|view| distance(*view)), &self.code_type(), nulls.cloned()))
    }

    /// Texts of a type of which these are the distances.
    pub(super) fn with(&self, distances: ArrayRef, data_type: &DataType) -> ShortTexts {
        let (bounds, shift) = (self.bounds(), self.shift());
        ShortTexts { data_type: data_type.clone(), bounds, shift, distances }
    }
}

/// The views of texts or bytes.
pub(crate) fn views_of(column: &ArrayRef) -> Option<(&[u128], Option<&NullBuffer>)> {
    match column.data_type() {
        DataType::Utf8View => Some((column.as_string_view().views(), column.nulls())),
        DataType::BinaryView => Some((column.as_binary_view().views(), column.nulls())),
        _ => None,
    }
}

impl ShortTexts {
    /// The texts of all parts, of which there is one at least, one after the other; `None` if they differ too much.
    pub(super) fn concat(parts: &[&ShortTexts]) -> Option<ShortTexts> {
        let mut span = TextSpan::NONE;
        for part in parts.iter().filter(|part| part.has_texts()) {
            span.least = span.least.min(part.bounds.0);
            span.most = span.most.max(part.bounds.1);
            // All that matters of them is where the first is.
            span.bits |= 1 << part.shift | part.bounds.0;
        }
        span.most_distance()?;
        let (shift, bounds) = (span.shift(), span.bounds());
        let nulls = concat_nulls(parts.iter().map(|part| (part.distances.nulls(), part.distances.len())));
        let mut distances: Vec<usize> =
            Vec::with_capacity(parts.iter().map(|part| part.distances.len()).sum());
        // Nulls may have any, also less than the least.
        let distance = |number: u128| (number.wrapping_sub(bounds.0) >> shift) as usize;
        for part in parts {
            of_width!(part.distances.data_type(), Width => {
                distances.extend(part.numbers::<Width>(&part.distances).map(distance));
            });
        }
        Some(span.with(narrowed(distances.into_iter(), &span.code_type(), nulls), &parts.first()?.data_type))
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
        let mut views: Vec<u128> = of_width!(distances.data_type(), Width => {
            self.numbers::<Width>(distances).map(view).collect()
        });
        let nulls = distances.nulls().cloned();
        if let Some(nulls) = &nulls {
            // A null's view is looked at too: that of any text does, or of no bytes.
            let any = nulls.valid_indices().next().map_or(0, |row| views[row]);
            views.iter_mut().zip(nulls).filter(|(_, is_valid)| !is_valid).for_each(|(view, _)| *view = any);
        }
        let views = ScalarBuffer::from(views);
        // SAFETY: each view is of at most 12 bytes, which lie in it with zeros behind them. That of a row is that of a text of
        // the column, for so is its distance, and that of a null is that of a row: they are UTF-8 if the column was of texts.
        unsafe {
            match self.data_type {
                DataType::Utf8View => Arc::new(StringViewArray::new_unchecked(views, [], nulls)),
                _ => Arc::new(BinaryViewArray::new_unchecked(views, [], nulls)),
            }
        }
    }

    fn numbers<'a, T: ArrowPrimitiveType>(&self, distances: &'a ArrayRef) -> impl Iterator<Item = u128> + 'a {
        let (least, shift) = (self.bounds.0, self.shift);
        let distances = distances.as_primitive::<T>().values().iter();
        distances.map(move |distance| ((distance.as_usize() as u128) << shift).wrapping_add(least))
    }
}
